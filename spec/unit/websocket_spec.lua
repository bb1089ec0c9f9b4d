-- The WebSocket client and npm's ws as its peer; a server that answers what it should not; a server that is killed.
local channel = require("vernier.core.channel")
local client = require("spec.support.websocket_client")
local http_client = require("spec.support.http_client")
local scheduler = require("vernier.scheduler")
local servers = require("spec.support.http_servers")
local support = require("spec.support")
local websocket = require("vernier.websocket")

local MS, S = 1e6, 1e9
local await, fails = http_client.await, http_client.fails
local ask, command, soon, with = client.ask, client.command, client.soon, client.with

local function hex(text)
  return (text:gsub(".", function(c)
    return ("%02x"):format(c:byte())
  end))
end

describe("a WebSocket", function()
  local server

  setup(function()
    server = servers.ws_server("--max", "3000000")
  end)

  teardown(function()
    server.stop()
  end)

  local function seen()
    local result
    with(server.ws(), {}, function(connection)
      result = ask(connection, { ["do"] = "seen" })
    end)
    return result
  end

  -- The code and reason with which the last connection that ended has closed, as the server saw it.
  local function last_code(n_before)
    local codes
    support.wait_for(function()
      codes = seen().codes
      return #codes > n_before
    end, 5, "the server to see the close frame")
    return codes[n_before + 1]
  end

  it("carries texts and bytes of all lengths, in order", function()
    with(server.ws(), {}, function(connection)
      local sent = {}
      for i, n in ipairs({ 0, 1, 125, 126, 127, 65535, 65536, 1048576 }) do
        sent[i] = ("\195\164bcdefgh"):rep(math.ceil(n / 9)):sub(1, n - n % 9) .. ("x"):rep(n % 9)
        assert(connection:send(sent[i]))
        assert(connection:send_binary(("\255\0"):rep(n / 2)))
      end
      for i, text in ipairs(sent) do
        local got, at_ns, kind = assert(connection:receive(soon()))
        assert.is_true(got == text, "message " .. i)
        assert.are.equal("text", kind)
        assert.is_true(at_ns > connection:sent_ns() - 10 * S and at_ns <= scheduler.now())
        got, at_ns, kind = connection:receive(soon())
        assert.are.equal("binary", kind)
        assert.is_true(got == ("\255\0"):rep(math.floor(#text / 2)) and at_ns > 0)
      end
      local stats = connection:stats()
      assert.are.same({ 16, 16, 0 }, { stats.sent, stats.received, stats.queued })
    end)
  end)

  it("says who it is, with headers and subprotocols, and a key that is new each time", function()
    local keys = {}
    for i = 1, 2 do
      with(server.ws("/path?query=1"), { headers = { Authorization = "Bearer x" }, protocols = { "one", "two" } }, function(connection)
        assert.are.equal("two", connection.protocol)
        assert.are.equal("websocket", connection.headers.upgrade:lower())
        local head = ask(connection, { ["do"] = "head" })
        assert.are.equal("/path?query=1", head.url)
        assert.are.equal("Bearer x", head.headers.authorization)
        assert.are.equal("127.0.0.1:" .. server.port, head.headers.host)
        assert.are.equal("13", head.headers["sec-websocket-version"])
        assert.is_nil(head.headers["sec-websocket-extensions"])
        keys[i] = head.headers["sec-websocket-key"]
        assert.matches("^[%w+/]+==$", keys[i])
        assert.are.equal(24, #keys[i])
      end)
    end
    assert.are_not.equal(keys[1], keys[2])
  end)

  it("puts fragments together, between pings that it answers at once", function()
    with(server.ws(), {}, function(connection)
      command(connection, { ["do"] = "fragments", parts = { "one ", "", "and ", "two" } })
      assert.are.equal("one and two", (connection:receive(soon())))
      repeat -- of pings that come together the last is answered for all (5.5.3)
        local pong = assert(connection:receive(soon()))
      until pong == "pong 3"
      command(connection, { ["do"] = "raw", hex = "0101" .. hex("a") .. "8901" .. hex("!") .. "0002e282" .. "8001ac" })
      assert.are.equal("a\226\130\172", (connection:receive(soon())))
      assert.are.equal("pong !", (connection:receive(soon())))
    end)
    with(server.ws(), {}, function(connection)
      command(connection, { ["do"] = "ping", data = ("x"):rep(125) })
      assert.are.equal("pong " .. ("x"):rep(125), (connection:receive(soon())))
    end)
  end)

  it("masks each frame anew", function()
    local masks, n = {}, 0
    for _ = 1, 2 do
      with(server.ws(), {}, function(connection)
        for _ = 1, 50 do
          local mask = ask(connection, { ["do"] = "mask" })
          assert.matches("^%x%x%x%x%x%x%x%x$", mask)
          n = n + (masks[mask] and 0 or 1)
          masks[mask] = true
        end
      end)
    end
    assert.is_true(n >= 99, n .. " different ones of 100") -- two of 2^32 that are the same: once in 870,000 runs
  end)

  it("writes the messages of a turn together, with one stamp", function()
    scheduler.run(function()
      local opened, received = false, 0
      local tag = scheduler.on(function(event)
        opened = opened or event.kind == channel.OPEN
        received = received + (event.kind == channel.MESSAGE and 1 or 0)
      end)
      local handle = assert(channel.open(tag, { framing = "websocket", host = "127.0.0.1", port = server.port }))
      await(function() return opened end, "the connection")
      for slot = 0, 99 do
        assert(channel.send(handle, channel.TEXT, slot, "message " .. slot))
      end
      assert.are.equal(0, channel.sent_ns(handle, 0))
      await(function() return received == 100 end, "the echoes")
      assert.is_true(channel.sent_ns(handle, 0) > 0)
      assert.are.equal(channel.sent_ns(handle, 0), channel.sent_ns(handle, 99))
      assert.are.equal(0, channel.sent_ns(handle, 5000))
      assert.is_nil((channel.send(handle, channel.TEXT, channel.SLOTS, "x")))
      channel.free(handle)
      scheduler.forget(tag)
    end)
  end)

  describe("in the handshake", function()
    local function refuses(target, class, pattern, options)
      scheduler.run(function()
        fails(class, pattern, websocket.connect(server.ws(target), options))
      end)
    end

    local GOOD = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n"
      .. "Sec-WebSocket-Accept: ACCEPT\r\n"

    local function answer(text)
      return "/answer?" .. hex(text)
    end

    it("tells the status and the start of the body", function()
      for _, status in ipairs({ 200, 400, 401, 403, 404, 429, 500, 503 }) do
        refuses("/refuse/" .. status, "status", ("status %d instead of 101"):format(status))
      end
      refuses("/refuse/403", "status", '"not today: go away"')
      refuses("/refuse/302", "status", "Location: http://elsewhere/")
    end)

    it("tells the status although the body is endless, cut off or too large", function()
      local head = "HTTP/1.1 502 Bad\r\n"
      refuses(answer(head .. "\r\n" .. ("x"):rep(500)), "status", "status 502")
      refuses(answer(head .. "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), "status", 'status 502 instead of 101: "abc"',
        { connect_timeout_ns = 200 * MS })
      refuses(answer(head .. "Content-Length: 99999999\r\n\r\nabc"), "status", "status 502")
    end)

    it("does not wait forever", function()
      local begun = scheduler.now()
      refuses("/silent", "timeout", "no answer to the handshake within 0.2 s", { connect_timeout_ns = 200 * MS })
      assert.is_true(scheduler.now() - begun >= 200 * MS and scheduler.now() - begun < (200 + 500 * support.slow) * MS)
      refuses(answer("HTTP/1.1 100 Continue\r\n\r\n"), "timeout", "no answer", { connect_timeout_ns = 200 * MS })
    end)

    it("takes no answer that proves nothing or asks for what was not offered", function()
      refuses(answer(GOOD:gsub("ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") .. "\r\n"), "protocol", "wrong Sec-WebSocket-Accept")
      refuses(answer(GOOD:gsub("Sec%-WebSocket%-Accept: ACCEPT\r\n", "") .. "\r\n"), "protocol", "no Sec-WebSocket-Accept")
      refuses(answer(GOOD:gsub("Upgrade: WebSocket", "Upgrade: h2c") .. "\r\n"), "protocol", 'no "Upgrade: websocket"')
      refuses(answer(GOOD:gsub(", upgrade", "") .. "\r\n"), "protocol", 'no "Connection: Upgrade"')
      refuses(answer(GOOD .. "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), "protocol", "extension that was not offered")
      refuses(answer(GOOD .. "Sec-WebSocket-Protocol: three\r\n\r\n"), "protocol", "subprotocol", { protocols = { "one", "two" } })
      refuses(answer(GOOD .. "Sec-WebSocket-Protocol: one\r\n\r\n"), "protocol", "subprotocol")
      refuses(answer("SSH-2.0-OpenSSH_9\r\n"), "protocol", "malformed status line")
      refuses(answer(GOOD .. "X: PAD\r\n\r\n"), "protocol", "head is over the limit")
    end)

    it("takes frames that come with the answer, after interim answers", function()
      local text = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" .. GOOD .. "Sec-WebSocket-Protocol: two\r\n\r\n\129\5hello\129\2wo\129"
      with(server.ws(answer(text)), { protocols = { "one", "two" } }, function(connection)
        assert.are.equal("hello", (connection:receive(soon())))
        assert.are.equal("wo", (connection:receive(soon())))
        fails("timeout", "no message in time", connection:receive(soon(0.05)))
      end)
    end)

    it("says what is wrong with an address, a socket, a name", function()
      scheduler.run(function()
        fails("connect", "refused", websocket.connect("ws://127.0.0.1:" .. support.free_port()))
        fails("resolve", "no.such.invalid", websocket.connect("ws://no.such.invalid/"))
        fails("connect", "/no/such/socket", websocket.connect("ws+unix:/no/such/socket"))
        for _, url in ipairs({ "http://x/", "ws://", "ws://x/#part", "ws://u:p@x/" }) do
          assert.is_false((pcall(websocket.connect, url)), url)
        end
        assert.is_false((pcall(websocket.connect, server.ws(), { headers = { ["A"] = "b\r\nc" } })))
      end)
    end)

    it("ends with a server that ends", function()
      local raw = servers.raw_server({ half = { { "send", "HTTP/1.1 101 Sw" }, { "end" } }, gone = { { "reset" } } })
      scheduler.run(function()
        local url = "ws://127.0.0.1:" .. raw.port
        fails("reset", "closed by the peer during the handshake", websocket.connect(url .. "/half"))
        fails("reset", "", websocket.connect(url .. "/gone"))
      end)
      raw.stop()
    end)
  end)

  describe("at its end", function()
    it("tells the server its code and reason, behind all that was sent", function()
      local before = #seen().codes
      with(server.ws(), {}, function(connection)
        assert(connection:send("last words"))
        local ok, code, reason = connection:close(3333, "d'accord €")
        assert.are.same({ true, 3333, "d'accord €" }, { ok, code, reason })
        assert.are.equal("last words", (connection:receive(soon())))
        fails("closed", "closed with code 3333: d'accord", connection:send("x"))
        fails("closed", "3333", connection:receive(soon()))
      end)
      assert.are.same({ 3333, "d'accord €" }, last_code(before + 1))
    end)

    it("knows the server's codes and answers with them", function()
      for _, code in ipairs({ 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999 }) do
        local before = #seen().codes
        with(server.ws(), {}, function(connection)
          command(connection, { ["do"] = "close", code = code, reason = "code " .. code })
          fails("closed", ("closed with code %d: code %d"):format(code, code), connection:receive(soon()))
          assert.is_true(connection.by_peer)
          scheduler.sleep(20 * MS)
        end)
        assert.are.same({ code, "" }, last_code(before + 1)) -- the code comes back, the reason need not (5.5.1)
      end
      with(server.ws(), {}, function(connection)
        command(connection, { ["do"] = "close" })
        fails("closed", "closed with code 1005", connection:receive(soon()))
      end)
    end)

    it("is told when the connection breaks", function()
      with(server.ws(), {}, function(connection)
        command(connection, { ["do"] = "terminate" })
        fails("reset", "without a close frame", connection:receive(soon()))
        fails("reset", "without a close frame", connection:send("x"))
        fails("reset", "without a close frame", connection:close())
      end)
      with(server.ws(), {}, function(connection)
        command(connection, { ["do"] = "reset" })
        fails("reset", "", connection:receive(soon()))
      end)
      local mortal = servers.ws_server()
      with(mortal.ws(), {}, function(connection)
        local why
        connection._on_close = function(message, class, code)
          why = { message, class, code }
        end
        scheduler.spawn(mortal.kill)
        fails("reset", "", connection:receive(soon()))
        assert.are.equal("reset", why[2])
        assert.are.equal(1006, why[3])
      end)
    end)

    it("does not wait forever for a server that does not close", function()
      with(server.ws(), { close_timeout_ns = 100 * MS }, function(connection)
        command(connection, { ["do"] = "deaf" })
        scheduler.sleep(20 * MS)
        fails("timeout", "not closed by the peer within 0.1 s", connection:close())
      end)
    end)

    it("refuses codes and reasons that may not be sent", function()
      with(server.ws(), {}, function(connection)
        for _, code in ipairs({ 0, 999, 1005, 1006, 1015, 2000, 5000 }) do
          assert.error_matches(function() connection:close(code) end, "is no close code")
        end
        assert.error_matches(function() connection:close(1000, ("x"):rep(124)) end, "at most 123 bytes")
        assert.error_matches(function() connection:close(1000, "\255") end, "a reason is UTF%-8")
        assert.error_matches(function() connection:send("\255") end, "not UTF%-8")
        assert.is_true((connection:close(1000, ("x"):rep(123))))
      end)
    end)

    it("may come at any moment", function()
      scheduler.run(function()
        local dropped
        scheduler.spawn(function()
          dropped = { websocket.connect(server.ws("/silent"), { connect_timeout_ns = 50 * MS }) }
        end)
        local connection = assert(websocket.connect(server.ws()))
        command(connection, { ["do"] = "flood", n = 1000, size = 1000 })
        connection:receive(soon())
        scheduler.spawn(function()
          connection:drop()
        end)
        while (connection:receive(soon())) do end -- what had come is still given
        fails("closed", "dropped", connection:receive(soon()))
        fails("closed", "dropped", connection:send("x"))
        connection:drop()
        await(function() return dropped end, "the end of the handshake")
        assert.are.equal("timeout", dropped[3])
      end)
    end)
  end)

  it("ends with 1002, 1007 or 1009 what a server may not send", function()
    for bytes, expected in pairs({
      ["c10161"] = { 1002, "reserved bit" },
      ["830161"] = { 1002, "reserved opcode" },
      ["81810102030460"] = { 1002, "masked frame" },
      ["800161"] = { 1002, "continuation" },
      ["897e007e"] = { 1002, "more than 125 bytes" },
      ["8102ffff"] = { 1007, "not UTF-8" },
      ["880203e7"] = { 1002, "code that is none" },
      ["8804" .. "03e8ffff"] = { 1007, "reason is not UTF-8" },
      ["827f0000000000100001"] = { 1009, "over the limit" },
    }) do
      local before = #seen().codes
      with(server.ws(), { max_message = 1048576 }, function(connection)
        command(connection, { ["do"] = "raw", hex = bytes })
        fails("protocol", expected[2], connection:receive(soon()))
        assert.are.equal(expected[1], connection.code)
        scheduler.sleep(20 * MS)
      end)
      assert.are.equal(expected[1], last_code(before + 1)[1], bytes)
    end
  end)

  it("keeps itself alive with pings in silence, and notices who does not answer", function()
    with(server.ws(), { ping_interval_ns = 20 * MS, ping_timeout_ns = 5 * S }, function(connection)
      await(function() return connection:stats().pongs >= 3 end, "pongs")
      assert.is_true(ask(connection, { ["do"] = "seen" }).pings >= 3)
    end)
    with(server.ws(), { ping_interval_ns = 20 * MS, ping_timeout_ns = 100 * MS }, function(connection)
      command(connection, { ["do"] = "deaf" })
      local begun = scheduler.now()
      fails("timeout", "no answer to a ping within 0.1 s", connection:receive(soon()))
      assert.is_true(scheduler.now() - begun >= 100 * MS)
    end)
    with(server.ws(), { ping_interval_ns = 300 * MS * support.slow }, function(connection)
      for _ = 1, 40 do
        connection:send("noise")
        connection:receive(soon())
        scheduler.sleep(10 * MS)
      end
      assert.are.equal(0, connection:stats().pings)
    end)
  end)

  it("ends after too long a time without a message, pongs or not", function()
    with(server.ws(), { ping_interval_ns = 20 * MS, idle_timeout_ns = 150 * MS }, function(connection)
      fails("timeout", "no message within 0.15 s", connection:receive(soon()))
    end)
  end)

  it("tells the sender when the receiver is slow, and when there is room again", function()
    with(server.ws(), { max_queued = 65536, ping_interval_ns = 0 }, function(connection)
      command(connection, { ["do"] = "pause", ms = 300 })
      scheduler.sleep(50 * MS)
      local n, text = 0, ("x"):rep(50000)
      while connection:send(("%05d"):format(n + 1) .. text) do
        n = n + 1
      end
      assert.is_true(n > 2, n .. " messages")
      fails("limit", "bytes wait to be sent", connection:send(text))
      assert.is_true(connection:stats().queued <= 65536 + 51000 * 2, connection:stats().queued .. " bytes are queued")
      assert.is_true(connection:drained(soon()))
      assert.is_true((connection:send("done")))
      for i = 1, n do
        assert.are.equal(("%05d"):format(i), (assert(connection:receive(soon()))):sub(1, 5))
      end
      assert.are.equal("done", (connection:receive(soon())))
    end)
    with(server.ws(), { max_queued = 65536, ping_interval_ns = 0 }, function(connection)
      command(connection, { ["do"] = "pause" })
      scheduler.sleep(50 * MS)
      local text = ("x"):rep(2e6)
      while connection:send(text) do
        scheduler.sleep(MS)
      end
      fails("timeout", "not drained in time", connection:drained(soon(0.1)))
    end)
  end)

  it("does not take for the peer's silence that this process did something else", function()
    with(server.ws(), { ping_interval_ns = 20 * MS, ping_timeout_ns = 200 * MS }, function(connection)
      for _ = 1, 10 do
        local pings, deadline = connection:stats().pings, soon()
        while connection:stats().pings == pings do
          assert(scheduler.now() < deadline, "no ping")
          scheduler.sleep(0.01 * MS)
        end
        support.stall(250 * MS) -- the ping's answer has come meanwhile
        scheduler.sleep(2 * MS)
      end
      assert.is_truthy(ask(connection, { ["do"] = "seen" }))
    end)
  end)

  it("holds the sender back when nobody receives, and loses nothing", function()
    local ms = MS * support.slow
    local limits = { ping_interval_ns = 10 * ms, ping_timeout_ns = 1000 * ms, idle_timeout_ns = 1000 * ms }
    with(server.ws(), limits, function(connection)
      command(connection, { ["do"] = "flood", n = 3000, size = 10000 })
      scheduler.sleep(1500 * ms)
      assert.is_true(connection._held_bytes < 6e6, connection._held_bytes .. " bytes are held")
      for i = 0, 2999 do
        local data = assert(connection:receive(soon()))
        assert.are.equal(tostring(i), data:match("%d+$"))
      end
    end)
  end)

  it("gives messages to a function where there is one", function()
    scheduler.run(function()
      local got, ended = {}, nil
      local connection = assert(websocket.connect(server.ws(), {
        on_message = function(data, at_ns, kind)
          got[#got + 1] = { data, at_ns > 0, kind }
        end,
        on_close = function(message, class, code)
          ended = { message, class, code }
        end,
      }))
      connection:send("a")
      connection:send_binary("b")
      await(function() return #got >= 2 end, "the echoes")
      assert.are.same({ { "a", true, "text" }, { "b", true, "binary" } }, got)
      assert.error_matches(function() connection:receive(soon()) end, "go to on_message")
      connection:close(1000, "over")
      assert.are.same({ "over", "closed", 1000 }, ended)
    end)
  end)
end)
