-- The rate controller poisson: the law of its gaps, and one process over all workers. Seeds are fixed, so each bound is met
-- or not; what it would be met by is said beside it.
local rates = require("spec.support.rates")

local function gaps(options, n)
  local c, ctx = rates.controller("poisson", options)
  local list, last = {}, 0
  for i = 1, n do
    local due = c:run(ctx, i - 1) / 1e9
    list[i], last = due - last, due
  end
  return list
end

describe("poisson", function()
  it("has exponential gaps", function()
    local n, tps = 20000, 500
    for seed = 1, 3 do
      local list, sum, squares = gaps({ tps = tps, seed = seed }, n), 0, 0
      table.sort(list)
      local distance = 0
      for i, gap in ipairs(list) do
        assert.is_true(gap >= 0)
        sum, squares = sum + gap, squares + gap * gap
        local law = 1 - math.exp(-gap * tps)
        distance = math.max(distance, math.abs(law - i / n), math.abs(law - (i - 1) / n))
      end
      -- Kolmogorov and Smirnov: 99.9 % of all seeds stay below 1.95 / sqrt(n).
      assert.is_true(distance < 1.95 / math.sqrt(n), ("seed %d: %g"):format(seed, distance))
      -- The mean of n exponential gaps has the relative deviation 1 / sqrt(n): 4 of them are left in 1 of 16,000.
      assert.is_true(math.abs(sum / n * tps - 1) < 4 / math.sqrt(n))
      local variance = squares / n - (sum / n) ^ 2
      assert.is_true(math.abs(variance * tps * tps - 1) < 4 * math.sqrt(8 / n), variance * tps * tps)
    end
  end)

  it("has gaps that do not depend on each other", function()
    local n, tps = 20000, 100
    local list, product = gaps({ tps = tps, seed = 7 }, n), 0
    for i = 2, n do
      product = product + (list[i] * tps - 1) * (list[i - 1] * tps - 1)
    end
    assert.is_true(math.abs(product / n) < 4 / math.sqrt(n), product / n)
  end)

  it("counts in windows as Poisson's law says: the variance is the mean", function()
    local c, ctx = rates.controller("poisson", { tps = 1000, seed = 3 })
    local counts, window, due = {}, 0.05, 0
    while due < 100 do
      due = c:run(ctx) / 1e9
      local i = math.floor(due / window)
      counts[i] = (counts[i] or 0) + 1
    end
    local sum, squares, n = 0, 0, 100 / window
    for i = 0, n - 1 do
      sum, squares = sum + (counts[i] or 0), squares + (counts[i] or 0) ^ 2
    end
    local mean = sum / n
    local dispersion = (squares / n - mean * mean) / mean
    -- The index of dispersion of n windows deviates by sqrt(2 / n).
    assert.is_true(math.abs(dispersion - 1) < 4 * math.sqrt(2 / n), dispersion)
  end)

  it("is one process over all workers, which its seed alone decides", function()
    rates.assert_same_for_all("poisson", { tps = 300, seed = 5 }, { round = { duration = 5 } })
    rates.assert_same_for_all("poisson", { tps = 300 }, { round = { number = 1000 }, seed = 9 })
    assert.are.same(gaps({ tps = 10, seed = 5 }, 50), gaps({ tps = 10, seed = 5 }, 50))
    assert.are_not.same(gaps({ tps = 10, seed = 5 }, 50), gaps({ tps = 10, seed = 6 }, 50))
  end)

  it("needs a rate", function()
    assert.has_error(function() rates.controller("poisson", {}) end)
    assert.has_error(function() rates.controller("poisson", { tps = 0 }) end)
  end)
end)
