-- Writes what a load measures: an interval record per second into the worker's journal, and the same to the manager.
--
-- The journal comes first. If it cannot take the interval (full disk), the interval stays open in the live file, which
-- has its space already, and goes on filling: nothing is lost, and the manager hears of it once.
local core_live = require("vernier.core.live")
local json = require("vernier.json")
local loop = require("vernier.core.loop")
local scheduler = require("vernier.scheduler")

local M = {}
local Recorder = {}
Recorder.__index = Recorder

-- target: worker, test, name (of the load), journal, send(text of a record), warn(message), interval_ns, pid, digits.
function M.new(load, target)
  return setmetatable({ _load = load, _target = target, _errors = {} }, Recorder)
end

function Recorder:_append(record)
  local target = self._target
  record.worker, record.test, record.load = target.worker, target.test, target.name
  local text = json.encode(record)
  local ok, message = target.journal:append(text)
  if not ok and not self.damage then
    self.damage = message
    target.warn("cannot write the journal: " .. message .. "; measuring goes on in memory and in the live file")
  end
  return ok and text
end

function Recorder:start(start_ns)
  local target = self._target
  self:_append({ type = "begin", start_us = start_ns / 1e3, pid = target.pid, digits = target.digits })
  self._next_ns = start_ns + target.interval_ns
  self:_schedule()
end

function Recorder:_schedule()
  self._timer = scheduler.at(self._next_ns, function()
    self:flush()
    self._next_ns = math.max(self._next_ns + self._target.interval_ns, scheduler.now())
    self:_schedule()
  end)
end

-- Closes the interval: journal, then manager, then clear.
function Recorder:flush()
  local record = core_live.interval(self._load:live())
  for _, entry in ipairs(self._load:take_errors()) do
    self._errors[#self._errors + 1] = entry
  end
  record.type, record.errors = "interval", self._errors
  local text = self:_append(record)
  if text then
    self._errors = {}
    self._target.send(text)
    self._load:next_interval()
  end
  return text ~= nil
end

-- The last interval and the end record; afterwards the load may be freed (with what free() is to be told).
function Recorder:finish(status, reason)
  scheduler.forget(self._timer)
  local written = self:flush()
  self:_append({ type = "end", status = status, reason = reason, cpu_us = self._load.cpu_us,
    longest_stall_us = loop.state.longest_stall_ns / 1e3 })
  return not written
end

return M
