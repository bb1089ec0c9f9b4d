-- The named forms of a test's data, and its single figures by name.
local histogram = require("vernier.core.histogram")
local results = require("vernier.results")
local rundir = require("spec.support.rundir")
local support = require("spec.support")
local values = require("vernier.results.values")

local MS = 1e6

local near = support.near

describe("representations", function()
  local run, r, t, all

  -- Worker 0: 1 … 100 ms by "get"; worker 1: one of 900 ms by "get", and of "put" 10 of 5 ms and 2 that failed.
  setup(function()
    run = rundir.new()
    run:run()
    run:test({ test = 1, duration = 10, workers = 2 })
    local times = {}
    all = histogram.new(3)
    for i = 1, 100 do
      times[i] = i * MS
      all:record(i * MS)
    end
    all:record(900 * MS)
    run:begin("worker-0", 0, 1)
    run:interval("worker-0", 0, 1, { from = 0, to = 10, runs = 100, last_finish_us = 10e6,
      ops = { { name = "get", submitted = 100, ok = 100, failed = 0, unfinished = 0, trimmed = 0, response = times } } })
    run:finish("worker-0", 0, 1)
    run:begin("worker-1", 1, 1)
    run:interval("worker-1", 1, 1, { from = 0, to = 10, runs = 13, last_finish_us = 10e6, ops = {
      { name = "get", submitted = 1, ok = 1, failed = 0, unfinished = 0, trimmed = 0, response = { 900 * MS } },
      { name = "put", submitted = 13, ok = 10, failed = 2, unfinished = 0, trimmed = 0, classes = { status = 2 },
        response = { 5 * MS, 5 * MS, 5 * MS, 5 * MS, 5 * MS, 5 * MS, 5 * MS, 5 * MS, 5 * MS, 5 * MS }, service = { 4 * MS } } } })
    run:finish("worker-1", 1, 1)
    run:test_end(1, 10)
    run:test({ test = 2, duration = 10 })
    run:run_end()
    r = assert(results.read(run:close()))
    t = r.tests[1]
  end)

  teardown(function()
    rundir.remove(run.path)
  end)

  local GET = { operation = "get" }

  it("are nil where the data cannot give them", function()
    local never = r.tests[2]
    for _, name in ipairs({ "outcome", "throughput", "mean-and-deviation", "histogram", "box", "series", "distribution" }) do
      assert.is_nil(r:representation(name, never), name)
      assert.is_nil(r:representation(name, t, { operation = "none" }), name)
      assert.is_nil(r:representation(name, t, { worker = 7 }), name)
    end
    assert.is_nil(r:representation("percentile", t, { percentile = 50, clock = "lateness" }))
    assert.is_nil(r:representation("histogram", t, { worker = 0, clock = "service" }))
    assert.is_nil(r:representation("series", t, { worker = 0 }))
    assert.is_nil(r:representation("unheard of", t))
  end)

  it("say what is wrong with their arguments", function()
    for _, p in ipairs({ 0, -1, 100.1, "x" }) do
      assert.has_error(function()
        r:representation("percentile", t, { percentile = p })
      end, "a percentile is a number above 0 and at most 100, not " .. tostring(p))
    end
    assert.has_error(function()
      r:representation("box", t, { clock = "wall" })
    end, 'clock "wall" is none of response, service, lateness, blocked')
  end)

  it("outcome, throughput, mean and deviation are of the chosen part", function()
    local outcome = r:representation("outcome", t)
    assert.are.same({ 113, 2, 900 * MS }, { outcome.requests, outcome.errors, outcome.max })
    assert.are.same({ requests = 12, errors = 2, mean = 5 * MS, max = 5 * MS }, r:representation("outcome", t, { operation = "put" }))
    assert.are.same({ gross = 11.3, net = 11.1 }, r:representation("throughput", t))
    assert.are.same({ gross = 1.3, net = 1.1 }, r:representation("throughput", t, { worker = 1 }))
    local both = r:representation("mean-and-deviation", t, GET)
    near(all:mean(), both.mean)
    near(all:stddev(), both.deviation)
    assert.are.same({ mean = 4 * MS }, r:representation("mean-and-deviation", t, { operation = "put", clock = "service" }))
    assert.are.same({ mean = 900 * MS }, r:representation("mean-and-deviation", t, { operation = "get", worker = 1 }))
  end)

  it("outcome counts what was not trimmed, like rates and times", function()
    local trimmed = rundir.new()
    trimmed:run()
    trimmed:test({ test = 1, number = 20, trim = 5 })
    trimmed:begin("worker-0", 0, 1)
    trimmed:interval("worker-0", 0, 1, { from = 0, to = 2, runs = 20, first_us = 0.5e6, last_finish_us = 1.5e6,
      ops = { { submitted = 20, ok = 16, failed = 4, unfinished = 0, trimmed = 10, response = { MS, MS, MS, MS, MS, MS, MS } } } })
    trimmed:finish("worker-0", 0, 1)
    trimmed:test_end(1, 2)
    local read = assert(results.read(trimmed:close()))
    rundir.remove(trimmed.path)
    local one = read.tests[1]
    assert.are.same({ requests = 10, errors = 3, mean = MS, max = MS }, read:representation("outcome", one))
    assert.are.same({ gross = 10, net = 7 }, read:representation("throughput", one))
  end)

  it("percentiles are those of the merged histogram", function()
    for _, p in ipairs({ 1, 50, 99, 99.9, 100 }) do
      assert.are.equal(all:percentile(p), r:representation("percentile", t, { operation = "get", percentile = p }))
    end
  end)

  it("a box has the true quartiles, and whiskers at the last values within 1.5 interquartile ranges", function()
    local box = r:representation("box", t, GET)
    assert.are.same({ all:percentile(25), all:percentile(50), all:percentile(75) }, { box.q1, box.median, box.q3 })
    assert.are.same({ MS, 900 * MS, MS }, { box.min, box.max, box.whisker_low })
    near(100 * MS, box.whisker_high, 0.001)
    local even = r:representation("box", t, { operation = "put" })
    for _, member in ipairs({ "min", "whisker_low", "q1", "median", "q3", "whisker_high", "max" }) do
      assert.are.equal(5 * MS, even[member], member)
    end
  end)

  it("a histogram loses no value", function()
    for _, arguments in ipairs({ { buckets = 10, percentile = 90 }, { buckets = 1, percentile = 50 }, { percentile = 100 }, {} }) do
      arguments.operation = "get"
      local h = r:representation("histogram", t, arguments)
      local sum, at = 0, MS
      for _, bucket in ipairs(h.buckets) do
        near(at, bucket.from_ns)
        assert.is_true(bucket.to_ns > bucket.from_ns)
        sum, at = sum + bucket.count, bucket.to_ns
      end
      assert.are.same({ 101, 101 }, { h.count, sum })
    end
    local h = r:representation("histogram", t, { operation = "get", buckets = 10, percentile = 90 })
    assert.are.equal(11, #h.buckets)
    assert.is_true(h.buckets[1].count >= 9 and h.buckets[1].count <= 10)
    assert.are.same({ 10, 900 * MS }, { h.buckets[11].count, h.buckets[11].to_ns })
    local one = r:representation("histogram", t, { operation = "put", buckets = 3 })
    assert.are.same({ 3, 10 }, { #one.buckets, one.buckets[1].count })
  end)

  describe("by RadarGun's names:", function()
    it("have the units that are said", function()
      local expected = {
        requests = { 113, "" }, errors = { 2, "" }, ["response-time-max"] = { 900 * MS, "ns" },
        ["throughput-gross"] = { 11.3, "1/s" }, ["throughput-net"] = { 11.1, "1/s" },
      }
      for name, pair in pairs(expected) do
        assert.are.same(pair, { r:value(t, name) })
      end
      near(all:mean(), (r:value(t, "response-time-mean", GET)))
      near(all:stddev(), (r:value(t, "response-time-deviation", GET)))
      assert.are.same({ all:percentile(99.9), "ns" }, { r:value(t, "percentile(99.9)", GET) })
      assert.are.equal(900 * MS, (r:value(t, "percentile( 50 )", { operation = "get", worker = 1 })))
      assert.are.equal(4 * MS, (r:value(t, "response-time-mean", { operation = "put", clock = "service" })))
    end)

    it("are nil without data", function()
      for _, name in ipairs({ "requests", "response-time-mean", "response-time-deviation", "throughput-net", "percentile(99)" }) do
        assert.is_nil((r:value(r.tests[2], name)), name)
      end
    end)

    it("are checked", function()
      local value, message, hint = values.named("response-time-maen")
      assert.is_nil(value)
      assert.are.same({ 'unknown value "response-time-maen"', "did you mean response-time-mean?" }, { message, hint })
      assert.has_error(function()
        r:value(t, "zzz")
      end, 'unknown value "zzz" (known: ' .. table.concat(values.NAMES, ", ") .. ")")
      for _, name in ipairs({ "percentile", "percentile()", "percentile(0)", "percentile(101)", "percentile(nan)" }) do
        assert.is_nil((values.named(name)), name)
      end
    end)
  end)
end)
