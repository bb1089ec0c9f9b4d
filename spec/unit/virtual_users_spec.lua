-- The rate controller virtual-users in virtual time.
local rates = require("spec.support.rates")

local function run(options, seconds, latency, at)
  at = at or {}
  at.round = { index = 1, duration = seconds }
  local c, ctx = rates.controller("virtual-users", options, at)
  return rates.simulate(c, ctx, seconds, latency or function() return 0.1 end)
end

describe("virtual-users", function()
  it("run the workload again and again, with a think time between", function()
    local result = run({ users = 10, thinkTime = "300ms" }, 20)
    -- Little's law: 10 users, each 0.1 s of work and 0.3 s of thought.
    assert.is_true(math.abs(#result.starts / 20 / 25 - 1) < 0.03, #result.starts)
    for at = 0.5, 19, 0.3 do
      assert.is_true(result.in_flight(at) <= 10)
    end
  end)

  it("think for times of a distribution", function()
    local result = run({ users = 20, thinkTime = "exponential 400ms" }, 200, nil, { seed = 4 })
    -- 8,000 draws: the mean deviates by 1.1 %, the rate by 0.9 % of itself.
    assert.is_true(math.abs(#result.starts / 200 / 40 - 1) < 0.04, #result.starts)
  end)

  it("come and leave evenly", function()
    local result = run({ users = 8, rampUp = 4, rampDown = 4 }, 12)
    for at, expected in pairs({ [0.2] = 1, [0.7] = 2, [1.95] = 4, [3.7] = 8, [6] = 8, [8.3] = 8, [10.3] = 4, [11.8] = 1 }) do
      assert.is_true(math.abs(result.in_flight(at) - expected) <= 1, ("%g s: %d"):format(at, result.in_flight(at)))
    end
  end)

  it("are divided exactly over the workers, and come in turns", function()
    local counts, first = {}, {}
    for worker = 0, 2 do
      local result = run({ users = 7, rampUp = 7, thinkTime = "100s" }, 10, nil, { worker = worker, workers = 3 })
      counts[worker + 1] = #result.starts
      for _, at in ipairs(result.starts) do
        first[#first + 1] = math.floor(at + 0.5)
      end
    end
    table.sort(first)
    assert.are.same({ { 3, 2, 2 }, { 0, 1, 2, 3, 4, 5, 6 } }, { counts, first })
  end)

  it("refuse what cannot be", function()
    local function refused(options, at, message)
      local ok, err = pcall(rates.controller, "virtual-users", options, at)
      assert.is_false(ok)
      assert.matches(message, err)
    end
    refused({}, nil, "users")
    refused({ users = 2 }, { workers = 3 }, "users of 2 are fewer than the 3 workers")
    refused({ users = 2, rampDown = 1 }, { round = { number = 5 } }, "rampDown needs a round by txDuration")
    refused({ users = 2, rampUp = 6, rampDown = 6 }, nil, "longer than the round of 10 s")
    refused({ users = 2, thinkTime = "soon" }, nil, "soon")
  end)
end)
