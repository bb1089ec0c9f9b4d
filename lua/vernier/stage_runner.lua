-- Runs one stage: on the manager, or in step on all workers, whose answers the manager then judges.
--
-- A worker stage: the manager's data(ctx) makes what is sent along; every worker runs `run`; whoever meets a barrier
-- waits for the others and gets one agreed instant; when all have answered, acks(ctx, acks) turns the answers into a
-- verdict. The first worker that fails or is lost makes the others stop. Every wait has a deadline.
local plugins = require("vernier.plugins")
local scheduler = require("vernier.scheduler")
local tests = require("vernier.tests")

local M = {}

-- From the last arrival at a barrier to the agreed instant: the message has to reach every worker before.
local LEAD_NS, LEAD_PER_WORKER_NS = 3e6, 0.5e6
local SECOND = 1e9
local VERDICTS = { ok = true, fail = true, exit = true, ["break"] = true, continue = true }

local function on_error(err)
  return type(err) == "string" and debug.traceback(err, 2) or err
end

-- ok | fail | exit | break | continue, and why. Who was stopped because of another is not what failed.
local function default_verdict(acks)
  local reasons = {}
  for _, ack in ipairs(acks) do
    if ack.error and not ack.stopped then
      reasons[#reasons + 1] = ("worker %d %s"):format(ack.worker, ack.error)
    end
  end
  return #reasons > 0 and "fail" or "ok", reasons
end

-- What a hook of the user's gave, as a verdict and a list of reasons.
local function verdict_of(stage, hook, verdict, reason)
  if verdict == nil or verdict == true then
    verdict = "ok"
  elseif not VERDICTS[verdict] then
    verdict, reason = "fail", ("%s of stage %s gave %s, which is none of ok, fail, exit, break, continue"):format(hook,
      stage.name, type(verdict) == "string" and ('"%s"'):format(verdict) or tostring(verdict))
  end
  if type(reason) ~= "table" then
    reason = { reason ~= nil and tostring(reason) or nil }
  end
  return verdict, reason
end

local function call(stage, hook, ...)
  local ok, a, b = xpcall(stage[hook], on_error, stage, ...)
  if not ok then
    return "fail", { ("%s of stage %s: %s"):format(hook, stage.name, tostring(a)) }
  end
  return verdict_of(stage, hook, a, b)
end

-- Calls fn in a task of its own, so that an interrupt and the deadline can end the wait for it. True when it has
-- returned; else the verdict and the reasons.
local function await(ctx, seconds, fn)
  local done, over = {}, false
  scheduler.spawn(function()
    fn()
    over = true
    scheduler.wake_key(done)
  end)
  if not over then
    ctx.manager.step = { stop = function()
      scheduler.wake_key(done)
    end }
    scheduler.wait_key(done, scheduler.now() + seconds * SECOND)
    ctx.manager.step = nil
  end
  if over then
    return true
  elseif ctx.manager.interrupted then
    return "interrupted", {}
  end
  return "fail", { ("did not end within %g s"):format(seconds) }
end

local function run_on_manager(stage, ctx)
  local verdict, reasons
  local over, why = await(ctx, stage.deadline and stage:deadline(ctx) or ctx.stage_timeout, function()
    verdict, reasons = call(stage, "run", ctx, stage.options)
  end)
  if over == true then
    return verdict, reasons
  end
  return over, why
end

-- ---- on workers ----

local Step = {}
Step.__index = Step

function Step:_stop_others(reason)
  for _, worker in ipairs(self._workers) do
    worker:stop(self._id, reason)
  end
end

-- All are told to stop; who has not done so after the drain and a hook's time is lost.
function Step:stop(reason)
  if self._stopped then
    return
  end
  self._stopped = reason
  local drain = self._met and self._stage.drain and self._stage:drain(self._ctx) or 0
  local seconds = drain + self._ctx.hook_timeout
  for _, worker in ipairs(self._workers) do
    worker:deadline(seconds, "did not stop")
  end
  self:_stop_others(reason)
end

function Step:_arrive(worker)
  self._arrived[worker] = true
  for _, other in ipairs(self._workers) do
    if not self._arrived[other] then
      return
    end
  end
  self._arrived, self._met = {}, true
  local at_ns = scheduler.now() + LEAD_NS + LEAD_PER_WORKER_NS * #self._workers
  for _, other in ipairs(self._workers) do
    if self._stage.deadline and not self._stopped then
      other:deadline(self._stage:deadline(self._ctx), "did not finish")
    end
    other:go(self._id, at_ns)
  end
  tests.started(self._ctx.manager, at_ns)
end

function Step:_run_one(worker, data)
  if self._stopped then
    self._acks[#self._acks + 1] = { worker = worker.index, error = self._stopped, stopped = true }
    return
  end
  local payload, err, stopped = worker:stage({
    id = self._id, stage = self._stage.name, properties = self._properties, deadline_s = self._ctx.stage_timeout,
    data = data,
    on_barrier = function(w)
      self:_arrive(w)
    end,
  })
  self._acks[#self._acks + 1] = { worker = worker.index, payload = payload, error = err, stopped = stopped,
    lost = worker.lost ~= nil }
  if err then
    self:stop(("worker %d %s"):format(worker.index, err:match("^[^\n]*")))
  end
end

local function judge(stage, ctx, acks)
  if stage.acks then
    return call(stage, "acks", ctx, acks)
  end
  return default_verdict(acks)
end

-- Runs the step on all workers and waits for the last answer.
local function run_step(step, data)
  local left, done = #step._workers, {}
  step._ctx.manager.step = step
  for _, worker in ipairs(step._workers) do
    scheduler.spawn(function()
      step:_run_one(worker, data)
      left = left - 1
      if left == 0 then
        scheduler.wake_key(done)
      end
    end)
  end
  if left > 0 then
    scheduler.wait_key(done, math.huge)
  end
  step._ctx.manager.step = nil
  table.sort(step._acks, function(a, b)
    return a.worker < b.worker
  end)
  return step._acks
end

local function run_on_workers(stage, ctx, properties)
  local ok, data = true, nil
  if stage.data then
    local over, why = await(ctx, ctx.stage_timeout, function()
      ok, data = xpcall(stage.data, on_error, stage, ctx, stage.options)
    end)
    if over ~= true then
      return over, why
    elseif not ok then
      return "fail", { ("data of stage %s: %s"):format(stage.name, tostring(data)) }
    end
  end
  local workers, message, culprit = ctx.manager:workers()
  if not workers then
    return judge(stage, ctx, { { worker = culprit, error = message, lost = true, stopped = ctx.manager.interrupted } })
  end
  return judge(stage, ctx, run_step(setmetatable({ _stage = stage, _ctx = ctx, _workers = workers, _properties = properties,
    _acks = {}, _arrived = {}, _id = ctx.manager:next_stage_id() }, Step), data))
end

local function run_where(stage, ctx, properties)
  if stage.where == "workers" then
    return run_on_workers(stage, ctx, properties)
  elseif stage.where == "manager" then
    return run_on_manager(stage, ctx)
  end
  return "fail", { ('stage %s must say where = "manager" or "workers"'):format(stage.name) }
end

-- Runs the stage of that name or path with its properties. ctx: what stages get on the manager (see manager.lua).
-- Returns the verdict (also "interrupted", where nothing could be judged) and, unless it is ok, the reason.
function M.run(name, properties, ctx)
  local stage, message = plugins.new("stage", name, properties, ctx.workspace)
  if not stage then
    return "fail", message
  end
  ctx.stage_name = name
  local verdict, reasons = run_where(stage, ctx, properties)
  tests.ended(ctx.manager, verdict, reasons)
  return verdict, #reasons > 0 and table.concat(reasons, "; ") or nil
end

return M
