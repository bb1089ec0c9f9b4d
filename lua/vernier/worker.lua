-- The worker process: obeys the manager's messages, runs stages, generates load and computes nothing else.
--
-- Messages in: hello (who it is), cell (what it drives now), stage, go (the instant that a barrier agreed on), met (what all
-- have said in a meeting), stop, exit.
-- Messages out: ready (for the cell), barrier, meet, update (an interval record), log, ack. Everything else is the journal,
-- which this process alone writes.
local children = require("vernier.worker.children")
local cjson = require("cjson")
local clock = require("vernier.core.clock")
local context = require("vernier.context")
local journal = require("vernier.core.journal")
local json = require("vernier.json")
local link = require("vernier.core.link")
local loop = require("vernier.core.loop")
local plugins = require("vernier.plugins")
local process = require("vernier.core.process")
local scheduler = require("vernier.scheduler")
local scope = require("vernier.scope")
local traced = require("vernier.traced")
local worker_stage = require("vernier.worker.stage")

local M = {}

local HEARTBEAT_NS = 250e6
local FLUSH_NS = 2e9
local CHILD_GRACE_S = 1 -- for commands that a cell leaves behind
local LEVELS = { debug = 1, info = 2, warning = 3, error = 4 }

-- What its stages and loads use: hello and cell (the messages), service and service_ctx, state (of the cell), identity
-- (variables), journal, loads (those that outlive their stage), kept (the same by name), prepared (the last load that had runs
-- made ahead), stages (contexts by id).
local Worker = {}
Worker.__index = Worker

function Worker:send(message)
  return self._link:send(json.line(message))
end

-- text: a message in JSON.
function Worker:send_text(text)
  return self._link:send(text)
end

function Worker:log(level, text)
  if (LEVELS[level] or LEVELS.info) >= self._log_level then
    self:send({ type = "log", level = level, message = text })
  end
end

-- Says {rank, ranks, value} in the meeting of that key; on_met(list of the values of all ranks, at_ns) when all have.
function Worker:meet(key, said, on_met)
  local waiting = self._meetings[key] or {}
  self._meetings[key] = waiting
  table.insert(waiting, on_met)
  self:send({ type = "meet", key = key, rank = said.rank, ranks = said.ranks, value = said.value })
end

-- Lines below the level (debug, info, warning, error) are not sent.
function Worker:set_log_level(level)
  self._log_level = LEVELS[level]
end

-- ---- hello and cell ----

function Worker:_open(hello)
  self.hello = hello
  loop.set_pacing(hello.pacing)
  local message
  self.journal, message = journal.create(hello.run_dir .. "/" .. hello.journal .. ".journal")
  if not self.journal then
    return nil, message
  end
  return true
end

function Worker:_open_service(cell)
  local hello = self.hello
  local message
  self.service, message = plugins.service(cell.connector, cell.service, cell.options, hello.workspace, scope.new(cell.scope))
  if not self.service then
    return nil, message
  end
  local ctx = context.new({
    worker = hello.worker, workers = cell.size, round = { index = 0 }, seed = hello.seed, workspace = hello.workspace,
  })
  ctx.network, ctx.where, ctx.run_dir = hello.network, "worker", hello.run_dir
  ctx.log = function(text, level)
    self:log(level or "info", text)
  end
  self.service_ctx = ctx
  if self.service.init then
    local ok, err = xpcall(self.service.init, traced, self.service, ctx)
    if not ok then
      return nil, tostring(err)
    end
  end
  return true
end

-- Ends what went on in the background, and the service.
function Worker:_leave_cell()
  for running in pairs(self.loads) do
    running:finish("the cell has ended")
  end
  local hook = self.service and plugins.hook(self.service, "end")
  if hook then
    local ok, err = xpcall(hook, traced, self.service, self.service_ctx)
    if not ok then
      self:log("warning", "end of the connector: " .. tostring(err))
    end
  end
  local ok, message = children.stop_all(self.state, CHILD_GRACE_S)
  if not ok then
    self:log("warning", message)
  end
  self.service, self.service_ctx, self.state, self.kept = nil, nil, {}, {}
end

function Worker:_enter_cell(cell)
  self:_leave_cell()
  self.cell, self._log_level = cell, LEVELS.info
  self.identity = { ["process.id"] = process.pid() }
  for name, value in pairs(cell.scope) do
    if name:find("^worker%.") or name == "group.name" or name == "group.size" then
      self.identity[name] = value
    end
  end
  if self._hello_failure then
    return nil, self._hello_failure
  end
  if not cell.connector then
    return true
  end
  return self:_open_service(cell)
end

-- ---- messages ----

local handle = {}

function handle.hello(worker, message)
  local ok, err = worker:_open(message)
  worker._hello_failure = not ok and err or nil
end

function handle.cell(worker, message)
  local ok, err = worker:_enter_cell(message)
  worker:send({ type = "ready", error = not ok and (err or "failed") or nil })
end

function handle.stage(worker, message)
  worker_stage.run(worker, message)
end

function handle.go(worker, message)
  local ctx = worker.stages[message.id]
  if ctx then
    worker_stage.go(ctx, message.at_us)
  end
end

function handle.met(worker, message)
  local waiting = worker._meetings[message.key]
  worker._meetings[message.key] = nil
  for _, on_met in ipairs(waiting or {}) do
    on_met(message.values, message.at_us * 1e3)
  end
end

function handle.stop(worker, message)
  local ctx = worker.stages[message.id]
  if ctx then
    worker_stage.stop(ctx, message.reason)
  end
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

local function close(worker)
  worker:_leave_cell()
  if worker.journal then
    worker.journal:close()
  end
  worker._link:flush(FLUSH_NS)
  worker._link:close()
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
    local worker = setmetatable({ loads = {}, kept = {}, stages = {}, state = {}, n_loads = 0, claimed = {}, _meetings = {},
      _log_level = LEVELS.info }, Worker)
    worker._link = assert(link.open(scheduler.on(function(event)
      on_link_event(worker, event)
    end), options.link_fd))
    assert(worker._link:start_heartbeat(HEARTBEAT_NS))
    scheduler.wait_key(worker, math.huge)
    close(worker)
    return 0
  end)
end

return M
