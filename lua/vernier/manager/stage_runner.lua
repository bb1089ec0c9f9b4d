-- Runs one stage: on the manager, or in step on the chosen workers, whose answers the manager then judges.
--
-- A worker stage: the manager's data(ctx) makes what is sent along; every worker runs `run`; whoever meets a barrier
-- waits for the others and gets one agreed instant; when all have answered, acks(ctx, acks) turns the answers into a
-- verdict. The first worker that fails or is lost makes the others stop. Every wait has a deadline. Several stages may
-- run at once.
local clock = require("vernier.core.clock")
local plugins = require("vernier.plugins")
local properties = require("vernier.properties")
local redact = require("vernier.config.redact")
local scheduler = require("vernier.scheduler")
local section = require("vernier.config.section")
local stage_context = require("vernier.manager.stage_context")
local tests = require("vernier.manager.tests")
local traced = require("vernier.traced")
local worker_pool = require("vernier.manager.worker_pool")
local yaml = require("vernier.core.yaml")

local M = {}

local SECOND = 1e9
local VERDICTS = { ok = true, fail = true, exit = true, ["break"] = true, continue = true }

-- ok | fail, and why. Who was stopped because of another is not what failed.
local function default_verdict(acks)
  local reasons = {}
  for _, ack in ipairs(acks) do
    if ack.error and not ack.stopped then
      reasons[#reasons + 1] = ("worker %d %s"):format(ack.worker, ack.error)
    end
  end
  return #reasons > 0 and "fail" or "ok", reasons
end

-- What a hook gave, as a verdict and a list of reasons.
local function verdict_of(stage, hook, verdict, reason)
  if verdict == nil or verdict == true then
    verdict = "ok"
  elseif not VERDICTS[verdict] then
    verdict, reason = "fail", ("%s of stage %s gave %s, which is none of ok, fail, exit, break, continue"):format(hook,
      stage.name, type(verdict) == "string" and ('"%s"'):format(verdict) or tostring(verdict))
  end
  local reasons = {}
  for i, text in ipairs(type(reason) == "table" and reason or { reason }) do
    reasons[i] = tostring(text)
  end
  return verdict, reasons
end

local function call(stage, hook, ...)
  local ok, a, b = xpcall(stage[hook], traced, stage, ...)
  if not ok then
    return "fail", { ("%s of stage %s: %s"):format(hook, stage.name, tostring(a)) }
  end
  return verdict_of(stage, hook, a, b)
end

-- What a rule of the stage (deadline, drain, tolerates) gives, of that type, or nil. A rule that fails fails the stage at its
-- end: it is asked where nothing can be stopped.
local function rule(stage, ctx, hook, kind, ...)
  if not stage[hook] then
    return nil
  end
  local ok, value = pcall(stage[hook], stage, ...)
  if ok and (value == nil or type(value) == kind) then
    return value
  end
  ctx.fault = ctx.fault or ("%s of stage %s: %s"):format(hook, stage.name,
    ok and ("gave a %s instead of a %s"):format(type(value), kind) or tostring(value))
end

-- Calls fn in a task of its own, so that an interrupt and the deadline can end the wait for it. True when it has
-- returned; else the verdict and the reasons.
local function await(ctx, seconds, fn)
  local done, over, stopped = {}, false, false
  scheduler.spawn(function()
    fn()
    over = true
    scheduler.wake_key(done)
  end)
  if not over then
    local step = { stop = function(_, reason)
      stopped = true
      ctx:stop(reason)
      scheduler.wake_key(done)
    end }
    ctx.manager.steps[step] = ctx.section
    scheduler.wait_key(done, scheduler.now() + seconds * SECOND)
    ctx.manager.steps[step] = nil
  end
  if over then
    return true
  elseif stopped then
    return "interrupted", {}
  end
  ctx:stop("it has taken too long")
  return "fail", { ("did not end within %g s"):format(seconds) }
end

-- Seconds that the stage may take: as its properties say, else by its own rule, if it has one.
local function deadline_of(stage, ctx)
  return stage.options.deadline or rule(stage, ctx, "deadline", "number", ctx)
end

local function run_on_manager(stage, ctx)
  local verdict, reasons
  local over, why = await(ctx, deadline_of(stage, ctx) or ctx.stage_timeout, function()
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

-- All are told to stop; who has not done so after the drain and a hook's time is lost.
function Step:stop(reason)
  if self._stopped then
    return
  end
  self._stopped = reason
  local drain = self._met and rule(self._stage, self._ctx, "drain", "number", self._ctx) or 0
  local seconds = drain + self._ctx.hook_timeout
  for _, worker in ipairs(self._workers) do
    worker:deadline(self._id, seconds, "did not stop")
    worker:stop(self._id, reason)
  end
end

-- Lets those who wait at the barrier go when all are there whose part is not over: who was left out or has failed, and is
-- tolerated, keeps nobody waiting.
function Step:_meet()
  for _, other in ipairs(self._workers) do
    if not self._arrived[other] and not self._over[other] then
      return
    end
  end
  if next(self._arrived) == nil then
    return
  end
  self._arrived, self._met = {}, true
  local at_ns = scheduler.now() + worker_pool.lead_ns(#self._workers)
  for _, other in ipairs(self._workers) do
    if (self._stage.options.deadline or self._stage.deadline) and not self._stopped then
      other:deadline(self._id, deadline_of(self._stage, self._ctx), "did not finish")
    end
    other:go(self._id, at_ns)
  end
  tests.started(self._ctx, at_ns)
end

-- The place of a property in its file, for a problem that a worker found with it.
local function place_of(entry, file, problem)
  local place = section.problem_place(entry.properties, problem.path)
  local line, column = yaml.position(place[1], place[2])
  local position = entry.position or {}
  line, column = line or position.line, line and column or position.column
  return line and ("%s:%d:%d: "):format(position.file or file or "?", line, column) or ""
end

local function with_place(ctx, text, problems)
  if problems and problems[1] then
    return place_of(ctx.entry, ctx.manager.benchmark.file, problems[1]) .. text
  end
  return text
end

function Step:_run_one(worker, rank, data)
  if self._stopped then
    self._acks[#self._acks + 1] = { worker = worker.index, error = self._stopped, stopped = true }
    return
  end
  local ctx, stage = self._ctx, self._stage
  local answer, lost = worker:stage({
    id = self._id, stage = stage.name, properties = ctx.entry.properties,
    literal = ctx.entry.literal, scope = ctx.cell:values(worker.index, ctx.loops),
    rank = rank - 1, ranks = #self._workers, data = data,
    deadline_s = stage.options.deadline or math.max(ctx.stage_timeout, deadline_of(stage, ctx) or 0),
    on_barrier = function()
      self._arrived[worker] = true
      self:_meet()
    end,
  })
  self._over[worker] = true
  local ack = answer or { error = lost, lost = true }
  self._acks[#self._acks + 1] = { worker = worker.index, payload = ack.payload, stopped = ack.stopped, lost = ack.lost,
    skipped = ack.skipped, error = ack.error and with_place(ctx, ack.error, ack.problems) }
  if ack.error and not rule(stage, ctx, "tolerates", "boolean", worker.index) then
    self:stop(("worker %d %s"):format(worker.index, ack.error:match("^[^\n]*")))
  else
    self:_meet()
  end
end

local function judge(stage, ctx, acks)
  if stage.acks then
    return call(stage, "acks", ctx, acks, stage.options)
  end
  return default_verdict(acks)
end

-- Runs the step on all workers and waits for the last answer.
local function run_step(step, data)
  local left, done = #step._workers, {}
  local manager = step._ctx.manager
  manager.steps[step] = step._ctx.section
  for rank, worker in ipairs(step._workers) do
    scheduler.spawn(function()
      step:_run_one(worker, rank, data)
      left = left - 1
      if left == 0 then
        scheduler.wake_key(done)
      end
    end)
  end
  if left > 0 then
    scheduler.wait_key(done, math.huge)
  end
  manager.steps[step] = nil
  table.sort(step._acks, function(a, b)
    return a.worker < b.worker
  end)
  return step._acks
end

-- What the manager sends along; or nothing, the verdict and the reasons.
local function data_of(stage, ctx)
  if not stage.data then
    return nil
  end
  local ok, data
  local over, why = await(ctx, ctx.stage_timeout, function()
    ok, data = xpcall(stage.data, traced, stage, ctx, stage.options)
  end)
  if over ~= true then
    return nil, over, why
  elseif not ok then
    return nil, "fail", { ("data of stage %s: %s"):format(stage.name, tostring(data)) }
  end
  return data
end

local function run_on_workers(stage, ctx)
  local manager = ctx.manager
  ctx.executors = ctx.cell:chosen(stage.options)
  local chosen = #ctx.executors
  if ctx.survivors or stage.survivors then
    ctx.executors = manager.pool:survivors(ctx.executors)
  end
  if #ctx.executors == 0 and not (stage.survivors and chosen > 0) then
    return "ok", {}
  end
  local data, verdict, reasons = data_of(stage, ctx)
  if verdict then
    return verdict, reasons
  end
  local workers, message, culprit = manager.pool:workers(ctx.executors)
  if not workers then
    return judge(stage, ctx, { { worker = culprit, error = message, lost = true, stopped = manager.interrupted } })
  end
  return judge(stage, ctx, run_step(setmetatable({ _stage = stage, _ctx = ctx, _workers = workers, _acks = {},
    _arrived = {}, _over = {}, _id = manager:next_stage_id() }, Step), data))
end

local function run_where(stage, ctx)
  if stage.where == "workers" then
    return run_on_workers(stage, ctx)
  elseif stage.where == "manager" then
    return run_on_manager(stage, ctx)
  end
  return "fail", { ('stage %s must say where = "manager" or "workers"'):format(stage.name) }
end

-- The properties as the manager has them, without secrets.
local function stored_properties(ctx, stage)
  local entry = ctx.entry
  local module = stage or plugins.load("stage", entry.stage, ctx.workspace) or {}
  local values = stage and not entry.literal
    and properties.evaluate(nil, entry.properties, ctx.scope, { partial = true })
  return values and properties.shown(stage.declaration, entry.properties, values)
    or redact.declared(module.options, entry.properties or {})
end

local function record(ctx, stage, from_ns, verdict, reason)
  local entry, cell = ctx.entry, ctx.cell
  ctx.manager.run:record({
    type = "stage", cell = cell and cell.index, attempt = cell and cell.attempt, section = ctx.section,
    stage = entry.stage, label = entry.label, properties = stored_properties(ctx, stage),
    from_us = from_ns / 1e3, to_us = clock.now() / 1e3, status = verdict, reason = reason,
    workers = stage and stage.where == "workers" and ctx.executors or nil,
  })
end

local function verdict_after_options(stage, verdict)
  return verdict == "fail" and stage.options["exit-on-failure"] and "exit" or verdict
end

-- Runs the stage of an entry of vernier.scenario as part of a walk (vernier.manager.walk). loops: the counters of open repeats.
-- Returns the verdict (also "interrupted", where nothing could be judged), unless it is ok the reason, and the tests that
-- the stage has opened.
function M.run(walk, entry, loops)
  local ctx = stage_context.new(walk, entry, loops)
  local from_ns = clock.now()
  local stage, message, problems = plugins.new("stage", entry.stage, entry.properties, ctx.workspace,
    not entry.literal and ctx.scope or nil)
  local verdict, reasons
  if stage then
    verdict, reasons = run_where(stage, ctx)
    if ctx.fault then
      verdict, reasons[#reasons + 1] = verdict == "ok" and "fail" or verdict, ctx.fault
    end
    verdict = verdict_after_options(stage, verdict)
  else
    verdict, reasons = "fail", { with_place(ctx, message, problems) }
  end
  tests.ended(ctx, verdict, reasons)
  local reason = #reasons > 0 and table.concat(reasons, "; ") or nil
  record(ctx, stage, from_ns, verdict, reason)
  return verdict, reason, ctx.tests
end

return M
