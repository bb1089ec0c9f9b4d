-- The worker process: obeys the manager's messages, runs stages, generates load and computes nothing else.
--
-- Messages in: hello, stage, go (the instant that a barrier agreed on), stop, exit. Messages out: ready, barrier,
-- update (an interval record), log, ack. Everything else is the journal, which this process alone writes.
local cjson = require("cjson")
local clock = require("vernier.core.clock")
local context = require("vernier.context")
local journal = require("vernier.core.journal")
local json = require("vernier.json")
local link = require("vernier.core.link")
local load = require("vernier.load")
local loop = require("vernier.core.loop")
local plugins = require("vernier.plugins")
local process = require("vernier.core.process")
local recorder = require("vernier.recorder")
local scheduler = require("vernier.scheduler")

local M = {}

local SECOND = 1e9
local HEARTBEAT_NS = 250e6
local FLUSH_NS = 2e9
local MAX_IN_FLIGHT = 10000 -- of a worker, where the round sets no limit

local Worker = {}
Worker.__index = Worker

function Worker:_send(message)
  return self._link:send(json.line(message))
end

function Worker:log(level, text)
  self:_send({ type = "log", level = level, message = text })
end

-- ---- a load within a stage ----

local RunningLoad = {}
RunningLoad.__index = RunningLoad

function RunningLoad:start(at_ns)
  self._started = true
  self._recorder:start(self._load, at_ns)
  self._load:start(at_ns)
end

function RunningLoad:_close_hooks()
  for _, text in ipairs(self._load:close_hooks()) do
    self._worker:log("warning", "end of " .. self._name .. ": " .. text)
  end
end

-- Waits for the load's end; gives its totals, or nil, reason, totals.
function RunningLoad:join()
  local ok, reason = self._load:join()
  self:_close_hooks()
  local stats = self._load._stats
  local totals = {
    runs = stats.runs, submitted = stats.submitted, ok = stats.ok, failed = stats.failed, dropped = stats.dropped,
    late = stats.late, unfinished = stats.submitted - stats.finished,
  }
  local keep = self._recorder:finish(ok and "ok" or "failed", reason)
  totals.damage = self._recorder.damage
  self._load:free(keep)
  self._worker._loads[self] = nil
  if ok then
    return totals
  end
  return nil, reason, totals
end

function RunningLoad:finish()
  if self._started then
    self:stop("the stage has ended")
    self:join()
  else
    self:cancel()
  end
end

-- Ends a load that was never started.
function RunningLoad:cancel()
  self._load:cancel()
  self:_close_hooks()
  self._recorder:cancel()
  self._load:free()
  self._worker._loads[self] = nil
end

function RunningLoad:stop(reason)
  if self._started then
    self._load:stop(reason)
  end
end

-- The workload's instance and its arguments, which are checked where the workload declares options.
local function new_workload(spec, workspace)
  local module, arguments = spec.workload.module, spec.workload.arguments or {}
  local loaded, message = plugins.load("workload", module, workspace)
  if not loaded then
    return nil, message
  elseif not loaded.run then
    return nil, ("workload %s has no run hook"):format(module)
  end
  local workload
  workload, message = plugins.new("workload", module, loaded.options and arguments, workspace)
  return workload, workload and (loaded.options and workload.options or arguments) or message
end

-- This worker's exact part of the limit of a round; the benchmark file was refused if that is none.
local function in_flight_limit(spec, hello)
  local total = spec.maxInFlight
  return total and math.floor((total + hello.workers - 1 - hello.worker) / hello.workers) or MAX_IN_FLIGHT
end

-- A load of that name in that test has its own place in the results: two of the same name would be mixed up.
function Worker:_claim(test, name)
  if type(test) ~= "number" then
    return nil, "a load needs a test: data(ctx) on the manager makes it by ctx:new_test(round)"
  end
  local key = test .. "/" .. name
  if self._claimed[key] then
    return nil, ('there is a load "%s" in this test already: give each its own name'):format(name)
  end
  self._claimed[key] = true
  return true
end

function Worker:_open_recorder(spec, name)
  local hello = self._hello
  return recorder.open({
    worker = hello.worker, test = spec.test, name = name, live = self._n_loads, journal = self._journal,
    pid = process.pid(), digits = spec.digits or 3, interval_ns = hello.interval_ms * 1e6,
    send = function(text)
      self._link:send('{"type":"update","record":' .. text .. "}")
    end,
    warn = function(text)
      self:log("error", text)
    end,
  })
end

-- What the load is made from (see vernier.load), but for the place of its live interval; or nil, message.
function Worker:_load_spec(spec)
  local hello = self._hello
  local workload, arguments = new_workload(spec, hello.workspace)
  if not workload then
    return nil, arguments
  end
  local controller, message = plugins.new("rate controller", spec.rate.type, spec.rate.opts, hello.workspace)
  if not controller then
    return nil, message
  end
  return {
    worker = hello.worker, workers = hello.workers, round = spec.round, arguments = arguments,
    workload = workload, controller = controller, connector = self._connector, seed = hello.seed,
    workspace = hello.workspace, trim = spec.trim,
    log = function(text)
      self:log("info", text)
    end,
    late_after_ns = (spec.lateAfter or 0.001) * SECOND, max_in_flight = in_flight_limit(spec, hello),
    catch_up = spec.catchUp or "all", on_error = spec.onError or "continue",
    drain_ns = (spec.drain or 30) * SECOND, digits = spec.digits or 3,
  }
end

-- What the test is, as ctx:new_test(round) gave it on the manager: {test, round {index, label, number | duration},
-- workload {module, arguments}, rate {type, opts}, trim, maxInFlight, catchUp, lateAfter (s), drain (s), onError}; and
-- name, which tells apart several loads of one test. Calls the init hooks; gives the load, or nil, message.
function Worker:new_load(spec)
  local hello, name = self._hello, spec.name or "load"
  local ok, message = self:_claim(spec.test, name)
  if not ok then
    return nil, message
  end
  local load_spec
  load_spec, message = self:_load_spec(spec)
  if not load_spec then
    return nil, message
  end
  self._n_loads = self._n_loads + 1
  load_spec.live_path = ("%s/live/%s-%d.live"):format(hello.run_dir, hello.journal, self._n_loads)
  local running = setmetatable({ _worker = self, _name = name }, RunningLoad)
  running._recorder, message = self:_open_recorder(spec, name)
  if not running._recorder then
    return nil, message
  end
  running._load, message = load.new(load_spec)
  if not running._load then
    running._recorder:cancel()
    return nil, message
  end
  self._loads[running] = true
  return running
end

-- ---- stages ----

local StageContext = {}
StageContext.__index = StageContext

-- Thrown out of a wait of a stage that has to stop.
local function stop_error(reason)
  return setmetatable({}, { __tostring = function()
    return "was stopped: " .. reason
  end })
end

-- Waits until all workers of the stage are here; gives the agreed instant (absolute ns), or nil, reason.
function StageContext:barrier()
  local worker = self._worker
  if not worker._stop_reason then
    worker:_send({ type = "barrier", id = self._id })
    local at_us = scheduler.wait_key(worker._key_go, math.huge)
    if at_us then
      return at_us * 1e3
    end
  end
  return nil, tostring(stop_error(worker._stop_reason))
end

function StageContext:new_load(spec)
  return self._worker:new_load(spec)
end

-- Suspends the stage; when the manager wants it to stop meanwhile, it ends here by an error.
function StageContext:sleep(seconds)
  local worker = self._worker
  if not worker._stop_reason then
    scheduler.wait_key(worker._key_stop, scheduler.now() + seconds * SECOND)
  end
  if worker._stop_reason then
    error(stop_error(worker._stop_reason), 0)
  end
end

function StageContext:wait(key, timeout)
  return scheduler.wait_key(key, scheduler.now() + (timeout or 60) * SECOND)
end

function StageContext:wake(key, value, at_ns)
  return scheduler.wake_key(key, value, at_ns)
end

-- The reason for which the manager wants the stage to stop, or nil.
function StageContext:stopping()
  return self._worker._stop_reason
end

local function new_stage_context(worker, id)
  local hello = worker._hello
  local untimed = context.new({
    worker = hello.worker, workers = hello.workers, round = { index = 0 }, seed = hello.seed, connector = worker._connector,
    workspace = hello.workspace,
  })
  return setmetatable({
    _worker = worker, _id = id, worker = hello.worker, workers = hello.workers, workspace = hello.workspace,
    connector = worker._connector, sut = untimed.sut, random = untimed.random,
    log = function(text)
      worker:log("info", text)
    end,
  }, StageContext)
end

local function on_error(err)
  return type(err) == "string" and debug.traceback(err, 2) or err
end

function Worker:_run_stage(message)
  self._stage_id, self._stop_reason = message.id, nil
  local stage, reason = plugins.new("stage", message.stage, message.properties, self._hello.workspace)
  local payload, err
  if stage then
    local ok, result, why = xpcall(stage.run, on_error, stage, new_stage_context(self, message.id), stage.options,
      message.data)
    if ok then
      payload, err = result, result == nil and why or nil
      if result ~= nil and why then
        err = why
      end
    else
      err = tostring(result)
    end
  else
    err = reason
  end
  for running in pairs(self._loads) do -- a stage that failed half-way leaves no load behind
    running:finish()
  end
  self._stage_id = nil
  self:_send({ type = "ack", id = message.id, payload = payload, error = err,
    stopped = err ~= nil and self._stop_reason ~= nil or nil })
end

function Worker:_stop_stage(message)
  if self._stage_id ~= message.id then
    return
  end
  self._stop_reason = message.reason
  for running in pairs(self._loads) do
    running:stop(message.reason)
  end
  scheduler.wake_key(self._key_go)
  scheduler.wake_key(self._key_stop)
end

-- ---- hello ----

local function connector_context(worker)
  local hello = worker._hello
  local ctx = context.new({
    worker = hello.worker, workers = hello.workers, round = { index = 0 }, seed = hello.seed, workspace = hello.workspace,
  })
  ctx.network = hello.network
  ctx.where = "worker"
  return ctx
end

function Worker:_open(hello)
  self._hello = hello
  loop.set_pacing(hello.pacing)
  local message
  self._journal, message = journal.create(hello.run_dir .. "/" .. hello.journal .. ".journal")
  if not self._journal then
    return nil, message
  end
  if hello.connector then
    self._connector, message = plugins.new("connector", hello.connector, hello.options, hello.workspace)
    if not self._connector then
      return nil, message
    end
    self._connector_ctx = connector_context(self)
    if self._connector.init then
      local ok, err = xpcall(self._connector.init, on_error, self._connector, self._connector_ctx)
      if not ok then
        return nil, tostring(err)
      end
    end
  end
  return true
end

function Worker:_close()
  local hook = self._connector and plugins.hook(self._connector, "end")
  if hook then
    local ok, err = xpcall(hook, on_error, self._connector, self._connector_ctx)
    if not ok then
      self:log("warning", "end of the connector: " .. tostring(err))
    end
  end
  if self._journal then
    self._journal:close()
  end
end

local handle = {}

function handle.hello(worker, message)
  local ok, err = worker:_open(message)
  worker:_send({ type = "ready", error = not ok and err or nil })
end

function handle.stage(worker, message)
  worker:_run_stage(message)
end

function handle.go(worker, message)
  if worker._stage_id == message.id then
    scheduler.wake_key(worker._key_go, message.at_us)
  end
end

function handle.stop(worker, message)
  worker:_stop_stage(message)
end

function handle.exit(worker)
  scheduler.wake_key(worker, "exit")
end

local function on_link_event(worker, event)
  if event.kind == link.CLOSED then
    scheduler.wake_key(worker, "closed")
  elseif event.kind == link.MESSAGE then
    local message = cjson.decode(link.text(event))
    scheduler.spawn(handle[message.type], worker, message)
  end
end

-- options: link_fd, parent (pid), clock_base. Returns the exit status.
function M.run(options)
  local ok, message = process.die_with_parent(options.parent)
  if not ok then
    io.stderr:write("vernier: worker: " .. message .. "\n")
    return 1
  end
  clock.set_base(options.clock_base)
  return scheduler.run(function()
    local worker = setmetatable({ _loads = {}, _n_loads = 0, _claimed = {}, _key_go = {}, _key_stop = {} }, Worker)
    worker._link = assert(link.open(scheduler.on(function(event)
      on_link_event(worker, event)
    end), options.link_fd))
    assert(worker._link:start_heartbeat(HEARTBEAT_NS))
    scheduler.wait_key(worker, math.huge)
    worker:_close()
    worker._link:flush(FLUSH_NS)
    worker._link:close()
    return 0
  end)
end

return M
