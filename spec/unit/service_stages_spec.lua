-- The stages that deal with services and commands, each by itself: on a worker and on the manager with a context of the
-- spec's own.
local children = require("vernier.worker.children")
local plugins = require("vernier.plugins")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")

-- What a worker's stage sees; more: fields that replace these.
local function worker_ctx(more)
  local dir = support.tmpdir()
  local ctx = { index = 3, worker = 1, workers = 2, group = "g", group_index = 1, state = {}, run_dir = dir, workspace = dir,
    logs = {}, traits = {}, service = {} }
  function ctx.log(text)
    ctx.logs[#ctx.logs + 1] = text
  end
  function ctx.trait(_, name)
    return ctx.traits[name]
  end
  function ctx.stopping()
    return ctx.stopped
  end
  function ctx.sleep(_, seconds)
    scheduler.sleep(seconds * 1e9)
    if ctx.stopped then
      error("was stopped: " .. ctx.stopped, 0)
    end
  end
  for key, value in pairs(more or {}) do
    ctx[key] = value
  end
  return ctx
end

local function manager_ctx(executors)
  local ctx = { executors = executors or { 0, 1, 2, 3 }, values = {}, logs = {} }
  ctx.settings = { get = function() return 300 end }
  function ctx.set(_, name, value)
    ctx.values[name] = value
  end
  function ctx.log(text)
    ctx.logs[#ctx.logs + 1] = text
  end
  return ctx
end

local function new_stage(name, values)
  return assert(plugins.new("stage", name, values, "."))
end

-- Runs the stage on a worker: payload, message, ctx. What it keeps is ended.
local function run(name, values, ctx)
  ctx = ctx or worker_ctx()
  local ok, payload, message
  scheduler.run(function()
    local stage = new_stage(name, values)
    function ctx.shown()
      return stage.options
    end
    ok, payload, message = pcall(stage.run, stage, ctx, stage.options, { timeout = values.timeout or 20 })
    if not ctx.keep then
      children.stop_all(ctx.state, 0)
    end
  end)
  if not ok then
    error(payload, 0)
  end
  return payload, message, ctx
end

-- Traits of a service that only notes what happens to it.
local function noting(o)
  o = o or {}
  local service = { calls = {}, runs = o.runs or false }
  local function note(text)
    service.calls[#service.calls + 1] = text
  end
  service.traits = {
    lifecycle = {
      start = function() note("start") service.runs = true return o.values, o.failure end,
      stop = function(_, _, more) note("stop " .. more.timeout) service.runs = false return o.stopped, o.failure end,
      running = function() return service.runs end,
    },
    killable = not o.no_kill and { kill = function() note("kill") service.runs = false end } or nil,
    clustered = o.members and { members = o.members } or nil,
  }
  return service, worker_ctx({ service = service, traits = service.traits })
end

describe("service-start on a worker", function()
  it("starts the service and pays what it publishes", function()
    local _, ctx = noting({ values = { port = 7 } })
    assert.are.same({ publish = { port = 7 }, group = "g", group_index = 1 }, (run("service-start", {}, ctx)))
    assert.matches("not validated", ctx.logs[1])
    _, ctx = noting()
    assert.are.same({}, (run("service-start", {}, ctx)).publish)
  end)

  it("fails when it runs already, or does not start", function()
    local service, ctx = noting({ runs = true })
    local ok, why = run("service-start", {}, ctx)
    assert.is_nil(ok)
    assert.are.equal("could not start its service: it runs already", why)
    assert.are.same({}, service.calls)
    ctx = select(2, noting({ failure = "no disk" }))
    ok, why = run("service-start", {}, ctx)
    assert.is_nil(ok)
    assert.are.equal("could not start its service: no disk", why)
  end)

  it("waits for its turn, and ends when the stage has to stop", function()
    local service, ctx = noting()
    local from = scheduler.now()
    run("service-start", { ["delay-after-first-worker-starts"] = 0.2, ["delay-between-starting-workers"] = 5 }, ctx)
    assert.is_true(scheduler.now() - from > 0.2e9)
    assert.are.same({ "start" }, service.calls)
    for values, delay in pairs({ [{ ["delay-after-first-worker-starts"] = 9 }] = { worker = 0 },
      [{ ["delay-after-first-worker-starts"] = 9, ["stagger-worker-startup"] = false }] = { worker = 1 } }) do
      ctx = select(2, noting())
      ctx.worker = delay.worker
      from = scheduler.now()
      run("service-start", values, ctx)
      assert.is_true(scheduler.now() - from < 5e9)
    end
    service, ctx = noting()
    ctx.stopped = "enough"
    assert.has_error(function() run("service-start", { ["delay-after-first-worker-starts"] = 0.01 }, ctx) end, "was stopped: enough")
    assert.are.same({}, service.calls)
  end)

  it("waits until all members are seen, counted or listed, and not longer than allowed", function()
    local n = 0
    local _, ctx = noting({ members = function() n = n + 1 return n end })
    assert.is_truthy((run("service-start", { ["expect-num-workers"] = 3 }, ctx)))
    assert.are.equal(3, n)
    _, ctx = noting({ members = function() return { "a", "b" } end })
    local payload, why = run("service-start", {}, ctx)
    assert.is_nil(why)
    assert.is_truthy(payload)
    _, ctx = noting({ members = function() return 1 end })
    payload, why = run("service-start", { ["cluster-formation-timeout"] = 0.2 }, ctx)
    assert.is_truthy(payload)
    assert.are.equal("has started its service, which sees 1 of 2 members after 0.2 s", why)
    _, ctx = noting({ members = function() return nil, "no view" end })
    _, why = run("service-start", { ["cluster-formation-timeout"] = 0 }, ctx)
    assert.are.equal("has started its service, which sees no view of 2 members after 0 s", why)
    _, ctx = noting({ members = function() error("asked") end })
    assert.is_truthy((run("service-start", { ["validate-cluster"] = false }, ctx)))
  end)
end)

describe("service-start and parallel-start-stop on the manager", function()
  for _, name in ipairs({ "service-start", "parallel-start-stop" }) do
    it(name .. " publishes the values and judges", function()
      local stage, ctx = new_stage(name, {}), manager_ctx()
      local acks = { { worker = 0, payload = { publish = { port = 7, host = "a" }, group = "servers", group_index = 0 } },
        { worker = 2, payload = {} } }
      assert.are.equal("ok", (stage:acks(ctx, acks, stage.options)))
      assert.are.same({ ["group.servers.0.port"] = 7, ["group.servers.0.host"] = "a" }, ctx.values)
      acks[2] = { worker = 2, error = "was killed by signal 9", lost = true }
      acks[3] = { worker = 3, error = "was stopped: worker 2 …", stopped = true }
      assert.are.same({ "fail", { "worker 2 was killed by signal 9" } }, { stage:acks(ctx, acks, stage.options) })
    end)
  end

  it("tolerate those that may fail", function()
    local stage, ctx = new_stage("service-start", { ["may-fail-on"] = { 2 } }), manager_ctx()
    assert.is_true(stage:tolerates(2))
    assert.is_false(stage:tolerates(1))
    assert.are.equal("ok", (stage:acks(ctx, { { worker = 2, error = "could not" } }, stage.options)))
    assert.are.same({ "worker 2 could not (as it may)" }, ctx.logs)
    assert.are.equal("fail", (stage:acks(ctx, { { worker = 1, error = "could not" } }, stage.options)))
  end)

  it("have deadlines that cover what they may take", function()
    assert.are.equal(480, new_stage("service-start", {}):deadline(manager_ctx()))
    assert.are.equal(5 + 2 * 1 + 60, new_stage("service-start", { ["delay-after-first-worker-starts"] = 5,
      ["delay-between-starting-workers"] = 1, ["validate-cluster"] = false, ["start-timeout"] = 60 }):deadline(manager_ctx()))
    assert.are.equal(300, new_stage("parallel-start-stop", {}):deadline(manager_ctx()))
    assert.are.equal(150, new_stage("service-stop", {}):deadline(manager_ctx()))
  end)

  it("refuse workers that are named twice or are none", function()
    local stage = new_stage("parallel-start-stop", { start = { 1, 9 }, stop = { 2 } })
    assert.has_error(function() stage:data(manager_ctx(), stage.options) end, "start names worker 9, which does not execute this stage")
    stage = new_stage("parallel-start-stop", { start = { 1, 2 }, stop = { 2 } })
    assert.has_error(function() stage:data(manager_ctx(), stage.options) end, "worker 2 is named by start and by stop")
    stage = new_stage("parallel-start-stop", { start = { 1 }, stop = { 2 } })
    stage:data(manager_ctx(), stage.options)
  end)
end)

describe("service-stop on a worker", function()
  it("stops, or kills", function()
    local service, ctx = noting({ runs = true })
    assert.are.same({ stopped = true, killed = false }, (run("service-stop", {}, ctx)))
    assert.are.same({ "stop 120" }, service.calls)
    service, ctx = noting({ runs = true })
    run("service-stop", { graceful = false }, ctx)
    assert.are.same({ "kill" }, service.calls)
  end)

  it("leaves alone what does not run, with a line", function()
    local service, ctx = noting()
    assert.are.same({ stopped = false }, (run("service-stop", {}, ctx)))
    assert.are.same({}, service.calls)
    assert.are.same({ "the service does not run: there is nothing to stop" }, ctx.logs)
  end)

  it("tells what had to be killed, and what failed", function()
    local _, ctx = noting({ runs = true, stopped = { killed = true } })
    assert.are.same({ stopped = true, killed = true }, (run("service-stop", {}, ctx)))
    assert.are.same({ "the service did not stop in time and was killed" }, ctx.logs)
    _, ctx = noting({ runs = true, failure = "it hangs" })
    local ok, why = run("service-stop", {}, ctx)
    assert.is_nil(ok)
    assert.are.equal("could not stop its service: it hangs", why)
    _, ctx = noting({ runs = true, no_kill = true })
    ok, why = run("service-stop", { graceful = false }, ctx)
    assert.is_nil(ok)
    assert.are.equal("could not stop its service: it has no trait killable", why)
  end)
end)

describe("parallel-start-stop on a worker", function()
  it("starts, stops or does nothing, after its delay", function()
    local from = scheduler.now()
    local service, ctx = noting()
    run("parallel-start-stop", { start = { 3 }, ["start-delay"] = 0.1 }, ctx)
    assert.are.same({ "start" }, service.calls)
    service, ctx = noting({ runs = true })
    run("parallel-start-stop", { start = { 0 }, stop = { 3 }, ["stop-delay"] = 0.1, graceful = false }, ctx)
    assert.are.same({ "kill" }, service.calls)
    assert.is_true(scheduler.now() - from > 0.2e9)
    service, ctx = noting()
    assert.are.same({}, (run("parallel-start-stop", { start = { 0 }, stop = { 1 } }, ctx)))
    assert.are.same({}, service.calls)
  end)
end)

describe("command", function()
  it("needs something to do, on the manager", function()
    for message, values in pairs({ ["needs one of cmd, args and cancel"] = {},
      ["either runs a command or cancels one"] = { cmd = "true", cancel = "x" } }) do
      local stage = new_stage("command", values)
      assert.has_error(function() stage:data(manager_ctx(), stage.options) end, message)
    end
    local stage = new_stage("command", { cmd = "true" })
    assert.are.same({ timeout = 300 }, stage:data(manager_ctx(), stage.options))
    assert.are.equal(330, stage:deadline(manager_ctx()))
    assert.are.equal(30, new_stage("command", { cmd = "true", ["wait-for-exit"] = false }):deadline(manager_ctx()))
  end)

  it("fails by an exit value that is not expected, with the last lines of this command", function()
    local ctx = worker_ctx()
    run("command", { cmd = "echo older" }, ctx)
    local ok, why = run("command", { cmd = "echo oops; exit 3" }, ctx)
    assert.is_nil(ok)
    assert.are.equal('command "echo oops; exit 3" exited with status 3:\noops', why)
    ok, why = run("command", { cmd = "kill -9 $$" }, ctx)
    assert.is_nil(ok)
    assert.are.equal('command "kill -9 $$" exited with status 137 (signal 9)', why)
    assert.are.equal("older\noops\n", support.read_file(ctx.run_dir .. "/command-3.log"))
    ok, why = run("command", { args = { "/no/such/program" } })
    assert.is_nil(ok)
    assert.matches("cannot run /no/such/program", why)
  end)

  it("takes the exit values that are given", function()
    assert.are.same({ status = 3 }, (run("command", { cmd = "exit 3", ["exit-values"] = { 1, 2, 3 } })))
    assert.are.same({ signal = 9 }, (run("command", { cmd = "kill -9 $$", ["exit-values"] = { 137 } })))
    assert.is_nil((run("command", { cmd = "true", ["exit-values"] = { 1 } })))
  end)

  it("runs shell text, a program with arguments, or a list of words", function()
    for expected, values in pairs({ ["a b\n"] = { cmd = "echo a $X", environment = { X = "b" } }, ["$X\n"] = { cmd = "echo", args = { "$X" } },
      ["c  d\n"] = { args = { "echo", "c  d" } } }) do
      local _, _, ctx = run("command", values)
      assert.are.equal(expected, support.read_file(ctx.run_dir .. "/command-3.log"))
    end
  end)

  it("writes to files of the workspace, anew or appended", function()
    local ctx = worker_ctx()
    os.execute("mkdir " .. ctx.workspace .. "/sub")
    for _ = 1, 2 do
      run("command", { cmd = "pwd; echo no >&2", out = "out.txt", err = "err.txt", ["err-append"] = true, directory = "sub" }, ctx)
    end
    assert.are.equal(ctx.workspace .. "/sub\n", support.read_file(ctx.workspace .. "/out.txt"))
    assert.are.equal("no\nno\n", support.read_file(ctx.workspace .. "/err.txt"))
    run("command", { cmd = "echo more", out = "out.txt", ["out-append"] = true }, ctx)
    assert.are.equal(ctx.workspace .. "/sub\nmore\n", support.read_file(ctx.workspace .. "/out.txt"))
    run("command", { cmd = "echo a; echo b >&2", out = "both.txt" }, ctx)
    assert.are.equal("a\nb\n", support.read_file(ctx.workspace .. "/both.txt"))
  end)

  it("ends at its timeout, and when the stage has to stop", function()
    local ok, why = run("command", { cmd = "sleep 100", timeout = 0.2 })
    assert.is_nil(ok)
    assert.are.equal('command "sleep 100" did not end within 0.2 s', why)
    local ctx = worker_ctx()
    scheduler.at(scheduler.now() + 0.2e9, function() ctx.stopped = "enough" end)
    ok, why = run("command", { cmd = "sleep 100" }, ctx)
    assert.is_nil(ok)
    assert.are.equal("was stopped: enough", why)
  end)

  it("goes on under its name until it is cancelled", function()
    local ctx = worker_ctx({ keep = true })
    local payload = run("command", { cmd = "trap 'exit 5' TERM; while :; do sleep 0.05; done", var = "load", out = "/dev/null",
      ["wait-for-exit"] = false }, ctx)
    assert.is_truthy(io.open("/proc/" .. payload.pid))
    local ok, why = run("command", { cmd = "true", var = "load" }, ctx)
    assert.is_nil(ok)
    assert.are.equal('has a command "load" that still runs', why)
    support.sleep(0.2)
    assert.are.same({ status = 5, killed = false }, (run("command", { cancel = "load" }, ctx)))
    ok, why = run("command", { cancel = "load" }, ctx)
    assert.is_nil(ok)
    assert.are.equal('has no command "load" to cancel', why)
    assert.is_truthy((run("command", { cmd = "true", var = "load" }, ctx)))
  end)
end)

describe("cpu-burn", function()
  -- Clock ticks of CPU that these processes have used; 0 once they are gone.
  local function used(pids)
    local sum = 0
    for pid in pids:gmatch("%d+") do
      local stat = support.read_file("/proc/" .. pid .. "/stat")
      sum = sum + (tonumber(stat:match("%) %u" .. (" %-?%d+"):rep(10) .. " (%d+)")) or 0)
    end
    return sum
  end

  it("keeps as many processors busy until it is told to stop", function()
    local ctx = worker_ctx({ keep = true })
    assert.are.same({ started = 2 }, (run("cpu-burn", { ["num-threads"] = 2 }, ctx)))
    local shell = children.running(ctx.state, "cpu-burn")[1].pid
    local pids
    support.wait_for(function()
      pids = support.run({ "ps", "-o", "pid=", "--ppid", tostring(shell) }).stdout
      return select(2, pids:gsub("%d+", "")) == 2 and used(pids) >= 10
    end, 10, "two processes that use CPU time")
    assert.are.same({ stopped = 1 }, (run("cpu-burn", { stop = true }, ctx)))
    assert.is_nil(io.open("/proc/" .. shell))
    assert.are.equal(0, used(pids))
    assert.are.same({ stopped = 0 }, (run("cpu-burn", { stop = true }, ctx)))
    assert.are.equal("no processor is kept busy: there is nothing to stop", ctx.logs[1])
  end)

  it("ends by itself after its duration", function()
    scheduler.run(function()
      local ctx, stage = worker_ctx(), new_stage("cpu-burn", { duration = 0.2 })
      assert(stage:run(ctx, stage.options))
      local burning = children.running(ctx.state, "cpu-burn")[1]
      assert.is_truthy(burning:wait(scheduler.now() + 10e9))
    end)
  end)
end)

describe("scenario-destroy", function()
  it("stops the service that still runs, and commands", function()
    local service, ctx = noting({ runs = true })
    ctx.keep = true
    local payload = run("command", { cmd = "sleep 100 & sleep 100", ["wait-for-exit"] = false }, ctx)
    run("command", { cmd = "trap '' TERM; while :; do sleep 0.1; done", var = "x", ["wait-for-exit"] = false }, ctx)
    run("cpu-burn", {}, ctx)
    local result = run("scenario-destroy", {}, ctx)
    assert.are.same({ stopped = true, killed = false, commands = 3 }, result)
    assert.are.same({ "stop 30" }, service.calls)
    assert.is_nil(io.open("/proc/" .. payload.pid))
    assert.are.same({ commands = 0 }, (run("scenario-destroy", {}, ctx)))
    assert.are.same({ commands = 0 }, (run("scenario-destroy", {}, worker_ctx())))
  end)

  it("kills a service that cannot be stopped", function()
    local service, ctx = noting({ runs = true, failure = "it hangs" })
    local stop = service.traits.lifecycle.stop
    service.traits.lifecycle.stop = function(...)
      local _, why = stop(...)
      service.runs = true
      return nil, why
    end
    assert.is_truthy((run("scenario-destroy", {}, ctx)))
    assert.are.same({ "stop 30", "kill" }, service.calls)
    assert.are.same({ "could not stop its service: it hangs; it is killed" }, ctx.logs)
    service, ctx = noting({ runs = true, failure = "it hangs", no_kill = true })
    local ok, why = run("scenario-destroy", {}, ctx)
    assert.is_nil(ok)
    assert.are.equal("could not stop its service: it hangs", why)
    assert.are.same({ "stop 30" }, service.calls)
  end)
end)
