-- The HTTP server: against curl, wrk and exact bytes from another process, and its handles within this one.
local cjson = require("cjson")
local http = require("vernier.http")
local scheduler = require("vernier.scheduler")
local server = require("vernier.server")
local servers = require("spec.support.http_servers")
local support = require("spec.support")

local MS = 1e6
local GET = "GET %s HTTP/1.1\r\nHost: x\r\n\r\n"

local function count(text, pattern)
  local _, n = text:gsub(pattern, "")
  return n
end

describe("the HTTP server and curl", function()
  local echo

  setup(function()
    echo = servers.echo_server()
  end)

  teardown(function()
    echo.stop()
  end)

  local function curl(...)
    return support.run({ "curl", "-s", "--max-time", "10", ... })
  end

  it("agree about methods, paths and bodies", function()
    assert.are.equal("GET /a?b=c ", curl(echo.url .. "/a?b=c").stdout)
    assert.are.equal("POST /p text", curl("-d", "text", echo.url .. "/p").stdout)
    assert.are.equal("DELETE /p ", curl("-X", "DELETE", echo.url .. "/p").stdout)
    assert.are.equal("? /p ", curl("-X", "BREW", echo.url .. "/p").stdout)
    assert.are.equal("OPTIONS * ", curl("-X", "OPTIONS", "--request-target", "*", echo.url).stdout)
  end)

  it("agree about responses without a body", function()
    local result = curl("-I", echo.url .. "/p")
    assert.is_truthy(result.stdout:find("^HTTP/1.1 200 OK\r\nContent%-Length: 8\r\n"), result.stdout)
    result = curl("-i", echo.url .. "/none")
    assert.are.equal("HTTP/1.1 204 No Content\r\n\r\n", result.stdout)
    assert.are.equal(0, result.status)
  end)

  it("keep one connection for many requests", function()
    local url = echo.url .. "/x"
    local result = curl("-v", url, url, url, "--next", "-s", "-d", "b", url)
    assert.are.equal("GET /x GET /x GET /x POST /x b", result.stdout)
    assert.are.equal(1, count(result.stderr, "Connected to"))
  end)

  it("close it for HTTP/1.0, for Connection: close, and when the server wants to", function()
    local result = curl("-i", "--http1.0", echo.url .. "/x")
    assert.is_truthy(result.stdout:find("Connection: close\r\n", 1, true))
    result = curl("-i", "-H", "Connection: close", echo.url .. "/x")
    assert.is_truthy(result.stdout:find("Connection: close\r\n", 1, true))
    local url = echo.url .. "/close"
    result = curl("-v", url, url)
    assert.are.equal("byebye", result.stdout)
    assert.are.equal(2, count(result.stderr, "Connected to"))
    result = curl("-i", "--http1.0", "-H", "Connection: keep-alive", echo.url .. "/x")
    assert.is_truthy(result.stdout:find("Connection: keep-alive\r\n", 1, true))
  end)

  it("carry large and chunked bodies, with 100 Continue", function()
    local text = ("0123456789"):rep(50000)
    local path = support.write_file(support.tmpdir() .. "/body", text)
    assert.are.equal("POST /p " .. text, curl("--data-binary", "@" .. path, echo.url .. "/p").stdout)
    assert.are.equal("PUT /p " .. text,
      curl("-X", "PUT", "-T", path, "-H", "Transfer-Encoding: chunked", echo.url .. "/p").stdout)
    local result = curl("-v", "-H", "Expect: 100-continue", "--data-binary", "@" .. path, echo.url .. "/p")
    assert.are.equal("POST /p " .. text, result.stdout)
    assert.are.equal(1, count(result.stderr, "HTTP/1.1 100 Continue"))
    assert.are.equal(3e6, #curl(echo.url .. "/bytes/3000000").stdout)
  end)

  it("answer later, drop and reset", function()
    local result = curl("-w", "%{time_total}", echo.url .. "/later/100")
    assert.is_true(tonumber(result.stdout:match("later\n(.*)$")) >= 0.099, result.stdout)
    assert.are.equal(52, curl(echo.url .. "/drop").status) -- empty reply
    assert.are.equal(56, curl(echo.url .. "/reset").status) -- receive failure
  end)
end)

describe("the HTTP server and exact bytes", function()
  local echo

  setup(function()
    echo = servers.echo_server({ max_head = 500, max_body = 1000, max_connections = 6 })
  end)

  teardown(function()
    echo.stop()
  end)

  local function talk(steps, seconds)
    return servers.raw_client(echo.port, steps, seconds)
  end

  it("puts pieces together", function()
    local steps = {}
    for c in ("POST /abc HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nxyz"):gmatch(".") do
      steps[#steps + 1] = c
      steps[#steps + 1] = 1
    end
    assert.is_truthy(talk(steps):find("POST /abc xyzCLOSED", 1, true))
  end)

  it("answers pipelined requests in order, also those that it answers later", function()
    local text = GET:format("/1") .. GET:format("/later/30") .. "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
      .. GET:format("/close")
    local answer = talk({ text })
    assert.are.equal(4, count(answer, "HTTP/1.1 200 OK"))
    local first, second, third, last = answer:find("GET /1", 1, true), answer:find("later", 1, true),
      answer:find("POST /2 ab", 1, true), answer:find("byeCLOSED", 1, true)
    assert.is_true(first < second and second < third and third < last, answer)
  end)

  it("holds back a client that pipelines without end, and answers all of it", function()
    local steps = {}
    for i = 1, 20 do
      steps[i] = GET:format("/later/1"):rep(100)
    end
    steps[#steps + 1] = GET:format("/close")
    local answer = talk(steps, 20)
    assert.are.equal(2000, count(answer, "later\n"))
    assert.is_truthy(answer:find("byeCLOSED", 1, true))
  end)

  it("answers a client that has ended its side", function()
    local answer = talk({ GET:format("/later/30"), cjson.null })
    assert.is_truthy(answer:find("later\nCLOSED", 1, true), answer)
    answer = talk({ GET:format("/1") .. GET:format("/later/10") .. GET:format("/2"), cjson.null })
    assert.is_truthy(answer:find("GET /2 CLOSED", 1, true), answer)
    answer = talk({ GET:format("/later/10") .. "GET /unfinished", cjson.null })
    assert.is_truthy(answer:find("later\nCLOSED", 1, true), answer)
    assert.are.equal("CLOSED\n", talk({ "GET / HTTP", cjson.null }))
    assert.are.equal("CLOSED\n", talk({ cjson.null }))
  end)

  it("refuses malformed and oversized requests with a reason, and closes", function()
    local function refused(status, text)
      local answer = talk({ text })
      assert.is_truthy(answer:find("^HTTP/1.1 " .. status), answer)
      assert.is_truthy(answer:find("Connection: close", 1, true), answer)
      assert.is_truthy(answer:find("CLOSED\n$"), answer)
      return answer
    end
    assert.is_truthy(refused(400, "nonsense\r\n\r\n"):find("malformed request line", 1, true))
    refused(400, "GET / HTTP/1.1\r\n\r\n")
    refused(400, "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")
    refused(400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    refused(431, "GET / HTTP/1.1\r\nX: " .. ("x"):rep(600) .. "\r\n")
    refused(413, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" .. ("x"):rep(1001))
    refused(413, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n")
    assert.is_truthy(talk({ GET:format("/close") }):find("byeCLOSED", 1, true))
  end)

  it("knows a handle only until its reply", function()
    talk({ GET:format("/twice"), 20, GET:format("/close") })
    support.wait_for(function()
      return echo.output():find("twice nil the client has gone", 1, true)
    end, 5, "the second reply to be refused")
  end)

  it("closes connections over the limit, and has room again when others end", function()
    local held = {}
    -- A probe may take the place of a holder that is still on its way, which is then refused and ends: it comes again.
    local function hold()
      for i = 1, 6 do
        if not held[i] or not held[i]:running() then
          held[i] = support.start({ "node", "spec/support/raw_client.js", tostring(echo.port), "[]", "60" })
        end
      end
    end
    support.wait_for(function()
      hold()
      return talk({ GET:format("/close") }, 1):find("ERROR ECONNRESET", 1, true)
    end, 20, "the limit to be reached")
    for i = 1, 6 do
      held[i]:stop(2)
    end
    support.wait_for(function()
      return talk({ GET:format("/close") }, 1):find("bye", 1, true)
    end, 5, "room")
  end)
end)

describe("the HTTP server under load from wrk", function()
  it("answers every request", function()
    local echo = servers.echo_server()
    local result = support.run({ "wrk", "-t1", "-c32", "-d1", echo.url .. "/x" })
    assert.are.equal(0, result.status, result.stderr)
    assert.is_nil(result.stdout:find("Socket errors", 1, true), result.stdout)
    assert.is_nil(result.stdout:find("Non-2xx", 1, true), result.stdout)
    local asked = tonumber(result.stdout:match("(%d+) requests in"))
    local counted = tonumber(support.get(echo.url .. "/count").body) - 1
    assert.is_true(asked > 100 and counted >= asked and counted <= asked + 32, asked .. " " .. counted)
    echo.stop()
  end)
end)

describe("the arrival log", function()
  it("has a line for every request, in order, with absolute times", function()
    local path = support.tmpdir() .. "/arrivals"
    local before = support.now()
    local echo = servers.echo_server({ arrival_log = path })
    support.get(echo.url .. "/a?b")
    support.get(echo.url .. "/c", "-d", "x")
    support.get(echo.url .. "/x", "-X", "BREW")
    echo.stop()
    local lines, last = {}, 0
    for line in io.lines(path) do
      local at, rest = line:match("^(%d+) (.*)$")
      lines[#lines + 1] = rest
      assert.is_true(tonumber(at) > last)
      last = tonumber(at)
    end
    assert.are.same({ "GET /a?b", "POST /c", "? /x" }, lines)
    assert.is_true(last / 1e9 > before and last / 1e9 < support.now())
  end)

  it("that cannot be written is an error", function()
    local s, message = server.new({ arrival_log = "/no/such/folder/log" }, function() end)
    assert.is_nil(s)
    assert.is_truthy(message:find("/no/such/folder/log", 1, true))
    s = assert(server.new({ arrival_log = "/dev/full" }, function() end))
    assert.are.equal(0, (s:close()))
  end)
end)

describe("a server within this process", function()
  it("says which port it has, and why it cannot have one", function()
    local s = assert(server.new({ port = 0 }, function() end))
    assert.is_true(s.port > 0)
    local other, message = server.new({ port = s.port }, function() end)
    assert.is_nil(other)
    assert.is_truthy(message:find("address already in use", 1, true), message)
    other, message = server.new({ host = "not an address" }, function() end)
    assert.is_nil(other)
    assert.is_truthy(message:find("not an address", 1, true))
    other, message = server.new({ port = 70000 }, function() end)
    assert.is_nil(other)
    assert.is_truthy(message:find("70000", 1, true))
    s:close()
    s:close()
  end)

  it("refuses replies that nobody waits for, and statuses that are none", function()
    scheduler.run(function()
      local results = {}
      local s = assert(server.new({}, function(self, request, _, path)
        if path == "/dropped" then
          self:drop(request, true)
          results.dropped = { self:reply(request, 200) }
          return
        end
        results.invalid = { self:reply(request, 100) }
        results.first = { self:reply(request, 200) }
        results.second = { self:reply(request, 200) }
        results.unknown = { self:reply(12345, 200) }
        results.negative = { self:reply(-1, 200) }
      end))
      local client = assert(http.new({ host = "127.0.0.1", port = s.port }))
      assert.are.equal(200, assert(client:request({ path = "/" })).status)
      local _, _, class = client:request({ path = "/dropped" })
      client:close()
      s:close()
      assert.are.equal("reset", class)
      assert.are.equal(0, results.first[1])
      assert.is_truthy(results.invalid[2]:find("100 is not a final HTTP status", 1, true))
      for _, name in ipairs({ "second", "unknown", "negative", "dropped" }) do
        assert.is_nil(results[name][1], name)
        assert.is_truthy(results[name][2]:find("the client has gone", 1, true), name)
      end
    end)
  end)

  it("can be closed with requests unanswered", function()
    scheduler.run(function()
      local s = assert(server.new({}, function() end))
      local client = assert(http.new({ host = "127.0.0.1", port = s.port }))
      local class
      scheduler.spawn(function()
        local _, _, c = client:request({ path = "/" })
        class = c
      end)
      scheduler.sleep(30 * MS)
      assert.are.equal(1, s:connections())
      s:close()
      scheduler.sleep(30 * MS)
      assert.are.equal("reset", class)
      client:close()
    end)
  end)

  it("speaks TLS with a certificate", function()
    local c = support.certificate()
    scheduler.run(function()
      local s = assert(server.new({ cert = c.cert, key = c.key }, function(self, request, _, path)
        self:reply(request, 200, nil, path)
      end))
      local client = assert(http.new({ host = "localhost", port = s.port, tls = true, ca = c.ca }))
      for i = 1, 3 do
        assert.are.equal("/" .. i, assert(client:request({ path = "/" .. i })).body)
      end
      client:close()
      s:close()
    end)
    local s, message = server.new({ cert = "/no/such/cert" }, function() end)
    assert.is_nil(s)
    assert.is_truthy(message:find("/no/such/cert", 1, true))
  end)
end)
