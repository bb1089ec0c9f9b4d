local cjson = require("cjson")
local file = require("vernier.core.file")
local histogram = require("vernier.core.histogram")
local json = require("vernier.json")
local load = require("vernier.core.load")
local results = require("vernier.results")
local rundir = require("spec.support.rundir")
local support = require("spec.support")

local MS = 1e6

local constant, near = rundir.constant, support.near

describe("results", function()
  local run

  before_each(function()
    run = rundir.new()
    run:run()
  end)

  after_each(function()
    run:close()
    rundir.remove(run.path)
  end)

  local function read()
    run:close()
    return assert(results.read(run.path))
  end

  local function summary()
    local text = json.encode(read():representation("summary"))
    assert.is_nil(text:lower():find("nan", 1, true))
    assert.is_nil(text:lower():find("inf[^o]"))
    return cjson.decode(text)
  end

  -- One whole round of one worker with one interval.
  local function round(spec, interval, seconds)
    run:test(spec)
    run:begin("worker-0", 0, 1)
    run:interval("worker-0", 0, 1, interval)
    run:finish("worker-0", 0, 1)
    run:test_end(1, seconds or 10)
    run:run_end()
  end

  it("are none in a folder without a run", function()
    local empty = rundir.temporary()
    local r, message = results.read(empty)
    rundir.remove(empty)
    assert.is_nil(r)
    assert.matches("not the directory of a run", message)
    r, message = results.read(empty)
    assert.is_nil(r)
    assert.matches("No such file", message)
  end)

  it("add up over workers and operations, exactly", function()
    run:test({ label = "two", duration = 10, workers = 2 })
    local random, all = 1, histogram.new(3)
    for worker = 0, 1 do
      local stem = "worker-" .. worker
      run:begin(stem, worker, 1)
      for second = 0, 9 do
        local times = {}
        for i = 1, 50 do
          random = (random * 48271) % 2147483647
          times[i] = random % 1000000 + 1
          all:record(times[i])
        end
        run:interval(stem, worker, 1, {
          from = second, to = second + 1, runs = 60, last_finish_us = (second + 1) * 1e6 - 5000,
          ops = {
            { name = "open", submitted = 30, ok = 30, failed = 0, unfinished = 0, trimmed = 0,
              response = { unpack(times, 1, 30) }, service = { unpack(times, 1, 30) } },
            { name = "query", submitted = 30, ok = 20, failed = 10, unfinished = 0, trimmed = 0, classes = { status = 10 },
              response = { unpack(times, 31, 50) } },
          },
          errors = { { class = "status", message = "HTTP 500", count = 10, first_us = second * 1e6, last_us = second * 1e6 + 9 } },
        })
      end
      run:finish(stem, worker, 1)
    end
    run:test_end(1, 10.2)
    run:run_end()
    local s = summary()
    local t = s.tests[1]
    assert.are.equal("ok", t.status)
    assert.are.same({ 1200, 1200, 1000, 200, 0 }, { t.runs, t.submitted, t.ok, t.failed, t.unfinished })
    near(120, t.send_rate)
    near(1200 / 9.995, t.throughput)
    near(1000 / 9.995, t.goodput)
    for member, p in pairs({ p50 = 50, p90 = 90, p95 = 95, p99 = 99, p99_9 = 99.9, p99_99 = 99.99 }) do
      assert.are.equal(all:percentile(p), t.response_time_ns[member])
    end
    assert.are.equal(all:min(), t.response_time_ns.min)
    assert.are.equal(all:max(), t.response_time_ns.max)
    near(all:mean(), t.response_time_ns.mean)
    near(all:stddev(), t.response_time_ns.stddev)
    assert.are.equal(cjson.null, t.lateness_ns)
    assert.are.same({ "open", "query" }, { t.operations[1].name, t.operations[2].name })
    assert.are.same({ 600, 600, 0 }, { t.operations[1].submitted, t.operations[1].ok, t.operations[1].failed })
    assert.are.equal(cjson.null, t.operations[2].service_time_ns)
    assert.are.same({ { class = "status", message = "HTTP 500", count = 200, first = 0, last = 9.000009 } }, t.errors)
    assert.are.equal(2, #t.workers)
    for index, w in ipairs(t.workers) do
      assert.are.same({ index - 1, "ok", 600, 500, 100 }, { w.worker, w.status, w.submitted, w.ok, w.failed })
    end
    assert.are.same({ "VALID", {} }, { s.certificate.verdict, s.certificate.reasons })
    assert.are.same({ "2023-11-14T22:13:20Z", 20, "ok" }, { s.run.started, s.run.seconds, s.run.status })
    assert.are.same({}, t.thresholds)
  end)

  it("measure the send rate of a round by number to one interval after the last due time", function()
    round({ label = "n", number = 10 }, {
      from = 0, to = 1, runs = 10, last_due_us = 900000, last_finish_us = 950000,
      ops = { { submitted = 10, ok = 10, failed = 0, unfinished = 0, trimmed = 0, response = constant(10, MS) } },
    })
    local t = summary().tests[1]
    near(10, t.send_rate)
    near(10 / 0.95, t.throughput)
  end)

  it("have no rates of nothing and of one transaction", function()
    for submitted = 0, 1 do
      round({ label = "few", number = submitted }, {
        from = 0, to = 0.3, runs = submitted, last_finish_us = submitted * 250000,
        ops = submitted > 0 and { { submitted = 1, ok = 1, failed = 0, unfinished = 0, trimmed = 0, response = { 250 * MS } } },
      }, 0.3)
      local t = summary().tests[1]
      assert.are.equal("ok", t.status)
      for _, rate in ipairs({ "send_rate", "throughput", "goodput" }) do
        assert.are.equal(cjson.null, t[rate])
      end
      assert.are.equal(submitted == 1 and 250 * MS or nil, t.response_time_ns ~= cjson.null and t.response_time_ns.p99 or nil)
      assert.are.equal(cjson.null, t.response_time_ns ~= cjson.null and t.response_time_ns.stddev or cjson.null)
      rundir.remove(run.path)
      run = rundir.new()
      run:run()
    end
  end)

  it("call a round failed in which sends were made and none succeeded", function()
    round({ label = "down", duration = 10 }, {
      from = 0, to = 10, runs = 24, last_finish_us = 4.5e6,
      ops = { { submitted = 24, ok = 0, failed = 24, unfinished = 0, trimmed = 0, classes = { connect = 24 } } },
    })
    local s = summary()
    assert.are.equal("failed", s.tests[1].status)
    assert.are.equal("none of 24 transactions succeeded", s.tests[1].reasons[1])
    assert.are.equal("failed", s.run.status)
    near(24 / 4.5, s.tests[1].throughput)
    near(0, s.tests[1].goodput)
    -- The counts of a class whose messages were lost.
    assert.are.same({ "connect", "(message not recorded)", 24 },
      { s.tests[1].errors[1].class, s.tests[1].errors[1].message, s.tests[1].errors[1].count })
  end)

  it("are interrupted where the manager did not live to end the round", function()
    run:test({ label = "cut", duration = 60 })
    run:begin("worker-0", 0, 1)
    run:interval("worker-0", 0, 1, {
      from = 0, to = 2, runs = 20, last_finish_us = 1.9e6,
      ops = { { submitted = 20, ok = 15, failed = 1, unfinished = 0, trimmed = 0 } },
    })
    local s = summary()
    local t = s.tests[1]
    assert.are.same({ "interrupted", "interrupted" }, { s.run.status, t.status })
    assert.are.equal(130, s.run.exit)
    assert.are.equal(4, t.unfinished)
    near(10, t.send_rate) -- over the two seconds that it lasted
    assert.are.equal("interrupted", t.workers[1].status)
  end)

  it("have rounds that never started", function()
    run:append("manager", { type = "test", test = 1, round = 1, label = "later", duration = 5 })
    local s = summary()
    assert.are.equal("interrupted", s.tests[1].status)
    assert.matches("before this round started", s.tests[1].reasons[1])
    assert.are.equal(0, s.tests[1].submitted)
  end)

  it("count the open transactions of a lost worker as unfinished", function()
    run:test({ label = "lost", duration = 10, workers = 2 })
    for worker = 0, 1 do
      local stem = "worker-" .. worker
      run:begin(stem, worker, 1)
      run:interval(stem, worker, 1, {
        from = 0, to = 1, runs = 100, last_finish_us = 1e6,
        ops = { { submitted = 100, ok = 90, failed = 2, unfinished = 0, trimmed = 0, classes = { timeout = 2 } } },
      })
    end
    run:interval("worker-0", 0, 1, { from = 1, to = 2, ops = { { submitted = 0, ok = 8, failed = 0, unfinished = 0, trimmed = 0 } } })
    run:finish("worker-0", 0, 1)
    run:append("manager", { type = "event", at_us = 5e6, what = "worker-lost", worker = 1, message = "worker 1 died" })
    run:test_end(1, 4, "failed", { "worker 1 died" })
    run:run_end("failed", 3)
    local s = summary()
    local t = s.tests[1]
    assert.are.same({ "failed", 200, 188, 4, 8 }, { t.status, t.submitted, t.ok, t.failed, t.unfinished })
    assert.are.same({ "ok", "lost" }, { t.workers[1].status, t.workers[2].status })
    assert.are.same({ 0, 8 }, { t.workers[1].unfinished, t.workers[2].unfinished })
    assert.are.equal("INVALID", s.certificate.verdict)
    assert.matches("worker 1 was lost", s.certificate.reasons[1])
    assert.are.equal("worker 1 died", read().events[1].message)
  end)

  it("say why a worker failed", function()
    run:test({ label = "bad", duration = 1 })
    run:begin("worker-0", 0, 1)
    run:finish("worker-0", 0, 1, "failed", "the workload failed")
    run:test_end(1, 1, "failed", { "worker 0: the workload failed" })
    local w = summary().tests[1].workers[1]
    assert.are.same({ "failed", "the workload failed", 0.25e9, 120000 }, { w.status, w.reason, w.vitals.cpu_ns, w.vitals.longest_stall_ns })
  end)

  it("go on with a replaced worker's next journal", function()
    run:test({ label = "a", test = 1, duration = 1 })
    run:begin("worker-0", 0, 1)
    run:interval("worker-0", 0, 1, { from = 0, to = 1, ops = { { submitted = 5, ok = 5, failed = 0, unfinished = 0, trimmed = 0 } } })
    run:test_end(1, 1, "failed", { "worker 0 died" })
    run:test({ label = "b", test = 2, duration = 1 })
    run:begin("worker-0.1", 0, 2)
    run:interval("worker-0.1", 0, 2, { from = 0, to = 1, ops = { { submitted = 7, ok = 7, failed = 0, unfinished = 0, trimmed = 0 } } })
    run:finish("worker-0.1", 0, 2)
    run:test_end(2, 1)
    run:run_end("failed", 3)
    local s = summary()
    assert.are.same({ 5, "lost", 7, "ok" }, {
      s.tests[1].ok, s.tests[1].workers[1].status, s.tests[2].ok, s.tests[2].workers[1].status,
    })
  end)

  -- A live file as a killed worker leaves it: 5 submitted, 3 ok, 1 failed.
  local function leave_live_file(name)
    local handle = assert(load.new({
      number = 5, late_after_ns = 1e6, max_in_flight = 10, budget_ns = 1e12, live_path = run.path .. "/live/" .. name,
    }))
    load.start(handle, require("vernier.core.clock").now() - 1e9)
    local op, class = load.operation(handle, "open"), load.class(handle, "timeout")
    for i = 1, 5 do
      load.permit(handle, i - 1, (i - 1) * 1e3)
      local slot = load.take(handle)
      assert.is_true(slot >= 0)
      local tx = load.open_tx(handle, slot, op)
      if i <= 4 then
        load.close_tx(handle, tx, i == 4 and class or -1)
      end
    end
    load.live(handle)
    load.keep(handle)
    load.free(handle)
  end

  it("include the open interval of a killed worker", function()
    run:test({ label = "killed", duration = 10 })
    run:begin("worker-1", 1, 1)
    leave_live_file("worker-1-default.live")
    local s = summary()
    local t = s.tests[1]
    assert.are.same({ 5, 5, 3, 1, 1 }, { t.runs, t.submitted, t.ok, t.failed, t.unfinished })
    assert.are.equal(5, t.late) -- all were a second late
    assert.is_true(t.response_time_ns.min > 0.9e9)
    assert.are.same({ "timeout", 1 }, { t.errors[1].class, t.errors[1].count })
    assert.are.equal("open", t.operations[1].name)
    assert.are.equal(1, t.workers[1].worker)
  end)

  it("have it among the test's intervals, behind those of the journal, and once", function()
    run:test({ label = "killed", duration = 10 })
    run:begin("worker-0", 0, 1)
    run:interval("worker-0", 0, 1, { from = 0, to = 0.001, ops = { { submitted = 2, ok = 2, failed = 0, unfinished = 0, trimmed = 0 } } })
    run:finish("worker-0", 0, 1)
    run:begin("worker-1", 1, 1)
    leave_live_file("worker-1-default.live")
    local r, ok = read(), {}
    for interval in r:intervals(r.tests[1]) do
      ok[#ok + 1] = interval.ok
      assert.are.equal(interval.ok, interval.operations[1].ok + (interval.operations[2] or { ok = 0 }).ok)
    end
    local total = 0
    for _, n in ipairs(ok) do
      total = total + n
    end
    assert.are.same({ 5, 5 }, { total, r.tests[1].figures.ok })
  end)

  it("believe the cells of a histogram whose process was killed in the middle of a record", function()
    run:test({ label = "killed", duration = 10 })
    run:begin("worker-1", 1, 1)
    leave_live_file("worker-1-default.live")
    local path = run.path .. "/live/worker-1-default.live"
    local text = file.read(path)
    local at = text:find("1HNV", 1, true) -- the first histogram: magic, digits, layout, cells, then the count
    assert.are.equal("\3\0\0\0", text:sub(at + 16, at + 19))
    assert(file.write(path, text:sub(1, at + 15) .. "\2" .. text:sub(at + 17)))
    local t = summary().tests[1]
    assert.are.equal(3, read().tests[1].figures.response_time.count)
    assert.is_true(t.response_time_ns.min <= t.response_time_ns.mean and t.response_time_ns.mean <= t.response_time_ns.max)
  end)

  it("ignore a live interval that is in the journal already", function()
    run:test({ label = "killed", duration = 10 })
    run:begin("worker-1", 1, 1)
    run:interval("worker-1", 1, 1, { from = 0, to = 1, ops = { { submitted = 2, ok = 2, failed = 0, unfinished = 0, trimmed = 0 } } })
    leave_live_file("worker-1-default.live")
    assert.are.equal(2, summary().tests[1].submitted)
  end)

  it("find the load of a live file by its begin record, its name or its number", function()
    for test = 1, 3 do
      run:test({ test = test, label = "r" .. test, duration = 10 })
      run:append("worker-1", { type = "begin", worker = 1, test = test, load = "l" .. test, live = test == 1 and "first" or nil })
    end
    leave_live_file("worker-1-first.live")
    leave_live_file("worker-1-2.live")
    leave_live_file("worker-1-l3.live")
    local s = summary()
    for test = 1, 3 do
      assert.are.equal(5, s.tests[test].submitted)
    end
  end)

  it("report live files that are damaged or belong to nothing", function()
    run:test({ label = "killed", duration = 10 })
    run:begin("worker-1", 1, 1)
    leave_live_file("worker-1-other.live")
    leave_live_file("worker-7-default.live")
    assert(file.write(run.path .. "/live/worker-1-default.live", "garbage"))
    local s = summary()
    assert.are.equal(0, s.tests[1].submitted)
    assert.are.equal("INVALID", s.certificate.verdict)
    assert.are.equal(2, #s.certificate.reasons)
  end)

  it("leave trimmed transactions out of the rates", function()
    round({ label = "trim", number = 100, trim = 10 }, {
      from = 0, to = 10, runs = 100, last_due_us = 9.9e6, first_us = 1e6, last_finish_us = 9e6,
      ops = { { submitted = 100, ok = 98, failed = 2, unfinished = 0, trimmed = 20, response = constant(79, MS) } },
    })
    local t = summary().tests[1]
    assert.are.same({ 100, 98, 20 }, { t.submitted, t.ok, t.trimmed })
    near(10, t.send_rate)
    near(10, t.throughput)
    near(79 / 8, t.goodput)
  end)

  it("doubt a round with drops or many late runs", function()
    local cases = { { 0, 1, "VALID" }, { 1, 0, "SUSPECT" }, { 0, 2, "SUSPECT" } }
    for _, case in ipairs(cases) do
      round({ label = "x", duration = 1 }, {
        from = 0, to = 1, runs = 100, dropped = case[1], late = case[2],
        ops = { { submitted = 100, ok = 100, failed = 0, unfinished = 0, trimmed = 0 } },
      })
      local s = summary()
      assert.are.equal(case[3], s.certificate.verdict)
      assert.are.equal(case[3] == "VALID" and 0 or 1, #s.certificate.reasons)
      rundir.remove(run.path)
      run = rundir.new()
      run:run()
    end
  end)

  it("count what a damaged histogram leaves, and say so", function()
    round({ label = "damaged", duration = 1 }, {
      from = 0, to = 1, runs = 2,
      ops = { { submitted = 2, ok = 2, failed = 0, unfinished = 0, trimmed = 0, response = "AQM=", service = constant(2, MS) } },
    })
    local s = summary()
    assert.are.equal(2, s.tests[1].ok)
    assert.are.equal(cjson.null, s.tests[1].response_time_ns)
    assert.are.equal(MS, s.tests[1].service_time_ns.max)
    assert.are.equal("INVALID", s.certificate.verdict)
  end)

  it("do without the manager's journal", function()
    run:begin("worker-0", 0, 4)
    run:interval("worker-0", 0, 4, { from = 0, to = 1, ops = { { submitted = 3, ok = 3, failed = 0, unfinished = 0, trimmed = 0 } } })
    run:close()
    file.remove(run.path .. "/manager.journal")
    local s = summary()
    assert.are.same({ "unknown", 4, 3 }, { s.tests[1].label, s.tests[1].round, s.tests[1].ok })
    assert.are.equal("INVALID", s.certificate.verdict)
  end)

  it("hold for journals cut anywhere: nothing fails, every transaction is accounted for", function()
    run:test({ label = "torn", duration = 10 })
    run:begin("worker-0", 0, 1)
    for second = 0, 4 do
      run:interval("worker-0", 0, 1, {
        from = second, to = second + 1, runs = 10, last_finish_us = second * 1e6 + 9e5,
        ops = { { submitted = 10, ok = second == 0 and 7 or 10, failed = 0, unfinished = 0, trimmed = 0, response = constant(7, MS) } },
      })
    end
    run:finish("worker-0", 0, 1)
    run:test_end(1, 10)
    run:run_end()
    run:close()
    for _, name in ipairs({ "worker-0.journal", "manager.journal" }) do
      local path = run.path .. "/" .. name
      local text, last = file.read(path), 0
      for len = 0, #text, 13 do
        file.write(path, text:sub(1, len))
        local s = summary()
        local t = s.tests[1]
        if t then
          assert.are.equal(t.submitted, t.ok + t.failed + t.unfinished)
        end
        if name == "worker-0.journal" then
          assert.is_true(t.submitted >= last and t.submitted <= 50)
          last = t.submitted
        else
          assert.are.equal(50, t.submitted)
        end
      end
      file.write(path, text)
      assert.are.equal(50, summary().tests[1].submitted)
    end
  end)

  it("conserve transactions when the record of their submission was lost", function()
    round({ label = "x", duration = 1 }, { from = 0, to = 1, ops = { { submitted = 1, ok = 5, failed = 1, unfinished = 0, trimmed = 0 } } })
    local t = summary().tests[1]
    assert.are.same({ 6, 5, 1, 0 }, { t.submitted, t.ok, t.failed, t.unfinished })
  end)
end)
