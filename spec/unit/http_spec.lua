-- The HTTP client against the product's server, nginx, node, and servers that misbehave byte by byte.
local clock = require("vernier.core.clock")
local http = require("vernier.http")
local http_client = require("spec.support.http_client")
local scheduler = require("vernier.scheduler")
local servers = require("spec.support.http_servers")
local support = require("spec.support")

local MS, S = 1e6, 1e9
local SLACK = 100 * support.slow -- ms that a busy machine may add

local with_client, get, parallel, fails = http_client.with_client, http_client.get, http_client.parallel, http_client.fails

describe("the HTTP client and an honest server", function()
  local echo

  setup(function()
    echo = servers.echo_server()
  end)

  teardown(function()
    echo.stop()
  end)

  it("exchanges requests and responses on one connection", function()
    with_client(echo.port, function(client)
      local r = assert(get(client, "/a?b=c"))
      assert.are.same({ 200, "GET /a?b=c ", "text/plain" }, { r.status, r.body, r.headers["content-type"] })
      r = assert(client:request({ method = "POST", path = "/p", body = "text" }))
      assert.are.equal("POST /p text", r.body)
      r = assert(client:request({ method = "PUT", path = "/p", body = { a = { 1, 2 } } }))
      assert.are.equal('PUT /p {"a":[1,2]}', r.body)
      r = assert(client:request({ method = "PUT", path = "/p", body = { a = 1234567890123456, b = { 1 / 3 } } }))
      assert.are.equal('PUT /p {"a": 1234567890123456, "b": [0.3333333333333333]}', r.body)
      assert.are.equal("PUT /p 12", assert(client:request({ method = "PUT", path = "/p", body = 12 })).body)
      assert.are.equal("POST /p ", assert(client:request({ method = "POST", path = "/p" })).body)
      assert.are.equal(1, client:stats().connects)
      assert.are.equal(6, client:stats().responses)
    end)
  end)

  it("sends no path that is more than a path, wherever it is so", function()
    with_client(echo.port, function(client)
      local path = "/0123456789abcdefghi"
      for at = 2, #path do
        for _, byte in ipairs({ 0, 10, 13, 32, 127 }) do
          local bad = path:sub(1, at - 1) .. string.char(byte) .. path:sub(at + 1)
          local ok, message = pcall(get, client, bad)
          assert.is_false(ok)
          assert.is_truthy(tostring(message):find("is not a path", 1, true))
        end
        local good = path:sub(1, at - 1) .. "\33\126\128\255\161" .. path:sub(at + 1)
        assert.are.equal("GET " .. good .. " ", assert(get(client, good)).body)
      end
      assert.is_false((pcall(get, client, "")))
    end)
  end)

  it("takes responses without a body", function()
    with_client(echo.port, function(client)
      local r = assert(client:request({ method = "HEAD", path = "/a" }))
      assert.are.equal("", r.body)
      assert.is_true(tonumber(r.headers["content-length"]) > 0)
      r = assert(get(client, "/none"))
      assert.are.same({ 204, "" }, { r.status, r.body })
      assert.are.equal(1, client:stats().connects)
    end)
  end)

  it("carries large bodies both ways", function()
    with_client(echo.port, function(client)
      assert.are.equal(5e6, #assert(get(client, "/bytes/5000000")).body)
      local text = ("0123456789"):rep(90000)
      assert.are.equal("POST /big " .. text, assert(client:request({ method = "POST", path = "/big", body = text })).body)
      assert.are.equal(1, client:stats().connects)
    end)
  end)

  it("opens connections when they are needed, at most as many as it may", function()
    with_client({ port = echo.port, connections = 4 }, function(client)
      local max_open, bodies = 0, {}
      parallel(20, function(i)
        local r = assert(get(client, "/later/5?" .. i))
        bodies[#bodies + 1] = r.body
        max_open = math.max(max_open, client:stats().open)
      end)
      assert.are.equal(20, #bodies)
      assert.are.equal(4, max_open)
      assert.are.equal(4, client:stats().connects)
      assert.are.equal(4, client:stats().idle)
      assert.are.equal(0, client:stats().queued)
    end)
  end)

  it("serves those who wait in the order in which they came", function()
    with_client({ port = echo.port, connections = 1 }, function(client)
      local order = {}
      parallel(30, function(i)
        assert.are.equal("GET /" .. i .. " ", assert(get(client, "/" .. i)).body)
        order[#order + 1] = i
      end)
      for i = 1, 30 do
        assert.are.equal(i, order[i])
      end
    end)
  end)

  it("opens a new connection after the server has ended one", function()
    with_client(echo.port, function(client)
      for _ = 1, 3 do
        assert.are.equal("bye", assert(get(client, "/close")).body)
      end
      assert.are.equal(3, client:stats().connects)
      assert.are.equal(0, client:stats().idle)
    end)
  end)

  it("stamps what it sends and receives", function()
    with_client(echo.port, function(client)
      local before = clock.now()
      local r, sent_ns, at_ns = get(client, "/later/50")
      assert.are.equal("later\n", r.body)
      assert.is_true(before <= sent_ns and sent_ns < at_ns and at_ns <= clock.now())
      assert.is_true(at_ns - sent_ns >= 49 * MS, (at_ns - sent_ns) / MS .. " ms")
    end)
  end)

  it("resolves names, and tries all addresses of one", function()
    with_client({ host = "localhost", port = echo.port }, function(client)
      assert.is_true(client:resolved(clock.now() + 5 * S))
      assert.are.equal(200, assert(get(client, "/")).status)
    end)
  end)

  it("cancels everything in flight without a word, and can be used again", function()
    with_client({ port = echo.port, connections = 2 }, function(client)
      local resumed = 0
      for _ = 1, 5 do
        scheduler.spawn(function()
          get(client, "/later/20")
          resumed = resumed + 1
        end)
      end
      scheduler.sleep(5 * MS)
      client:cancel_all()
      assert.are.equal(0, client:stats().open)
      scheduler.sleep(50 * MS)
      assert.are.equal(0, resumed)
      assert.are.equal(200, assert(get(client, "/")).status)
    end)
  end)

  it("can be closed with requests in flight and while it resolves", function()
    scheduler.run(function()
      local client = assert(http.new({ host = "localhost", port = echo.port }))
      scheduler.spawn(function()
        get(client, "/later/1000")
      end)
      client:close()
      client = assert(http.new({ host = "127.0.0.1", port = echo.port }))
      scheduler.spawn(function()
        get(client, "/later/1000")
      end)
      scheduler.sleep(20 * MS)
      client:close()
      client:close()
      client:cancel_all()
      assert.has_error(function()
        get(client, "/")
      end, "the client is closed")
    end)
  end)
end)

describe("the HTTP client and a server that misbehaves", function()
  local witness

  setup(function()
    witness = support.witness()
  end)

  teardown(function()
    witness.stop()
  end)

  it("reads every framing", function()
    with_client(witness.port, function(client)
      local r = assert(get(client, "/chunked/50"))
      assert.are.equal("chunk 50\n", r.body:match("chunk 50\n$"))
      assert.are.equal("until the end", assert(get(client, "/noframe")).body)
      assert.are.equal("bye", assert(get(client, "/close")).body)
      assert.are.equal(503, assert(get(client, "/status/503")).status)
      r = assert(get(client, "/redirect"))
      assert.are.same({ 302, "/elsewhere" }, { r.status, r.headers.location })
    end)
  end)

  it("does not take for the server's silence that it did something else itself", function()
    with_client({ port = witness.port, request_timeout_ns = 200 * MS }, function(client)
      assert(get(client, "/"))
      for _ = 1, 3 do
        local response, message
        scheduler.spawn(function()
          response, message = get(client, "/delay/20")
          response = response or message
        end)
        support.stall(400 * MS)
        http_client.await(function() return response end, "the answer")
        assert.are.equal(200, response.status, tostring(response))
      end
    end)
  end)

  it("gives up on a silent server when the time is over", function()
    with_client({ port = witness.port, request_timeout_ns = 200 * MS }, function(client)
      local before = clock.now()
      local ok, message, class, sent_ns, at_ns = get(client, "/blackhole")
      fails("timeout", "no response within 0.2 s", ok, message, class)
      assert.is_true(sent_ns >= before)
      local took = (at_ns - before) / MS
      assert.is_true(took >= 200 and took < 210 + SLACK, took .. " ms")
      before = clock.now()
      fails("timeout", "within 0.05 s", get(client, "/blackhole", { timeout_ns = 50 * MS }))
      took = (clock.now() - before) / MS
      assert.is_true(took >= 50 and took < 53 + SLACK, took .. " ms")
      assert.are.equal(0, client:stats().open)
      assert.are.equal(200, assert(get(client, "/")).status)
    end)
  end)

  it("gives up on requests that wait for a connection too long", function()
    with_client({ port = witness.port, connections = 1, request_timeout_ns = 300 * MS }, function(client)
      local results = {}
      parallel(3, function(i)
        local ok, message, class, sent_ns = get(client, i == 1 and "/blackhole" or "/", { timeout_ns = i == 1 and 0 or 100 * MS })
        results[i] = { ok, message, class, sent_ns }
      end)
      fails("timeout", "no response within 0.3 s", unpack(results[1], 1, 3))
      fails("timeout", "no free connection within 0.1 s", unpack(results[2], 1, 3))
      assert.are.equal(0, results[3][4])
    end)
  end)

  it("counts a connection that ends too early as reset", function()
    with_client(witness.port, function(client)
      fails("reset", "connection reset", get(client, "/reset"))
      fails("reset", "after 50 of 100 body bytes", get(client, "/half"))
      assert.are.equal(2, client:stats().errors)
    end)
  end)

  it("counts what is not HTTP as protocol", function()
    with_client(witness.port, function(client)
      fails("protocol", "malformed status line", get(client, "/garbage"))
      fails("protocol", "malformed chunk size", get(client, "/badchunk"))
      assert.are.equal(0, client:stats().open)
    end)
  end)

  it("keeps to its limits", function()
    with_client({ port = witness.port, max_body = 1000 }, function(client)
      assert.are.equal(1000, #assert(get(client, "/bytes/1000")).body)
      fails("protocol", "over the limit of 1000", get(client, "/bytes/1001"))
      fails("protocol", "over the limit of 1000", get(client, "/chunked/1000"))
    end)
  end)
end)

describe("the HTTP client and exact bytes", function()
  local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
  local raw

  setup(function()
    raw = servers.raw_server({
      ok = { { "send", OK } },
      bytes = { { "bytes", "HTTP/1.1 100 Continue\r\n\r\n" .. OK } },
      chunks = { { "drip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nT: x\r\n\r\n", 1 } },
      slow = { { "drip", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" .. ("x"):rep(1000), 20 } },
      ["then-end"] = { { "send", OK }, { "wait", 20 }, { "end" } },
      unsolicited = { { "send", OK }, { "wait", 20 }, { "send", OK } },
      extra = { { "send", OK .. OK } },
      ["end"] = { { "end" } },
      head = { { "send", "HTTP/1.1 200 OK\r\nContent-" }, { "end" } },
      reset = { { "send", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc" }, { "wait", 20 }, { "reset" } },
      early = { { "send", "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno" }, { "pause" } },
      folded = { { "send", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n" } },
      both = { { "send", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" } },
      flood = { { "send", "HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(70000) } },
    })
  end)

  teardown(function()
    raw.stop()
  end)

  it("puts pieces together", function()
    with_client(raw.port, function(client)
      assert.are.equal("ok", assert(get(client, "/bytes")).body)
      local r = assert(get(client, "/chunks"))
      assert.are.equal("ab", r.body)
      assert.is_nil(r.headers.t)
      assert.are.equal(1, client:stats().connects)
    end)
  end)

  it("is not fooled by a server that drips its answer", function()
    with_client({ port = raw.port, request_timeout_ns = 200 * MS }, function(client)
      fails("timeout", "no whole response within 0.2 s", get(client, "/slow"))
    end)
  end)

  it("forgets an idle connection that the server ends", function()
    with_client(raw.port, function(client)
      assert.are.equal("ok", assert(get(client, "/then-end")).body)
      assert.are.equal(1, client:stats().idle)
      scheduler.sleep(60 * MS)
      assert.are.equal(0, client:stats().open)
      assert.are.equal("ok", assert(get(client, "/ok")).body)
      assert.are.equal(0, client:stats().errors)
    end)
  end)

  it("does not use a connection again after bytes that nobody asked for", function()
    with_client(raw.port, function(client)
      assert.are.equal("ok", assert(get(client, "/unsolicited")).body)
      scheduler.sleep(60 * MS)
      assert.are.equal(0, client:stats().open)
      assert.are.equal("ok", assert(get(client, "/extra")).body)
      assert.are.equal(0, client:stats().open)
      assert.are.equal(0, client:stats().errors)
    end)
  end)

  it("sees ends and resets before and inside a response", function()
    with_client(raw.port, function(client)
      fails("reset", "connection closed before a response", get(client, "/end"))
      fails("reset", "inside the response head", get(client, "/head"))
      fails("reset", "connection reset", get(client, "/reset"))
    end)
  end)

  it("takes an answer that comes before the whole request is written", function()
    with_client(raw.port, function(client)
      local r = assert(client:request({ method = "POST", path = "/early", body = ("x"):rep(2e7) }))
      assert.are.same({ 413, "no" }, { r.status, r.body })
      assert.are.equal(0, client:stats().open)
    end)
  end)

  it("refuses what two readers might take differently", function()
    with_client(raw.port, function(client)
      fails("protocol", "folded header line", get(client, "/folded"))
      fails("protocol", "both Content-Length and Transfer-Encoding", get(client, "/both"))
      fails("protocol", "head is over the limit", get(client, "/flood"))
    end)
  end)

  it("speaks over a unix socket", function()
    local path = support.tmpdir() .. "/socket"
    local other = servers.raw_server({ ok = { { "send", OK } } }, path)
    with_client({ path = path }, function(client)
      assert.are.equal("ok", assert(get(client, "/ok")).body)
    end)
    other.stop()
    with_client({ path = path .. "-missing" }, function(client)
      fails("connect", "no such file", get(client, "/ok"))
    end)
  end)
end)

describe("the HTTP client and nginx", function()
  it("agree about the number of requests and connections", function()
    local nginx = support.nginx()
    local n, connections = 1000, 8
    with_client({ port = nginx.port, connections = connections }, function(client)
      parallel(connections, function(i)
        for k = 1, n / connections do
          local r = assert(get(client, ("/%d/%d"):format(i, k)))
          assert.are.equal(200, r.status)
        end
      end)
      assert.are.equal(connections, client:stats().connects)
    end)
    support.wait_for(function()
      return #nginx.log() == n
    end, 5, "the log of nginx")
    local seen = {}
    for _, line in ipairs(nginx.log()) do
      seen[line.uri] = (seen[line.uri] or 0) + 1
      assert.are.equal(200, line.status)
    end
    for i = 1, connections do
      for k = 1, n / connections do
        assert.are.equal(1, seen[("/%d/%d"):format(i, k)])
      end
    end
    nginx.stop()
  end)

  it("do without memory per request", function()
    local nginx = support.nginx({ log = false })
    local process = require("vernier.core.process")
    with_client({ port = nginx.port, connections = 4 }, function(client)
      local function burst(n)
        parallel(4, function()
          for _ = 1, n do
            assert(client:request({ path = "/" }))
          end
        end)
        collectgarbage()
        return process.rss_anon()
      end
      burst(2000)
      local before = burst(500)
      local after = burst(4000)
      local room = (support.slow == 1 and 1 or 32) * 2 ^ 20 -- sanitizers keep what is freed for a while
      assert.is_true(after - before < room, ("grew by %d bytes"):format(after - before))
    end)
    nginx.stop()
  end)
end)
