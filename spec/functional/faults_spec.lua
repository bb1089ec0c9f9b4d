-- Faults: full and unwritable disks, workers that die or stop in each state, outputs that are gone, signals.
local bench = require("spec.support.bench")
local support = require("spec.support")

local FAST = { "--vernier-worker-timeout", "1s", "--vernier-hook-timeout", "2s", "--vernier-drain", "2s" }

local function exists(path)
  local f = io.open(path)
  if f then
    f:close()
  end
  return f ~= nil
end

local conserved = bench.conserved

-- ---- disks ----

-- In a mount namespace of its own: `runs` is a disk of 8 MB, which `fill` fills while the run goes on.
local FULL_DISK = [[
mkdir runs && mount -t tmpfs -o size=8m none runs || exit 77
(sleep %s; cat /dev/zero > runs/filler 2>/dev/null; echo > filled) &
"$VERNIER" run benchmark.yaml network.yaml --caliper-observer-internal-interval 100 > run.out 2> run.err
echo $? > run.status
wait
"$VERNIER" report runs/spec-* > full.out 2> full.err
echo $? > full.status
rm runs/filler
"$VERNIER" report runs/spec-* > report.out 2> report.err
echo $? > report.status
cp -r runs kept
]]

local function on_full_disk(o)
  local dir = bench.workspace(o)
  local r = support.run({ "unshare", "-m", "sh", "-c", FULL_DISK:format(o.fill), cwd = dir, env = { VERNIER = support.binary },
    timeout = 60 })
  if r.status ~= 0 and not exists(dir .. "/run.status") then
    pending("no tmpfs can be mounted here: " .. r.stderr)
    return nil
  end
  assert.is_true(exists(dir .. "/filled"))
  local function file(name)
    return support.read_file(dir .. "/" .. name)
  end
  local runs = io.popen("ls -d " .. dir .. "/kept/spec-*"):read("*l")
  return file, support.read_json(runs .. "/summary.json"), r
end

describe("a disk that is full", function()
  it("while a round runs: the round ends, says so, and all that it has measured is in the report", function()
    local file, summary, r = on_full_disk({ workers = 2, fill = 1.0, network = "caliper: {connector: noop}\nnoop: {latency: constant 10ms}\n",
      rounds = bench.round({ label = "a", number = 500, tps = 200 }) })
    if not file then
      return
    end
    local status = tonumber(file("run.status"))
    assert.is_true(status == 1 or status == 3, file("run.err"))
    assert.matches("No space left on device", file("run.err"), 1, true)
    assert.matches("a finished", file("run.err"):gsub("%[a%] 1/1", "a"), 1, true)
    local test = summary.tests[1]
    assert.are.same({ "a", 500, 500, 500 }, { test.label, test.runs, test.submitted, test.ok })
    assert.are.equal(500, test.workers[1].ok + test.workers[2].ok)
    assert.is_true(test.response_time_ns.min >= 10e6)
    bench.assert_no_orphans(r.mark)
  end)

  it("before a round: the round fails with the reason, and nothing hangs", function()
    local file, summary = on_full_disk({ fill = 0.4, network = "caliper: {connector: noop}\nnoop: {latency: constant 10ms}\n",
      rounds = bench.round({ label = "a", number = 200, tps = 100 }) .. bench.round({ label = "b", number = 10 }) })
    if not file then
      return
    end
    assert.are.equal("3\n", file("run.status"))
    assert.matches("round b failed: .*No space left on device", file("run.err"))
    assert.are.same({ "a", 200 }, { summary.tests[1].label, summary.tests[1].ok })
  end)
end)

describe("a place that cannot be written", function()
  it("for the report: told before anything starts", function()
    local dir = bench.workspace({ files = { file = "x" } })
    os.execute("mkdir " .. dir .. "/folder")
    for _, path in ipairs({ "file/report.html", "folder", "/proc/none/report.html" }) do
      local r = bench.run(dir, { "--caliper-report-path", path })
      assert.are.equal(2, r.status, path)
      assert.matches("the report cannot be written to " .. path, r.stderr, 1, true)
      assert.are.same({}, support.runs(dir))
    end
  end)

  it("for the runs: told before anything starts", function()
    local dir = bench.workspace({ files = { file = "x" } })
    for _, path in ipairs({ "file", "file/runs", "/proc/none" }) do
      local r = bench.run(dir, { "--vernier-runs-path", path })
      assert.are.equal(2, r.status, path)
      assert.matches("cannot make the run folder: ", r.stderr, 1, true)
    end
  end)
end)

-- ---- workers in each state ----

-- The first time that worker 1 or, where both are meant, a worker comes to the state, it leaves a mark and stays there.
local STAY = [[
local function stay(ctx, name, seconds)
  local path = "at-" .. name .. "-" .. ctx.worker
  local f = io.open(path)
  if f then f:close() return end
  io.open(path, "w"):close()
  ctx:sleep(seconds or 30)
end
]]

local QUIET_CONNECTOR = "return { run = function() return true end }"
local PLAIN_RUN = "run = function(_, ctx) ctx.sut:send({}) end"

local function first_only(body)
  return ("function(_, ctx) if ctx.round.label == 'first' then %s end end"):format(body)
end

local STATES = {
  hello = { both = true, connector = STAY .. [[return {
    init = function(_, ctx) if ctx.where == "worker" then stay(ctx, "hello", 6) end end, run = function() return true end }]] },
  prepare = { both = true, connector = STAY .. [[return {
    init = function(self, ctx) self.ctx = ctx end,
    open = function(self, round) if round.label == "first" then stay(self.ctx, "prepare") end end,
    run = function() return true end }]] },
  init = { both = true, workload = STAY .. ("return { init = %s, %s }"):format(first_only('stay(ctx, "init")'), PLAIN_RUN) },
  barrier = { workload = STAY .. ([[return { init = %s, %s }]]):format(first_only([[
    if ctx.worker == 0 then ctx:sleep(30) else io.open("at-barrier-1", "w"):close() end]]), PLAIN_RUN) },
  run = { workload = ("return { run = function(_, ctx) ctx.sut:send({}) %s end }"):format(
    'if ctx.worker == 1 and ctx.index > 20 then io.open("at-run-1", "w"):close() end'), duration = 20, measured = 10 },
  drain = { connector = [[return {
      init = function(self, ctx) self.ctx = ctx end,
      run = function(self, request)
        if request.slow then io.open("at-drain-1", "w"):close() self.ctx:sleep(30) end
        return true
      end }]],
    workload = [[return { run = function(_, ctx)
      ctx.sut:send({ slow = ctx.round.label == "first" and ctx.index == 39 }) end }]], number = 40, measured = 19 },
  ["end"] = { both = true, measured = 20, number = 40, workload = STAY .. ("return { finish = %s, %s }"):format(
    first_only('stay(ctx, "end")'), PLAIN_RUN) },
}

local function state_workspace(state)
  return bench.workspace({ workers = 2, network = "caliper: {connector: ./c.lua}\n", workload = state.workload,
    files = { ["c.lua"] = state.connector or QUIET_CONNECTOR },
    rounds = bench.round({ label = "first", duration = state.duration, number = state.number or 100, tps = 200 })
      .. bench.round({ label = "second", number = 40, tps = 400 }) })
end

local function check_results(dir, state, pattern)
  local summary, run = support.summary(dir)
  local first, second = summary.tests[1], summary.tests[2]
  assert.are.same({ "first", "failed", "second", "ok", 40 }, { first.label, first.status, second.label, second.status, second.ok })
  conserved(first)
  assert.matches(pattern, table.concat(first.reasons, "\n"))
  if state.measured then
    assert.are.equal("lost", first.workers[2].status)
    assert.is_true(first.workers[2].ok >= state.measured, first.workers[2].ok)
  end
  local text = support.read_file(run .. "/summary.json")
  local r = support.vernier({ "report", run })
  assert.are.equal(3, r.status, r.stderr)
  assert.are.equal(text, support.read_file(run .. "/summary.json"))
  for _, reason in ipairs(summary.certificate.reasons) do
    assert.is_nil(reason:find("lost records", 1, true), reason)
  end
end

describe("a worker in the state", function()
  for _, name in ipairs({ "hello", "prepare", "init", "barrier", "run", "drain", "end" }) do
    for signal, pattern in pairs({ KILL = "worker 1 was killed by signal 9", STOP = "worker 1 sent no heartbeat" }) do
      it(("%s that gets SIG%s: its round fails, the next one runs, nothing is left"):format(name, signal), function()
        local state = STATES[name]
        local dir = state_workspace(state)
        local running = bench.start(dir, FAST)
        support.wait_for(function()
          return exists(("%s/at-%s-1"):format(dir, name)) and (not state.both or exists(("%s/at-%s-0"):format(dir, name)))
        end, 15, "the state " .. name)
        support.sleep(0.3)
        os.execute(("kill -%s %d"):format(signal, bench.worker_pid(running, 1)))
        -- (Worker 0 of hello sleeps on, and the next round waits for it.)
        assert.is_truthy(running:wait(15), "the run goes on for ever")
        local _, err = running:output()
        assert.are.equal(3, (running.process:status()), err)
        assert.matches("round first failed: .*" .. pattern, err)
        check_results(dir, state, pattern)
        bench.assert_no_orphans(running.mark)
      end)
    end
  end
end)

describe("Ctrl-C in the state", function()
  for _, name in ipairs({ "hello", "prepare", "init", "barrier", "drain", "end" }) do
    it(name .. ": ends the run within seconds by 130", function()
      local state = STATES[name]
      local dir = state_workspace(state)
      local running = bench.start(dir, FAST)
      support.wait_for(function()
        return exists(("%s/at-%s-1"):format(dir, name)) and (not state.both or exists(("%s/at-%s-0"):format(dir, name)))
      end, 15, "the state " .. name)
      support.sleep(0.2)
      running:kill("INT")
      assert.is_truthy(running:wait(10), "it does not stop")
      assert.are.equal(130, (running.process:status()))
      bench.assert_no_orphans(running.mark)
      local summary = support.summary(dir)
      assert.are.equal("interrupted", summary.run.status)
      conserved(summary.tests[1])
    end)
  end
end)

describe("Ctrl-C that reaches a worker together with the barrier's instant", function()
  it("ends the load where it starts", function()
    local dir = bench.workspace({ workers = 2, network = "caliper: {connector: ./c.lua}\n", files = { ["c.lua"] = QUIET_CONNECTOR },
      workload = ("return { init = function(_, ctx) while ctx.worker == 1 and not io.open('may-arrive') do ctx:sleep(0.01) end "
        .. "io.open('at-barrier-' .. ctx.worker, 'w'):close() end, %s }"):format(PLAIN_RUN),
      rounds = bench.round({ label = "first", duration = 60, tps = 50 }) })
    local running = bench.start(dir)
    support.wait_for(function()
      return exists(dir .. "/at-barrier-0")
    end, 15, "worker 0 to arrive")
    support.sleep(0.3)
    local pid = bench.worker_pid(running, 0)
    os.execute("kill -STOP " .. pid)
    support.write_file(dir .. "/may-arrive", "")
    local folder = support.runs(dir)[1]
    local function wait_for_record(text)
      support.wait_for(function()
        return support.read_file(folder .. "/manager.journal"):find(text, 1, true)
      end, 5, text)
    end
    wait_for_record('"test-start"')
    running:kill("INT")
    wait_for_record('"interrupted by the user"')
    support.sleep(0.2)
    os.execute("kill -CONT " .. pid)
    assert.are.equal(130, running:wait(10))
    bench.assert_no_orphans(running.mark)
    local test = support.summary(dir).tests[1]
    assert.are.equal("interrupted", test.status)
    assert.are.equal(0, test.workers[1].submitted)
    conserved(test)
  end)
end)

describe("a worker that is not ready in time", function()
  it("fails the round with the reason", function()
    local dir = bench.workspace({ network = "caliper: {connector: ./c.lua}\n", files = { ["c.lua"] = [[return {
      init = function(_, ctx) if ctx.where == "worker" then ctx:sleep(30) end end, run = function() return true end }]] } })
    local r = bench.run(dir, { "--vernier-stage-timeout", "1s" })
    assert.are.equal(3, r.status)
    assert.matches("worker 0 was not ready within 1 s", r.stderr, 1, true)
    assert.is_true(r.seconds < 10)
    bench.assert_no_orphans(r.mark)
  end)
end)

describe("a connector that hangs while a worker starts", function()
  it("is killed at the hook's deadline, and the round fails with the reason", function()
    local dir = bench.workspace({ network = "caliper: {connector: ./c.lua}\n", files = { ["c.lua"] = [[return {
      init = function(_, ctx) while ctx.where == "worker" do end end, run = function() return true end }]] } })
    local r = bench.run(dir, FAST)
    assert.are.equal(3, r.status)
    assert.matches("worker 0 did not return from a hook", r.stderr, 1, true)
    assert.is_true(r.seconds < 10)
    bench.assert_no_orphans(r.mark)
  end)
end)

-- ---- the rest ----

describe("a run that waits for ever", function()
  it("in the connector is unfinished after the drain", function()
    local dir = bench.workspace({ network = "caliper: {connector: ./c.lua}\n", files = { ["c.lua"] = [[return {
      init = function(self, ctx) self.ctx = ctx end,
      run = function(self, request) if request.stuck then self.ctx:wait("never", 1e6) end return true end }]] },
      workload = "return { run = function(_, ctx) ctx.sut:send({ stuck = ctx.index == 3 and ctx.round.index == 1 }) end }",
      rounds = bench.round({ number = 20, tps = 400, extra = "drain: 1s" }) .. bench.round({ label = "second", number = 5 }) })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.is_true(r.seconds < 10)
    local test = support.summary(dir).tests[1]
    assert.are.same({ 20, 20, 19, 0, 1 }, { test.runs, test.submitted, test.ok, test.failed, test.unfinished })
    assert.are.equal(5, support.summary(dir).tests[2].ok)
  end)

  it("in the workload does not keep the round from ending", function()
    local dir = bench.workspace({ workload = [[return { run = function(_, ctx)
      if ctx.index == 3 then ctx:wait("never", 1e6) end
      ctx.sut:send({})
    end }]], rounds = bench.round({ number = 20, tps = 400, extra = "drain: 1s" }) })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.is_true(r.seconds < 10)
    local test = support.summary(dir).tests[1]
    assert.are.same({ 20, 19, 19 }, { test.runs, test.submitted, test.ok })
  end)
end)

describe("a round's timeout", function()
  it("ends a round by number that gets nowhere", function()
    local dir = bench.workspace({ network = "caliper: {connector: noop}\nnoop: {latency: constant 60s}\n",
      rounds = bench.round({ number = 1000, load = 2, extra = "timeout: 1s" }) })
    local r = bench.run(dir, FAST)
    assert.are.equal(3, r.status)
    assert.matches("did not end within 1 s", r.stderr, 1, true)
    assert.is_true(r.seconds < 10)
    local test = support.summary(dir).tests[1]
    assert.are.same({ "failed", 2, 2, "failed" }, { test.status, test.submitted, test.unfinished, test.workers[1].status })
    bench.assert_no_orphans(r.mark)
  end)
end)

describe("standard output", function()
  for name, redirection in pairs({ ["that is closed by its reader"] = "| head -0", ["that is full"] = "> /dev/full",
    ["that is closed"] = ">&-", ["and error that are closed"] = ">&- 2>&-" }) do
    it(name .. ": the run ends all the same, with its results", function()
      local dir = bench.workspace({ workers = 2 })
      local r = support.run({ "sh", "-c", ('("$VERNIER" run benchmark.yaml network.yaml; echo $? > status) %s'):format(redirection),
        cwd = dir, env = { VERNIER = support.binary } })
      assert.is_nil(r.timed_out)
      assert.are.equal("0\n", support.read_file(dir .. "/status"), r.stderr)
      assert.are.equal(10, support.summary(dir).tests[1].ok)
      bench.assert_no_orphans(r.mark)
    end)
  end

  it("may be written to by a workload without harm", function()
    local dir = bench.workspace({ workers = 2, workload = [[return {
      init = function() print(("garbage\0{}\n"):rep(100)) end,
      run = function(_, ctx) io.stdout:write("\1\2\3{\"type\":\"ack\"}\n") io.stdout:flush() ctx.sut:send({}) end }]] })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.equal(10, support.summary(dir).tests[1].ok)
    assert.matches("Certificate", r.stdout, 1, true)
  end)
end)

describe("SIGTERM", function()
  it("is taken like Ctrl-C", function()
    local dir = bench.workspace({ workers = 2, rounds = bench.round({ duration = 30, tps = 100 }),
      network = "caliper: {connector: noop, command: {end: 'echo > ended'}}\n" })
    local running = bench.start(dir)
    support.wait_for(function()
      local run = support.runs(dir)[1]
      return run and exists(run .. "/live/worker-1-1.live")
    end, 10, "the round")
    support.sleep(0.5)
    running:kill("TERM")
    assert.is_truthy(running:wait(10), "it does not stop")
    assert.are.equal(130, (running.process:status()))
    assert.is_true(exists(dir .. "/ended"))
    local test = support.summary(dir).tests[1]
    assert.are.equal("interrupted", test.status)
    assert.is_true(test.ok > 0)
    bench.assert_no_orphans(running.mark)
  end)
end)

describe("runs that start in the same second", function()
  it("have folders of their own", function()
    local dir, list = bench.workspace({}), {}
    for i = 1, 4 do
      list[i] = bench.start(dir)
    end
    for _, running in ipairs(list) do
      assert.is_truthy(running:wait(20))
      local _, err = running:output()
      assert.are.equal(0, (running.process:status()), err)
    end
    local runs = support.runs(dir)
    assert.are.equal(4, #runs)
    for _, run in ipairs(runs) do
      assert.are.equal(10, support.read_json(run .. "/summary.json").tests[1].ok)
    end
  end)
end)

describe("an endless loop in the manager", function()
  local network = "caliper: {connector: ./c.lua, command: {end: 'echo ended > ended.txt'}}\n"
  local connector = [[
    local function hang() while true do end end
    local M = { run = function() return true end }
    %s
    return M]]

  local function check(dir, hook)
    local r = bench.run(dir, { "--vernier-hook-timeout", "1s" })
    assert.are.equal(3, r.status, r.stderr)
    assert.matches("did not return for [%d.]+ s", r.stderr, hook)
    assert.are.equal("ended\n", support.read_file(dir .. "/ended.txt"))
    bench.assert_no_orphans(r.mark)
    return r
  end

  for hook, code in pairs({
    init = "function M:init(ctx) if ctx.where == 'manager' then hang() end end",
    setup = "M.setup = hang",
    install = "M.install = hang",
    prepare = "M.prepare = hang",
  }) do
    it("in a connector's " .. hook .. ": that stage fails, the end command and the report come", function()
      local dir = bench.workspace({ network = network, files = { ["c.lua"] = connector:format(code) } })
      local r = check(dir, hook)
      assert.matches("Certificate: INVALID\n  nothing was measured", r.stdout)
    end)
  end

  for hook, code in pairs({
    run = "{ where = 'manager', run = hang }",
    data = "{ where = 'workers', data = hang, run = function() return {} end }",
    acks = "{ where = 'workers', run = function() return {} end, acks = hang }",
  }) do
    it("in a stage's " .. hook .. ": the stage fails, the rounds run", function()
      local dir = bench.workspace({ network = network, test = "  stages: [./s.lua, rounds]\n", files = {
        ["c.lua"] = connector:format(""), ["s.lua"] = "local function hang() while true do end end return " .. code } })
      check(dir, hook)
      assert.are.equal(10, support.summary(dir).tests[1].ok)
    end)
  end

  it("in a connector's end hook: a warning, the results stand", function()
    local dir = bench.workspace({ network = network, files = { ["c.lua"] = connector:format(
      "function M:init(ctx) self.hangs = ctx.where == 'manager' end function M:finish() if self.hangs then hang() end end") } })
    local r = bench.run(dir, { "--vernier-hook-timeout", "1s" })
    assert.are.equal(0, r.status, r.stderr)
    assert.matches("end of the connector: .*did not return", r.stderr)
  end)

  it("in a connector's end hook that waits for ever: the same", function()
    local dir = bench.workspace({ network = network, files = { ["c.lua"] = connector:format(
      "function M:init(ctx) self.waits = ctx.where == 'manager' end function M:finish(ctx) if self.waits then ctx:sleep(1000) end end") } })
    local r = bench.run(dir, { "--vernier-hook-timeout", "1s" })
    assert.are.equal(0, r.status, r.stderr)
    assert.matches("end of the connector: did not end within 1 s", r.stderr, 1, true)
    assert.are.equal(10, support.summary(dir).tests[1].ok)
    bench.assert_no_orphans(r.mark)
  end)
end)
