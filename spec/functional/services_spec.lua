-- Services and commands that the stages of a scenario start on workers: they are started, stopped and killed, what goes
-- wrong is told, and nothing outlives the run, whoever is killed.
local bench = require("spec.support.bench")
local support = require("spec.support")

local FAST = { "--vernier-worker-timeout", "1s", "--vernier-hook-timeout", "2s" }

-- A server that prints its port; a daemon of it has left its session and ignores SIGTERM.
local DEMO = [[{connector: process, options: {command: "exec $VERNIER demo-server --port 0", ready: {output: listening},
  publish: {port: {output: "listening on .-:(%d+)"}}}}]]
local STUBBORN = [[{connector: process, options: {ready: {output: "up", timeout: 20s}, stop-timeout: 300ms,
  command: "trap '' TERM; (setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 0.2; done' &); echo up; while :; do sleep 0.1; done"}}]]
local NEVER_READY = [[{connector: process, options: {command: "(setsid sleep 100 &); echo begun; sleep 100", ready: {output: never}}}]]

-- A workspace whose scenario has these stages (YAML list items) for a cluster of o.size (2) workers with the service.
local function workspace(service, stages, o)
  o = o or {}
  return bench.scenario(stages, { more = o.more, head = ("clusters: [{size: %d%s}]\nconfigurations:\n- name: c\n  setup: [%s]")
    :format(o.size or 2, o.groups and ", groups: " .. o.groups or "", service) })
end

local command = bench.scenario_command

local function run(dir, more)
  return support.vernier(command(dir, more))
end

local function start(dir)
  return support.start_vernier(command(dir, FAST))
end

local function run_dir(dir)
  return assert(support.runs(dir)[1], "no run")
end

-- The status, stderr and summary of a run that ends by itself; nothing of it is left.
local function finish(running)
  assert.is_truthy(running:wait(20), "the run goes on for ever")
  local _, err = running:output()
  bench.assert_no_orphans(running.mark)
  return (running.process:status()), err
end

describe("services", function()
  it("are started, publish values, and are stopped; their logs lie in the run's folder", function()
    local dir = workspace(DEMO, [[
- service-start
- command: {cmd: "echo ${group.servers.0.port} ${group.servers.1.port} ${group.clients.0.pid}", out: "seen-${worker.index}"}
- service-stop
- command: {cmd: "! kill -0 ${group.servers.0.pid} 2>&1"}]], { size = 3, groups = "{servers: 2, clients: 1}" })
    local r = run(dir)
    assert.are.equal(0, r.status, r.stderr)
    local seen = support.read_file(dir .. "/seen-2")
    assert.are.equal(seen, support.read_file(dir .. "/seen-0"))
    for index, port in ipairs({ seen:match("^(%d+) (%d+) %d+\n$") }) do
      local log = support.read_file(("%s/service-%d.log"):format(run_dir(dir), index - 1))
      assert.matches(":" .. port .. "\n", log, 1, true)
    end
    bench.assert_no_orphans(r.mark)
  end)

  it("that are not stopped are stopped at the end of the cell", function()
    local r = run(workspace(DEMO, "- service-start"))
    assert.are.equal(0, r.status, r.stderr)
    bench.assert_no_orphans(r.mark)
  end)

  it("that do not stop are killed after their time, and it is said", function()
    local r = run(workspace(STUBBORN, "- service-start\n- service-stop"))
    assert.are.equal(0, r.status, r.stderr)
    assert.matches("worker 1: the service did not stop in time and was killed", r.stderr, 1, true)
    bench.assert_no_orphans(r.mark)
  end)

  it("are killed by graceful: false, some alone, and started again", function()
    local dir = workspace(DEMO, [[
- service-start
- parallel-start-stop: {stop: "0", graceful: false}
- command: {workers: "0", cmd: "! kill -0 ${group.default.0.pid} 2>&1"}
- command: {workers: "1", cmd: "kill -0 ${group.default.1.pid}"}
- parallel-start-stop: {start: "0", stop: "1"}
- command: {workers: "0", cmd: "kill -0 ${group.default.0.pid}"}
- command: {workers: "1", cmd: "! kill -0 ${group.default.1.pid} 2>&1"}
- service-stop: {workers: "0", graceful: false}]])
    local r = run(dir)
    assert.are.equal(0, r.status, r.stderr)
    bench.assert_no_orphans(r.mark)
  end)

  it("that fail to start fail the stage with their last lines; the rest of the cell is left out", function()
    local dir = workspace('{connector: process, options: {command: "echo no license; exit 4", ready: {output: up}}}',
      "- service-start\n- command: {cmd: 'echo > later'}")
    local r = run(dir)
    assert.are.equal(3, r.status, r.stderr)
    assert.matches("could not start its service: the command exited with status 4 before it was ready:\nno license", r.stderr, 1, true)
    assert.is_nil(io.open(dir .. "/later"))
    bench.assert_no_orphans(r.mark)
  end)

  it("may fail where it is allowed, and are not started twice", function()
    local options = [[{connector: process, options: {command: "test ${worker.index} = 0 && echo up && sleep 100", ready: {output: up}}}]]
    local r = run(workspace(options, "- service-start: {may-fail-on: '1'}\n- command: {cmd: 'true'}"))
    assert.are.equal(0, r.status, r.stderr)
    assert.matches("(as it may)", r.stderr, 1, true)
    r = run(workspace(DEMO, "- service-start\n- service-start: {workers: '1'}"))
    assert.are.equal(3, r.status)
    assert.matches("worker 1 could not start its service: it runs already", r.stderr, 1, true)
    bench.assert_no_orphans(r.mark)
  end)
end)

-- How often "begun" stands in the services' logs of the run.
local function begun(dir)
  local n, run_folder = 0, support.runs(dir)[1]
  for index = 0, run_folder and 1 or -1 do
    n = n + select(2, support.read_file(("%s/service-%d.log"):format(run_folder, index)):gsub("begun", ""))
  end
  return n
end

describe("a worker that is lost", function()
  for signal, reason in pairs({ KILL = "worker 1 was killed by signal 9", STOP = "worker 1 sent no heartbeat" }) do
    it(("while services start (%s): fails the stage, and nothing is left"):format(signal), function()
      local dir = workspace(NEVER_READY, "- service-start")
      local running = start(dir)
      local pid = bench.worker_pid(running, 1)
      support.wait_for(function() return begun(dir) == 2 end, 10, "the services to begin")
      os.execute(("kill -%s %d"):format(signal, pid))
      local status, err = finish(running)
      assert.are.equal(3, status, err)
      assert.matches("stage service-start failed: " .. reason, err, 1, true)
    end)

    it(("while its stubborn service stops (%s): fails the stage, and nothing is left"):format(signal), function()
      local slow = STUBBORN:gsub("300ms", "60s")
      local dir = workspace(slow, "- service-start\n- command: {cmd: 'touch started-${worker.index}'}\n- service-stop")
      local running = start(dir)
      support.wait_for(function() return io.open(dir .. "/started-0") and io.open(dir .. "/started-1") end, 10, "the services")
      support.sleep(0.3)
      os.execute(("kill -%s %d"):format(signal, bench.worker_pid(running, 1)))
      local _, err = running:output()
      support.wait_for(function()
        _, err = running:output()
        return err:find(reason, 1, true)
      end, 15, "the loss to be noticed")
      finish(running)
      assert.are.equal(3, (running.process:status()))
      assert.matches("stage service-stop failed: " .. reason, err .. select(2, running:output()), 1, true)
    end)

    it(("while commands run (%s): fails the stage, and nothing is left"):format(signal), function()
      local dir = workspace(DEMO, "- command: {cmd: '(setsid sleep 100 &); touch here-${worker.index}; sleep 100'}")
      local running = start(dir)
      support.wait_for(function() return io.open(dir .. "/here-0") and io.open(dir .. "/here-1") end, 10, "the commands")
      os.execute(("kill -%s %d"):format(signal, bench.worker_pid(running, 1)))
      local status, err = finish(running)
      assert.are.equal(3, status, err)
      assert.matches("stage command failed: " .. reason, err, 1, true)
    end)

    it(("while services start and stop in parallel (%s): fails the stage, and nothing is left"):format(signal), function()
      local dir = workspace(NEVER_READY, "- parallel-start-stop: {start: '0,1'}")
      local running = start(dir)
      support.wait_for(function() return begun(dir) == 2 end, 10, "the services to begin")
      os.execute(("kill -%s %d"):format(signal, bench.worker_pid(running, 1)))
      local status, err = finish(running)
      assert.are.equal(3, status, err)
      assert.matches("stage parallel-start-stop failed: " .. reason, err, 1, true)
    end)

    it(("while processors burn and commands go on (%s): the burning ends with it"):format(signal), function()
      local dir = workspace(DEMO, [[
- cpu-burn: {num-threads: 1}
- command: {cmd: "sleep 100", wait-for-exit: false}
- command: {cmd: "touch here-${worker.index}; sleep 100"}]])
      local running = start(dir)
      support.wait_for(function() return io.open(dir .. "/here-0") and io.open(dir .. "/here-1") end, 10, "the commands")
      os.execute(("kill -%s %d"):format(signal, bench.worker_pid(running, 1)))
      local status, err = finish(running)
      assert.are.equal(3, status, err)
      assert.matches(reason, err, 1, true)
    end)
  end
end)

describe("what a run has started", function()
  it("ends with a manager that is killed", function()
    local dir = workspace(STUBBORN, [[
- service-start
- command: {cmd: "(setsid sleep 100 &); sleep 100", wait-for-exit: false}
- cpu-burn
- command: {cmd: "touch here-${worker.index}; sleep 100"}]])
    local running = start(dir)
    support.wait_for(function() return io.open(dir .. "/here-0") and io.open(dir .. "/here-1") end, 10, "the commands")
    running:kill("KILL")
    running:wait(5)
    bench.assert_no_orphans(running.mark)
  end)

  it("has ended when the run ends, also what a worker had started that was killed", function()
    local dir = workspace(STUBBORN, [[
- service-start
- command: {cmd: "(setsid sleep 100 &); sleep 100", wait-for-exit: false}
- ./kill.lua]])
    support.write_file(dir .. "/kill.lua", [[
return { where = "workers", run = function(_, ctx) os.execute("kill -9 " .. ctx.scope:get("process.id")) ctx:sleep(5) return 1 end }
]])
    local r = run(dir, FAST)
    assert.are.same({}, support.left_over(r.mark))
    assert.are.equal(3, r.status, r.stderr)
    assert.matches("was killed by signal 9", r.stderr, 1, true)
  end)

  it("ends after Ctrl-C", function()
    local dir = workspace(DEMO, "- service-start\n- cpu-burn\n- command: {cmd: 'touch here-${worker.index}; sleep 100'}")
    local running = start(dir)
    support.wait_for(function() return io.open(dir .. "/here-0") and io.open(dir .. "/here-1") end, 10, "the commands")
    running:kill("INT")
    local status, err = finish(running)
    assert.are.equal(130, status, err)
  end)
end)

describe("commands", function()
  it("that fail, fail the stage with their last lines; those that go on are cancelled or end with the cell", function()
    local dir = workspace(DEMO, [[
- command: {cmd: "sleep 100", var: load, wait-for-exit: false}
- command: {cancel: load, workers: "0"}
- command: {cmd: "exit ${worker.index}", exit-values: "0..1"}
- command: {cmd: "echo oops; exit 5", workers: "1"}
- command: {cmd: "echo > later"}]])
    local r = run(dir)
    assert.are.equal(3, r.status, r.stderr)
    assert.matches('worker 1 command "echo oops; exit 5" exited with status 5:\noops', r.stderr, 1, true)
    assert.is_nil(io.open(dir .. "/later"))
    bench.assert_no_orphans(r.mark)
  end)

  it("get their environment, folder and files", function()
    local dir = workspace(DEMO, [[
- command: {cmd: "echo $A; pwd", environment: {A: "${worker.index}"}, directory: /tmp, out: "out-${worker.index}"}]])
    local r = run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.equal("1\n/tmp\n", support.read_file(dir .. "/out-1"))
  end)

  it("that do not end in time are ended", function()
    local r = run(workspace(DEMO, "- command: {cmd: 'sleep 100 & sleep 100', timeout: 500ms}"))
    assert.are.equal(3, r.status)
    assert.matches("did not end within 0.5 s", r.stderr, 1, true)
    bench.assert_no_orphans(r.mark)
  end)
end)
