-- A test's intervals, read once more from the journals: in order of time, one after the other, so that a test of any
-- length needs no more memory than an interval of all its workers.
--
-- Workers write theirs at nearly the same instants. The earliest one that is left says how long the next interval is; all
-- that have their middle before its end are added to it. So each is in exactly one, whatever a worker's pauses were.
local part = require("vernier.results.part")
local reader = require("vernier.results.reader")

local M = {}

local number = part.number

local Source = {}
Source.__index = Source

-- The journal may end before its loads do, and a load's last interval lie in a live file.
function Source:_next()
  for record in self._records do
    if record.test == self._test and record.type == "interval" then
      return record
    elseif record.test == self._test and record.type == "end" then
      self._loads = self._loads - 1
      if self._loads == 0 then
        break
      end
    end
  end
  return nil
end

function Source:pull()
  local record = self._records and self:_next()
  if not record then
    if self._records then
      self._close()
      self._records = nil
    end
    record = table.remove(self._live, 1)
  end
  self.record = record
  self.from_us = record and math.max(0, number(record.from_us))
  self.to_us = record and math.max(self.from_us, number(record.to_us))
end

local function open(t, source)
  local records, close = nil, nil
  if source.offset then
    records, close = reader.from(source.path, source.offset, t.id)
  end
  local self = setmetatable({ _records = records, _close = close, _test = t.id, _loads = source.loads,
    _live = { unpack(source.live) } }, Source)
  self:pull()
  return self
end

local function earliest(sources)
  local found
  for _, source in ipairs(sources) do
    if source.record and (not found or source.from_us < found.from_us) then
      found = source
    end
  end
  return found
end

local function take(source, into)
  part.add_counters(part.LOAD_COUNTERS, source.record, into)
  for _, op in ipairs(type(source.record.ops) == "table" and source.record.ops or {}) do
    into:add_operation(op)
  end
  source:pull()
end

-- Iterator over intervals: {from_us, to_us} since the test's start, counters, the clocks (vernier.results.merged), and
-- operations, sorted by name, with the same members: as vernier.results.part.sum gives them. Only one is valid at a time.
function M.of(t)
  local sources = {}
  for i, source in ipairs(t:sources()) do
    sources[i] = open(t, source)
  end
  return function()
    local head = earliest(sources)
    if not head then
      return nil
    end
    local from_us, to_us, sum = head.from_us, head.to_us, part.new(t.digits)
    local until_us, last_us = to_us, to_us
    take(head, sum)
    for _, source in ipairs(sources) do
      while source.record and (source.from_us + source.to_us) / 2 < until_us do
        last_us = math.max(last_us, source.to_us)
        take(source, sum)
      end
    end
    sum:close()
    local interval = part.sum(t.digits, { sum })
    interval.from_us, interval.to_us = from_us, last_us
    return interval
  end
end

return M
