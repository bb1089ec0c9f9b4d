-- A load: pacer and runners, on top of the C half in core/load; what the workload sees is in vernier.context.
--
-- Walk of a transaction: the pacer feeds the queue with due times from the rate controller; at a due time a runner
-- (a pooled coroutine) takes the slot and calls the workload's run; ctx.sut:send opens a transaction, calls the
-- connector's run, which yields while it waits, and closes it. A runner whose run has returned takes the next due slot
-- itself and yields only when there is none. Several loads may run in one worker at once.
local ahead = require("vernier.ahead")
local collector = require("vernier.core.collector")
local compiler = require("vernier.core.compiler")
local context = require("vernier.context")
local core = require("vernier.core.load")
local error_counts = require("vernier.error_counts")
local loop_state = require("vernier.core.loop").state
local plugins = require("vernier.plugins")
local rate = require("vernier.rate")
local scheduler = require("vernier.scheduler")
local traced = require("vernier.traced")
local window = require("vernier.window")

local M = {}
local Load = {}
Load.__index = Load

local huge = math.huge
local clock_now, take, release, queued_of = scheduler.now, core.take, core.release, core.queued
local SECOND = 1e9
-- A turn of the loop executes due runs for at most so long before the network gets its turn.
local BUDGET_NS = 200e3
local FEED_LOW, FEED_HIGH = 512, 2048 -- the queue of a global schedule is refilled below low, up to high
local MAX_IN_FLIGHT = 10000 -- where the round sets no limit

-- ---- runners ----

local function run_failed(load, sut, run, text)
  if not sut:_abort(text) then
    -- An operation takes room on the disk: where there is none, nothing can be counted, and no run goes on.
    local ok, number = pcall(load._operation, load, context.DEFAULT_OPERATION)
    if not ok then
      return load:fail("cannot count: " .. number)
    end
    local tx = core.open_tx(load._handle, run, number)
    core.close_tx(load._handle, tx, load:_failed("workload", text))
  end
  if load._spec.on_error == "stop" then
    load:fail("the workload failed: " .. text)
  end
end

-- Asks a feedback controller once; true if it permitted a run. Whoever gets true may ask again.
local function permit_one(self)
  local handle, controller, spec = self._handle, self._controller, self._spec
  local due, again = controller.run(controller, self._controller_ctx, self._index, self._stats,
    clock_now() - self._start_ns)
  if not due then
    self._ask_at = again and self._start_ns + again or huge
    self._done = due == false
    self._fed = self._done
    return false
  end
  -- A run's index is unique over all workers.
  if core.permit(handle, self._index * spec.workers + spec.worker, due) ~= 0 then
    self._fed, self._ask_at = true, huge
    return false
  end
  self._index, self._ask_at = self._index + 1, 0
  return true
end

-- The run is over; the next one that is due, or a negative code.
local function next_run(load, handle, sut, run)
  sut._run = -1
  release(handle, run)
  if load._feedback and not load._fed and queued_of(handle) < FEED_HIGH then
    permit_one(load) -- the pacer asks for more in its turn: a loop in here would not be compiled
  end
  return take(handle)
end

-- (A variable that holds the record while the run waits would be an object for each run.)
local function note_run(ctx, sut, run, record)
  ctx.index, ctx.intended_ns = record.index, record.intended_ns
  sut._run = run
end

-- run: one that a runner before it has left by an error, or -1. In the inner loop each turn is a run, from its start to the
-- start of the next: what the compiler makes of it is the same whichever turn it begins in.
local function runner(load, run)
  local ctx = load._new_context(run)
  local handle, runs, workload = load._handle, load._runs, load._ahead or load._workload
  local hook, sut = workload.run, ctx.sut
  local co = scheduler.current()
  scheduler.guard(sut)
  run = run < 0 and take(handle) or next_run(load, handle, sut, run)
  while true do
    while run >= 0 do
      note_run(ctx, sut, run, runs[run])
      hook(workload, ctx)
      if load._closed then
        return
      end
      run = next_run(load, handle, sut, run)
    end
    local n = load._n_idle + 1
    load._idle[n], load._n_idle = co, n
    coroutine.yield()
    run = take(handle)
  end
end

-- An error in a run has ended its runner, without a pcall in the loop: another one goes on. One outside of it, the load.
function Load:_runner_failed(sut, text)
  local run = sut._run
  if self._closed then
    return
  elseif run < 0 then
    return self:_controller_failed(text)
  end
  run_failed(self, sut, run, text)
  scheduler.spawn_later(runner, self, run)
end

-- ---- the pacer ----

-- Due times of a global schedule, as far ahead as the queue wants them.
function Load:_feed_global()
  local handle, spec = self._handle, self._spec
  if self._fed or core.queued(handle) > FEED_LOW then
    return
  end
  self._ask_at = huge
  local controller, ctx, stride = self._controller, self._controller_ctx, spec.workers
  local index, queued = self._index, core.queued(handle)
  while queued < FEED_HIGH do
    if spec.round.number and index >= spec.round.number then
      self._fed = true
      break
    end
    local due, again = controller.run(controller, ctx, index)
    if not due then
      self._ask_at = again and self._start_ns + again or huge
      self._fed, self._done = not again, due == false
      break
    end
    if index % stride == spec.worker then
      if core.permit(handle, index, due) ~= 0 then
        self._fed = true
        break
      end
      queued = queued + 1
    end
    index = index + self._step
  end
  self._index = index
end

-- As many as it permits now: its answer depends on what has finished meanwhile.
function Load:_feed_feedback()
  while not self._fed and core.queued(self._handle) < FEED_HIGH and permit_one(self) do -- luacheck: ignore
  end
end

-- The controller is not asked now: runs that have been permitted wait for others to end (maxInFlight).
function Load:_is_full()
  local queued = core.queued(self._handle)
  return queued >= FEED_HIGH or not self._feedback and queued > FEED_LOW
end

-- A controller that fails ends the load, not the worker.
function Load:_controller_failed(err)
  self._fed = true
  self:fail("the rate controller failed: " .. tostring(err))
end

function Load:_resume_runner()
  local idle, n = self._idle, self._n_idle
  if n > 0 then
    local co = idle[n]
    idle[n], self._n_idle = nil, n - 1
    scheduler.resume(co)
  else
    scheduler.spawn(runner, self, -1)
  end
end

function Load:_feed_guarded()
  local ok, err = xpcall(self._feed, traced, self)
  if not ok then
    self:_controller_failed(err)
  end
end

-- Starts what is due, and first what is so shortly before its instant that take waits for it; returns the absolute ns at
-- which it wants to be asked again. What is due starts first: the controller is asked when there is time, or when nothing
-- is known to be due.
function Load:_pump()
  local handle = self._handle
  local now, lead = scheduler.now(), loop_state.lead_ns
  local deadline = now + BUDGET_NS
  local feed = not self._feedback or self._ask_at <= now
  core.turn(handle)
  while true do
    local due = core.next_due(handle)
    if due <= now + lead then
      self:_resume_runner()
      now, lead = scheduler.now(), 0
      if now > deadline then
        return 0
      end
    elseif feed then
      feed = false
      self:_feed_guarded()
    else
      self:_check_end(now)
      local ask_at = self:_is_full() and huge or self._ask_at
      return math.min(due - loop_state.lead_ns, ask_at, self._end_ns > now and self._end_ns or huge)
    end
  end
end

-- All that will ever be permitted has been: sending is over, and with the last run the load is. A round by duration goes
-- on to its end all the same, unless the controller is done.
function Load:_check_end(now)
  local exhausted = (self._end_ns == huge or self._done) and self._fed and core.queued(self._handle) == 0
  if not self._sent and (exhausted or now >= self._end_ns or self._stopping) then
    self._sent = true
    core.stop(self._handle)
    scheduler.wake_key(self._key_sent)
  end
  if self._sent and self._stats.in_flight == 0 then
    scheduler.wake_key(self._key_over)
  end
end

-- ---- caches and errors ----

function Load:_tx(tx)
  local record = core.tx(self._handle, tx)
  if tx < core.FRESH then
    self._txs[tx] = record
  end
  return record
end

function Load:_operation(name)
  local number, message = core.operation(self._handle, name)
  if not number then
    error(message, 0)
  end
  self._operations[name] = number
  return number
end

-- Counts an error by class and message; returns the number of the class.
function Load:_failed(class, message)
  self._errors:count(class, message, (scheduler.now() - self._start_ns) / 1000)
  local number = self._classes[class]
  if not number then
    number = core.class(self._handle, class) or core.class(self._handle, "other") or 0
    self._classes[class] = number
  end
  return number
end

-- The errors counted since the last call.
function Load:take_errors()
  return self._errors:take()
end

-- ---- life ----

-- What a controller asks of the load through its ctx (vernier.rate). Times are since the load's start.
local function services_of(load)
  local handle, spec = load._handle, load._spec
  return {
    watch = function(from_ns, to_ns)
      local ok, message = core.watch(handle, from_ns, to_ns)
      if not ok then
        error(message, 0)
      end
    end,
    window = function()
      return window.read(core.window(handle), core.window_times(handle))
    end,
    trace = function()
      local ok, message = core.trace(handle)
      if not ok then
        error(message, 0)
      end
    end,
    sent_times = function(from_ns, to_ns)
      return core.sent_times(handle, from_ns, to_ns)
    end,
    meet = function(key, value, on_met)
      spec.meet(key, value, function(list, at_ns)
        on_met(list, at_ns - load._start_ns)
        load._ask_at = 0
      end)
    end,
    found = spec.found,
  }
end

local function init_workload(load)
  if load._workload.init then
    load._init_ctx = context.new(load._spec, load._shared)
    load._workload:init(load._init_ctx)
  end
end

local function share_of(spec, total)
  return total and context.share(spec, total)
end

local function new_handle(spec)
  local round = spec.round
  return core.new({
    number = share_of(spec, round.number),
    duration_ns = round.duration and round.duration * SECOND,
    trim_runs = round.number and spec.trim or 0,
    trim_ns = round.duration and (spec.trim or 0) * SECOND or 0,
    ramp_ns = spec.ramp_ns or 0,
    late_after_ns = spec.late_after_ns,
    max_in_flight = spec.max_in_flight or math.max(MAX_IN_FLIGHT, spec.controller.window or 0),
    budget_ns = BUDGET_NS,
    live_path = spec.live_path,
    catch_up = spec.catch_up,
    digits = spec.digits,
    feedback = spec.controller.schedule == "worker",
  })
end

-- spec: name, worker (0-based), workers, round {index, label, number | duration (s)}, arguments, workload (instance),
-- controller (instance), connector, seed, workspace, log, trim, ramp_ns, late_after_ns, max_in_flight (nil: 10,000, or the
-- controller's window where that is more), catch_up, on_error, drain_ns, live_path, digits, prepare (vernier.ahead) or nil;
-- found(finding); meet(key, value, on_met(list, at_ns)), for controllers that want it.
-- Calls the init hooks. Returns the load, or nil, message.
function M.new(spec)
  compiler.be_eager()
  -- First: which schedule a controller has may depend on its options.
  local controller_ctx = rate.context(spec)
  local ok, err = xpcall(rate.init, traced, spec.controller, controller_ctx)
  if not ok then
    return nil, tostring(err)
  end
  local handle, message = new_handle(spec)
  if not handle then
    return nil, message
  end
  local self = setmetatable({
    _spec = spec, _handle = handle, _stats = core.stats(handle), _controller_ctx = controller_ctx,
    _workload = spec.workload, _controller = spec.controller,
    _runs = core.runs(handle), _txs = {}, _idle = {}, _n_idle = 0, _operations = {}, _classes = {}, _errors = error_counts.new(),
    _shared = {},
    _closed = false, _fed = false, _ask_at = huge, _end_ns = huge, _start_ns = 0,
    _key_sent = {}, _key_over = {},
  }, Load)
  rate.attach(controller_ctx, services_of(self))
  self._new_context = context.of_load(spec, self, self._shared)
  self._feedback = spec.controller.schedule == "worker"
  self._feed = self._feedback and Load._feed_feedback or Load._feed_global
  -- A controller without random access is asked for every index, also those of other workers.
  self._step = self._feedback and 1 or (spec.controller.random_access and spec.workers or 1)
  self._index = self._step > 1 and spec.worker or 0
  ok, err = xpcall(init_workload, traced, self)
  if ok and spec.prepare then
    self._ahead, err = ahead.new(spec, self)
    ok = self._ahead
  end
  if not ok then
    core.free(handle)
    return nil, tostring(err)
  end
  return self
end

-- Makes ahead what is to be (vernier.ahead), unless stopping() gives a reason to stop; inside a task. True; or nil, message.
function Load:prepare(stopping)
  if not self._ahead then
    return true
  end
  return self._ahead:make(stopping)
end

local function close_ahead(self)
  local finding = self._ahead and self._ahead:close()
  if finding then
    self._spec.found(finding)
  end
end

-- Sending begins at the instant (absolute ns).
function Load:start(at_ns)
  local spec = self._spec
  self._start_ns = at_ns
  if spec.round.duration then
    self._end_ns = at_ns + spec.round.duration * SECOND
  end
  core.start(self._handle, at_ns)
  self._ask_at = at_ns
  self._pump_fn = function()
    if scheduler.now() < at_ns then
      return at_ns
    end
    return self:_pump()
  end
  collector.start()
  scheduler.add_pump(self._pump_fn)
end

-- Sending stops; join then waits for the answers of what is in flight.
function Load:stop(reason)
  self._stopping = self._stopping or reason
  self:_check_end(scheduler.now())
end

-- For a load that was never started.
function Load:cancel()
  close_ahead(self)
  core.stop(self._handle)
  self._closed = true
end

-- Stops and makes join return the reason as its failure.
function Load:fail(reason)
  self._failure = self._failure or reason
  self:stop(reason)
end

-- Waits until all is sent and answered, or `drain` has passed; then open transactions are unfinished.
-- Returns true, or nil and the reason of the failure.
function Load:join()
  if not self._sent then
    scheduler.wait_key(self._key_sent, huge)
  end
  if self._stats.in_flight > 0 then
    scheduler.wait_key(self._key_over, scheduler.now() + self._spec.drain_ns)
  end
  scheduler.remove_pump(self._pump_fn)
  collector.finish()
  core.finish(self._handle)
  self._closed = true
  close_ahead(self)
  if self._failure then
    return nil, self._failure
  end
  return true
end

-- The end hooks; errors are returned as text and change nothing else.
function Load:close_hooks()
  local errors = {}
  for _, instance in ipairs({ self._workload, self._controller }) do
    local hook = plugins.hook(instance, "end")
    if hook then
      local ctx = instance == self._workload and (self._init_ctx or context.new(self._spec, self._shared)) or self._controller_ctx
      local ok, err = xpcall(hook, traced, instance, ctx)
      if not ok then
        errors[#errors + 1] = tostring(err)
      end
    end
  end
  return errors
end

function Load:live()
  return core.live(self._handle)
end

function Load:next_interval()
  core.next_interval(self._handle)
end

-- Frees the C half; keep_live: the live file stays because the journal could not take its interval.
function Load:free(keep_live)
  if keep_live then
    core.keep(self._handle)
  end
  core.free(self._handle)
end

return M
