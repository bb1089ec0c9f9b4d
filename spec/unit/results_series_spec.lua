-- The time series of a test: intervals as they were, and folded where they are too many.
local histogram = require("vernier.core.histogram")
local results = require("vernier.results")
local rundir = require("spec.support.rundir")
local support = require("spec.support")

local MS = 1e6

local constant, near = rundir.constant, support.near

describe("the time series", function()
  local run

  before_each(function()
    run = rundir.new()
    run:run()
    run:test({ label = "long", duration = 1e6 })
  end)

  after_each(function()
    run:close()
    rundir.remove(run.path)
  end)

  local function series()
    run:close()
    local r = assert(results.read(run.path))
    return r:representation("series", r.tests[1]), r
  end

  local function op(n, ns)
    return { { submitted = n, ok = n, failed = 0, unfinished = 0, trimmed = 0, response = constant(n, ns), service = constant(n, ns) } }
  end

  it("is nil without intervals, like any representation the data cannot give", function()
    local rows, r = series()
    assert.is_nil(rows)
    assert.is_nil(r:representation("distribution", r.tests[1], { clock = "response" }))
    assert.is_nil(r:representation("distribution", r.tests[1], { operation = "none" }))
    assert.is_nil(r:representation("unheard of"))
    assert.is_table(r:representation("summary"))
  end)

  it("puts the same second of all workers into one row", function()
    for worker = 0, 2 do
      local stem = "worker-" .. worker
      run:begin(stem, worker, 1)
      for second = 0, 4 do
        run:interval(stem, worker, 1, { from = second + 0.0001 * worker, to = second + 1, ops = op(10 * (worker + 1), second * MS + MS) })
      end
    end
    local rows = series()
    assert.are.equal(5, #rows)
    for i, row in ipairs(rows) do
      assert.are.same({ i - 1, i, 60, 60 }, { row.from, row.to, row.submitted, row.ok })
      near(60, row.throughput)
      assert.are.equal(60, row.response.count)
      assert.are.equal(i * MS, row.response.max)
    end
  end)

  it("has at most 600 rows and exact percentiles for any duration", function()
    local seconds = 2500
    for worker = 0, 1 do
      local stem = "worker-" .. worker
      run:begin(stem, worker, 1)
      for second = 0, seconds - 1 do
        run:interval(stem, worker, 1, { from = second, to = second + 1, ops = op(2, (second + 1) * 1000 + worker) })
      end
    end
    local rows, r = series()
    assert.is_true(#rows > 300 and #rows <= 600)
    local total, at = 0, 0
    for _, row in ipairs(rows) do
      assert.are.equal(at, row.from)
      at = row.to
      total = total + row.ok
      local expected = histogram.new(3)
      for second = row.from, row.to - 1 do
        for worker = 0, 1 do
          for _ = 1, 2 do
            expected:record((second + 1) * 1000 + worker)
          end
        end
      end
      for _, p in ipairs({ 50, 90, 99 }) do
        assert.are.equal(expected:percentile(p), row.response["p" .. p])
      end
      assert.are.equal(expected:max(), row.service.max)
    end
    assert.are.equal(seconds, at)
    assert.are.equal(4 * seconds, total)
    local coarse, sum = r:representation("series", r.tests[1], { limit = 100 }), 0
    assert.is_true(#coarse > 50 and #coarse <= 100)
    for _, row in ipairs(coarse) do
      sum = sum + row.response.count
    end
    assert.are.equal(4 * seconds, sum)
    assert.are.equal(rows[1].response.p50, r:representation("series", r.tests[1])[1].response.p50)
    assert.are.equal(4 * seconds, r.tests[1].figures.ok)
  end)

  it("joins a last stump of a row to its neighbour", function()
    run:begin("worker-0", 0, 1)
    run:interval("worker-0", 0, 1, { from = 0, to = 1, ops = op(10, MS) })
    run:interval("worker-0", 0, 1, { from = 1, to = 2, ops = op(10, MS) })
    run:interval("worker-0", 0, 1, { from = 2, to = 2.01, ops = op(1, MS) })
    local rows = series()
    assert.are.equal(2, #rows)
    assert.are.equal(11, rows[2].ok)
    near(2.01, rows[2].to)
  end)

  it("has a distribution whose percentiles are the histogram's", function()
    run:begin("worker-0", 0, 1)
    local times, h = {}, histogram.new(3)
    for i = 1, 5000 do
      times[i] = i * 1000
      h:record(times[i])
    end
    run:interval("worker-0", 0, 1, { from = 0, to = 1, ops = {
      { name = "a", submitted = 5000, ok = 5000, failed = 0, unfinished = 0, trimmed = 0, response = times },
    } })
    local _, r = series()
    for _, operation in ipairs({ false, "a" }) do
      local d = r:representation("distribution", r.tests[1], { operation = operation or nil })
      assert.are.equal(5000, d.count)
      local last = -1
      for _, point in ipairs(d.points) do
        assert.is_true(point.percentile > last)
        last = point.percentile
        assert.are.equal(h:percentile(point.percentile), point.ns)
      end
      assert.are.equal(100, last)
      assert.is_true(#d.points > 50 and #d.points < 150)
    end
    assert.is_nil(r:representation("distribution", r.tests[1], { clock = "service" }))
  end)
end)
