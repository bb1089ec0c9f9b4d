-- The workers of a run as the manager has them: processes that are started when a stage needs them, made ready for a cell,
-- replaced where the program allows it, and ended.
--
-- A worker keeps its index for the whole run; each process of that index has a journal of its own. A new cell gets new
-- processes (restart: cell); or the old ones are told what they drive from now on.
local meetings = require("vernier.manager.meetings")
local scheduler = require("vernier.scheduler")
local worker_handle = require("vernier.manager.worker_handle")

local M = {}
local Pool = {}
Pool.__index = Pool

local SECOND = 1e9
-- From when all are there to the instant that they agree on: the message has to reach every worker before.
local LEAD_NS, LEAD_PER_WORKER_NS = 3e6, 0.5e6

function M.lead_ns(n_workers)
  return LEAD_NS + LEAD_PER_WORKER_NS * n_workers
end

function Pool:_hello(index)
  local manager = self._manager
  local n = self._starts[index]
  self._starts[index] = (n or 0) + 1
  return {
    worker = index, run = manager.run.id, run_dir = manager.run.dir, seed = manager.seed,
    journal = n and ("worker-%d.%d"):format(index, n) or ("worker-%d"):format(index),
    workspace = manager.workspace, network = manager.network and manager.network.value, pacing = manager.pacing,
    interval_ms = manager.settings:get("caliper-observer-internal-interval"),
  }
end

local function cell_message(cell, index)
  local group = cell:group_of(index)
  local setup = cell:setup_of(group.name)
  return { cell = cell.index, size = cell.cluster.size, group = group.name, rank = index - group.first,
    connector = setup.connector, service = setup.service, options = setup.options, scope = cell:values(index) }
end

local function worker_events(pool)
  local manager = pool._manager
  return {
    ready = function()
      scheduler.wake_key(pool._key_ready)
    end,
    lost = function(handle, reason)
      manager.run:event("worker-lost", "worker " .. handle.index .. " " .. reason, handle.index)
      manager:notify("warning", ("worker %d %s"):format(handle.index, reason))
    end,
    meet = function(handle, message)
      pool._meetings:say(handle, message, M.lead_ns)
    end,
    update = function(handle, record)
      manager:observe("run", record, handle.index)
    end,
    log = function(handle, level, text)
      manager:worker_log(handle.index, level, text)
    end,
  }
end

function Pool:_start(index)
  local manager = self._manager
  local environment, message = self._cell:environment(index)
  if not environment then
    return nil, message
  end
  return worker_handle.start(index, self:_hello(index), environment, worker_events(self), manager.limits)
end

-- Starts what is missing among the indices, and tells everybody which cell it is; nil, message, index of a culprit.
function Pool:_provide(indices)
  for _, index in ipairs(indices) do
    local handle = self._handles[index]
    local message = handle and (handle.lost or handle.failed)
    if message and not self.replaces then
      return nil, message, index
    elseif message or not handle then
      if handle then
        handle:close()
      end
      self._handles[index], message = self:_start(index)
      if not self._handles[index] then
        return nil, message, index
      end
    end
    self._handles[index]:cell(self._cell, cell_message)
  end
  return true
end

-- Those of the indices that have not answered yet; or nil, message and the index of one that cannot be used.
function Pool:_unready(indices)
  local list = {}
  for _, index in ipairs(indices) do
    local handle = self._handles[index]
    local ready, reason = handle:ready()
    if reason then
      return nil, reason, index
    elseif not ready then
      list[#list + 1] = handle
    end
  end
  return list
end

-- The handles of these workers, ready for the cell; or nil, message and the index of the first that failed.
function Pool:workers(indices)
  local ok, message, culprit = self:_provide(indices)
  local deadline = scheduler.now() + self._manager.limits.stage_ns
  while ok do
    local unready
    unready, message, culprit = self:_unready(indices)
    if not unready then
      break
    elseif #unready == 0 then
      local handles = {}
      for i, index in ipairs(indices) do
        handles[i] = self._handles[index]
      end
      return handles
    elseif scheduler.now() >= deadline then
      unready[1]:overdue()
    else
      scheduler.wait_key(self._key_ready, deadline)
    end
  end
  return nil, message, culprit
end

-- Those of the indices whose process runs and can be used.
function Pool:survivors(indices)
  local list = {}
  for _, index in ipairs(indices) do
    local handle = self._handles[index]
    if handle and handle:ready() then
      list[#list + 1] = index
    end
  end
  return list
end

local CLOSE_S = 10

-- Ends and forgets the processes for which chosen(handle), all at once; the wait is bounded.
function Pool:_end(chosen)
  local left, done = 0, {}
  for index, handle in pairs(self._handles) do
    if chosen(handle) then
      left = left + 1
      self._handles[index] = nil
      scheduler.spawn(function()
        handle:close()
        left = left - 1
        if left == 0 then
          scheduler.wake_key(done)
        end
      end)
    end
  end
  if left > 0 then
    scheduler.wait_key(done, scheduler.now() + CLOSE_S * SECOND)
  end
end

-- Ends all processes.
function Pool:close()
  self:_end(function()
    return true
  end)
end

-- From now on the workers belong to this cell. fresh: the processes of another cell end first; else only those that were
-- lost, and what failed there is forgotten.
function Pool:enter(cell, fresh)
  self:_end(function(handle)
    return fresh or handle.lost ~= nil
  end)
  for _, handle in pairs(self._handles) do
    handle.failed = nil
  end
  self._cell, self._meetings = cell, meetings.new()
end

-- Gives up those that have not answered yet: nobody needs them any more.
function Pool:cancel(reason)
  for _, handle in pairs(self._handles) do
    handle:cancel(reason)
  end
end

-- Ends all processes without asking.
function Pool:kill()
  for _, handle in pairs(self._handles) do
    handle:kill()
  end
end

-- replaces: a lost worker is replaced before the next stage (else the stages of its cell fail). starts: how many
-- processes each index has had in this run already.
function M.new(manager, replaces, starts)
  return setmetatable({ _manager = manager, replaces = replaces, _handles = {}, _starts = starts or {}, _key_ready = {} }, Pool)
end

return M
