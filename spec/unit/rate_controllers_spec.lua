-- What holds for all built-in rate controllers: names and options of both generations of Caliper, refusals with a place, and
-- plans that are exact at any rate, for any number of workers.
local benchmark = require("vernier.config.benchmark")
local near = require("vernier.near")
local plugins = require("vernier.plugins")
local random = require("vernier.core.random")
local rates = require("spec.support.rates")
local support = require("spec.support")

describe("Caliper's names and options", function()
  local FIXED = { type = "fixed-rate", opts = { tps = 10 } }

  -- Of the older generation (to 0.3) and the current one: {type, its options, what is meant by them}.
  local BOTH = {
    { "fixed-rate", { tps = 100 }, { tps = 100 } },
    { "fixed-rate", nil, { tps = 10 } },
    { "fixed-feedback-rate", { tps = 100, unfinished_per_client = 7000, sleep_time = 50 },
      { tps = 100, unfinished_per_client = 7000, sleepTime = 50 } },
    { "fixed-feedback-rate", { tps = 100, transactionLoad = 100, sleepTime = 50 },
      { tps = 100, transactionLoad = 100, sleepTime = 50 } },
    { "fixed-feedback-rate", {}, { tps = 10, sleepTime = 100 } },
    { "fixed-backlog", { unfinished_per_client = 5, startingTps = 3 }, { unfinished_per_client = 5, startingTps = 3 } },
    { "fixed-backlog", { unfinished_per_client = 5, sleep_time = 100 }, { unfinished_per_client = 5, sleep_time = 100 } },
    { "fixed-load", { transactionLoad = 20, startTps = 5 }, { transactionLoad = 20, startTps = 5 } },
    { "fixed-load", { transactionLoad = 20, startingTps = 5 }, { transactionLoad = 20, startTps = 5 } },
    { "linear-rate", { startingTps = 25, finishingTps = 75 }, { startingTps = 25, finishingTps = 75 } },
    { "composite-rate", { weights = { "1", 2 }, rateControllers = { FIXED, FIXED }, logChange = true },
      { weights = { 1, 2 }, logChange = true } },
    { "zero-rate", {}, {} },
    { "zero-rate", nil, {} },
    { "maximum-rate", { tps = 100, step = 5, sampleInterval = 20, includeFailed = false },
      { tps = 100, step = 5, sampleInterval = 20, includeFailed = false } },
    { "maximum-rate", {}, { tps = 5, step = 5, sampleInterval = 10, includeFailed = true } },
    { "record-rate", { rateController = FIXED, pathTemplate = "../x<C><R>.txt", outputFormat = "BIN_BE", logEnd = true },
      { outputFormat = "BIN_BE", logEnd = true } },
    { "record-rate", { rateController = FIXED, pathTemplate = "x" }, { outputFormat = "TEXT", logEnd = false } },
    { "replay-rate", { pathTemplate = "x", inputFormat = "BIN_LE", logWarnings = true, defaultSleepTime = 50 },
      { inputFormat = "BIN_LE", logWarnings = true, defaultSleepTime = 50 } },
    { "replay-rate", { pathTemplate = "x" }, { inputFormat = "TEXT", logWarnings = false, defaultSleepTime = 20 } },
  }

  for i, case in ipairs(BOTH) do
    it(("are accepted: %s (%d)"):format(case[1], i), function()
      local c, message = plugins.new("rate controller", case[1], case[2], ".")
      assert.is_nil(message)
      for name, value in pairs(case[3]) do
        assert.are.same(value, c.options[name], name)
      end
    end)
  end
end)

describe("an option that a controller does not know", function()
  local function messages(rate_control)
    local dir = support.workspace({ ["b.yaml"] = ("test:\n  rounds:\n  - label: r\n    txDuration: 5\n    rateControl:\n"
      .. "      type: %s\n      opts:\n        %s: 5\n    workload: {module: simple}\n"):format(rate_control[1], rate_control[2]) })
    local _, found = benchmark.load(dir .. "/b.yaml", { mode = "run", workspace = dir })
    return found:text()
  end

  for _, name in ipairs(plugins.names("rate controller")) do
    it("of " .. name .. " is an error with its place and the nearest name", function()
      local declared = {}
      for option, spec in pairs(assert(plugins.load("rate controller", name)).options) do
        declared[#declared + 1] = option
        for _, alias in ipairs(spec.aliases or {}) do
          declared[#declared + 1] = alias
        end
      end
      table.sort(declared)
      for _, option in ipairs(declared) do
        local slip = option:sub(1, -2) .. "x" .. option:sub(-1) -- one letter too many
        local hint = near.hint(slip, declared)
        assert.is_truthy(hint, slip)
        assert.is_truthy(messages({ name, slip }):find(('b.yaml:8:9: Round 1: rateControl: unknown option "%s" (%s)'):format(slip,
          hint), 1, true), messages({ name, slip }))
      end
      assert.is_truthy(messages({ name, "qqqqqqqq" }):find('b.yaml:8:9: Round 1: rateControl: unknown option "qqqqqqqq"', 1, true))
    end)
  end
end)

-- ---- plans ----

local function fixed(tps)
  return { type = "fixed-rate", opts = { tps = tps } }
end

-- Runs i >= 0 with i / tps < seconds, in exact numbers.
local function count_of(tps, seconds)
  return math.ceil(tps * seconds - 1e-9 * tps * seconds)
end

local function merged(type, options, workers, round)
  local all = {}
  for worker = 0, workers - 1 do
    for index, due in pairs(rates.plan(type, options, { worker = worker, workers = workers, round = round })) do
      assert.is_nil(all[index], "two workers execute run " .. index)
      all[index] = due
    end
  end
  return all
end

describe("fixed-rate", function()
  it("is exact from 0.001 to 1,000,000 tx/s of each worker, in count and in every due time", function()
    local r, n = random.new(7, 1, 1), 40
    for case = 0, n do
      local workers = ({ 1, 2, 3, 7 })[case % 4 + 1]
      local tps = workers * 10 ^ (-3 + 9 * case / n) -- evenly over nine decades
      local runs = r(3, 20000)
      local seconds = runs / tps
      local plan = merged("fixed-rate", { tps = tps }, workers, { duration = seconds * (1 - 1e-9) })
      assert.are.equal(runs, rates.count(plan), tps)
      for index = 0, runs - 1 do
        assert.is_true(math.abs(plan[index] * tps - index) <= 1e-12 * (index + 1), ("run %d at %.17g s of %g tx/s"):format(index,
          plan[index], tps))
      end
    end
  end)

  it("merges to the same plan for any number of workers", function()
    rates.assert_same_for_all("fixed-rate", { tps = 333.3 }, { round = { duration = 7 } })
    rates.assert_same_for_all("fixed-rate", { tps = 0.01 }, { round = { number = 100 } })
  end)
end)

describe("with three workers, at 1, 1,000 and 50,000 tx/s, counts and due times are exact:", function()
  -- What each sends in 4 s (1 s at the highest rate), and when run i is due.
  local CASES = {
    ["fixed-rate"] = function(tps) return { tps = tps }, function(i) return i / tps end end,
    ["linear-rate"] = function(tps) return { startingTps = tps, finishingTps = tps }, function(i) return i / tps end end,
    profile = function(tps) return { points = { { 0, tps } }, interpolation = "step" }, function(i) return i / tps end end,
    ["composite-rate"] = function(tps, seconds)
      local half = seconds * tps / 2 -- the second part is as fast
      return { weights = { 1, 1 }, rateControllers = { fixed(tps), fixed(tps) } }, function(i)
        return i < half and i / tps or seconds / 2 + (i - half) / tps
      end
    end,
  }
  for name, case in pairs(CASES) do
    it(name, function()
      for _, tps in ipairs({ 1, 1000, 50000 }) do
        local seconds = tps == 50000 and 1 or 4
        local options, due_of = case(tps, seconds)
        local plan = merged(name, options, 3, { duration = seconds })
        local count = count_of(tps, seconds)
        assert.are.equal(count, rates.count(plan), tps)
        for index = 0, count - 1 do
          assert.is_true(math.abs(plan[index] - due_of(index)) < 1e-9, ("run %d at %.12g s"):format(index, plan[index]))
        end
      end
    end)
  end

  it("poisson, whose counts are those of one worker", function()
    for _, tps in ipairs({ 1, 1000, 50000 }) do
      local seconds = tps == 1 and 400 or 1
      local plan = merged("poisson", { tps = tps, seed = 4 }, 3, { duration = seconds })
      local count = rates.count(plan)
      assert.are.equal(rates.count(rates.plan("poisson", { tps = tps, seed = 4 }, { round = { duration = seconds } })), count)
      -- Five standard deviations of a Poisson count: one in two million seeds would be further off.
      assert.is_true(math.abs(count - tps * seconds) < 5 * math.sqrt(tps * seconds), count)
      for index = 1, count - 1 do
        assert.is_true(plan[index] > plan[index - 1])
      end
    end
  end)
end)

describe("the merged plan of 1, 2, 3 and 7 workers", function()
  local function user(text)
    return support.write_file(support.tmpdir() .. "/user.lua", text)
  end

  it("is the same of a user's controller, with and without random access", function()
    local square = "return { schedule = 'global', %s run = function(_, _, i) return math.sqrt(i) * 1e8 end }"
    rates.assert_same_for_all(user(square:format("random_access = true,")), {}, { round = { duration = 3 } })
    rates.assert_same_for_all(user(square:format("")), {}, { round = { duration = 3 } })
  end)

  it("is the same below record-rate and in 64 levels of composite-rate", function()
    local dir = support.tmpdir()
    rates.assert_same_for_all("record-rate", { rateController = fixed(70), pathTemplate = dir .. "/t" }, { round = { duration = 3 } })
    local deep = { weights = { 1, 2 }, rateControllers = { fixed(100), fixed(30) } }
    for _ = 1, 64 do
      deep = { weights = { 1 }, rateControllers = { { type = "composite-rate", opts = deep } } }
    end
    rates.assert_same_for_all("composite-rate", deep, { round = { duration = 3 } })
  end)

  it("and the schedule of a worker does not change below 64 levels either", function()
    local plain = { type = "fixed-load", opts = { transactionLoad = 3 } }
    local deep = plain
    for _ = 1, 64 do
      deep = { type = "composite-rate", opts = { weights = { 1 }, rateControllers = { deep } } }
    end
    local starts = {}
    for i, controller in ipairs({ plain, deep }) do
      local c, ctx = rates.controller(controller.type, controller.opts, { round = { duration = 3 } })
      starts[i] = rates.simulate(c, ctx, 3, function(n) return 0.01 + n % 7 * 0.003 end).starts
    end
    assert.are.same(starts[1], starts[2])
    assert.is_true(#starts[1] > 300)
  end)
end)
