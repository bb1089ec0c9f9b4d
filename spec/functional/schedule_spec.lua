-- The schedule as the SUT has seen it: the demo server's arrival log, stamped by the server, proves when runs were sent.
-- Single arrivals may be late on a busy machine, so medians and shares are judged, never the worst one.
local arrivals_of = require("spec.support.arrivals")
local bench = require("spec.support.bench")
local support = require("spec.support")

local MS = 1e6

local run, of_round = arrivals_of.run, arrivals_of.of_round

local function median(values)
  local sorted = { unpack(values) }
  table.sort(sorted)
  return sorted[math.ceil(#sorted / 2)]
end

local function share(values, condition)
  local n = 0
  for _, value in ipairs(values) do
    n = n + (condition(value) and 1 or 0)
  end
  return n / #values
end

-- Each index once, executed by the worker whose turn it is; but for those that the end of the round left no time for.
local function assert_plan(arrivals, number, workers, dropped)
  assert.are.equal(number, #arrivals + (dropped or 0))
  local seen = {}
  for _, arrival in ipairs(arrivals) do
    assert.is_nil(seen[arrival.index], "run " .. arrival.index .. " came twice")
    seen[arrival.index] = true
    assert.is_true(arrival.index < number)
    assert.are.equal(arrival.index % workers, arrival.worker)
  end
end

-- How far each arrival is from its place in an even sequence. Arrivals are late at times and never early: the sequence
-- begins where the earliest fifth says.
local function deviations(arrivals, interval_ns)
  local list = {}
  for i, arrival in ipairs(arrivals) do
    list[i] = arrival.at - arrivals[1].at - arrival.index * interval_ns
  end
  local sorted = { unpack(list) }
  table.sort(sorted)
  for i in ipairs(list) do
    list[i] = list[i] - sorted[math.ceil(#sorted / 5)]
  end
  return list
end

local function gaps(arrivals)
  local list = {}
  for i = 2, #arrivals do
    list[#list + 1] = arrivals[i].at - arrivals[i - 1].at
  end
  return list
end

local function assert_even(arrivals, interval_ns)
  local off = deviations(arrivals, interval_ns)
  local on_time = share(off, function(d)
    return math.abs(d) < interval_ns / 2
  end)
  assert.is_true(on_time > 0.6, ("%.0f %% at their place"):format(100 * on_time))
  -- N workers that start each of their runs together would give N - 1 of N gaps of nearly nothing.
  local short = share(gaps(arrivals), function(gap)
    return gap < interval_ns / 2
  end)
  assert.is_true(short < 0.3, ("%.0f %% of the gaps are shorter than half an interval"):format(100 * short))
  assert.is_true(math.abs(median(gaps(arrivals)) / interval_ns - 1) < 0.1, "median gap " .. median(gaps(arrivals)) .. " ns")
  -- No drift: the last third is where the first third says.
  local third = math.floor(#off / 3)
  local first, last = {}, {}
  for i = 1, third do
    first[i], last[i] = off[i], off[#off - third + i]
  end
  assert.is_true(math.abs(median(last) - median(first)) < interval_ns / 2, "the rate is another one")
end

describe("fixed-rate", function()
  local plans = {}

  for workers = 1, 3 do
    it(("100/s by number: %d worker%s, 200 arrivals, evenly spread, no bursts"):format(workers, workers > 1 and "s" or ""),
      function()
        local arrivals, tests = run({ workers = workers, rounds = bench.round({ number = 200, tps = 100 }),
          options = { "--vernier-seed", "7" } })
        local plan = {}
        for _, arrival in ipairs(arrivals) do
          plan[arrival.index + 1] = arrival.random
        end
        plans[workers] = table.concat(plan, " ")
        assert_plan(arrivals, 200, workers)
        assert.are.same({ 200, 200 }, { tests[1].runs, tests[1].ok })
        assert.is_true(math.abs(tests[1].send_rate - 100) < 0.01, tests[1].send_rate .. "/s")
        assert_even(arrivals, 10 * MS)
      end)
  end

  it("with the same seed: the same plan, however many workers there are", function()
    local _, n = plans[1]:gsub("%d+", "")
    assert.are.equal(200, n)
    assert.is_true(plans[1] == plans[2] and plans[1] == plans[3])
    assert.is_true(plans[1]:match("^(%d+) ") ~= plans[1]:match("^%d+ (%d+)"))
  end)

  it("by duration: exactly tps times duration, none at the end itself", function()
    for _, case in ipairs({ { workers = 1, tps = 50, seconds = 2, number = 100 },
      { workers = 3, tps = 50, seconds = 2, number = 100 }, { workers = 2, tps = 33, seconds = 0.5, number = 17 } }) do
      local arrivals, tests = run({ workers = case.workers, rounds = bench.round({ duration = case.seconds, tps = case.tps }) })
      local dropped = tests[1].dropped
      assert_plan(arrivals, case.number, case.workers, dropped)
      assert.is_true(dropped <= case.workers, dropped .. " were due too close to the end")
      assert.are.equal(#arrivals, tests[1].submitted)
      assert.is_true(math.abs(tests[1].send_rate - #arrivals / case.seconds) < 0.01, tests[1].send_rate .. "/s")
    end
  end)

  it("by a number that the workers do not divide: none is lost, none is extra", function()
    local arrivals, tests = run({ workers = 3, rounds = bench.round({ number = 100, tps = 400 })
      .. bench.round({ label = "two", number = 2, tps = 400 }) })
    assert_plan(of_round(arrivals, "r"), 100, 3)
    assert_plan(of_round(arrivals, "two"), 2, 3)
    local runs = {}
    for i, worker in ipairs(tests[1].workers) do
      runs[i] = worker.runs
    end
    assert.are.same({ 34, 33, 33 }, runs)
  end)
end)

describe("the start of a round", function()
  it("is one instant for all workers, whoever was ready first", function()
    local rounds = ""
    for i = 1, 5 do
      rounds = rounds .. bench.round({ label = "r" .. i, number = 6, tps = 20 })
    end
    local arrivals = run({ workers = 2, rounds = rounds,
      workload = arrivals_of.WORKLOAD:gsub("return {", "return { init = function(_, ctx) ctx:sleep(0.2 * ctx.worker) end,", 1) })
    local apart = {}
    for i = 1, 5 do
      local first = {}
      for _, arrival in ipairs(of_round(arrivals, "r" .. i)) do
        first[arrival.worker] = first[arrival.worker] or arrival.at
      end
      apart[i] = (first[1] - first[0]) / (50 * MS)
    end
    -- Worker 1 begins with run 1, an interval after run 0.
    assert.is_true(math.abs(median(apart) - 1) < 0.3, "median of " .. table.concat(apart, ", ") .. " intervals")
  end)
end)

describe("zero-rate", function()
  it("sends nothing for its duration", function()
    local arrivals, tests = run({ workers = 2, rounds = bench.round({ label = "a", number = 20, tps = 400 })
      .. bench.round({ label = "pause", duration = 0.7, rate = "{type: zero-rate}" })
      .. bench.round({ label = "b", number = 20, tps = 400 }) })
    assert.are.equal(40, #arrivals)
    local before, after = of_round(arrivals, "a"), of_round(arrivals, "b")
    assert.is_true(after[1].at - before[20].at >= 700 * MS)
    assert.are.same({ 0, 0, "ok" }, { tests[2].runs, tests[2].submitted, tests[2].status })
  end)
end)

-- Where every answer takes 20 ms, n + 1 arrivals within 20 ms prove more than n in flight.
local function assert_in_flight(arrivals, most, latency_ns)
  for i = 1, #arrivals - most do
    local span = arrivals[i + most].at - arrivals[i].at
    assert.is_true(span >= 0.99 * latency_ns, ("%d arrivals within %g ms"):format(most + 1, span / MS))
  end
end

describe("the number in flight", function()
  it("is transactionLoad over all workers, not less and never more", function()
    local arrivals, tests = run({ workers = 2, server = { "--latency", "constant 20ms" },
      rounds = bench.round({ duration = 1, load = 5 }) })
    assert_in_flight(arrivals, 5, 20 * MS)
    assert.are.equal(tests[1].ok, #arrivals)
    local possible = 5 * 1000 / 20
    assert.is_true(#arrivals <= possible and #arrivals > possible / 2, #arrivals .. " of " .. possible)
  end)

  it("cannot be less than the workers: an error names both", function()
    local r = bench.run(bench.workspace({ workers = 3, rounds = bench.round({ number = 5, load = 2 }) }))
    assert.are.equal(3, r.status)
    assert.matches("transactionLoad of 2 is fewer than the 3 workers", r.stderr)
  end)

  it("is limited by maxInFlight over all workers, and the delay is no lateness", function()
    local arrivals, tests = run({ workers = 2, server = { "--latency", "constant 20ms" },
      rounds = bench.round({ number = 120, tps = 400, extra = "maxInFlight: 4" }) })
    assert.are.equal(120, #arrivals)
    assert_in_flight(arrivals, 4, 20 * MS)
    local test = tests[1]
    assert.is_true(test.blocked_ns.max > 100 * MS, "the wait for a place is not in blocked")
    assert.is_true(test.lateness_ns.p50 < test.blocked_ns.p50 / 4, "the wait for a place is in lateness")
    assert.is_true(test.late < 60, test.late .. " runs are late")
  end)
end)

describe("a window of runs", function()
  -- Runs that end when `together` of them are in flight, or after 15 s.
  local MEET = [[
local M, n, most = {}, 0, 0
function M:run(ctx)
  n = n + 1
  most = math.max(most, n)
  for _ = 1, 150 do
    if most >= ctx.arguments.together then break end
    ctx:sleep(0.1)
  end
  n = n - 1
  ctx.sut:send({ most = most })
end
M["end"] = function(_, ctx)
  ctx.log("most " .. most)
end
return M
]]

  it("may be larger than the 10,000 that a worker has in flight otherwise", function()
    local dir = bench.workspace({ workload = MEET, rounds = bench.round({ number = 12000, load = 12000,
      arguments = "{together: 12000}" }) })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.matches("most 12000", r.stdout .. r.stderr)
  end)

  it("that maxInFlight holds back waits for places without a turn of the loop", function()
    local dir = bench.workspace({ workload = "return { run = function(_, ctx) ctx:sleep(0.2) ctx.sut:send({}) end }",
      rounds = bench.round({ duration = 2, load = 5000, extra = "maxInFlight: 2" }) })
    local r = bench.run(dir, { "--vernier-pacing", "batched" })
    assert.are.equal(0, r.status, r.stderr)
    local vitals = support.summary(dir).tests[1].workers[1].vitals
    assert.is_true(vitals.cpu_ns < vitals.wall_ns / 2, ("%g ns of CPU in %g"):format(vitals.cpu_ns, vitals.wall_ns))
  end)
end)

describe("waiting for due times", function()
  it("costs next to nothing at a low rate", function()
    local dir = bench.workspace({ rounds = bench.round({ duration = 2, tps = 5 }) })
    local r = bench.run(dir, { "--vernier-pacing", "batched" })
    assert.are.equal(0, r.status, r.stderr)
    local cpu_ns = support.summary(dir).tests[1].workers[1].vitals.cpu_ns
    assert.is_true(cpu_ns < 1e9, ("%g ns of CPU in 2 s"):format(cpu_ns))
  end)
end)
