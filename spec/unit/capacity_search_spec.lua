-- The rate controller capacity-search in virtual time, against systems whose capacity is known.
local cell = require("spec.support.cell")
local random = require("vernier.core.random")
local rates = require("spec.support.rates")

local MS = 1e-3

local function search(o)
  o.type, o.seconds = "capacity-search", o.seconds or 3000
  local run = cell.run(o)
  return run.workers[1].findings[1], run
end

local function within(share, expected, value)
  assert.is_true(math.abs(value / expected - 1) <= share, ("%g instead of %g"):format(value, expected))
end

describe("capacity-search finds the capacity", function()
  for _, c in ipairs({ 1, 2, 5 }) do
    it(("of %d places of 1 ms"):format(c), function()
      local f = search({ options = { slo = { p99 = "5 ms" }, from = 50, confirm = 1, measure = 2, settle = 0.5 },
        system = cell.places(c, 1 * MS) })
      assert.are.equal("found", f.outcome)
      within(0.03, c * 1000, f.value)
      assert.are.equal(f.value, f.low)
      assert.is_true(f.low < f.high and f.high - f.low <= 0.02 * f.low + 1e-9)
      assert.matches("^[%d.e+]+ tx/s; [%d.e+]+ tx/s failed: p99 .* > 5 ms$", f.text)
    end)
  end

  it("of a system of two speeds, whose slower answers the objective allows or not", function()
    local function system()
      local r = random.new(1, 1, 1)
      return cell.places(4, function() return r() < 0.02 and 20 * MS or 1 * MS end)
    end
    local options = { from = 100, confirm = 1, measure = 4, settle = 0.5, slo = { p95 = "10 ms" } }
    local f = search({ options = options, system = system() })
    -- A place takes 1.38 ms on average: 2900 a second with every place always busy, which the objective leaves room from.
    assert.is_true(f.outcome == "found" and f.value > 1500 and f.value < 2900, f.text)
    options.slo = { p99 = "10 ms" }
    f = search({ options = options, system = system() })
    assert.are.same({ "below", nil }, { f.outcome, f.value })
    assert.matches("^less than 100 tx/s: p99 .* > 10 ms$", f.text)
  end)

  it("with three workers as with one, who come to the same at the same time", function()
    local values = {}
    for _, workers in ipairs({ 1, 3 }) do
      local f, run = search({ workers = workers, options = { slo = { p99 = "20 ms" }, from = 100, measure = 2, settle = 0.5 },
        system = cell.places(3, 5 * MS) })
      within(0.03, 600, f.value)
      values[#values + 1] = f.value
      for i, worker in ipairs(run.workers) do
        assert.is_true(worker.done)
        assert.are.equal(i == 1 and 1 or 0, #worker.findings)
        assert.are.equal(run.workers[1].controller._low, worker.controller._low)
        assert.are.same(run.workers[1].controller._rows, worker.controller._rows)
      end
    end
    within(0.02, values[1], values[2])
  end)

  it("where answers come in time and completions fall behind all the same", function()
    -- It answers at once, 500 a second; the rest a minute later: within the objective, and never caught up with.
    local second, n = -1, 0
    local f = search({ seconds = 20000, options = { slo = { p50 = "100 s" }, from = 100, measure = 5, settle = 1, drain = 100,
      confirm = 1 }, system = function(at)
      if math.floor(at * 10) ~= second then
        second, n = math.floor(at * 10), 0
      end
      n = n + 1
      return n <= 50 and 1 * MS or 60
    end })
    within(0.06, 500, f.value)
    assert.matches("completions fall behind: %d+ of %d+$", f.text)
  end)
end)

describe("capacity-search tells apart", function()
  it("a system that does not fail up to `to`", function()
    local f = search({ options = { slo = { p99 = "50 ms" }, from = 100, to = 900, confirm = 1, measure = 1, settle = 0.1 },
      system = function() return 2 * MS end })
    assert.are.same({ "at least", 900, 900 }, { f.outcome, f.value, f.low })
    assert.is_nil(f.high)
    assert.are.equal("at least 900 tx/s, which is as far as it was to go", f.text)
    local asked = {}
    for i, row in ipairs(f.curve.rows) do
      asked[i] = row.rate
    end
    assert.are.same({ 100, 200, 400, 800, 900 }, asked)
  end)

  it("one that fails at `from`", function()
    local f = search({ options = { slo = { p99 = "50 ms" }, from = 100, confirm = 1, measure = 1, settle = 0.1 },
      system = function() return 60 * MS end })
    assert.are.same({ "below", 100 }, { f.outcome, f.high })
    assert.is_nil(f.value)
    assert.are.equal("less than 100 tx/s: p99 60 ms > 50 ms", f.text)
  end)

  it("errors from slowness", function()
    local n = 0
    local f = search({ options = { slo = { p99 = "50 ms", errors = "0.5 %" }, from = 100, confirm = 1, measure = 1, settle = 0.1 },
      system = function()
        n = n + 1
        return 1 * MS, n % 100 == 0
      end })
    assert.are.equal("less than 100 tx/s: errors 1 % > 0.5 %", f.text)
  end)

  it("a generator that is too slow, whatever the system would do", function()
    for _, places in ipairs({ 1, 100 }) do -- which could do 2,000 a second, or 200,000
      local f = search({ workers = 2, start_ns = 2e6, system = cell.places(places, 0.5 * MS), -- 500 a second of each worker
        options = { slo = { p99 = "20 ms" }, from = 100, to = 10000, confirm = 1, measure = 1, settle = 0.2 } })
      assert.are.equal("generator", f.outcome)
      within(0.03, 1000, f.value)
      assert.is_nil(f.high)
      assert.matches("^at least [%d.e+]+ tx/s; at [%d.e+]+ tx/s the generator could not keep up: runs were late: p99 .* > 2 ms$",
        f.text)
    end
  end)

  it("a generator without CPU time left from a system that is slow", function()
    local options = { slo = { p99 = "20 ms" }, from = 100, confirm = 1, measure = 1, settle = 0.2 }
    local f = search({ busy = 0.97, options = options, system = cell.places(1, 1 * MS) })
    assert.matches("the generator could not keep up: a worker was busy for 97 %% of the time$", f.text)
    f = search({ busy = 0.9, options = options, system = cell.places(1, 1 * MS) })
    assert.are.equal("found", f.outcome)
  end)

  it("a full limit of runs in flight, which is the system's, from runs that the generator did not send", function()
    local f = search({ max_in_flight = 5, system = function() return 10 * MS end,
      options = { slo = { p99 = "1 s" }, from = 100, confirm = 1, measure = 1, settle = 0.2 } })
    assert.are.equal("found", f.outcome)
    within(0.2, 500, f.value)
  end)

  it("a system that never answers from one that is slow, and goes no further", function()
    local f = search({ options = { slo = { p99 = "50 ms" }, from = 10, confirm = 1, measure = 1, settle = 0.1, drain = 2 },
      system = function(at) return at > 3 and 1e6 or 1 * MS end })
    assert.are.equal("stuck", f.outcome)
    assert.matches("^10 tx/s passed; after 20 tx/s some transactions got no answer for 2 s$", f.text)
  end)

  it("a search that the round was too short for", function()
    local f = search({ seconds = 8, options = { slo = { p99 = "50 ms" }, from = 100, confirm = 1, measure = 1, settle = 0.1 },
      system = cell.places(1, 1 * MS) })
    assert.are.equal("unfinished", f.outcome)
    assert.matches("the round was too short for the search$", f.text)
    f = search({ seconds = 0.5, options = { slo = {} }, system = cell.places(1, 1 * MS) })
    assert.are.equal("no rate has passed; the round was too short for the search", f.text)
    assert.is_nil(f.curve)
  end)
end)

describe("a verdict of capacity-search", function()
  it("has to come as often as confirm says: one hiccup is no limit", function()
    local function system()
      local inner, hiccup = cell.places(1, 1 * MS), { 4.5, 5 }
      return function(at)
        return inner(at) + (at > hiccup[1] and at < hiccup[2] and 0.5 or 0)
      end
    end
    local options = { slo = { p99 = "20 ms" }, from = 100, measure = 1, settle = 0.2, confirm = 1 }
    assert.is_true(search({ options = options, system = system() }).value < 810)
    options.confirm = 2
    within(0.03, 1000, search({ options = options, system = system() }).value)
  end)

  it("is in the curve with its figures, every step once, in the order in which they came", function()
    local f = search({ options = { slo = { p90 = "5 ms" }, from = 100, to = 200, confirm = 2, measure = 1, settle = 0.1 },
      system = function() return 2 * MS end })
    local rates_asked = {}
    for i, row in ipairs(f.curve.rows) do
      rates_asked[i] = row.rate
      assert.are.equal("passed", row.verdict)
      within(0.001, 2e6, row.p50)
      within(0.02, row.rate, row.throughput)
      assert.are.same({ 0, 0 }, { row.errors, row.lateness })
    end
    assert.are.same({ 100, 100, 200, 200 }, rates_asked)
    assert.are.equal("rate", f.curve.columns[1].name)
  end)
end)

describe("options of capacity-search", function()
  local function refused(options)
    local ok, message = pcall(rates.controller, "capacity-search", options)
    assert.is_false(ok)
    return message
  end

  it("that cannot be are refused", function()
    assert.matches("missing option \"slo\"", refused({}))
    assert.matches('slo: .*unknown option "p98"', "slo: " .. refused({ slo = { p98 = "1s" } }))
    assert.matches("did you mean", refused({ slo = { p99 = "1s" }, form = 5 }))
    assert.matches("slo.errors: must be a percentage", refused({ slo = { errors = "many" } }))
    assert.matches("slo.errors: must be a percentage", refused({ slo = { errors = 101 } }))
    assert.matches("from of 20 is above to of 10", refused({ slo = {}, from = 20, to = 10 }))
    assert.matches("precision", refused({ slo = {}, precision = 0 }))
  end)

  it("take percentages as numbers and texts, and percentiles in both spellings", function()
    for _, slo in ipairs({ { errors = 0.1, ["p99.9"] = "10 ms" }, { errors = "0.1 %", ["p99_9"] = 0.01 }, { errors = "0.1%", ["p99.9"] = 0.01 } }) do
      local c = rates.controller("capacity-search", { slo = slo })
      assert.are.same({ 0.1, 0.01, 5 }, { c.options.slo.errors, c.options.slo["p99.9"], c.options.slo.throughput })
    end
  end)

  it("measure long enough for the objective unless told", function()
    local c = rates.controller("capacity-search", { slo = { p50 = "10 ms", p99 = "2 s" } })
    assert.are.same({ 4e9, 40e9, 1e6 }, { c._settle_ns, c._measure_ns, c._late_ns })
    c = rates.controller("capacity-search", { slo = {} })
    assert.are.same({ 1e9, 5e9, 0.5e6 }, { c._settle_ns, c._measure_ns, c._late_ns })
  end)
end)
