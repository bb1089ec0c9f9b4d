-- Times against servers whose delays are known. What a server has waited is a hard lower bound of every time; above it
-- there is a busy machine, so upper bounds are on medians and wide.
local bench = require("spec.support.bench")
local support = require("spec.support")

local MS, S = 1e6, 1e9

local demo_server = support.demo_server

local QUERY = 'return { run = function(_, ctx) ctx.sut:send({ path = "/query?account=x", expect = { status = 404 } }) end }'

local function run(url, o)
  local dir = bench.workspace({ workers = o.workers, rounds = o.rounds, workload = o.workload or QUERY, files = o.files,
    network = ("caliper: {connector: http}\nhttp: {url: %q, %s}\n"):format(url, o.options or "connections: 64") })
  local r = bench.run(dir)
  assert.are.equal(0, r.status, r.stdout .. r.stderr)
  local summary, folder = support.summary(dir)
  return summary.tests[1], dir, folder
end

local function median(values)
  table.sort(values)
  return values[math.ceil(#values / 2)]
end

local function between(low, value, high, what)
  assert.is_true(low <= value and value <= high, ("%s: %g is not in [%g, %g]"):format(what, value, low, high))
end

-- Of transactions that were all ok: what one clock measures, the next one goes on from.
local function assert_sum(test)
  local parts = test.lateness_ns.mean + test.blocked_ns.mean + test.service_time_ns.mean
  between(parts - 5, test.response_time_ns.mean, parts + 5, "lateness + blocked + service")
end

describe("service time", function()
  it("is the server's delay and little more", function()
    local test = run(demo_server("--latency", "constant 20ms"), { workers = 2, rounds = bench.round({ number = 200, tps = 200 }) })
    local service = test.service_time_ns
    assert.is_true(service.min >= 20 * MS, "faster than the server: " .. service.min)
    between(20 * MS, service.p50, 40 * MS, "p50")
    assert.is_true(service.p50 <= service.p90 and service.p90 <= service.p99 and service.p99 <= service.max)
    assert_sum(test)
  end)

  it("follows a distribution: medians and tails where they belong", function()
    local test = run(demo_server("--latency", "uniform 20ms 60ms"), { rounds = bench.round({ number = 400, tps = 400 }) })
    local service = test.service_time_ns
    between(20 * MS, service.min, 30 * MS, "min")
    between(36 * MS, service.p50, 50 * MS, "p50")
    between(52 * MS, service.p90, 75 * MS, "p90")
    between(38 * MS, service.mean, 55 * MS, "mean")
    assert.is_true(service.max >= 58 * MS)
  end)

  it("agrees with what another server has measured of its own delays", function()
    local witness = support.witness()
    local test, dir = run(witness.url, { rounds = bench.round({ number = 150, tps = 150 }), workload = [[
      local M = { delays = {} }
      function M:run(ctx)
        local response = ctx.sut:send({ path = "/delay/" .. 10 + ctx.index % 3 * 10 })
        self.delays[#self.delays + 1] = response.body
      end
      function M:finish(ctx)
        local f = io.open(ctx.workspace .. "/delays.txt", "w")
        f:write(table.concat(self.delays, "\n"), "\n")
        f:close()
      end
      return M]] })
    local delays, sum = {}, 0
    for line in io.lines(dir .. "/delays.txt") do
      delays[#delays + 1] = tonumber(line)
      sum = sum + tonumber(line)
    end
    assert.are.equal(150, #delays)
    local service = test.service_time_ns
    between(sum / 150, service.mean, sum / 150 + 30 * MS, "mean")
    local own = median(delays)
    between(own, service.p50, own * 1.001 + 8 * MS, "p50")
    assert.is_true(service.min >= delays[1] and service.max >= delays[#delays])
  end)

  it("of a SUT that queues by itself grows; nothing of that is blocked or late", function()
    local url = demo_server("--latency", "constant 25ms", "--concurrency", "2")
    local test = run(url, { options = "connections: 200", rounds = bench.round({ number = 120, tps = 120 }) })
    between(150 * MS, test.service_time_ns.p50, 900 * MS, "service p50")
    assert.is_true(test.blocked_ns.p50 < 10 * MS and test.lateness_ns.p50 < 10 * MS)
    assert_sum(test)
  end)
end)

describe("a pool that is too small", function()
  it("shows in blocked, not in lateness or service time", function()
    local test = run(demo_server("--latency", "constant 50ms"),
      { options = "connections: 2", rounds = bench.round({ number = 80, tps = 80 }) })
    assert.are.same({ 80, 80 }, { test.submitted, test.ok })
    -- 40 a second get through: the last one waits for about a second, the one in the middle for half of it.
    between(250 * MS, test.blocked_ns.p50, 1000 * MS, "blocked p50")
    between(700 * MS, test.blocked_ns.max, 3000 * MS, "blocked max")
    between(50 * MS, test.service_time_ns.p50, 90 * MS, "service p50")
    assert.is_true(test.lateness_ns.p50 < 10 * MS, "lateness p50 " .. test.lateness_ns.p50)
    assert_sum(test)
  end)
end)

-- The server takes requests in for a second and answers none of them.
describe("a stall of one second", function()
  local STALL = { "--stall", "at 1500ms for 1s" }
  local ROUND = { number = 600, tps = 200 }

  -- 200 of 600 are hit, those due i * 5 ms before the end of the stall wait for so long: of all, the share p waits for at
  -- most (p - 2/3) * 3 s. A server that is silent cannot answer earlier, so that is a lower bound, less two runs of spacing;
  -- above it there is a busy machine.
  local function assert_full_weight(response)
    for name, share in pairs({ p50 = 0.50, p90 = 0.90, p95 = 0.95, p99 = 0.99, max = 1 }) do
      local expected = math.max(0, (share - 2 / 3) * 3) * S
      between(math.max(0, expected - 10 * MS), response[name], expected + 150 * MS, name)
    end
    -- The area of the triangle of waits, over all transactions: 200 * 0.5 s / 600.
    between(S / 6 - 5 * MS, response.mean, S / 6 + 100 * MS, "mean")
  end

  it("has its full weight in response time", function()
    local test, _, folder = run(demo_server(unpack(STALL)), { options = "connections: 300", rounds = bench.round(ROUND) })
    assert.are.equal(600, test.ok)
    assert_full_weight(test.response_time_ns)
    assert_sum(test)

    local results = require("vernier.results").read(folder)
    local points = results:representation("distribution", results.tests[1], "response").points
    local above
    for _, point in ipairs(points) do
      if point.ns > 0.5 * S then
        above = (100 - point.percentile) / 100 * 600
        break
      end
    end
    between(70, above, 130, "transactions of more than half a second")
  end)

  it("has it with few connections, too: service time alone would hide it", function()
    local test = run(demo_server(unpack(STALL)), { options = "connections: 4", rounds = bench.round(ROUND) })
    assert.are.equal(600, test.ok)
    assert_full_weight(test.response_time_ns)
    between(900 * MS, test.service_time_ns.max, 1500 * MS, "service max")
    assert.is_true(test.service_time_ns.p99 < 300 * MS, "service p99 " .. test.service_time_ns.p99)
    between(500 * MS, test.blocked_ns.p90, 900 * MS, "blocked p90")
    assert.is_true(test.lateness_ns.p90 < 50 * MS, "lateness p90 " .. test.lateness_ns.p90)
    assert_sum(test)
  end)

  it("hits as many as are in flight in a closed model", function()
    local test = run(demo_server(unpack(STALL)), { rounds = bench.round({ duration = 3, load = 4 }) })
    assert.are.equal("closed", test.model)
    assert.is_true(test.ok > 600)
    between(900 * MS, test.response_time_ns.max, 1500 * MS, "max")
    assert.is_true(test.response_time_ns.p99 < 300 * MS, "p99 " .. test.response_time_ns.p99)
  end)
end)

-- What each run should have seen, computed from when its request arrived at the server. The plan's beginning is taken from
-- the request that arrived with the least delay: that is a little later than it was, so what is computed is a lower bound.
describe("the server's arrival log", function()
  local INDEXED = 'return { run = function(_, ctx) ctx.sut:send({ path = "/query?account=" .. ctx.index, expect = { status = 404 } }) end }'
  local SHARES = { p50 = 0.50, p90 = 0.90, p95 = 0.95, p99 = 0.99, max = 1 }

  -- The arrivals with their index and what passed since the run was due, in order of arrival.
  local function since_due(arrivals, tps)
    local begin = math.huge
    for _, a in ipairs(arrivals) do
      a.index = tonumber(a.path:match("account=(%d+)$"))
      begin = math.min(begin, a.at - a.index / tps * S)
    end
    for _, a in ipairs(arrivals) do
      a.waited = a.at - begin - a.index / tps * S
    end
    return arrivals
  end

  -- Each percentile of the list against the reported one: at least `below` less, at most `above` more.
  local function assert_distribution(list, reported, below, above, what)
    table.sort(list)
    for name, share in pairs(SHARES) do
      local expected = list[math.ceil(share * #list)]
      between(expected - below, reported[name], expected * 1.001 + above, what .. " " .. name)
    end
  end

  it("gives the distributions of a pool that is too small: the wait is blocked, and nothing is late", function()
    local server = support.arrival_server("--latency", "constant 50ms")
    local test = run(server.url, { options = "connections: 2", workload = INDEXED, rounds = bench.round({ number = 80, tps = 80 }) })
    local response, blocked = {}, {}
    for i, a in ipairs(since_due(server.arrivals(), 80)) do
      response[i], blocked[i] = a.waited + 50 * MS, a.waited
    end
    assert.are.equal(80, #response)
    assert_distribution(response, test.response_time_ns, 0, 60 * MS, "response")
    assert_distribution(blocked, test.blocked_ns, 20 * MS, 20 * MS, "blocked")
    assert.is_true(test.lateness_ns.p95 < 20 * MS, "lateness p95 " .. test.lateness_ns.p95)
  end)

  -- The silence of the server ends with the first request after the greatest gap; what arrived within the second before it
  -- was answered then, all else at once.
  it("gives the distributions of a stall: its full weight is in response time, four requests' in service time", function()
    local server = support.arrival_server("--stall", "at 1500ms for 1s")
    local test = run(server.url, { options = "connections: 4", workload = INDEXED, rounds = bench.round({ number = 600, tps = 200 }) })
    local arrivals, over = since_due(server.arrivals(), 200), 2
    for i = 2, #arrivals do
      if arrivals[i].at - arrivals[i - 1].at > arrivals[over].at - arrivals[over - 1].at then
        over = i
      end
    end
    local response, service, end_ns = {}, {}, arrivals[over].at
    for i, a in ipairs(arrivals) do
      service[i] = i < over and a.at > end_ns - S and end_ns - a.at or 0
      response[i] = a.waited + service[i]
    end
    assert.are.equal(600, #response)
    assert_distribution(response, test.response_time_ns, 20 * MS, 60 * MS, "response")
    assert_distribution(service, test.service_time_ns, 20 * MS, 60 * MS, "service")
  end)
end)

describe("a workload that keeps the worker busy", function()
  it("is late: counted, and in response time", function()
    local test = run(demo_server(), { rounds = bench.round({ number = 200, tps = 200 }), workload = [[
      local clock = require("vernier.core.clock")
      return { run = function(_, ctx)
        ctx.sut:send({ path = "/query?account=x", expect = { status = 404 } })
        if ctx.index == 100 then
          local until_ns = clock.now() + 0.3e9
          while clock.now() < until_ns do end
        end
      end }]] })
    assert.are.equal(200, test.ok)
    between(50, test.late, 190, "late runs")
    assert.is_true(test.lateness_ns.max >= 250 * MS and test.response_time_ns.max >= 250 * MS)
    assert.is_true(test.service_time_ns.p50 < 50 * MS)
    assert_sum(test)
  end)
end)

describe("failed transactions", function()
  it("are in no time of the report, be they slow or fast", function()
    local witness = support.witness()
    local test = run(witness.url, { options = "connections: 40, timeout: 700ms", rounds = bench.round({ number = 90, tps = 100 }),
      workload = [[
        local PATHS = { [0] = "/delay/40", "/status/500", "/blackhole" }
        return { run = function(_, ctx) ctx.sut:send({ path = PATHS[ctx.index % 3] }) end }]] })
    assert.are.same({ 90, 30, 60 }, { test.submitted, test.ok, test.failed })
    assert.is_true(test.response_time_ns.min >= 38 * MS and test.service_time_ns.min >= 38 * MS, "a fast failure was timed")
    assert.is_true(test.service_time_ns.max < 700 * MS, "a timeout was timed")
    between(38 * MS, test.service_time_ns.p50, 100 * MS, "p50")
  end)
end)
