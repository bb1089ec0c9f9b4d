-- Every controller with three workers, against the server's arrival log: which runs came, from whom, and when.
local arrivals_of = require("spec.support.arrivals")
local bench = require("spec.support.bench")
local rates = require("spec.support.rates")
local support = require("spec.support")

local MS = 1e6
local WORKERS, SECONDS = 3, 1.5

local TRACE = support.write_file(support.tmpdir() .. "/trace", "0\n40\n45\n300\n310\n900\n")

-- Those whose due times are a function of the index: the plan is asked for in virtual time.
local PLANNED = {
  { "linear-rate", { startingTps = 20, finishingTps = 180 } },
  { "poisson", { tps = 120, seed = 5 } },
  { "profile", { points = { { 0, 50 }, { 0.5, 200 }, { 1, 0 }, { 1.2, 100 } } } },
  { "composite-rate", { weights = { 2, 1 }, rateControllers = { { type = "fixed-rate", opts = { tps = 60 } },
    { type = "poisson", opts = { tps = 300, seed = 2 } } } } },
  { "replay-rate", { pathTemplate = TRACE, defaultSleepTime = 100 } },
}

local function flow(value)
  if type(value) ~= "table" then
    return type(value) == "string" and ("%q"):format(value) or tostring(value)
  end
  local parts = {}
  for _, item in ipairs(value) do
    parts[#parts + 1] = flow(item)
  end
  if #parts > 0 then
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  for key, item in pairs(value) do
    parts[#parts + 1] = ("%s: %s"):format(key, flow(item))
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function round(label, type, options)
  return bench.round({ label = label, duration = SECONDS, rate = ("{type: %s, opts: %s}"):format(type, flow(options)) })
end

local of = arrivals_of.of_round

describe("controllers with a plan", function()
  local arrivals, tests

  setup(function()
    local rounds = {}
    for i, case in ipairs(PLANNED) do
      rounds[i] = round(case[1], case[1], case[2])
    end
    arrivals, tests = arrivals_of.run({ workers = WORKERS, rounds = table.concat(rounds) })
  end)

  for i, case in ipairs(PLANNED) do
    it(case[1] .. " send each run of it once, in its worker, at its time", function()
      local plan = rates.plan(case[1], case[2], { round = { index = i, duration = SECONDS } })
      local came, offsets = of(arrivals, case[1]), {}
      assert.are.same({ rates.count(plan), 0 }, { #came + tests[i].dropped, tests[i].failed })
      assert.is_true(tests[i].dropped <= 2, tests[i].dropped)
      for n, arrival in ipairs(came) do
        assert.is_truthy(plan[arrival.index], arrival.index)
        assert.are.equal(arrival.index % WORKERS, arrival.worker)
        offsets[n] = arrival.at - plan[arrival.index] * 1e9
      end
      -- An arrival is late at times and never early: the earliest fifth says where the round began.
      table.sort(offsets)
      local begin = offsets[math.ceil(#offsets / 5)]
      local near = 0
      for _, offset in ipairs(offsets) do
        near = near + (math.abs(offset - begin) < 5 * MS and 1 or 0)
      end
      assert.is_true(near / #offsets > 0.6, ("%d of %d at their time"):format(near, #offsets))
    end)
  end
end)

describe("with three workers, at 1, 1,000 and 50,000 tx/s,", function()
  it("every run of the plan is executed once or counted as dropped", function()
    local rounds = {}
    for _, case in ipairs({ { 1, 3 }, { 1000, 2 }, { 50000, 1 } }) do
      for _, type in ipairs({ "fixed-rate", "linear-rate" }) do
        local opts = type == "fixed-rate" and "{tps: %d}" or "{startingTps: %d, finishingTps: %d}"
        rounds[#rounds + 1] = bench.round({ label = case[1] .. " " .. case[2], duration = case[2],
          rate = ("{type: %s, opts: %s}"):format(type, opts:format(case[1], case[1])) })
        rounds[#rounds + 1] = bench.round({ label = case[1] .. " " .. case[2], number = case[1] * case[2],
          rate = ("{type: fixed-rate, opts: {tps: %d}}"):format(case[1]) })
      end
    end
    local dir = bench.workspace({ workers = WORKERS, rounds = table.concat(rounds) })
    local r = bench.run(dir, { timeout = 120 })
    assert.are.equal(0, r.status, r.stderr)
    for _, test in ipairs(support.summary(dir).tests) do
      local tps, seconds = test.label:match("^(%d+) (%d+)$")
      assert.are.equal(tps * seconds, test.runs + test.dropped, test.label)
      assert.is_true(test.runs == test.ok and (type(test.number) ~= "number" or test.dropped == 0))
      for i, worker in ipairs(test.workers) do -- and each has its exact share
        assert.are.equal(math.floor((tps * seconds + WORKERS - i) / WORKERS), worker.runs + worker.dropped)
      end
    end
  end)
end)

describe("controllers that look at answers", function()
  local CASES = {
    { "fixed-backlog", { unfinished_per_client = 2 }, 6 },
    { "fixed-load", { transactionLoad = 7 }, 7 },
    { "virtual-users", { users = 5, thinkTime = "20ms" }, 5 },
    { "fixed-feedback-rate", { tps = 1000, transactionLoad = 6, sleepTime = 20 }, 6 },
    { "maximum-rate", { tps = 60, step = 30, sampleInterval = 0.3 } },
    { "composite-rate", { weights = { 1, 1 }, rateControllers = { { type = "fixed-rate", opts = { tps = 90 } },
      { type = "fixed-load", opts = { transactionLoad = 4 } } } } },
  }
  local DELAY = 30 -- ms that the server takes for each
  local arrivals, tests

  setup(function()
    local rounds = {}
    for i, case in ipairs(CASES) do
      rounds[i] = round(case[1], case[1], case[2])
    end
    arrivals, tests = arrivals_of.run({ workers = WORKERS, rounds = table.concat(rounds),
      server = { "--latency", ("constant %dms"):format(DELAY) } })
  end)

  for i, case in ipairs(CASES) do
    it(case[1] .. " are executed by all workers, each run once, within their limit", function()
      local came, seen, by_worker = of(arrivals, case[1]), {}, {}
      assert.are.equal(tests[i].runs, #came)
      assert.are.equal(0, tests[i].failed)
      for n, arrival in ipairs(came) do
        assert.is_nil(seen[arrival.index], "run " .. arrival.index .. " came twice")
        seen[arrival.index] = true
        by_worker[arrival.worker] = true
        local limit = case[3]
        -- The server holds each for DELAY: who came so many places before has been answered.
        if limit and n > limit then
          assert.is_true(arrival.at - came[n - limit].at >= (DELAY - 1) * MS, "more than " .. limit .. " at once")
        end
      end
      assert.is_true(by_worker[0] and by_worker[1] and by_worker[2])
      assert.is_true(#came >= 20, #came)
    end)
  end
end)

describe("a user's controller that sleeps", function()
  it("has its transactions sent when run returns, in turns over three workers", function()
    local path = support.write_file(support.tmpdir() .. "/turns.lua", [[
      return { schedule = "sleeping", run = function(_, ctx, index)
        ctx:sleep(index == 0 and 0.01 * ctx.worker or 0.03)
      end }]])
    local arrivals, tests = arrivals_of.run({ workers = WORKERS, rounds = round("turns", path, { }) })
    local came = of(arrivals, "turns")
    assert.are.equal(SECONDS / 0.01, #came + tests[1].dropped)
    assert.is_true(tests[1].dropped <= 2 and tests[1].failed == 0)
    local offsets = {}
    for n, arrival in ipairs(came) do -- index: unique over all, worker by worker
      assert.are.equal(arrival.worker, arrival.index % WORKERS)
      offsets[n] = arrival.at - arrival.index * 10 * MS
    end
    table.sort(offsets)
    local near, begin = 0, offsets[math.ceil(#offsets / 5)]
    for _, offset in ipairs(offsets) do
      near = near + (math.abs(offset - begin) < 5 * MS and 1 or 0)
    end
    assert.is_true(near / #offsets > 0.6, ("%d of %d at their time"):format(near, #offsets))
    assert.is_true(tests[1].lateness_ns.p50 < 5 * MS, tests[1].lateness_ns.p50)
  end)
end)

describe("record-rate and replay-rate", function()
  it("know when runs were sent, as the server's arrival log has it", function()
    local dir = support.tmpdir()
    local busy = arrivals_of.WORKLOAD:gsub("local path", "local now = require('vernier.core.clock').now "
      .. "local n = now() + (ctx.index %% 4 == 0 and 20e6 or 0) while now() < n do end local path", 1)
    local arrivals, tests = arrivals_of.run({ workers = 2, workload = busy, rounds = round("sent", "record-rate", {
      pathTemplate = dir .. "/w<C>.txt", outputFormat = "TEXT_US", times = "sent",
      rateController = { type = "fixed-rate", opts = { tps = 80 } } }) })
    local n = 0
    for worker = 1, 2 do
      local came, sent = {}, {}
      for _, arrival in ipairs(of(arrivals, "sent")) do
        came[#came + 1] = arrival.worker == worker - 1 and arrival.at or nil
      end
      for line in io.lines(("%s/w%d.txt"):format(dir, worker)) do
        sent[#sent + 1] = tonumber(line) * 1e3
      end
      assert.are.equal(#came, #sent)
      n = n + #sent
      -- Each arrived when it was sent, a moment later: all by the same time from the round's start.
      local offsets, late = {}, 0
      for i, at in ipairs(came) do
        offsets[i] = at - sent[i]
      end
      table.sort(offsets)
      for i, at in ipairs(sent) do
        late = late + (at - ((i - 1) * 2 + worker - 1) / 80 * 1e9 > 15 * MS and 1 or 0)
      end
      assert.is_true(offsets[math.ceil(#offsets * 0.9)] - offsets[1] < 10 * MS, offsets[math.ceil(#offsets * 0.9)] - offsets[1])
      -- Runs that were busy before have sent later than they were due.
      assert.is_true(late >= (worker == 1 and #sent / 2 - 2 or 0), late)
    end
    assert.are.equal(tests[1].submitted, n)
  end)

  it("repeat a closed model's run as an open plan, worker by worker", function()
    local dir = support.tmpdir()
    local path = dir .. "/w<C>.txt"
    local _, tests = arrivals_of.run({ workers = 2, rounds = round("record", "record-rate", { pathTemplate = path,
      outputFormat = "TEXT_US", rateController = { type = "fixed-load", opts = { transactionLoad = 4 } } }),
      server = { "--latency", "constant 40ms" } })
    local arrivals, replayed = arrivals_of.run({ workers = 2, rounds = round("replay", "replay-rate", { pathTemplate = path,
      inputFormat = "TEXT_US", defaultSleepTime = 10000 }) })
    local lines = 0
    for worker = 1, 2 do
      for _ in io.lines(("%s/w%d.txt"):format(dir, worker)) do
        lines = lines + 1
      end
    end
    assert.is_true(tests[1].runs > 40 and lines >= tests[1].runs and lines - tests[1].runs <= 4, lines .. " of " .. tests[1].runs)
    assert.are.equal(lines, #of(arrivals, "replay") + replayed[1].dropped)
  end)
end)

describe("fixed-load", function()
  it("refills a window of thousands of runs that end at the same instant, to the last run", function()
    local dir = bench.workspace({ rounds = bench.round({ number = 13000, load = 6000 }), workload = [[
      local clock = require("vernier.core.clock")
      return { run = function(_, ctx)
        ctx.sut:send({})
        ctx:sleep(1 - clock.now() / 1e9 % 1)
      end }]] })
    assert.are.equal(0, bench.run(dir).status)
    local test = support.summary(dir).tests[1]
    assert.are.same({ 13000, 13000, 0 }, { test.runs, test.ok, test.dropped })
  end)
end)
