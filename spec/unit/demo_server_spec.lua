-- The embedded system under test, in this process: the bank, and the delays that it is told to make.
local cjson = require("cjson")
local clock = require("vernier.core.clock")
local demo_server = require("vernier.demo_server")
local distribution = require("vernier.distribution")
local http = require("vernier.http")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")

local MS, S = 1e6, 1e9
local SLACK = 150 * support.slow -- ms that a busy machine may add

local function with_demo(options, fn)
  scheduler.run(function()
    local demo = assert(demo_server.new(options))
    local client = assert(http.new({ host = "127.0.0.1", port = demo.port, connections = 50 }))
    local ok, err = xpcall(fn, debug.traceback, client, demo)
    client:close()
    demo:close()
    if not ok then
      error(err, 0)
    end
  end)
end

local function post(client, path, body)
  local r = assert(client:request({ method = "POST", path = path, body = body }))
  local ok, value = pcall(cjson.decode, r.body)
  return r.status, ok and value or r.body
end

local function at_once(n, fn)
  local left, key = n, {}
  for i = 1, n do
    scheduler.spawn(function()
      fn(i)
      left = left - 1
      if left == 0 then
        scheduler.wake_key(key, true)
      end
    end)
  end
  assert(left == 0 or scheduler.wait_key(key, clock.now() + 20 * S), "the tasks did not end")
end

describe("the bank", function()
  it("opens, queries and transfers", function()
    with_demo({}, function(client)
      assert.are.same({ 200, { account = "a", money = 10 } }, { post(client, "/open", { account = "a", money = 10 }) })
      assert.are.same({ 200, { account = 'b"\\', money = 0 } }, { post(client, "/open", { account = 'b"\\' }) })
      assert.are.same({ 200, { account = "a", money = 7.5 } },
        { post(client, "/transfer", { from = "a", to = 'b"\\', money = 2.5 }) })
      assert.are.same({ 200, { account = 'b"\\', money = 2.5 } }, { post(client, "/query", { account = 'b"\\' }) })
      local r = client:request({ path = "/query?account=b%22%5C" })
      assert.are.equal(2.5, cjson.decode(r.body).money)
    end)
  end)

  it("takes arguments by position", function()
    with_demo({}, function(client)
      assert.are.same({ 200, { account = "a", money = 10 } }, { post(client, "/open", { "a", 10 }) })
      assert.are.same({ 200, { account = "b", money = 0 } }, { post(client, "/open", { "b" }) })
      assert.are.same({ 200, { account = "a", money = 6 } }, { post(client, "/transfer", { "a", "b", 4 }) })
      assert.are.same({ 200, { account = "b", money = 4 } }, { post(client, "/query", { "b" }) })
      assert.are.equal(400, (post(client, "/transfer", { "a" })))
      assert.are.equal(400, (post(client, "/open", { 1 })))
    end)
  end)

  it("refuses what cannot be", function()
    with_demo({}, function(client)
      post(client, "/open", { account = "a", money = 10 })
      post(client, "/open", { account = "b", money = 0 })
      assert.are.equal(409, (post(client, "/open", { account = "a", money = 1 })))
      assert.are.equal(404, (post(client, "/query", { account = "c" })))
      assert.are.equal(404, (post(client, "/transfer", { from = "a", to = "c", money = 1 })))
      assert.are.equal(409, (post(client, "/transfer", { from = "a", to = "b", money = 11 })))
      assert.are.equal(400, (post(client, "/transfer", { from = "a", to = "b", money = -1 })))
      assert.are.equal(400, (post(client, "/open", { account = "", money = 1 })))
      assert.are.equal(400, (post(client, "/open", { account = "x", money = "many" })))
      assert.are.equal(400, (post(client, "/open", "no json")))
      assert.are.equal(400, (post(client, "/query", "[1]")))
      assert.are.equal(404, (post(client, "/nothing", {})))
      assert.are.equal(405, client:request({ path = "/open" }).status)
      assert.are.equal(405, client:request({ method = "POST", path = "/stats" }).status)
      local _, a = post(client, "/query", { account = "a" })
      assert.are.equal(10, a.money)
    end)
  end)

  it("loses no money in parallel transfers", function()
    with_demo({ latency = distribution.parse("uniform 0ms 3ms"), concurrency = 7 }, function(client)
      for i = 1, 5 do
        post(client, "/open", { account = "a" .. i, money = 100 })
      end
      at_once(100, function(i)
        post(client, "/transfer", { from = "a" .. i % 5 + 1, to = "a" .. i % 3 + 1, money = 7 })
      end)
      local sum = 0
      for i = 1, 5 do
        local _, account = post(client, "/query", { account = "a" .. i })
        assert.is_true(account.money >= 0)
        sum = sum + account.money
      end
      assert.are.equal(500, sum)
    end)
  end)

  it("has pages about itself", function()
    with_demo({}, function(client)
      post(client, "/open", { account = "a", money = 10 })
      assert.are.equal("ok\n", client:request({ path = "/healthz" }).body)
      assert.is_truthy(client:request({ path = "/" }).body:find("demo server", 1, true))
      local stats = cjson.decode(client:request({ path = "/stats" }).body)
      assert.are.same({ 1, 1, 1, 0 }, { stats.requests, stats.answered, stats.accounts, stats.active })
    end)
  end)
end)

describe("service time", function()
  local function took(client)
    local _, sent_ns, at_ns = client:request({ path = "/query?account=x" })
    return (at_ns - sent_ns) / MS
  end

  it("counts from the arrival", function()
    with_demo({ latency = distribution.parse("constant 30ms") }, function(client)
      for _ = 1, 3 do
        local ms = took(client)
        assert.is_true(ms >= 29.9 and ms < 30 + SLACK, ms .. " ms")
      end
    end)
  end)

  it("does not hold for pages", function()
    with_demo({ latency = distribution.parse("constant 100s") }, function(client)
      assert.are.equal("ok\n", client:request({ path = "/healthz" }).body)
    end)
  end)

  it("is queued for where all places are taken", function()
    with_demo({ latency = distribution.parse("constant 20ms"), concurrency = 2 }, function(client)
      local times = {}
      at_once(6, function(i)
        times[i] = took(client)
      end)
      table.sort(times)
      for i = 1, 6 do
        local expected = 20 * math.ceil(i / 2)
        assert.is_true(times[i] >= expected - 0.2 and times[i] < expected + SLACK, times[i] .. " ms")
      end
    end)
  end)

  it("stops during a stall, and everything is answered after it", function()
    with_demo({ stall = { at = 0.5, duration = 0.3 } }, function(client)
      local start = clock.now()
      took(client)
      assert.is_true(clock.now() - start < 500 * MS)
      scheduler.sleep_until(start + 510 * MS)
      local ends = {}
      at_once(10, function(i)
        took(client)
        ends[i] = (clock.now() - start) / MS
      end)
      for i = 1, 10 do
        assert.is_true(ends[i] >= 799 and ends[i] < 800 + SLACK, ends[i] .. " ms")
      end
      took(client)
      assert.is_true(clock.now() - start < (800 + 2 * SLACK) * MS)
    end)
  end)
end)

describe("a closed demo server", function()
  it("forgets what it still had to answer", function()
    scheduler.run(function()
      local demo = assert(demo_server.new({ latency = distribution.parse("constant 30ms") }))
      local client = assert(http.new({ host = "127.0.0.1", port = demo.port }))
      local class
      scheduler.spawn(function()
        local _, _, c = client:request({ path = "/query?account=x" })
        class = c
      end)
      scheduler.sleep(10 * MS)
      demo:close()
      scheduler.sleep(40 * MS)
      assert.are.equal("reset", class)
      assert.are.equal(1, demo.answered)
      client:close()
    end)
  end)
end)

describe("failures on purpose", function()
  it("have their share, and no effect", function()
    with_demo({ failure_rate = 0.3, seed = 5 }, function(client, demo)
      local failed = 0
      for i = 1, 300 do
        if post(client, "/open", { account = "a" .. i, money = 1 }) == 500 then
          failed = failed + 1
        end
      end
      assert.is_true(failed > 60 and failed < 120, failed .. " of 300")
      assert.are.equal(failed, demo.failed)
      assert.are.equal(300 - failed, demo:count())
    end)
  end)
end)
