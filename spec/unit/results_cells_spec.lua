-- Results over the matrix: cells, attempts, warm-ups, what a single test's reader sees, threads, suspects.
local cjson = require("cjson")
local file = require("vernier.core.file")
local json = require("vernier.json")
local results = require("vernier.results")
local rundir = require("spec.support.rundir")

local MS = 1e6
local null = cjson.null

describe("results over the matrix", function()
  local run

  before_each(function()
    run = rundir.new()
    run:run({ matrix = rundir.matrix({ "A", "B" }, { 1, 3 }), repetitions = 1, order = "interleaved", restart = "cell" })
  end)

  after_each(function()
    run:close()
    rundir.remove(run.path)
  end)

  local function read(options)
    run:close()
    return assert(results.read(run.path, options))
  end

  local function summary(r)
    return cjson.decode(json.encode(r:representation("summary")))
  end

  local function test(id, cell, n, more)
    local spec = { test = id, cell = cell, attempt = 1, configuration = cell <= 2 and "A" or "B", size = 1, repetition = 1,
      name = "stress", label = "stress", workers = { { 0, n, MS, journal = "worker-0." .. id } } }
    for key, value in pairs(more or {}) do
      spec[key] = value
    end
    run:whole_test(spec)
  end

  describe("cells", function()
    it("are rows, whatever became of them", function()
      run:cell({ cell = 1, configuration = "A", size = 1 })
      test(1, 1, 5)
      run:cell_end(1, "ok")
      run:cell({ cell = 3, configuration = "B", size = 1, at_us = 6e6 })
      run:cell_end(3, "failed", { at_us = 6.25e6, reasons = { "worker 0 was lost" } })
      run:cell({ cell = 2, configuration = "A", size = 3, at_us = 7e6 })
      local list = summary(read()).cells
      assert.are.equal(4, #list)
      assert.are.same({ cell = 1, configuration = "A", size = 1, repetition = 1, attempt = 1, status = "ok", reasons = {},
        seconds = 4, groups = { { name = "default", size = 1 } } }, list[1])
      assert.are.same({ "A", 3, "interrupted", null }, { list[2].configuration, list[2].size, list[2].status, list[2].seconds })
      assert.are.same({ "B", 1, "failed", 0.25, "worker 0 was lost" },
        { list[3].configuration, list[3].size, list[3].status, list[3].seconds, list[3].reasons[1] })
      assert.are.same({ 4, "not run", 0, null }, { list[4].cell, list[4].status, list[4].attempt, list[4].seconds })
    end)

    it("are known without a plan, and there are none where no record tells of them", function()
      local bare = rundir.new()
      bare:run()
      bare:cell({ cell = 7, configuration = "X", size = 2, repetition = 3 })
      bare:close()
      local list = assert(results.read(bare.path)).cells
      assert.are.same({ 1, 7, "X", 3, "interrupted" }, { #list, list[1].cell, list[1].configuration, list[1].repetition, list[1].status })
      rundir.remove(bare.path)
      bare = rundir.new()
      bare:run({ matrix = "nonsense" })
      bare:append("manager", { type = "cell-end", cell = 9, status = "ok" })
      bare:close()
      assert.are.same({}, assert(results.read(bare.path)).cells)
      rundir.remove(bare.path)
      bare = rundir.new()
      bare:run()
      bare:cell({ cell = 1, configuration = 17, size = 2 })
      bare:cell({ cell = 2, configuration = {}, size = 2 })
      bare:cell({ cell = 3, configuration = "no size" })
      bare:close()
      list = assert(results.read(bare.path)).cells
      assert.are.same({ 1, "17" }, { #list, list[1].configuration })
      rundir.remove(bare.path)
    end)

    it("count in their last attempt only: tests, results and stages of earlier ones are left out", function()
      run:cell({ cell = 1, configuration = "A", size = 1 })
      test(1, 1, 5)
      run:append("manager", { type = "result", cell = 1, attempt = 1, test = "stress", name = "n", value = 1 })
      run:append("manager", { type = "stage", cell = 1, attempt = 1, section = "scenario", stage = "echo", from_us = 1, to_us = 2, status = "ok" })
      run:run_end("interrupted", 130, 3e6)
      run:append("manager", { type = "resumed", at_us = 4e6, command = "vernier resume x" })
      run:cell({ cell = 1, configuration = "A", size = 1, attempt = 2, at_us = 5e6 })
      test(2, 1, 8, { attempt = 2 })
      run:append("manager", { type = "result", cell = 1, attempt = 2, test = "stress", name = "n", value = 2,
        unit = "keys", iteration = 1, workers = { ["0"] = 2 } })
      run:append("manager", { type = "stage", cell = 1, attempt = 2, section = "scenario", stage = "sleep", from_us = 1, to_us = 2, status = "ok" })
      local unfinished = read()
      assert.are.same({ "interrupted", 1 }, { unfinished.status, #unfinished.tests })
      local s = summary(unfinished)
      assert.are.same({ 1, 2, 8, "interrupted" }, { #s.tests, s.tests[1].test, s.tests[1].ok, s.cells[1].status })
      assert.are.same({ { cell = 1, configuration = "A", size = 1, repetition = 1, test = "stress", iteration = 1, name = "n",
        value = 2, unit = "keys", workers = { ["0"] = 2 } } }, s.results)
      assert.are.same({ 1, "sleep" }, { #unfinished.stages, unfinished.stages[1].stage })
      assert.are.equal(1, s.run.resumed)
    end)

    it("keep the tests of an attempt that no other followed, also when it failed", function()
      run:cell({ cell = 1, configuration = "A", size = 1 })
      test(1, 1, 5)
      run:cell_end(1, "failed", { reasons = { "the stage failed" } })
      run:append("manager", { type = "resumed", at_us = 4e6 })
      local s = summary(read())
      assert.are.same({ 5, "failed" }, { s.tests[1].ok, s.cells[1].status })
    end)

    it("ignore the end of an attempt that is not the last", function()
      run:cell({ cell = 1, configuration = "A", size = 1 })
      run:cell({ cell = 1, configuration = "A", size = 1, attempt = 2, at_us = 9e6 })
      run:cell_end(1, "ok", { attempt = 1 })
      assert.are.equal("interrupted", read().cells[1].status)
    end)
  end)

  it("leave out warm-ups, whose data stay", function()
    run:cell({ cell = 1, configuration = "A", size = 1 })
    test(1, 1, 5, { warmup = true, name = "warmup" })
    test(2, 1, 7)
    local r = read()
    assert.are.same({ 1, 2 }, { #r.tests, r.tests[1].id })
    assert.is_truthy(file.read(run.path .. "/worker-0.1.journal"):find('"test":1', 1, true))
  end)

  it("say of a test what it is of", function()
    run:cell({ cell = 2, configuration = "A", size = 3 })
    test(1, 2, 5, { size = 3, repetition = 2, iteration = 4, iteration_value = 20, iteration_name = "total-threads",
      threads = 8, group_of = { ["0"] = "client" } })
    local t = summary(read()).tests[1]
    assert.are.same({ 2, "A", 3, 2, 4, 20, "total-threads", 8, "stress", "client" }, { t.cell, t.configuration, t.size, t.repetition,
      t.iteration, t.iteration_value, t.iteration_name, t.threads, t.name, t.workers[1].group })
  end)

  it("have no member that doc/summary.md does not tell of", function()
    run:cell({ cell = 1, configuration = "A", size = 1 })
    run:test({ test = 1, cell = 1, name = "t", duration = 1, rate = { type = "x", opts = {} }, workload = { module = "m" } })
    run:begin("worker-0", 0, 1, { load = "a", thread = 0 })
    run:interval("worker-0", 0, 1, { load = "a", from = 0, to = 1, runs = 2, last_finish_us = 1e6,
      ops = { { submitted = 2, ok = 1, failed = 1, response = { MS }, classes = { x = 1 } } } })
    run:append("manager", { type = "result", cell = 1, name = "n", value = 2 })
    local doc = assert(file.read("doc/summary.md"))
    local function check(object, free)
      for key, value in pairs(object) do
        assert.is_truthy(free or type(key) ~= "string" or doc:find("%f[%w_]" .. key .. "%f[^%w_]"), tostring(key))
        if type(value) == "table" then
          check(value, key == "opts" or key == "machine" or key == "workload")
        end
      end
    end
    check(summary(read()))
  end)

  describe("of chosen tests", function()
    before_each(function()
      run:cell({ cell = 1, configuration = "A", size = 1 })
    end)

    it("read no other's histograms", function()
      test(1, 1, 5)
      run:begin("worker-5", 5, 2)
      run:interval("worker-5", 5, 2, { from = 0, to = 1, ops = { { submitted = 1, ok = 1, response = "damaged" } } })
      local r = read({ tests = { [1] = true } })
      assert.are.same({ 1, 5, {} }, { #r.tests, r.tests[1].figures.ok, r.damages })
      assert.are.equal(1, #read().damages)
    end)

    it("find their intervals, also when a class of errors is called test", function()
      run:test({ test = 3, cell = 1, duration = 1 })
      run:begin("worker-0", 0, 3)
      run:interval("worker-0", 0, 3, { from = 0, to = 1, ops = { { submitted = 9, ok = 0, failed = 9, classes = { test = 9 } } } })
      run:interval("worker-0", 0, 4, { from = 0, to = 1, ops = { { submitted = 3, ok = 0, failed = 3, classes = { test = 3 } } } })
      local t = read({ tests = { [3] = true } }).tests[1]
      assert.are.same({ 9, 9 }, { t.figures.failed, t.errors[1].count })
    end)

    it("call what goes on running, and not lost or interrupted", function()
      run:test({ test = 1, cell = 1, duration = 60 })
      run:begin("worker-0", 0, 1)
      run:interval("worker-0", 0, 1, { from = 0, to = 2, runs = 6, last_finish_us = 2e6,
        ops = { { submitted = 6, ok = 0, failed = 6, classes = { connect = 6 } } } })
      local r = read({ tests = { [1] = true } })
      local t = r.tests[1]
      assert.are.same({ "running", {}, "running", "running" }, { t.status, t.reasons, t.workers[1].status, r.cells[1].status })
      assert.are.equal(3, t.figures.throughput)
      assert.are.equal("interrupted", read().tests[1].status)
    end)

    it("are what the whole summary has of them", function()
      test(1, 1, 5)
      test(2, 1, 6)
      local r = read({ tests = { [2] = true } })
      assert.are.same(summary(read()).tests[2], cjson.decode(json.encode(r:test_summary(r:test(2)))))
      assert.is_nil(r:test(1))
    end)
  end)

  describe("threads of load", function()
    local function loads(worker, threads)
      local stem = "worker-" .. worker
      for thread = 0, threads - 1 do
        run:begin(stem, worker, 1, { load = "t" .. thread, thread = thread })
      end
      for second = 0, 1 do
        for thread = 0, threads - 1 do
          local n = 10 * (thread + 1)
          local times = {}
          for i = 1, n do
            times[i] = (worker + 1) * (thread + 1) * MS + i
          end
          run:interval(stem, worker, 1, { load = "t" .. thread, seq = second + 1, from = second, to = second + 1, runs = n,
            last_finish_us = (second + 1) * 1e6,
            ops = { { name = thread % 2 == 0 and "get" or "put", submitted = n, ok = n, failed = 0, unfinished = 0, trimmed = 0,
              response = times } } })
        end
      end
      for thread = 0, threads - 1 do
        run:finish(stem, worker, 1, thread == 1 and "failed" or "ok", thread == 1 and "it broke" or nil, "t" .. thread)
      end
    end

    it("add up to workers, and workers to the test: counts and histograms", function()
      run:test({ test = 1, duration = 2, workers = 2, threads = 3 })
      loads(0, 3)
      loads(1, 3)
      run:test_end(1, 2)
      local r = read()
      local t = summary(r).tests[1]
      assert.are.equal(240, t.ok)
      for w = 1, 2 do
        local worker = t.workers[w]
        assert.are.same({ 120, 3, "failed", "it broke", 0.25e9 }, { worker.ok, #worker.threads, worker.status, worker.reason, worker.vitals.cpu_ns })
        assert.are.equal(60, worker.throughput)
        local ok, rate, high = 0, 0, 0
        for i, thread in ipairs(worker.threads) do
          assert.are.same({ i - 1, 20 * i, i == 2 and "failed" or "ok" }, { thread.thread, thread.ok, thread.status })
          assert.are.equal(w * i * MS + 1, thread.response_time_ns.min)
          ok, rate, high = ok + thread.ok, rate + thread.throughput, math.max(high, thread.response_time_ns.max)
        end
        assert.are.same({ ok, rate, high }, { worker.ok, worker.throughput, worker.response_time_ns.max })
      end
      assert.are.same({ 160, 80 }, { t.operations[1].ok, t.operations[2].ok })
      assert.are.equal(40, r:representation("outcome", r.tests[1], { operation = "put", worker = 1, thread = 1 }).requests)
      assert.is_nil(r:representation("outcome", r.tests[1], { operation = "put", worker = 1, thread = 0 }))
    end)

    it("are not there where loads have none", function()
      test(1, 1, 5)
      assert.is_nil(summary(read()).tests[1].workers[1].threads)
    end)

    it("stay exact when there are more histograms than may be open at once", function()
      run:test({ test = 1, duration = 2, workers = 1 })
      loads(0, 80)
      local t = read().tests[1]
      local expected = 0
      for thread = 1, 80 do
        expected = expected + 2 * 10 * thread
      end
      assert.are.same({ expected, expected }, { t.figures.ok, t.figures.response_time.count })
      assert.are.equal(20, t.workers[1].threads[1].response_time.count)
    end)
  end)

  describe("suspects", function()
    local function marks(...)
      local workers = {}
      for index, n in ipairs({ ... }) do
        workers[index] = { index - 1, n, MS }
      end
      run:whole_test({ test = 1, workers = workers })
      local list = {}
      for i, w in ipairs(summary(read()).tests[1].workers) do
        list[i] = w.suspect
      end
      return list
    end

    it("have done less than 80 % of the average", function()
      assert.are.same({ false, true, false }, marks(100, 73, 104))
    end)

    it("are not those at 80 % and above", function()
      assert.are.same({ false, false, false }, marks(100, 80, 120))
    end)

    it("are not found where nobody did anything, nor alone", function()
      assert.are.same({ false, false }, marks(0, 0))
    end)
  end)
end)
