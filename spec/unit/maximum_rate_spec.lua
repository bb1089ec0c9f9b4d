-- The rate controller maximum-rate in virtual time, against servers whose capacity is known.
local plugins = require("vernier.plugins")
local rates = require("spec.support.rates")

-- One place that takes 1 / capacity seconds for each: what comes faster waits.
local function server(capacity, slower)
  local free = 0
  return function(_, at)
    local work = 1 / capacity
    if slower and free - at > 1 then -- under a long queue it gets worse
      work = work * slower
    end
    free = math.max(free, at) + work
    return free - at
  end
end

local function search(options, latency, seconds, at)
  at = at or {}
  at.round = { index = 1, duration = seconds }
  local c, ctx = rates.controller("maximum-rate", options, at)
  local run = rates.simulate(c, ctx, seconds, latency)
  plugins.hook(c, "end")(c, ctx)
  return c, run, ctx.findings[1]
end

describe("maximum-rate", function()
  it("finds what a server can do, and stays there", function()
    for _, capacity in ipairs({ 40, 93, 200 }) do
      local c, _, finding = search({ tps = 10, step = 20, sampleInterval = 2 }, server(capacity), 120)
      assert.is_true(c._found)
      assert.is_true(math.abs(c._rate / capacity - 1) < 0.05, ("%g instead of %g"):format(c._rate, capacity))
      assert.are.same({ "maximum-rate", "found", "tx/s", c._rate }, { finding.name, finding.outcome, finding.unit, finding.value })
      assert.matches("^found [%d.]+ tx/s of this worker, with [%d.]+ completed per second$", finding.text)
    end
  end)

  it("steps back where completions fall", function()
    local c = search({ tps = 20, step = 40, sampleInterval = 2 }, server(100, 3), 120)
    assert.is_true(c._rate > 80 and c._rate < 105, c._rate)
  end)

  it("does not walk down a constant latency, as long as more is completed", function()
    local c, _, finding = search({ tps = 5, step = 5, sampleInterval = 1 }, function() return 0.2 end, 60)
    assert.is_true(c._rate >= 250, c._rate)
    assert.matches("^came to", finding.text)
  end)

  it("starts at its part of the rate, in turns", function()
    for worker = 0, 1 do
      local _, run = search({ tps = 10, step = 10, sampleInterval = 100 }, function() return 0.01 end, 2,
        { worker = worker, workers = 2 })
      assert.are.equal(10, #run.starts)
      assert.is_true(math.abs(run.starts[1] - worker * 0.1) < 1e-9)
    end
  end)

  it("says so when there was no sample, and counts failures as told", function()
    local _, _, finding = search({ sampleInterval = 10 }, function() return 0.1 end, 3)
    assert.are.same({ "unfinished", "the round was too short for a sample" }, { finding.outcome, finding.text })
    local c, ctx = rates.controller("maximum-rate", { tps = 10, step = 10, sampleInterval = 1, includeFailed = false })
    for second = 0, 3 do
      c:run(ctx, 0, { finished = 1000 * (second + 1), ok = 10 * (second + 1) }, second * 1e9)
    end
    assert.are.equal(10, c._best)
  end)
end)
