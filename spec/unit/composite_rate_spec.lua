-- The rate controller composite-rate: virtual rounds one after the other.
local rates = require("spec.support.rates")

local function fixed(tps)
  return { type = "fixed-rate", opts = { tps = tps } }
end

local ZERO = { type = "zero-rate", opts = {} }

local function options(weights, ...)
  return { weights = weights, rateControllers = { ... } }
end

-- How many of the due times (s) are in [from, to).
local function between(dues, from, to)
  local n = 0
  for _, due in pairs(dues) do
    n = n + (due >= from - 1e-9 and due < to - 1e-9 and 1 or 0)
  end
  return n
end

describe("composite-rate", function()
  it("gives each controller its part of the time, with nothing free at a switch", function()
    local dues = rates.plan("composite-rate", options({ 2, 1, 2 }, fixed(100), fixed(300), fixed(200)), { round = { duration = 5 } })
    assert.are.same({ 200, 300, 400, 900 }, { between(dues, 0, 2), between(dues, 2, 3), between(dues, 3, 5), rates.count(dues) })
    assert.are.same({ 1.99, 2, 3 }, { dues[199], dues[200], dues[500] })
  end)

  it("keeps fractions of seconds, and takes weights as texts; one of 0 leaves its controller out", function()
    local dues = rates.plan("composite-rate", options({ "1", 0, "3" }, fixed(10), { type = "zero-rate" }, fixed(40)),
      { round = { duration = 1 } })
    assert.are.equal(33, rates.count(dues)) -- 0, 0.1 and 0.2 s; then 30
    assert.are.equal(0.25, dues[3])
  end)

  it("pauses by zero-rate, which sends nothing", function()
    local dues = rates.plan("composite-rate", options({ 30, 10, 10, 30 }, fixed(100), fixed(500), ZERO, fixed(100)),
      { round = { duration = 8 } })
    assert.are.same({ 300, 500, 0, 300 }, { between(dues, 0, 3), between(dues, 3, 4), between(dues, 4, 5), between(dues, 5, 8) })
  end)

  it("by number gives each its share of the runs, without a gap or an overlap", function()
    local dues = rates.plan("composite-rate", options({ 1, 2 }, fixed(10), fixed(100)), { round = { number = 31 } })
    assert.are.equal(31, rates.count(dues))
    assert.are.same({ 0.9, 1, 1.01 }, { dues[9], dues[10], dues[11] })
  end)

  it("hands linear-rate its own duration and number", function()
    local linear = { type = "linear-rate", opts = { startingTps = 0, finishingTps = 100 } }
    local dues = rates.plan("composite-rate", options({ 1, 1 }, fixed(10), linear), { round = { duration = 20 } })
    assert.are.same({ 100, 500 }, { between(dues, 0, 10), between(dues, 10, 20) })
    dues = rates.plan("composite-rate", options({ 1, 1 }, linear, fixed(10)), { round = { number = 1000 } })
    assert.are.equal(1000, rates.count(dues))
    assert.is_true(dues[500] > dues[499] and dues[500] < 10.1, dues[500])
  end)

  it("does not change by being nested, 64 levels deep", function()
    local plain = rates.plan("composite-rate", options({ 1, 1 }, fixed(50), fixed(20)), { round = { duration = 4 } })
    local deep = options({ 1, 1 }, fixed(50), fixed(20))
    for _ = 1, 64 do
      deep = options({ 1 }, { type = "composite-rate", opts = deep })
    end
    assert.are.same(plain, rates.plan("composite-rate", deep, { round = { duration = 4 } }))
  end)

  it("is the same for any number of workers", function()
    local o = options({ 3, 1, 2 }, fixed(70), { type = "poisson", opts = { tps = 300 } },
      { type = "linear-rate", opts = { startingTps = 10, finishingTps = 90 } })
    rates.assert_same_for_all("composite-rate", o, { round = { duration = 6 } })
    rates.assert_same_for_all("composite-rate", options({ 3, 1 }, fixed(70), fixed(7)), { round = { number = 333 } })
  end)

  it("with a part that looks at answers: by duration, in flight counts for the next part", function()
    local o = options({ 1, 1, 1 }, fixed(50), { type = "fixed-load", opts = { transactionLoad = 8 } }, fixed(20))
    local c, ctx = rates.controller("composite-rate", o, { round = { duration = 6 } })
    assert.are.equal("worker", c.schedule)
    local run = rates.simulate(c, ctx, 6, function() return 0.1 end)
    local dues = {}
    for i, at in ipairs(run.starts) do
      dues[i] = at
    end
    assert.are.same({ 100, 40 }, { between(dues, 0, 2), between(dues, 4, 6) })
    for at = 2.05, 3.95, 0.1 do
      assert.are.equal(8, run.in_flight(at), at)
    end
  end)

  it("with such a part by number: every run once over all workers", function()
    local o = options({ 1, 1, 1 }, fixed(50), { type = "fixed-load", opts = { transactionLoad = 6 } }, fixed(20))
    local n = 0
    for worker = 0, 2 do
      local c, ctx = rates.controller("composite-rate", o, { round = { number = 100 }, worker = worker, workers = 3 })
      n = n + #rates.simulate(c, ctx, 60, function() return 0.05 end).starts
    end
    assert.are.equal(100, n)
  end)

  it("tells its switches when told", function()
    local o = options({ 1, 1 }, fixed(10), fixed(20))
    o.logChange = true
    local c, ctx = rates.controller("composite-rate", o, { round = { duration = 2 } })
    local lines = {}
    ctx.log = function(text) lines[#lines + 1] = text end
    for i = 0, 30 do
      c:run(ctx, i)
    end
    assert.are.same({ "composite-rate: fixed-rate (2 of 2) from 1.000 s on" }, lines)
  end)

  it("refuses what does not fit", function()
    local function refused(o, pattern, at)
      local ok, message = pcall(rates.controller, "composite-rate", o, at)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    refused(options({ 1, 2 }, fixed(1)), "2 weights for 1 controllers")
    refused(options({ 1, -2 }, fixed(1), fixed(1)), "weight 2 is %-2")
    refused(options({ "much" }, fixed(1)), "weight 1 is much")
    refused(options({ 0, 0 }, fixed(1), fixed(1)), "one weight above 0")
    refused(options({}, nil), "one weight above 0")
    refused(options({ 1 }, { type = "fixed-rate", opts = { tsp = 5 } }), "tsp")
    refused(options({ 1 }, { type = "no-such-rate" }), "no%-such%-rate")
    refused(options({ 1, 1 }, fixed(1), ZERO), "zero%-rate needs a round by txDuration", { round = { number = 10 } })
  end)
end)
