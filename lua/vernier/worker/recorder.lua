-- Writes what a load measures: an interval record per second into the worker's journal, and the same to the manager.
--
-- The journal comes first. If it cannot take the interval (full disk), the interval stays open in the live file, which
-- has its space already, and goes on filling: nothing is lost, and the manager hears of it once.
local core_live = require("vernier.core.live")
local json = require("vernier.json")
local scheduler = require("vernier.scheduler")
local vitals = require("vernier.worker.vitals")

local M = {}
local Recorder = {}
Recorder.__index = Recorder

-- Says in the journal, before there is anything to measure, whose intervals follow and which live file is theirs.
-- target: worker, test, name (of the load), thread (its number, where the load is one thread of several), live (its number in
-- the live file's name), journal, send(text of a record), warn(message), interval_ns, pid, digits.
-- send gives true, or nil, message. Returns the recorder, or nil, message.
function M.open(target)
  local self = setmetatable({ _target = target, _errors = {}, _unsent = 0 }, Recorder)
  local ok, message = target.journal:append(self:_text({ type = "begin", live = target.live, thread = target.thread,
    pid = target.pid, digits = target.digits }))
  if not ok then
    return nil, "cannot write the journal: " .. message
  end
  return self
end

function Recorder:_text(record)
  local target = self._target
  record.worker, record.test, record.load = target.worker, target.test, target.name
  return json.line(record)
end

function Recorder:_append(record)
  local text = self:_text(record)
  local ok, message = self._target.journal:append(text)
  if not ok and not self.damage then
    self.damage = message
    self._target.warn("cannot write the journal: " .. message .. "; measuring goes on in memory and in the live file")
  end
  return ok and text
end

function Recorder:start(load, start_ns)
  self._load, self._vitals = load, vitals.start()
  self._next_ns = start_ns + self._target.interval_ns
  self:_schedule()
end

function Recorder:_schedule()
  self._timer = scheduler.at(self._next_ns, function()
    self:flush()
    self._next_ns = math.max(self._next_ns + self._target.interval_ns, scheduler.now())
    self:_schedule()
  end)
end

function Recorder:_vitals_of(measured)
  measured.unsent = self._unsent
  return measured
end

-- Closes the interval: journal, then manager, then clear. The vitals so far are what is left of a killed process.
function Recorder:flush()
  local record = core_live.interval(self._load:live())
  for _, entry in ipairs(self._load:take_errors()) do
    self._errors[#self._errors + 1] = entry
  end
  record.type, record.errors, record.vitals = "interval", self._errors, self:_vitals_of(self._vitals:measure())
  local text = self:_append(record)
  if text then
    self._errors = {}
    self._unsent = self._unsent + (self._target.send(text) and 0 or 1)
    self._load:next_interval()
  end
  return text ~= nil
end

-- What the load's rate controller has found out: {name, text, …} (vernier.rate).
function Recorder:found(finding)
  local record = { type = "finding" }
  for name, value in pairs(finding) do
    record[name] = value
  end
  self:_append(record)
end

-- The end of a load that has measured nothing.
function Recorder:cancel()
  self:_append({ type = "end", status = "ok" })
end

-- The last interval and the end record; afterwards the load may be freed (with what free() is to be told).
function Recorder:finish(status, reason)
  scheduler.forget(self._timer)
  local written = self:flush()
  self:_append({ type = "end", status = status, reason = reason, vitals = self:_vitals_of(self._vitals:finish()) })
  return not written
end

return M
