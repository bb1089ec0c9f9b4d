-- A stage as one worker runs it: its context, its loads, and its answer to the manager. Several may run at once.
local context = require("vernier.context")
local plugins = require("vernier.plugins")
local properties = require("vernier.properties")
local scheduler = require("vernier.scheduler")
local scope = require("vernier.scope")
local traced = require("vernier.traced")
local worker_load = require("vernier.worker.running_load")

local M = {}

local SECOND = 1e9

-- ---- loads that outlive their stage ----

local Kept = {}
Kept.__index = Kept

-- Sending stops; join then waits for the answers.
function Kept:stop(reason)
  for _, running in ipairs(self._loads) do
    running:stop(reason)
  end
end

-- Waits for the end of all; gives a list of their totals, or nil and the first reason of a failure, and the list.
function Kept:join()
  local list, failure = {}, nil
  for i, running in ipairs(self._loads) do
    local totals, reason, partial = running:join()
    list[i], failure = totals or partial, failure or reason
  end
  if failure then
    return nil, failure, list
  end
  return list
end

-- ---- what a stage sees ----

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
  if not self._stop_reason then
    self._worker:send({ type = "barrier", id = self._id })
    local at_us = scheduler.wait_key(self._key_go, math.huge)
    if at_us then
      return at_us * 1e3
    end
  end
  return nil, tostring(stop_error(self._stop_reason))
end

-- A load of a test (see vernier.worker.running_load); this worker takes its part of it. nil, message.
function StageContext:new_load(spec)
  local own = setmetatable({ rank = spec.rank or self.worker, ranks = spec.ranks or self.workers }, { __index = spec })
  return worker_load.new(self._worker, own, self._loads)
end

-- Lets started loads go on after the stage, under a name that is free in this worker.
function StageContext:keep(name, loads)
  for _, running in ipairs(loads) do
    running:belongs_to(self._worker.loads)
    scheduler.spawn(running.join, running) -- a load that ends by itself is recorded at once
  end
  self._worker.kept[name] = setmetatable({ _loads = loads }, Kept)
end

-- The loads kept under that name, which is free again: stop() and join(); nil if there are none.
function StageContext:take(name)
  local kept = self._worker.kept[name]
  self._worker.kept[name] = nil
  return kept
end

-- Suspends the stage; when the manager wants it to stop meanwhile, it ends here by an error.
function StageContext:sleep(seconds)
  if not self._stop_reason then
    scheduler.wait_key(self._key_stop, scheduler.now() + seconds * SECOND)
  end
  if self._stop_reason then
    error(stop_error(self._stop_reason), 0)
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
  return self._stop_reason
end

-- The functions of a trait of this worker's service, or nil where it has none of that name.
function StageContext:trait(name)
  local traits = self.service and self.service.traits
  return traits and traits[name]
end

-- The stage's properties as they may be told in messages: without secrets, and without what the environment holds.
function StageContext:shown()
  return properties.shown(self._stage.declaration, self._properties, self._stage.options)
end

local function new_context(worker, message)
  local hello, cell = worker.hello, worker.cell
  local untimed = context.new({
    worker = message.rank, workers = message.ranks, round = { index = 0 }, seed = hello.seed, connector = worker.service,
    workspace = hello.workspace,
  })
  local values = {}
  for name, value in pairs(message.scope) do
    values[name] = value
  end
  for name, value in pairs(worker.identity) do
    values[name] = value
  end
  return setmetatable({
    _worker = worker, _id = message.id, _properties = message.properties, _loads = {}, _key_go = {}, _key_stop = {},
    index = hello.worker, worker = message.rank, workers = message.ranks, group = cell.group, group_index = cell.rank,
    state = worker.state, scope = scope.new(values), service = worker.service, service_ctx = worker.service_ctx,
    run_dir = hello.run_dir, workspace = hello.workspace, sut = untimed.sut, random = untimed.random,
    log = function(text, level)
      worker:log(level or "info", text)
    end,
    set_log_level = function(level)
      worker:set_log_level(level)
    end,
  }, StageContext)
end

-- ---- running it ----

-- Whether the service has what the stage needs: true, or nil and why not; "skip" where it need not run then.
local function check_traits(stage, ctx)
  for name, need in pairs(stage.traits or {}) do
    if not ctx:trait(name) and need == "skip" then
      return "skip"
    elseif not ctx:trait(name) and need == "mandatory" then
      return nil, ("has no trait %s: %s"):format(name, ctx.service
        and ("connector %s does not offer it"):format(ctx.service.name) or "it has no service")
    end
  end
  return true
end

-- The stage's answer {payload, error, problems, skipped}.
local function answer(ctx, message)
  local stage, reason, problems = plugins.new("stage", message.stage, message.properties, ctx.workspace,
    not message.literal and ctx.scope or nil)
  if not stage then
    return { error = reason, problems = problems }
  end
  ctx._stage = stage
  local able, why = check_traits(stage, ctx)
  if able == "skip" then
    return { skipped = true }
  elseif not able then
    return { error = why }
  end
  local ok, payload, failure = xpcall(stage.run, traced, stage, ctx, stage.options, message.data)
  if not ok then
    return { error = tostring(payload) }
  end
  return { payload = payload, error = failure ~= nil and tostring(failure) or nil }
end

-- The manager waits for an answer: where the stage's own cannot be sent, that is the answer.
local function send_ack(worker, ack)
  local ok, sent, message = pcall(worker.send, worker, ack)
  if not ok or not sent then
    worker:send({ type = "ack", id = ack.id, stopped = ack.stopped,
      error = "gave an answer that cannot be sent: " .. (ok and message or sent) })
  end
end

-- Runs the stage of a message {id, stage, properties, literal, scope, rank, ranks, data} and sends the ack.
function M.run(worker, message)
  local ctx = new_context(worker, message)
  worker.stages[message.id] = ctx
  local ack = answer(ctx, message)
  for running in pairs(ctx._loads) do -- a stage that failed half-way leaves no load behind
    running:finish("the stage has ended")
  end
  worker.stages[message.id] = nil
  ack.type, ack.id = "ack", message.id
  ack.stopped = ack.error ~= nil and ctx._stop_reason ~= nil or nil
  send_ack(worker, ack)
end

-- All are there: the instant that was agreed on.
function M.go(ctx, at_us)
  scheduler.wake_key(ctx._key_go, at_us)
end

function M.stop(ctx, reason)
  ctx._stop_reason = reason
  for running in pairs(ctx._loads) do
    running:stop(reason)
  end
  scheduler.wake_key(ctx._key_go)
  scheduler.wake_key(ctx._key_stop)
end

return M
