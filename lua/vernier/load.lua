-- A load: pacer and runners, on top of the C half in core/load; what the workload sees is in vernier.context.
--
-- Walk of a transaction: the pacer feeds the queue with due times from the rate controller; at a due time a runner
-- (a pooled coroutine) takes the slot and calls the workload's run; ctx.sut:send opens a transaction, calls the
-- connector's run, which yields while it waits, and closes it. A runner whose run has returned takes the next due slot
-- itself and yields only when there is none. Several loads may run in one worker at once.
local clock = require("vernier.core.clock")
local context = require("vernier.context")
local core = require("vernier.core.load")
local plugins = require("vernier.plugins")
local random = require("vernier.core.random")
local scheduler = require("vernier.scheduler")

local M = {}
local Load = {}
Load.__index = Load

local huge = math.huge
local SECOND = 1e9
-- A turn of the loop executes due runs for at most so long before the network gets its turn.
local BUDGET_NS = 200e3
local FEED_LOW, FEED_HIGH = 512, 2048 -- the queue of a global schedule is refilled below low, up to high
local MESSAGES_MAX = 100 -- distinct error messages kept per load

-- ---- runners ----

local function on_error(err)
  if type(err) == "string" then
    return debug.traceback(err, 2)
  end
  return err
end

local function run_failed(load, ctx, run, err)
  local text = tostring(err)
  if not ctx.sut:_abort(text) then
    local tx = core.open_tx(load._handle, run, load:_operation(context.DEFAULT_OPERATION))
    core.close_tx(load._handle, tx, load:_failed("workload", text))
  end
  if load._spec.on_error == "stop" then
    load:fail("the workload failed: " .. text)
  end
end

local function runner(load)
  local ctx = context.new(load._spec, load._shared)
  local handle, runs, workload = load._handle, load._runs, load._workload
  local hook, sut, feedback = workload.run, ctx.sut, load._feedback
  local co = scheduler.current()
  sut._load = load
  scheduler.guard(function(err)
    load:_controller_failed(err)
  end)
  while true do
    local run = core.take(handle)
    if run >= 0 then
      local record = runs[run] or load:_run(run)
      ctx.index, sut._run = record.index, run
      ctx.intended_ns = record.intended_ns
      local ok, err = xpcall(hook, on_error, workload, ctx)
      if load._closed then
        return
      end
      if not ok then
        run_failed(load, ctx, run, err)
      end
      core.release(handle, run)
      if feedback and not load._fed then
        load:_permit_one() -- the pacer asks for more in its turn: a loop in here would not be compiled
      end
    else
      load._idle[#load._idle + 1] = co
      coroutine.yield()
    end
  end
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
      self._fed = not again
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

-- Asks a feedback controller once; true if it permitted a run. Whoever gets true may ask again.
function Load:_permit_one()
  local handle, controller, spec = self._handle, self._controller, self._spec
  local due, again = controller.run(controller, self._controller_ctx, self._index, self._stats,
    scheduler.now() - self._start_ns)
  if not due then
    self._ask_at = again and self._start_ns + again or huge
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

-- As many as it permits now: its answer depends on what has finished meanwhile.
function Load:_feed_feedback()
  while not self._fed and core.queued(self._handle) < FEED_HIGH and self:_permit_one() do -- luacheck: ignore
  end
end

-- A controller that fails ends the load, not the worker.
function Load:_controller_failed(err)
  self._fed = true
  self:fail("the rate controller failed: " .. tostring(err))
end

function Load:_resume_runner()
  local idle = self._idle
  local n = #idle
  local co = idle[n]
  if co then
    idle[n] = nil
    scheduler.resume(co)
  else
    scheduler.spawn(runner, self)
  end
end

-- Starts what is due; returns the absolute ns at which it wants to be asked again.
function Load:_pump()
  local handle = self._handle
  local now = scheduler.now()
  local deadline = now + BUDGET_NS
  core.turn(handle)
  if self._ask_at <= now or not self._feedback then
    local ok, err = xpcall(self._feed, on_error, self)
    if not ok then
      self:_controller_failed(err)
    end
  end
  while true do
    local due = core.next_due(handle)
    if due > now then
      self:_check_end(now)
      return math.min(due, self._ask_at, self._end_ns > now and self._end_ns or huge)
    end
    self:_resume_runner()
    now = scheduler.now()
    if now > deadline then
      return 0
    end
  end
end

-- All that will ever be permitted has been: sending is over, and with the last run the load is.
function Load:_check_end(now)
  local exhausted = self._end_ns == huge and self._fed and core.queued(self._handle) == 0
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

function Load:_run(run)
  local record = core.run(self._handle, run)
  self._runs[run] = record
  return record
end

function Load:_tx(tx)
  local record = core.tx(self._handle, tx)
  self._txs[tx] = record
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
  local key = class .. "\0" .. message
  local entry = self._errors[key]
  if not entry then
    if self._n_errors >= MESSAGES_MAX then
      key = class .. "\0(other messages)"
      message = "(other messages)"
      entry = self._errors[key]
    end
    if not entry then
      entry = { class = class, message = message, count = 0 }
      self._errors[key] = entry
      self._n_errors = self._n_errors + 1
    end
  end
  local now_us = (scheduler.now() - self._start_ns) / 1000
  entry.first_us = entry.first_us or now_us
  entry.last_us = now_us
  entry.count = entry.count + 1
  local number = self._classes[class]
  if not number then
    number = core.class(self._handle, class) or core.class(self._handle, "other") or 0
    self._classes[class] = number
  end
  return number
end

-- The errors counted since the last call.
function Load:take_errors()
  local list = {}
  for _, entry in pairs(self._errors) do
    if entry.count > 0 then
      list[#list + 1] = { class = entry.class, message = entry.message, count = entry.count,
        first_us = entry.first_us, last_us = entry.last_us }
      entry.count, entry.first_us = 0, nil
    end
  end
  table.sort(list, function(a, b)
    return a.first_us < b.first_us
  end)
  return list
end

-- ---- life ----

local function controller_context(load)
  local spec = load._spec
  return {
    worker = spec.worker,
    workers = spec.workers,
    round = spec.round,
    workspace = spec.workspace,
    share = context.share,
    random = random.new(spec.seed, spec.round.index, -1 - spec.workers - spec.worker),
    log = spec.log,
  }
end

local function call_init(load)
  local controller = load._controller
  if controller.init then
    controller:init(load._controller_ctx)
  end
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
    late_after_ns = spec.late_after_ns,
    max_in_flight = spec.max_in_flight,
    budget_ns = BUDGET_NS,
    live_path = spec.live_path,
    catch_up = spec.catch_up,
    digits = spec.digits,
    feedback = spec.controller.schedule == "worker",
  })
end

-- spec: name, worker (0-based), workers, round {index, label, number | duration (s)}, arguments, workload (instance),
-- controller (instance), connector, seed, workspace, log, trim, late_after_ns, max_in_flight, catch_up, on_error,
-- drain_ns, live_path, digits. Calls the init hooks. Returns the load, or nil, message.
function M.new(spec)
  local handle, message = new_handle(spec)
  if not handle then
    return nil, message
  end
  local self = setmetatable({
    _spec = spec, _handle = handle, _stats = core.stats(handle),
    _workload = spec.workload, _controller = spec.controller,
    _runs = {}, _txs = {}, _idle = {}, _operations = {}, _classes = {}, _errors = {}, _n_errors = 0, _shared = {},
    _ask_at = huge, _end_ns = huge, _start_ns = 0,
    _key_sent = {}, _key_over = {},
  }, Load)
  self._feedback = spec.controller.schedule == "worker"
  self._feed = self._feedback and Load._feed_feedback or Load._feed_global
  -- A controller without random access is asked for every index, also those of other workers.
  self._step = self._feedback and 1 or (spec.controller.random_access and spec.workers or 1)
  self._index = self._step > 1 and spec.worker or 0
  self._controller_ctx = controller_context(self)
  local ok, err = xpcall(call_init, on_error, self)
  if not ok then
    core.free(handle)
    return nil, tostring(err)
  end
  return self
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
  self._cpu_ns = clock.cpu_ns()
  scheduler.add_pump(self._pump_fn)
end

-- Sending stops; join then waits for the answers of what is in flight.
function Load:stop(reason)
  self._stopping = self._stopping or reason
  self:_check_end(scheduler.now())
end

-- For a load that was never started.
function Load:cancel()
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
  core.finish(self._handle)
  self._closed = true
  self.cpu_us = (clock.cpu_ns() - self._cpu_ns) / 1000
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
      local ok, err = xpcall(hook, on_error, instance, ctx)
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
