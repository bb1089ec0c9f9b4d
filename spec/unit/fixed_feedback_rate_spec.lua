-- The rate controller fixed-feedback-rate in virtual time.
local rates = require("spec.support.rates")

local function run(options, latency, seconds)
  local c, ctx = rates.controller("fixed-feedback-rate", options, { round = { index = 1, duration = seconds } })
  return rates.simulate(c, ctx, seconds, latency)
end

describe("fixed-feedback-rate", function()
  it("is a fixed rate as long as the system keeps up", function()
    local result = run({ tps = 50, transactionLoad = 20 }, function() return 0.1 end, 4)
    assert.are.equal(200, #result.starts)
    for i, at in ipairs(result.starts) do
      assert.is_true(math.abs(at - (i - 1) / 50) < 1e-9, i)
    end
  end)

  it("sends no burst before the first answer: the limit holds from the start", function()
    local result = run({ tps = 1000, transactionLoad = 8 }, function() return 3 end, 2.9)
    assert.are.equal(8, #result.starts)
    for i, at in ipairs(result.starts) do
      assert.is_true(math.abs(at - (i - 1) / 1000) < 1e-9)
    end
  end)

  it("never has more than the limit unfinished, and goes on at its rate after a pause, not in a burst", function()
    local result = run({ tps = 100, transactionLoad = 10, sleepTime = 50 }, function(_, at)
      return at > 2 and at < 3 and 1.5 or 0.02
    end, 8)
    for at = 0, 7.9, 0.05 do
      assert.is_true(result.in_flight(at) <= 10, at)
    end
    local held = 0
    for i = 2, #result.starts do
      local gap = result.starts[i] - result.starts[i - 1]
      assert.is_true(gap > 0.01 - 1e-9, "a burst at " .. result.starts[i])
      held = held + (gap > 0.045 and 1 or 0)
    end
    assert.is_true(held >= 1)
    assert.is_true(#result.starts < 750 and #result.starts > 400, #result.starts)
  end)

  it("permits no more than the limit to a worker that is late, however many are due", function()
    local c, ctx = rates.controller("fixed-feedback-rate", { tps = 1000, transactionLoad = 10 })
    local stats, n = { submitted = 0, finished = 0, ok = 0, permitted = 0, dropped = 0, runs_finished = 0 }, 0
    while c:run(ctx, n, stats, 5e9) do
      n = n + 1
      stats.permitted = n
    end
    assert.are.equal(10, n)
  end)

  it("pauses the longer the more are unfinished; longest while nothing succeeds", function()
    local c, ctx = rates.controller("fixed-feedback-rate", { tps = 1000, unfinished_per_client = 5, sleepTime = 100 })
    local now = 0
    local function pause(unfinished, ok)
      now = now + 1e12
      local _, again = c:run(ctx, 0, { submitted = unfinished + ok, finished = ok, ok = ok, permitted = ok, dropped = 0,
        runs_finished = ok }, now)
      return again - now
    end
    assert.are.same({ 100e6, 200e6, 1000e6 }, { pause(5, 9), pause(14, 9), pause(400, 9) })
    for i = 1, 40 do
      assert.are.equal(math.min(i, 30) * 100e6, pause(5, 0))
    end
    assert.are.equal(100e6, pause(5, 1))
  end)

  it("is divided over the workers, which take turns", function()
    local all = {}
    for worker = 0, 2 do
      local c, ctx = rates.controller("fixed-feedback-rate", { tps = 30, transactionLoad = 9 }, { worker = worker, workers = 3 })
      assert.are.equal(3, c._limit)
      for _, at in ipairs(rates.simulate(c, ctx, 2, function() return 0.01 end).starts) do
        all[#all + 1] = at
      end
    end
    table.sort(all)
    assert.are.equal(60, #all)
    for i, at in ipairs(all) do
      assert.is_true(math.abs(at - (i - 1) / 30) < 1e-9)
    end
  end)

  it("refuses fewer than one for each worker, and two limits", function()
    assert.has_error(function()
      rates.controller("fixed-feedback-rate", { transactionLoad = 2 }, { workers = 3 })
    end, "transactionLoad of 2 is fewer than the 3 workers: every worker needs at least one")
    assert.has_error(function()
      rates.controller("fixed-feedback-rate", { transactionLoad = 2, unfinished_per_client = 3 })
    end, "fixed-feedback-rate takes one of transactionLoad and unfinished_per_client")
  end)
end)
