-- Manager and workers: deaths, hangs, interrupts; the verdict is right, the rest goes on, nothing is left behind.
local bench = require("spec.support.bench")
local support = require("spec.support")

local SLOW = "caliper: {connector: noop}\nnoop: {latency: constant 20ms}\n"
local FAST = { "--vernier-worker-timeout", "1s", "--vernier-hook-timeout", "1s" }

local function two_rounds(first)
  return bench.round({ label = "first", duration = first or 3, tps = 200 }) .. bench.round({ label = "second", number = 40, tps = 200 })
end

local test_of, conserved = bench.test_of, bench.conserved

local function check_lost_worker(r, dir, pattern)
  assert.are.equal(3, r.status, r.stderr)
  local summary, run = support.summary(dir)
  local first, second = test_of(summary, "first"), test_of(summary, "second")
  assert.are.equal("failed", first.status)
  assert.matches(pattern, r.stderr)
  conserved(first)
  assert.is_true(first.ok > 0)
  assert.are.equal("ok", second.status)
  assert.are.equal(40, second.ok)
  assert.are.equal("INVALID", summary.certificate.verdict)
  assert.matches(pattern, support.read_file(run .. "/report.html"))
  bench.assert_no_orphans(r.mark)
end

describe("a worker that is lost in a round", function()
  for _, case in ipairs({
    { signal = "KILL", pattern = "killed by signal 9", what = "killed" },
    { signal = "STOP", pattern = "no heartbeat", what = "stopped" },
    { signal = "ABRT", pattern = "killed by signal 6", what = "crashing" },
  }) do
    it(case.what .. ": fails the round within seconds, is replaced, and the next round runs", function()
      local dir = bench.workspace({ workers = 2, network = SLOW, rounds = two_rounds(20) })
      local running = bench.start(dir, FAST)
      local pid = bench.worker_pid(running, 1)
      support.sleep(1)
      os.execute(("kill -%s %d"):format(case.signal, pid))
      assert.is_truthy(running:wait(15), "the run goes on for ever")
      local out, err = running:output()
      check_lost_worker({ status = running.process:status(), stdout = out, stderr = err, mark = running.mark }, dir,
        case.pattern)
    end)
  end

  it("in an endless loop of a hook: is killed at the hook's deadline", function()
    local dir = bench.workspace({ workers = 2, network = SLOW, rounds = two_rounds(20), workload = [[
      return { run = function(_, ctx)
        if ctx.worker == 1 and ctx.round.label == "first" and ctx.index > 100 then while true do end end
        ctx.sut:send({})
      end }]] })
    local r = bench.run(dir, FAST)
    check_lost_worker(r, dir, "did not return from a hook")
  end)
end)

describe("a worker that is lost outside a round", function()
  it("while its workload prepares: the round fails, the next one runs", function()
    local dir = bench.workspace({ workers = 2, rounds = two_rounds(1), workload = [[
      return {
        init = function(_, ctx)
          if ctx.worker == 1 and ctx.round.label == "first" then io.open("/proc/self/stat"):read("*a"); os.exit(7) end
        end,
        run = function(_, ctx) ctx.sut:send({}) end,
      }]] })
    local r = bench.run(dir, FAST)
    assert.are.equal(3, r.status, r.stderr)
    local summary = support.summary(dir)
    assert.are.equal("failed", test_of(summary, "first").status)
    assert.are.equal(40, test_of(summary, "second").ok)
    bench.assert_no_orphans(r.mark)
  end)

  it("in its end hook: the round fails and its numbers are kept", function()
    local dir = bench.workspace({ workers = 2, rounds = two_rounds(1), workload = [[
      return {
        run = function(_, ctx) ctx.sut:send({}) end,
        finish = function(_, ctx) if ctx.worker == 0 and ctx.round.label == "first" then while true do end end end,
      }]] })
    local r = bench.run(dir, FAST)
    assert.are.equal(3, r.status, r.stderr)
    local summary = support.summary(dir)
    assert.are.equal("failed", test_of(summary, "first").status)
    assert.are.equal(200, test_of(summary, "first").ok)
    assert.are.equal(40, test_of(summary, "second").ok)
  end)

  it("when its connector cannot start: a clear message and status 3", function()
    local dir = bench.workspace({ network = "caliper: {connector: ./c.lua}\n", files = { ["c.lua"] = [[
      return { init = function(_, ctx) if ctx.where == "worker" then error("no such SUT", 0) end end, run = function() return true end }]] } })
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.matches("no such SUT", r.stderr)
    bench.assert_no_orphans(r.mark)
  end)
end)

describe("onFailure", function()
  local failing = "return { init = function(_, ctx) if ctx.round.label == 'first' then error('bad init', 0) end end, "
    .. "run = function(_, ctx) ctx.sut:send({}) end }"

  it("continue: the other rounds run", function()
    local dir = bench.workspace({ rounds = two_rounds(1), workload = failing })
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.matches("bad init", r.stderr)
    assert.are.equal(40, test_of(support.summary(dir), "second").ok)
  end)

  it("stop: they do not", function()
    local dir = bench.workspace({ rounds = two_rounds(1), workload = failing, test = "  onFailure: stop\n" })
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.is_nil(test_of(support.summary(dir), "second"))
  end)
end)

describe("Ctrl-C", function()
  local network = "caliper: {connector: noop, command: {end: 'echo ended > ended.txt'}}\nnoop: {latency: constant 50ms}\n"

  it("once: stops sending, drains, runs the end command, reports, 130", function()
    local dir = bench.workspace({ workers = 2, network = network, rounds = two_rounds(30) })
    local running = bench.start(dir)
    bench.worker_pid(running, 1)
    support.sleep(1)
    running:kill("INT")
    assert.is_truthy(running:wait(10), "it does not stop")
    assert.are.equal(130, (running.process:status()))
    local summary = support.summary(dir)
    local first = test_of(summary, "first")
    assert.are.equal("interrupted", first.status)
    assert.is_true(first.ok > 0)
    assert.are.equal(0, first.unfinished)
    conserved(first)
    assert.is_nil(test_of(summary, "second"))
    assert.are.equal("ended\n", support.read_file(dir .. "/ended.txt"))
    bench.assert_no_orphans(running.mark)
  end)

  it("twice: stops at once", function()
    local dir = bench.workspace({ workers = 2, network = "caliper: {connector: noop}\nnoop: {latency: constant 25s}\n",
      rounds = bench.round({ duration = 60, tps = 50 }) })
    local running = bench.start(dir)
    bench.worker_pid(running, 1)
    support.sleep(0.7)
    running:kill("INT")
    support.sleep(0.5)
    assert.is_true(running:running(), "the drain was skipped")
    running:kill("INT")
    assert.is_truthy(running:wait(3), "it does not stop")
    assert.are.equal(130, (running.process:status()))
    bench.assert_no_orphans(running.mark)
    local r = support.vernier({ "report", support.runs(dir)[1] })
    assert.are.equal(130, r.status, r.stderr)
    conserved(support.summary(dir).tests[1])
  end)

  it("while a start command runs: ends the command with what it started", function()
    local dir = bench.workspace({ network = "caliper: {connector: noop, command: {start: 'sleep 100 & sleep 100'}}\n" })
    local running = bench.start(dir)
    support.wait_for(function()
      return #support.left_over(running.mark) >= 4
    end, 5, "the command")
    running:kill("INT")
    assert.is_truthy(running:wait(8), "it does not stop")
    assert.are.equal(130, (running.process:status()))
    bench.assert_no_orphans(running.mark)
  end)
end)

describe("a manager that is killed", function()
  it("at any instant leaves readable results and no process", function()
    local N = 20
    for i = 1, N do
      local dir = bench.workspace({ workers = 2, network = SLOW, rounds = bench.round({ label = "first", duration = 0.5, tps = 200 })
        .. bench.round({ label = "second", number = 60, tps = 200 }) })
      local running = bench.start(dir, { "--caliper-observer-internal-interval", "100" })
      support.sleep(0.05 * i)
      running:kill("KILL")
      running:wait(5)
      bench.assert_no_orphans(running.mark)
      local run = support.runs(dir)[1]
      if run then
        local r = support.vernier({ "report", run })
        if running.process:status() == 137 then
          local ended = support.summary(dir).run.status == "ok" -- killed when all was written already
          assert.are.equal(ended and 0 or 130, r.status, ("instant %d: %s"):format(i, r.stderr))
        end
        for _, test in ipairs(support.summary(dir).tests) do
          conserved(test)
        end
      end
    end
  end)
end)
