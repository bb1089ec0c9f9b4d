-- Runs one stage: on the manager, or in step on all workers, whose answers the manager then judges.
--
-- A worker stage: the manager's data(ctx) makes what is sent along; every worker runs `run`; whoever meets a barrier
-- waits for the others and gets one agreed instant; when all have answered, acks(ctx, acks) turns the answers into a
-- verdict. The first worker that fails or is lost makes the others stop.
local plugins = require("vernier.plugins")
local scheduler = require("vernier.scheduler")

local M = {}

-- From the last arrival at a barrier to the agreed instant: the message has to reach every worker before.
local LEAD_NS, LEAD_PER_WORKER_NS = 3e6, 0.5e6

local function on_error(err)
  return type(err) == "string" and debug.traceback(err, 2) or err
end

-- ok | fail | exit | break | continue, and why.
local function default_verdict(acks)
  for _, ack in ipairs(acks) do
    if ack.error then
      return "fail", ("worker %d %s"):format(ack.worker, ack.error)
    end
  end
  return "ok"
end

local function call(stage, hook, ...)
  local ok, a, b = xpcall(stage[hook], on_error, stage, ...)
  if not ok then
    return "fail", ("%s of stage %s: %s"):format(hook, stage.name, tostring(a))
  end
  return a, b
end

local function run_on_manager(stage, ctx)
  local verdict, reason = call(stage, "run", ctx, stage.options)
  if verdict == nil or verdict == true then
    return "ok"
  end
  return verdict, reason
end

-- ---- on workers ----

local Step = {}
Step.__index = Step

function Step:_stop_others(reason)
  for _, worker in ipairs(self._workers) do
    worker:stop(self._id, reason)
  end
end

function Step:stop(reason)
  self._stopped = self._stopped or reason
  self:_stop_others(reason)
end

function Step:_arrive(worker)
  self._arrived[worker] = true
  for _, other in ipairs(self._workers) do
    if not self._arrived[other] then
      return
    end
  end
  self._arrived = {}
  local at_ns = scheduler.now() + LEAD_NS + LEAD_PER_WORKER_NS * #self._workers
  local seconds = self._stage.deadline and self._stage:deadline(self._ctx)
  for _, other in ipairs(self._workers) do
    other:deadline(seconds, "did not finish")
    other:go(self._id, at_ns)
  end
  if self._stage.started then
    self._stage:started(self._ctx, at_ns)
  end
end

function Step:_run_one(worker, data)
  local payload, err = worker:stage({
    id = self._id, stage = self._stage.name, properties = self._properties, deadline_s = self._ctx.stage_timeout,
    data = data,
    on_barrier = function(w)
      self:_arrive(w)
    end,
  })
  self._acks[#self._acks + 1] = { worker = worker.index, payload = payload, error = err, lost = worker.lost ~= nil }
  if err and not self._stopped then
    self:stop(("stopped: worker %d %s"):format(worker.index, err:match("^[^\n]*")))
  end
end

local function judge(stage, ctx, acks)
  if stage.acks then
    return call(stage, "acks", ctx, acks)
  end
  return default_verdict(acks)
end

local function run_on_workers(stage, ctx, properties)
  local data
  if stage.data then
    local ok, result = xpcall(stage.data, on_error, stage, ctx, stage.options)
    if not ok then
      return "fail", ("data of stage %s: %s"):format(stage.name, tostring(result))
    end
    data = result
  end
  local workers, message, culprit = ctx.manager:workers()
  if not workers then
    return judge(stage, ctx, { { worker = culprit, error = message, lost = true } })
  end
  local step = setmetatable({ _stage = stage, _ctx = ctx, _workers = workers, _properties = properties, _acks = {},
    _arrived = {}, _id = ctx.manager:next_stage_id() }, Step)
  ctx.manager.step = step
  local left, done = #workers, {}
  for _, worker in ipairs(workers) do
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
  ctx.manager.step = nil
  table.sort(step._acks, function(a, b)
    return a.worker < b.worker
  end)
  return judge(stage, ctx, step._acks)
end

-- Runs the stage of that name or path with its properties. ctx: what stages get on the manager (see manager.lua).
-- Returns the verdict and, unless it is ok, the reason.
function M.run(name, properties, ctx)
  local stage, message = plugins.new("stage", name, properties, ctx.workspace)
  if not stage then
    return "fail", message
  end
  ctx.stage_name = name
  if stage.where == "workers" then
    return run_on_workers(stage, ctx, properties)
  elseif stage.where == "manager" then
    return run_on_manager(stage, ctx)
  end
  return "fail", ('stage %s must say where = "manager" or "workers"'):format(name)
end

M.default_verdict = default_verdict

return M
