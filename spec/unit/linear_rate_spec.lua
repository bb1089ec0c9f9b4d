-- The rate controller linear-rate against the integral that it solves.
local rates = require("spec.support.rates")

-- Runs that a rate from a to b over D seconds has sent by t.
local function integral(a, b, seconds, t)
  return a * t + (b - a) * t * t / (2 * seconds)
end

local function options(a, b)
  return { startingTps = a, finishingTps = b }
end

describe("linear-rate", function()
  it("sends what the rate's integral is: the count, and each due time", function()
    for _, case in ipairs({ { 25, 75, 30, 1500 }, { 75, 25, 30, 1500 }, { 25, 150, 30, 2625 }, { 0, 100, 10, 500 },
      { 100, 0, 10, 500 }, { 40, 40, 5, 200 }, { 0.5, 0.1, 100, 30 }, { 0, 50000, 2, 50000 } }) do
      local a, b, seconds, count = unpack(case)
      local dues = rates.plan("linear-rate", options(a, b), { round = { duration = seconds } })
      assert.are.equal(count, rates.count(dues), a .. " to " .. b)
      for index, due in pairs(dues) do
        assert.is_true(math.abs(integral(a, b, seconds, due) - index) < 1e-6 * (1 + index), ("run %d at %.9g s"):format(index, due))
      end
      assert.are.equal(0, dues[0])
    end
  end)

  it("never goes back", function()
    local c = rates.controller("linear-rate", options(1000, 0.001), { round = { duration = 20 } })
    local last = -1
    for index = 0, 10000 do
      local due = c:run(nil, index)
      if not due then
        break
      end
      assert.is_true(due > last)
      last = due
    end
  end)

  it("by number takes the time that its runs take", function()
    for _, case in ipairs({ { 25, 75, 1500, 30 }, { 100, 0, 500, 10 }, { 0, 100, 500, 10 } }) do
      local a, b, number, seconds = unpack(case)
      local dues = rates.plan("linear-rate", options(a, b), { round = { number = number } })
      assert.are.equal(number, rates.count(dues))
      assert.is_true(math.abs(integral(a, b, seconds, dues[number - 1]) - (number - 1)) < 1e-6)
      assert.is_true(dues[number - 1] < seconds)
    end
  end)

  it("is the same for any number of workers", function()
    rates.assert_same_for_all("linear-rate", options(3, 700), { round = { duration = 3 } })
    rates.assert_same_for_all("linear-rate", options(700, 3), { round = { number = 1000 } })
  end)

  it("refuses what sends nothing, is negative or is missing", function()
    assert.has_error(function()
      rates.controller("linear-rate", options(0, 0))
    end, "linear-rate from 0 to 0 tx/s sends nothing: one of startingTps and finishingTps must be above 0")
    for _, bad in ipairs({ { startingTps = 1 }, options(-1, 5), options(1, "fast"), { startingTps = 1, finishingTps = 2, tps = 3 } }) do
      assert.has_error(function()
        rates.controller("linear-rate", bad)
      end)
    end
  end)
end)
