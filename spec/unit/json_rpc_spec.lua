-- The JSON-RPC client over HTTP, WebSocket and ipc against a server in node that answers late, out of order, wrongly, or not
-- at all. What texts are: json_rpc_text_spec.lua.
local cjson = require("cjson")
local http_client = require("spec.support.http_client")
local json_rpc = require("vernier.json_rpc")
local scheduler = require("vernier.scheduler")
local servers = require("spec.support.http_servers")
local support = require("spec.support")

local MS, S = 1e6, 1e9
local await, parallel = http_client.await, http_client.parallel

local function with(options, fn)
  return http_client.with(json_rpc.connect, options, fn)
end

local function fails(class, pattern, result, failure)
  assert.is_nil(result)
  assert.are.equal(class, failure.class, tostring(failure))
  assert.is_truthy(tostring(failure):find(pattern, 1, true), tostring(failure))
  return failure
end

for _, transport in ipairs({ "http", "websocket", "ipc" }) do
  describe("a JSON-RPC client over " .. transport, function()
    local server

    setup(function()
      server = servers.rpc_server()
    end)

    teardown(function()
      server.stop()
    end)

    local function with_client(options, fn)
      options.url = server.urls[transport]
      options.reconnect_min_ns = options.reconnect_min_ns or 5 * MS
      return with(options, fn)
    end

    it("gives results of all types", function()
      with_client({}, function(client)
        for _, value in ipairs({ "text", 'quotes " and \\ \1 and \226\130\172', 12, 1.5, true, false, { 1, { a = "b" } } }) do
          assert.are.same({ value }, assert(client:call("echo", { value })))
          assert.are.same(value, (client:call("later", { 0, value })))
        end
        assert.are.equal(json_rpc.null, client:call("null"))
        assert.are.same({ "ready" }, client:call("echo", '["ready"]'))
        assert.are.same({ a = 1 }, client:call("echo", { a = 1 }))
        assert.are.same({}, client:call("echo", {}))
        assert.are.equal(1048576, #client:call("big", { 1048576 }))
        assert.are.equal(0, client:stats().in_flight)
      end)
    end)

    it("matches answers that come in any order", function()
      with_client({ connections = 200 }, function(client)
        local order = {}
        parallel(100, function(i)
          local delay = (i * 37) % 100
          assert.are.equal("answer " .. i, (client:call("later", { delay, "answer " .. i })))
          order[#order + 1] = delay
        end)
        local in_order = true
        for i = 2, 100 do
          in_order = in_order and order[i] >= order[i - 1]
        end
        assert.are.equal(100, #order)
        assert.are.equal(0, client:stats().in_flight)
        assert.is_true(in_order or order[100] > order[1])
      end)
    end)

    it("gives the server's errors with code, message and data", function()
      with_client({}, function(client)
        local failure = fails("rpc", "nonce too low (code -32000)", client:call("fail",
          { { code = -32000, message = "nonce too low", data = { a = 1 } } }))
        assert.are.same({ -32000, "nonce too low", { a = 1 } }, { failure.code, failure.message, failure.data })
        failure = fails("rpc", "reverted", client:call("fail", { { code = 3, message = "reverted", data = "0x08c379a0" } }))
        assert.are.equal("0x08c379a0", failure.data)
        fails("rpc", "no method nothing", client:call("nothing"))
        fails("rpc", "just a text", client:call("fail", { "just a text" }))
        fails("rpc", "[1]", client:call("fail", { { 1 } }))
        fails("rpc", '{"code":5}', client:call("fail", { { code = 5 } }))
        failure = fails("rpc", "cannot read", client:call("nobody", { { code = -32700, message = "cannot read" } }))
        assert.are.equal(-32700, failure.code)
      end)
    end)

    it("sets the stamps of a transaction", function()
      with_client({}, function(client)
        local before = scheduler.now()
        local tx = {}
        assert(client:call("later", { 20, 1 }, nil, tx))
        assert.is_true(tx.sent_ns >= before and tx.finished_ns - tx.sent_ns >= 15 * MS and tx.finished_ns <= scheduler.now())
        tx = {}
        fails("rpc", "", client:call("nothing", nil, nil, tx))
        assert.is_true(tx.sent_ns > 0 and tx.finished_ns > tx.sent_ns)
        tx, before = {}, scheduler.now()
        fails("timeout", "", client:call("silent", nil, 20 * MS, tx)) -- from the call, not from its writing
        assert.is_true(tx.sent_ns >= before and tx.finished_ns >= before + 20 * MS)
        tx = {}
        assert(client:batch({ { "echo" }, { "later", { 10, 1 } } }, nil, tx))
        assert.is_true(tx.sent_ns > 0 and tx.finished_ns > tx.sent_ns)
      end)
    end)

    it("ends calls by their deadlines, and takes no late answer for another's", function()
      with_client({ timeout_ns = 10 * S }, function(client)
        local begun = scheduler.now()
        fails("timeout", "", client:call("later", { 150, "late" }, 50 * MS))
        local took = scheduler.now() - begun
        assert.is_true(took >= 50 * MS and took < (50 + 100 * support.slow) * MS, took .. " ns")
        for i = 1, 20 do
          assert.are.equal(i, client:call("later", { 10, i }))
        end
        if transport ~= "http" then
          assert.are.equal(1, client:stats().stale)
          assert.are.equal(1, client:stats().connects)
        end
      end)
    end)

    it("sends batches, and finds out what is missing in the answer", function()
      with_client({}, function(client)
        local outcomes = assert(client:batch({ { "echo", { 1 } }, { "fail", { { code = 1, message = "one" } } }, { "null" },
          { "silent" }, { "echo", '["x"]' } }))
        assert.are.same({ 1 }, outcomes[1].result)
        assert.are.equal("one (code 1)", tostring(outcomes[2].error))
        assert.are.equal(json_rpc.null, outcomes[3].result)
        assert.are.equal("protocol", outcomes[4].error.class)
        assert.are.same({ "x" }, outcomes[5].result)
        assert.are.equal(5, #outcomes)
        assert.are.equal(0, client:stats().in_flight)
      end)
    end)

    it("gives the error of a whole batch to all of it", function()
      with_client({}, function(client)
        local outcomes, failure = client:batch({ { "echo" }, { "nobody", { { code = -32005, message = "too many requests" } } } })
        for i = 1, 2 do
          local one = outcomes and outcomes[i].error or failure
          assert.are.equal(-32005, one.code)
        end
        outcomes, failure = client:batch({ { "echo" }, { "drop" } })
        assert.are.equal(transport == "http" and "reset" or "connection", (outcomes and outcomes[1].error or failure).class)
      end)
    end)

    it("refuses answers that are none", function()
      with_client({}, function(client)
        local texts = { "<html>Bad gateway</html>", "{}", "[1]", '{"id":ID,"result":tru}' }
        if transport == "http" then -- elsewhere the answer is given before what follows it is read
          texts[5], texts[6], texts[7] = '{"id":ID,"result":1}x', "[]", '[{"id":ID,"result":1},{"id":ID,"result":2}]'
        end
        for _, text in ipairs(texts) do
          local failure = fails("protocol", "", client:call("raw", { text }))
          assert.is_true(not text:find("html") or failure.message:find("<html>Bad gateway", 1, true) ~= nil, failure.message)
          await(function() return client:endpoint():is_open() end, "the connection to be there again")
        end
        assert.are.equal(1, client:call("later", { 0, 1 }))
      end)
    end)

    it("fails what is in flight when the connection is lost, and connects again", function()
      with_client({ timeout_ns = 20 * S }, function(client)
        local failures = {}
        scheduler.spawn(function()
          scheduler.sleep(20 * MS)
          local _, failure = client:call("drop")
          failures[#failures + 1] = failure
        end)
        local begun = scheduler.now()
        parallel(10, function()
          if transport ~= "http" then
            local failure = fails("connection", "the connection was lost", client:call("silent"))
            failures[#failures + 1] = failure
          end
        end)
        await(function() return #failures == (transport == "http" and 1 or 11) end, "the failures")
        assert.is_true(scheduler.now() - begun < 5 * S)
        await(function() return client:endpoint():is_open() end, "the connection to be there again")
        assert.are.equal(1, client:call("later", { 0, 1 }))
        assert.are.equal(0, client:stats().in_flight)
      end)
    end)

    it("says why it cannot connect", function()
      local url = ({ http = "http://no.such.invalid", websocket = "ws://127.0.0.1:" .. support.free_port(), ipc = "/no/such.ipc" })[transport]
      scheduler.run(function()
        local client, message, class = json_rpc.connect({ urls = { server.urls[transport], url } })
        assert.is_nil(client)
        assert.are.equal(transport == "http" and "resolve" or "connect", class)
        assert.is_string(message)
      end)
    end)
  end)
end

describe("a JSON-RPC client over HTTP", function()
  local server

  setup(function()
    server = servers.rpc_server()
  end)

  teardown(function()
    server.stop()
  end)

  it("takes errors with other statuses, and tells statuses without", function()
    with({ url = server.url, headers = { Authorization = "Bearer x" } }, function(client)
      fails("rpc", "busy (code 5)", client:call("status", { 500, '{"jsonrpc":"2.0","id":null,"error":{"code":5,"message":"busy"}}' }))
      fails("status", "status 503: no\194\160way", client:call("status", { 503, "no\194\160way" }))
      fails("status", "status 429", client:call("status", { 429, "" }))
      fails("protocol", "no answer to the request", client:call("other"))
      local head = client:call("head")
      assert.are.same({ "Bearer x", "application/json" }, { head.authorization, head["content-type"] })
    end)
  end)

  it("uses its connections again, and several at once", function()
    with({ url = server.url, connections = 4 }, function(client)
      for _ = 1, 10 do
        client:call("echo")
      end
      assert.are.equal(1, client:stats().connects)
      parallel(20, function()
        assert(client:call("later", { 5, 1 }))
      end)
      assert.are.equal(4, client:stats().connects)
    end)
  end)

  it("has connections aside for calls that must not wait behind others", function()
    with({ url = server.url, connections = 1 }, function(client)
      local order = {}
      local aside = assert(client:endpoint():aside())
      assert.are.equal(aside, client:endpoint():aside())
      local function call(endpoint, ...)
        local answer = endpoint:call(...)
        order[#order + 1] = answer
      end
      scheduler.spawn(call, client, "later", { 200, "slow" })
      scheduler.spawn(call, client, "later", { 0, "behind" })
      call(aside, "later", { 0, "aside" })
      await(function() return #order == 3 end, "the answers")
      assert.are.same({ "aside", "slow", "behind" }, order)
      client:close()
      assert.are.equal("connection", select(2, aside:call("echo")).class)
    end)
  end)
end)

describe("a JSON-RPC client with a connection", function()
  local server

  setup(function()
    server = servers.rpc_server()
  end)

  teardown(function()
    server.stop()
  end)

  it("gives notifications to a function, in order, before and after answers", function()
    for _, transport in ipairs({ "websocket", "ipc" }) do
      local got = {}
      local options = { url = server.urls[transport], on_notification = function(method, params, at_ns, endpoint)
        got[#got + 1] = { method, params, at_ns > 0, endpoint.url }
      end }
      with(options, function(client)
        assert.are.equal(100, client:call("notify", { 100, "x" }))
        assert.are.equal(100, #got)
        for i = 1, 100 do
          assert.are.same({ "note", { i - 1, "x" }, true, options.url }, got[i])
        end
        assert.are.equal("y", client:call("pair", { "y" }))
        await(function() return #got >= 101 end, "the notification")
        assert.are.same({ a = "}" }, got[101][2])
        assert.are.equal("dripping {[\"", client:call("drip", { "dripping {[\"" }))
      end)
    end
  end)

  it("tells when it is lost and when it is there again", function()
    local told = {}
    local options = { url = server.urls.websocket, reconnect_min_ns = 5 * MS,
      on_connected = function(endpoint) told[#told + 1] = "connected " .. endpoint.url end,
      on_lost = function(endpoint, message, class) told[#told + 1] = class .. " " .. message end }
    with(options, function(client)
      fails("connection", "closed by the peer with code 4001: enough", client:call("end"))
      fails("connection", "not connected: closed by the peer", client:call("echo"))
      await(function() return #told >= 3 end, "the reconnection")
      assert.are.same({ "connected " .. options.url, "closed closed by the peer with code 4001: enough", "connected " .. options.url }, told)
      assert(client:call("echo"))
    end)
  end)

  it("tries again after pauses that grow up to a limit, and gives up when it is closed", function()
    local mortal = servers.rpc_server()
    local lost = 0
    local options = { url = mortal.urls.websocket, reconnect_min_ns = 10 * MS, reconnect_max_ns = 40 * MS, on_lost = function()
      lost = lost + 1
    end }
    with(options, function(client)
      mortal.kill()
      fails("connection", "", client:call("echo"))
      local endpoint = client:endpoint()
      for _ = 1, 100 do
        scheduler.sleep(2 * MS)
        assert.is_true(endpoint._pause_ns <= 40 * MS)
      end
      assert.are.equal(40 * MS, endpoint._pause_ns)
      fails("connection", "refused", client:call("echo"))
      assert.are.equal(1, lost)
      local again = servers.rpc_server(mortal.port)
      await(function() return endpoint:is_open() end, "the connection to be there again")
      assert.are.equal(10 * MS, endpoint._pause_ns)
      assert(client:call("echo"))
      again.kill()
      scheduler.sleep(20 * MS)
    end)
    with({ url = server.urls.websocket, reconnect = false }, function(client)
      client:call("drop")
      scheduler.sleep(200 * MS)
      fails("connection", "not connected", client:call("echo"))
    end)
  end)

  it("does not trust a peer that says what cannot be understood", function()
    with({ url = server.urls.websocket, reconnect = false }, function(client)
      local failures = {}
      for i = 1, 3 do
        scheduler.spawn(function()
          failures[i] = select(2, client:call("silent"))
        end)
      end
      fails("protocol", "an error for no call", client:call("nobody", { { code = 1, message = "who?" } }))
      scheduler.sleep(MS)
      for i = 1, 3 do
        assert.are.equal("protocol", failures[i].class)
      end
    end)
  end)

  it("takes an error for no call for that of the only batch, and the calls beside it go on", function()
    with({ url = server.urls.websocket, reconnect = false }, function(client)
      local value
      scheduler.spawn(function()
        value = client:call("later", { 30, "value" })
      end)
      local outcomes = assert(client:batch({ { "echo" }, { "nobody", { { code = -32600, message = "no batches" } } } }))
      assert.are.same({ "no batches", "no batches" }, { outcomes[1].error.message, outcomes[2].error.message })
      await(function() return value end, "the call beside it")
      assert.are.equal("value", value)
      local failed = {} -- of two batches nobody knows which it is
      for i, method in ipairs({ "nobody", "echo" }) do
        scheduler.spawn(function()
          failed[i] = client:batch({ { "echo" }, { method, { { code = 1, message = "who?" } } } })[1].error
        end)
      end
      await(function() return failed[1] and failed[2] end, "both to fail")
      fails("protocol", "an error for no call", nil, failed[1])
      fails("protocol", "an error for no call", nil, failed[2])
    end)
  end)

  it("ignores answers to no call", function()
    with({ url = server.urls.websocket }, function(client)
      fails("timeout", "", client:call("other", nil, 50 * MS))
      assert.are.equal(1, client:stats().stale)
      assert.are.equal(1, client:call("later", { 0, 1 }))
    end)
  end)

  it("tells what is too much", function()
    with({ url = server.urls.websocket, max_queued = 65536 }, function(client)
      local full, sent = nil, 0
      local text = '["' .. ("x"):rep(60000) .. '"]'
      parallel(201, function(i)
        if i == 1 then -- else a server that is as quick as we are leaves nothing waiting
          assert.are.equal(300 * support.slow, (client:call("busy", { 300 * support.slow })))
          return
        end
        local result, failure = client:call("echo", text)
        sent = sent + (result and 1 or 0)
        full = full or failure
      end)
      fails("limit", "bytes wait to be sent", nil, full)
      assert.is_true(sent > 0)
      assert(client:call("echo", text))
    end)
  end)

  it("fails calls in flight when it is closed, and later ones", function()
    scheduler.run(function()
      for _, transport in ipairs({ "websocket", "ipc" }) do
        local client = assert(json_rpc.connect({ url = server.urls[transport] }))
        local failure
        scheduler.spawn(function()
          failure = select(2, client:call("silent"))
        end)
        client:close()
        await(function() return failure end, "the failure")
        fails("connection", "the client was closed", nil, failure)
        fails("connection", "not connected", client:call("echo"))
        fails("connection", "not connected", client:batch({ { "echo" } }))
        client:close()
      end
    end)
  end)

  it("may be closed by whoever is resumed", function()
    for _, transport in ipairs({ "websocket", "ipc" }) do
      scheduler.run(function()
        local client
        client = assert(json_rpc.connect({ url = server.urls[transport], on_notification = function()
          client:close()
        end }))
        fails("connection", "the client was closed", client:call("notify", { 5 }))
        client = assert(json_rpc.connect({ url = server.urls[transport] }))
        scheduler.spawn(function()
          assert.are.equal(1, client:call("later", { 0, 1 }))
          client:close()
        end)
        fails("connection", "the client was closed", client:call("silent"))
      end)
    end
  end)

  it("makes no garbage for a call but its texts", function()
    with({ url = server.urls.websocket }, function(client)
      local function calls(n)
        for _ = 1, n do
          assert(client:call("later", '[0,"0x1234"]'))
        end
      end
      calls(500)
      collectgarbage()
      collectgarbage("stop")
      local before = collectgarbage("count")
      calls(500)
      local bytes = (collectgarbage("count") - before) * 1024 / 500
      collectgarbage("restart")
      -- The request (90 bytes), its id, the answer: strings, each with a head of 24 bytes. Under 600 there is no table.
      assert.is_true(bytes < 600, bytes .. " bytes per call")
    end)
  end)

  it("has unknown addresses explained", function()
    for _, url in ipairs({ "tcp://x", "127.0.0.1:8545", "ws://", "ipc:relative" }) do
      assert.is_false((pcall(json_rpc.connect, { url = url })), url)
    end
  end)
end)

describe("a JSON-RPC client of several servers", function()
  it("takes turns, and leaves out who is not there", function()
    local list = { servers.rpc_server(), servers.rpc_server(), servers.rpc_server() }
    local urls = { list[1].urls.websocket, list[2].urls.ipc, list[3].urls.http }
    with({ urls = urls, reconnect = false }, function(client)
      local turns = {}
      for i = 1, 6 do
        turns[i] = client:endpoint().url
      end
      assert.are.same({ urls[1], urls[2], urls[3], urls[1], urls[2], urls[3] }, turns)
      assert.are.equal(3, #client.endpoints)
      fails("connection", "", client.endpoints[2]:call("drop"))
      for i = 1, 4 do
        turns[i] = client:endpoint().url
      end
      assert.are.same({ urls[1], urls[3], urls[1], urls[3] }, { turns[1], turns[2], turns[3], turns[4] })
      fails("connection", "", client.endpoints[1]:call("drop"))
      assert.are.same({}, client:call("echo"))
    end)
    for _, server in ipairs(list) do
      server.stop()
    end
    assert.is_table(cjson)
  end)
end)
