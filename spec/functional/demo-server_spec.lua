-- vernier demo-server as a command: starts, says where it is, ends clean.
local support = require("spec.support")

local function start(...)
  local dir = support.tmpdir()
  local server = support.start_vernier({ "demo-server", "--port", "0", "--port-file", dir .. "/port", ... })
  server.dir = dir
  server.port = support.wait_for(function()
    if not server:running() then
      error("the server ended at once", 0)
    end
    return tonumber(support.read_file(dir .. "/port"))
  end, 15, "the port file")
  server.url = "http://127.0.0.1:" .. server.port
  return server
end

describe("vernier demo-server", function()
  it("says where it listens and ends with status 0 on SIGINT and SIGTERM", function()
    for _, signal in ipairs({ "INT", "TERM" }) do
      local server = start()
      assert.are.equal("ok\n", support.get(server.url .. "/healthz").body)
      server:kill(signal)
      assert.is_truthy(server:wait(5))
      assert.are.equal(0, (server.process:status()))
      local out, err = server:output()
      assert.are.equal("listening on " .. server.url .. "\n", out)
      assert.are.equal("", err)
    end
  end)

  it("ends while clients are connected and wait", function()
    local server = start("--latency", "constant 10s")
    local client = support.start({ "curl", "-s", server.url .. "/query?account=a" })
    support.wait_for(function()
      return support.get(server.url .. "/stats").body:find('"active":1', 1, true)
    end, 5, "the request to arrive")
    server:kill("TERM")
    assert.is_truthy(server:wait(5))
    assert.are.equal(0, (server.process:status()))
    assert.is_truthy(client:wait(5))
  end)

  it("lets clients wait for whom it has no file left, and serves them when others have gone", function()
    local dir = support.tmpdir()
    local server = support.start({ "sh", "-c", ("ulimit -n 40; exec %s demo-server --port 0 --port-file %s/port --latency "
      .. "'constant 1s'"):format(support.binary, dir) })
    local url = "http://127.0.0.1:" .. support.wait_for(function()
      return tonumber(support.read_file(dir .. "/port"))
    end, 15, "the port file")
    local crowd = support.start({ "wrk", "-t1", "-c80", "-d3", url .. "/query?account=a" })
    assert.is_truthy(crowd:wait(20))
    local ticks = support.read_file(("/proc/%d/stat"):format(server.pid)):match("^%d+ %b() %S " .. ("%S+ "):rep(10) .. "(%d+)")
    assert.is_true(tonumber(ticks) < 100, "it turns round and round: " .. ticks .. " ticks in 3 s")
    assert.are.equal("ok\n", support.get(url .. "/healthz").body)
    server:kill("TERM")
    assert.is_truthy(server:wait(5))
    assert.are.equal(0, (server.process:status()))
  end)

  it("ends by itself after its duration", function()
    local server = start("--duration", "300ms")
    assert.is_truthy(server:wait(5))
    assert.are.equal(0, (server.process:status()))
  end)

  it("completes the arrival log", function()
    local log = support.tmpdir() .. "/log"
    local server = start("--arrival-log", log)
    local result = support.run({ "wrk", "-t1", "-c8", "-d1", server.url .. "/query?account=a" })
    local requests = tonumber(result.stdout:match("(%d+) requests in"))
    local answered = tonumber(support.get(server.url .. "/stats").body:match('"answered":(%d+)'))
    server:kill("TERM")
    server:wait(5)
    local lines, last = 0, 0
    for line in io.lines(log) do
      local at = tonumber(line:match("^(%d+) GET /"))
      assert.is_true(at >= last)
      last, lines = at, lines + 1
    end
    assert.are.equal(answered + 1, lines) -- and the question itself
    assert.is_true(lines >= requests)
  end)

  it("delays and fails as it is told", function()
    local server = start("--latency", "constant 50ms", "--failure-rate", "1")
    local result = support.run({ "curl", "-s", "-w", "%{http_code} %{time_total}", server.url .. "/query?account=a" })
    local status, seconds = result.stdout:match("}(%d+) (%S+)$")
    assert.are.equal("500", status)
    assert.is_true(tonumber(seconds) >= 0.05)
    server:stop(2)
  end)

  it("says what is wrong with its options, and with the port", function()
    local server = start()
    local cases = {
      { 2, "port", "--port", "70000" },
      { 2, "latency", "--latency", "sometimes" },
      { 2, "at 5s for 1s", "--stall", "soon" },
      { 2, "failure%-rate", "--failure-rate", "2" },
      { 2, "concurrency", "--concurrency", "0" },
      { 2, "options only", "word" },
      { 1, "address already in use", "--port", tostring(server.port) },
      { 1, "/no/such/folder", "--port", "0", "--arrival-log", "/no/such/folder/log" },
      { 1, "/no/such/folder", "--port", "0", "--port-file", "/no/such/folder/port" },
    }
    for _, case in ipairs(cases) do
      local result = support.vernier({ "demo-server", unpack(case, 3) })
      assert.are.equal(case[1], result.status, case[2])
      assert.is_truthy(result.stderr:find(case[2]), result.stderr)
    end
    server:stop(2)
  end)
end)
