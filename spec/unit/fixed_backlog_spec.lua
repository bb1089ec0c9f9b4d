-- The rate controller fixed-backlog, and fixed-load beside it, in virtual time.
local rates = require("spec.support.rates")

local LATENCIES = {
  constant = function() return 0.1 end,
  bimodal = function(i) return i % 2 == 0 and 0.01 or 0.5 end,
  growing = function(_, at) return 0.05 + at / 20 end,
}

local function backlog(type, options, latency)
  local c, ctx = rates.controller(type, options, { round = { index = 1, duration = 20 } })
  return rates.simulate(c, ctx, 20, latency)
end

describe("a backlog", function()
  it("stays at its target, whatever the latency is", function()
    for type, options in pairs({ ["fixed-backlog"] = { unfinished_per_client = 25, startingTps = 5 },
      ["fixed-load"] = { transactionLoad = 25, startTps = 5 } }) do
      for name, latency in pairs(LATENCIES) do
        local run = backlog(type, options, latency)
        for at = 0.5, 19.5, 0.37 do
          assert.are.equal(25, run.in_flight(at), ("%s, %s at %g s"):format(type, name, at))
        end
      end
    end
  end)

  it("comes to the rate that the system allows", function()
    local run = backlog("fixed-backlog", { unfinished_per_client = 25 }, LATENCIES.constant)
    assert.is_true(math.abs(run.finished / 20 / 250 - 1) < 0.01, run.finished)
  end)
end)

describe("fixed-backlog", function()
  it("has a target for each worker, or one for all", function()
    for worker = 0, 2 do
      assert.are.equal(10, rates.controller("fixed-backlog", {}, { worker = worker, workers = 3 }).window)
      assert.are.equal(4, rates.controller("fixed-backlog", { unfinished_per_client = 4 }, { worker = worker, workers = 3 }).window)
      assert.are.equal(({ [0] = 3, 2, 2 })[worker],
        rates.controller("fixed-backlog", { transactionLoad = 7 }, { worker = worker, workers = 3 }).window)
    end
  end)

  it("refuses fewer than one for each worker, and two targets", function()
    assert.has_error(function()
      rates.controller("fixed-backlog", { transactionLoad = 2 }, { workers = 3 })
    end, "transactionLoad of 2 is fewer than the 3 workers: every worker needs at least one")
    assert.has_error(function()
      rates.controller("fixed-backlog", { transactionLoad = 2, unfinished_per_client = 3 })
    end, "fixed-backlog takes one of unfinished_per_client and transactionLoad")
  end)
end)
