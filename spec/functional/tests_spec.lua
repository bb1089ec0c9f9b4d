-- The test stage and stop-test in scenarios: how much is run, what is recorded, and what goes wrong.
local bench = require("spec.support.bench")
local support = require("spec.support")

local FAST = { "--vernier-worker-timeout", "1s", "--vernier-hook-timeout", "2s" }
local SEND = [[return { run = function(_, ctx) ctx.sut:send({}, { operation = "get" }) end }]]
-- Never ends by itself before its sleep is over.
local SLOW = [[return { run = function(_, ctx) ctx:sleep(60) end }]]
local FAILING = [[return { run = function() error("out of order", 0) end }]]

-- A workspace whose scenario has these stages (YAML list items) for one cluster of o.size (2) workers.
local function workspace(stages, o)
  o = o or {}
  local files = { ["w.lua"] = SEND, ["slow.lua"] = SLOW, ["failing.lua"] = FAILING }
  for name, text in pairs(o.files or {}) do
    files[name] = text
  end
  return bench.scenario(stages, { files = files, more = o.more,
    head = ("clusters: [{size: %d}]\nconfigurations: [{name: c, connector: noop, options: {latency: %s}}]"):format(o.size or 2,
      o.latency or "1ms") })
end

local command = bench.scenario_command

-- Runs the stages; the summary's tests, the command's result and the folder.
local function run(stages, o)
  local dir = workspace(stages, o)
  local r = support.vernier(command(dir, o and o.settings))
  return support.summary(dir).tests, r, dir
end

local function ok(stages, o)
  local tests, r, dir = run(stages, o)
  assert.are.equal(0, r.status, r.stderr)
  return tests, r, dir
end

-- The stages fail, and it is said why.
local function fails(message, stages, o)
  local tests, r, dir = run(stages, o)
  assert.are.equal(3, r.status, r.stderr)
  assert.matches(message, r.stderr, 1, true)
  assert.is_nil(r.stderr:find("stack traceback", 1, true), r.stderr)
  return tests, r, dir
end

local function start(stages, o)
  local dir = workspace(stages, o)
  return support.start_vernier(command(dir, FAST)), dir
end

-- Waits for the end of a run: its status and what it wrote; nothing of it is left.
local function finish(running, seconds)
  assert.is_truthy(running:wait(seconds or 20), "the run goes on for ever")
  local _, err = running:output()
  bench.assert_no_orphans(running.mark)
  return (running.process:status()), err
end

local function test(properties, workload)
  return ("  - test: {workload: ./%s, %s}\n"):format(workload or "w.lua", properties)
end

local function runs_of(list)
  local runs = {}
  for i, row in ipairs(list) do
    runs[i] = row.runs
  end
  return runs
end

describe("a test with wrong properties", function()
  local CONTRADICTIONS = {
    ["needs one of duration and num-operations"] = "test-name: a",
    ["duration and num-operations exclude each other"] = "duration: 1s, num-operations: 5",
    ["total-threads and num-threads-per-node exclude each other"] = "duration: 1s, total-threads: 2, num-threads-per-node: 1",
    ["total-threads and rate exclude each other"] = "duration: 1s, total-threads: 2, rate: {type: fixed-rate}",
    ["think-time is a thread's"] = "duration: 1s, think-time: 1ms, rate: {type: fixed-rate, opts: {tps: 5}}",
    ["merge-thread-stats: with a rate there are no threads"] =
      "duration: 1s, merge-thread-stats: false, rate: {type: fixed-rate, opts: {tps: 5}}",
    ["a warmup is not reported: repeat-condition needs results"] =
      "duration: 1s, test-name: Warmup, repeat-condition: {mean: {below: 1s}}",
    ["repeat-condition needs them"] = "run-background: true, repeat-condition: {mean: {below: 1s}}",
  }
  for message, properties in pairs(CONTRADICTIONS) do
    it("is told before anything starts, or as soon as they are known: " .. message, function()
      local r = support.vernier(command(workspace(test(properties))))
      assert.are.equal(2, r.status, r.stderr)
      assert.matches("benchmark.yaml:%d+:%d+: ", r.stderr)
      assert.matches(message, r.stderr, 1, true)
      fails(message, test(properties .. ', catch-up: "${nothing:all}"'))
    end)
  end

  for message, properties in pairs({
    ["max-in-flight of 1 is fewer than the 2 workers"] = "duration: 1s, max-in-flight: 1",
    ["max-in-flight of 3 is fewer than the 4 threads"] = "duration: 1s, max-in-flight: 3, total-threads: 4, merge-thread-stats: false",
    ['unknown option "tsp" (did you mean tps?)'] = "duration: 1s, rate: {type: fixed-rate, opts: {tsp: 5}}",
    ['this stage has no property "total-thread" (did you mean total-threads?)'] = "duration: 1s, iteration-property: total-thread",
    ["iteration-property: statistics is not a single value"] = "duration: 1s, iteration-property: statistics",
  }) do
    it("fails and says what to do: " .. message, function()
      fails(message, test(properties))
    end)
  end

  it("and before anything starts with what is not there, or a condition that is none", function()
    for message, stage in pairs({
      ["cannot load workload ./none.lua"] = test("duration: 1s", "none.lua"),
      ['no rate controller named "fixed-rat" (did you mean fixed-rate?)'] = test("duration: 1s, rate: {type: fixed-rat}"),
      ["did you mean mean?"] = test("duration: 1s, repeat-condition: {men: {below: 1}}"),
    }) do
      local r = support.vernier(command(workspace(stage)))
      assert.are.equal(2, r.status, r.stderr)
      assert.matches(message, r.stderr, 1, true)
    end
  end)

  it("but may have fewer threads than workers: some make no load", function()
    for _, more in ipairs({ "", ", merge-thread-stats: false" }) do
      local tests = ok(test("num-operations: 7, total-threads: 1" .. more))
      assert.are.same({ 7, 1 }, { tests[1].runs, #tests[1].workers })
    end
  end)

  it("and fails where a plug-in is only known when it is used", function()
    fails('no rate controller named "fixed-rat" (did you mean fixed-rate?)', '  - define: {var: x, value: rat}\n'
      .. test('duration: 1s, rate: {type: "fixed-${x}"}'))
    local stages = "  - define: {var: x, value: none}\n" .. test("duration: 1s"):gsub("%./w%.lua", '"./${x}.lua"')
    fails("cannot load workload ./none.lua", stages)
  end)
end)

describe("the amount of a test", function()
  it("by number is exact over the workers, the remainder to the first", function()
    local t = ok(test("num-operations: 11, total-threads: 4") , { size = 3 })[1]
    assert.are.same({ 11, 11, 11 }, { t.runs, t.ok, t.submitted })
    assert.are.same({ 4, 4, 3 }, runs_of(t.workers))
  end)

  it("by number is exact over threads that are measured one by one, also where some have nothing to do", function()
    local t = ok(test("num-operations: 11, total-threads: 4, merge-thread-stats: false"), { size = 3 })[1]
    assert.are.equal(11, t.runs)
    assert.are.same({ 2, 1, 1 }, { #t.workers[1].threads, #t.workers[2].threads, #t.workers[3].threads })
    local sum = 0
    for _, worker in ipairs(t.workers) do
      local own = 0
      for _, n in ipairs(runs_of(worker.threads)) do
        own = own + n
      end
      assert.are.equal(worker.runs, own)
      sum = sum + own
    end
    assert.are.equal(11, sum)
    t = ok(test("num-operations: 2, total-threads: 5, merge-thread-stats: false"))[1]
    assert.are.same({ 2, 2 }, { t.runs, t.ok })
  end)

  it("may be run by threads per node, and by an open load", function()
    local tests = ok(test("test-name: a, num-operations: 20, num-threads-per-node: 2")
      .. test("test-name: b, num-operations: 20, rate: {type: fixed-rate, opts: {tps: 200}}"))
    assert.are.same({ 20, 4, "closed" }, { tests[1].ok, tests[1].threads, tests[1].model })
    assert.are.same({ 20, "open" }, { tests[2].ok, tests[2].model })
    assert.is_true(math.abs(tests[2].send_rate - 200) < 2, tests[2].send_rate)
  end)

  it("has so many in flight as there are threads, with think-time between", function()
    local tests = ok(test("test-name: a, duration: 500ms, total-threads: 4, workload: ./w.lua")
      :gsub("workload: %./w.lua, ", "", 1)
      .. test("test-name: b, duration: 500ms, total-threads: 4, think-time: 40ms"), { latency = "10ms" })
    -- 4 threads, 10 ms each: at most 50 runs a thread; with the pause of 40 ms at most 10.
    assert.is_true(tests[1].ok <= 200 and tests[1].ok > 100, tests[1].ok)
    assert.is_true(tests[2].ok <= 40 and tests[2].ok > 20, tests[2].ok)
  end)
end)

describe("the ramp-up of a test", function()
  it("is in no time and no rate, and duration counts from its end", function()
    local t = ok(test("duration: 400ms, ramp-up: 400ms, total-threads: 4"), { latency = "5ms" })[1]
    assert.is_true(t.seconds > 0.75, t.seconds)
    assert.is_true(t.trimmed > 0)
    assert.are.equal(t.ok - t.trimmed, t.operations[1].ok - t.operations[1].trimmed)
    -- 4 threads of 5 ms: 800/s once all run; with the ramp-up in it, it would be 600/s.
    assert.is_true(t.throughput > 610 and t.throughput <= 810, t.throughput)
  end)
end)

describe("the time limit of a test", function()
  it("fails it, keeps what was measured and the worker, which takes part in destroy", function()
    local tests, r, dir = fails("did not end within 0.5 s", test("num-operations: 1000000, total-threads: 2, timeout: 500ms"),
      { more = 'destroy:\n  - command: {cmd: "echo here", out: "here-${worker.index}"}\n' })
    assert.are.equal("failed", tests[1].status)
    assert.is_true(tests[1].ok > 20, tests[1].ok)
    assert.are.equal(tests[1].submitted, tests[1].ok)
    assert.are.same({ "here\n", "here\n" }, { support.read_file(dir .. "/here-0"), support.read_file(dir .. "/here-1") })
    assert.is_true(r.seconds < 10, r.seconds)
  end)

  it("also of one whose runs do not end", function()
    local _, r = fails("did not end within 0.3 s", test("num-operations: 10, total-threads: 2, timeout: 300ms, drain: 100ms", "slow.lua"))
    assert.is_true(r.seconds < 10, r.seconds)
  end)

  it("does nothing to one that ends in time", function()
    assert.are.equal("ok", ok(test("num-operations: 10, total-threads: 2, timeout: 20s"))[1].status)
  end)
end)

describe("the name of a test", function()
  it("that was used is refused without amend-test", function()
    local tests = fails('there is a test "a" already (amend-test: true makes this its next iteration)',
      test("test-name: a, num-operations: 4, total-threads: 2"):rep(2))
    assert.are.equal(1, #tests)
  end)

  it("with amend-test is the next iteration, with the value of its property", function()
    local tests = ok(("  - repeat:\n      from: 2\n      to: 6\n      inc: 2\n      do:\n    %s"):format(
      test('test-name: a, amend-test: true, num-operations: 6, totalThreads: "${repeat.counter}", iteration-property: totalThreads')))
    local seen = {}
    for i, t in ipairs(tests) do
      seen[i] = { t.label, t.iteration, t.iteration_value }
    end
    assert.are.same({ { "a", 1, 2 }, { "a", 2, 4 }, { "a", 3, 6 } }, seen)
  end)

  it("of warmup, in any case, is run as often as one likes and not reported", function()
    local tests, _, dir = ok(test("test-name: WarmUp, num-operations: 4, total-threads: 2"):rep(2)
      .. test("test-name: a, num-operations: 4, total-threads: 2"),
      { files = { ["w.lua"] = [[return { run = function(_, ctx)
        local f = io.open("runs.txt", "a") f:write("x") f:close() ctx.sut:send({}) end }]] } })
    assert.are.same({ 1, "a" }, { #tests, tests[1].label })
    assert.are.equal(("x"):rep(12), support.read_file(dir .. "/runs.txt"))
  end)
end)

describe("a workload's arguments", function()
  it("differ by worker where they say so", function()
    local t = ok(test("x: y"):gsub("workload: %./w.lua, x: y",
      'num-operations: 12, total-threads: 2, workload: {module: ./w.lua, arguments: {operation: "op-${worker.index}"}}'),
      { files = { ["w.lua"] = [[return { run = function(_, ctx) ctx.sut:send({}, { operation = ctx.arguments.operation }) end }]] } })[1]
    assert.are.same({ "op-0", 6, "op-1", 6 }, { t.operations[1].name, t.operations[1].ok, t.operations[2].name, t.operations[2].ok })
  end)
end)

describe("errors in a test", function()
  it("fail it when nothing succeeds", function()
    local tests = fails("none of 6 transactions succeeded", test("num-operations: 6, total-threads: 2", "failing.lua"))
    assert.are.same({ "failed", 6 }, { tests[1].status, tests[1].failed })
  end)

  it("of the workload end it by on-error: stop", function()
    local _, r = fails("the workload failed: out of order", test("duration: 30s, total-threads: 2, on-error: stop", "failing.lua"))
    assert.is_true(r.seconds < 15, r.seconds)
  end)

  it("skip the rest of the cell", function()
    local tests = fails("none of", test("test-name: a, num-operations: 6, total-threads: 2", "failing.lua")
      .. test("test-name: b, num-operations: 6, total-threads: 2"))
    assert.are.equal(1, #tests)
  end)
end)

describe("what is late in a test", function()
  local slow = { size = 1, latency = "50ms" }

  it("is dropped, counted late, or kept back by max-in-flight", function()
    local tests = ok(test("test-name: a, duration: 500ms, max-in-flight: 1, rate: {type: fixed-rate, opts: {tps: 100}}, "
      .. "catch-up: drop, late-after: 5ms")
      .. test("test-name: b, num-operations: 10, max-in-flight: 1, rate: {type: fixed-rate, opts: {tps: 100}}"), slow)
    assert.is_true(tests[1].dropped > 20 and tests[1].runs <= 11, tests[1].dropped)
    assert.are.same({ 10, 0 }, { tests[2].ok, tests[2].dropped })
    assert.is_true(tests[2].blocked_ns.max > 300e6, tests[2].blocked_ns.max)
  end)
end)

describe("the digits of a test", function()
  it("are those of its histograms", function()
    local tests = ok(test("test-name: a, num-operations: 50, total-threads: 2, statistics: {digits: 1}")
      .. test("test-name: b, num-operations: 50, total-threads: 2, statistics: {digits: 5}"))
    for _, t in ipairs(tests) do
      assert.are.same({ 50, true }, { t.ok, t.response_time_ns.p50 >= 0.9e6 }, t.label)
    end
    assert.is_true(tests[1].response_time_ns.p50 ~= tests[2].response_time_ns.p50)
  end)
end)

describe("a repeat-condition", function()
  local function stepping(condition)
    return ([[
  - repeat:
      name: outer
      times: 2
      do:
        - repeat:
            name: inner
            from: 1
            to: 4
            do:
              - test: {workload: ./w.lua, test-name: "t${repeat.outer.counter}", amend-test: true, total-threads: 2,
                  num-operations: "#{10 * ${repeat.inner.counter}}", repeat-condition: %s}
              - echo: {message: "held ${repeat.outer.counter}.${repeat.inner.counter}"}
        - echo: {message: "left ${repeat.outer.counter}"}
]]):format(condition)
  end

  it("that does not hold leaves the innermost repeat, and nothing has failed", function()
    local tests, r = ok(stepping("{requests: {below: 25, on: get}, errors: {percent-below: 1}}"))
    assert.are.equal(6, #tests) -- 10, 20, 30 operations, twice
    for outer = 0, 1 do
      assert.matches(("held %d.2"):format(outer), r.stderr, 1, true)
      assert.is_nil(r.stderr:find(("held %d.3"):format(outer), 1, true))
      assert.matches(("left %d"):format(outer), r.stderr, 1, true)
    end
  end)

  it("on an operation that is not there fails", function()
    fails('the test has no operation "gte" (did you mean get?)', stepping("{requests: {below: 25, on: gte}}"))
  end)
end)

describe("a test in the background", function()
  local BACKGROUND = test("test-name: bg, run-background: true, total-threads: 2")

  it("goes on while other stages run, until stop-test; two at once have results of their own", function()
    local tests, r = ok(BACKGROUND .. test("test-name: other, run-background: true, rate: {type: fixed-rate, opts: {tps: 100}}")
      .. test("test-name: front, num-operations: 40, total-threads: 2") .. "  - sleep: {time: 300ms}\n"
      .. "  - stop-test: {test-name: bg}\n  - sleep: {time: 300ms}\n  - stop-test: {test-name: other}\n")
    assert.are.equal(0, r.status, r.stderr)
    local bg, other, front = tests[1], tests[2], tests[3]
    assert.are.same({ "ok", "ok", "ok", 40 }, { bg.status, other.status, front.status, front.ok })
    assert.are.same({ bg.submitted, other.submitted }, { bg.ok, other.ok })
    assert.is_true(bg.seconds >= 0.3 and other.seconds >= bg.seconds + 0.25, bg.seconds .. " " .. other.seconds)
    assert.is_true(bg.ok > 100 and other.ok >= 55, bg.ok .. " " .. other.ok)
  end)

  it("has the name that the manager has seen, whatever workers see", function()
    local tests = ok(test('test-name: "bg${worker.index}", run-background: true, total-threads: 2')
      .. '  - sleep: {time: 100ms}\n  - stop-test: {test-name: "bg${worker.index}"}\n')
    assert.are.same({ "bg-1", "ok" }, { tests[1].label, tests[1].status })
  end)

  it("may end by itself before", function()
    local tests = ok(test("test-name: bg, run-background: true, total-threads: 2, num-operations: 9")
      .. "  - sleep: {time: 1s}\n  - stop-test: {test-name: bg}\n")
    assert.are.same({ "ok", 9 }, { tests[1].status, tests[1].ok })
    assert.is_true(tests[1].seconds < 0.9, tests[1].seconds)
  end)

  it("ends with its cell where nobody stops it", function()
    local tests = ok(BACKGROUND .. "  - sleep: {time: 200ms}\n")
    assert.are.same({ "ok", tests[1].submitted }, { tests[1].status, tests[1].ok })
    assert.is_true(tests[1].ok > 50)
  end)

  it("that fails is told when it is stopped", function()
    local tests = fails("none of", test("test-name: bg, run-background: true, total-threads: 2, num-operations: 6", "failing.lua")
      .. "  - sleep: {time: 200ms}\n  - stop-test: {test-name: bg}\n")
    assert.are.same({ "failed", 6 }, { tests[1].status, tests[1].failed })
  end)

  it("has a time limit, too", function()
    local tests = fails("did not end within 0.2 s", test("test-name: bg, run-background: true, total-threads: 2, timeout: 200ms")
      .. "  - sleep: {time: 500ms}\n  - stop-test: {test-name: bg}\n")
    assert.are.equal("failed", tests[1].status)
    assert.is_true(tests[1].ok > 20)
  end)

  it("cannot be amended while it goes on", function()
    fails('the test "bg" goes on in the background already: stop-test ends it', BACKGROUND
      .. test("test-name: bg, run-background: true, amend-test: true, total-threads: 2"))
  end)

  it("is stopped by its name and on all its workers", function()
    fails('there is no test "gb" in the background', "  - stop-test: {test-name: gb}\n")
    fails("did you mean background?", test("test-name: background, run-background: true, total-threads: 2")
      .. "  - stop-test: {test-name: backgruond}\n")
    local tests = fails("worker 0 runs the test, too: stop-test needs all of its workers",
      BACKGROUND .. "  - stop-test: {test-name: bg, workers: 1}\n")
    assert.are.equal("ok", tests[1].status) -- it ended with its cell
  end)

  for _, signal in ipairs({ "KILL", "STOP" }) do
    it(("whose worker is lost (%s) has failed, with what all have measured"):format(signal), function()
      local running, dir = start(BACKGROUND .. "  - echo: {message: begun}\n  - sleep: {time: 2s}\n  - stop-test: {test-name: bg}\n")
      local pid = bench.worker_pid(running, 1)
      support.wait_for(function()
        return select(2, running:output()):find("begun", 1, true)
      end, 10, "the test to go on in the background")
      support.sleep(0.5)
      os.execute(("kill -%s %d"):format(signal, pid))
      local status, err = finish(running)
      assert.are.equal(3, status, err)
      assert.matches("worker 1 was lost", err, 1, true)
      local t = support.summary(dir).tests[1]
      assert.are.same({ "failed", "ok", "lost" }, { t.status, t.workers[1].status, t.workers[2].status })
      assert.is_true(t.workers[1].ok > 500 and t.workers[2].ok > 100, t.workers[1].ok .. " " .. t.workers[2].ok)
    end)
  end

  it("without a stop-test has failed, too, when its only worker is lost", function()
    local running, dir = start(test("test-name: bg, run-background: true, total-threads: 2")
      .. "  - echo: {message: begun}\n  - sleep: {time: 2s}\n", { size = 1 })
    local pid = bench.worker_pid(running, 0)
    support.wait_for(function()
      return select(2, running:output()):find("begun", 1, true)
    end, 10, "the test to go on in the background")
    os.execute("kill -KILL " .. pid)
    local status, err = finish(running)
    assert.are.equal(3, status, err)
    local t = support.summary(dir).tests[1]
    assert.are.same({ "failed", "worker 0 was lost while the test went on" }, { t.status, t.reasons[1] })
  end)
end)

describe("a worker that is lost in a test", function()
  for _, signal in ipairs({ "KILL", "STOP" }) do
    it(("(%s) fails it; the others stop, and what they measured stays"):format(signal), function()
      local running, dir = start(test("test-name: a, duration: 30s, total-threads: 4") .. test("test-name: b, num-operations: 4"))
      local pid = bench.worker_pid(running, 1)
      support.wait_for(function()
        local run_dir = support.runs(dir)[1]
        return run_dir and io.open(run_dir .. "/live/worker-1-1.live") and io.open(run_dir .. "/live/worker-0-1.live")
      end, 10, "the loads to be made")
      support.sleep(0.5)
      os.execute(("kill -%s %d"):format(signal, pid))
      local status, err = finish(running)
      assert.are.equal(3, status, err)
      assert.matches(signal == "KILL" and "worker 1 was killed by signal 9" or "worker 1 sent no heartbeat", err, 1, true)
      local tests = support.summary(dir).tests
      assert.are.same({ 1, "failed", "lost" }, { #tests, tests[1].status, tests[1].workers[2].status })
      assert.is_true(tests[1].workers[1].ok > 50)
      assert.is_true(running.process.seconds < 15)
    end)
  end
end)

describe("Ctrl-C in a test", function()
  for what, stages in pairs({
    ["in front"] = test("test-name: a, duration: 30s, total-threads: 4"),
    ["in the background"] = test("test-name: a, run-background: true, total-threads: 4") .. "  - sleep: {time: 30s}\n",
  }) do
    it(what .. " ends it by 130, with its results", function()
      local running, dir = start(stages)
      support.wait_for(function()
        local run_dir = support.runs(dir)[1]
        return run_dir and io.open(run_dir .. "/live/worker-1-1.live")
      end, 10, "the loads to be made")
      support.sleep(0.5)
      running:kill("INT")
      local status, err = finish(running, 10)
      assert.are.equal(130, status, err)
      local t = support.summary(dir).tests[1]
      assert.are.equal("interrupted", t.status)
      assert.is_true(t.ok > 50)
    end)
  end
end)
