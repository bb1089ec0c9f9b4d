-- The live interval of a load as the table of an interval record: of this process, to journal it, or of a file that a
-- dead one left behind.
local core = require("vernier.core.ffi")
local histogram = require("vernier.core.histogram")
local C, ffi = core.C, core.ffi

local M = {}

local CLOCKS = {
  { name = "response", number = tonumber(C.VN_RESPONSE) },
  { name = "service", number = tonumber(C.VN_SERVICE) },
  { name = "lateness", number = tonumber(C.VN_LATENESS) },
  { name = "blocked", number = tonumber(C.VN_BLOCKED) },
}
local MARK_CLOCKS = 2 -- the first ones

local function classes(live, counters)
  local out = {}
  for i = 0, C.vn_live_classes(live) - 1 do
    if counters.classes[i] > 0 then
      out[ffi.string(C.vn_live_class(live, i))] = counters.classes[i]
    end
  end
  return out
end

local function histograms(live, op, encode, n)
  local out = {}
  for i = 1, n do
    local clock = CLOCKS[i]
    out[clock.name] = encode(C.vn_live_hist(live, op, clock.number))
  end
  return out
end

-- The marks of an operation in the order in which each was first made; nil where there are none in this interval.
local function marks(live, op, encode)
  local out = {}
  for i = op + 1, C.vn_live_operations(live) - 1 do
    if C.vn_live_mark_of(live, i) == op then
      local h = histograms(live, i, encode, MARK_CLOCKS)
      out[#out + 1] = next(h) and { name = ffi.string(C.vn_live_operation(live, i)), h = h } or nil
    end
  end
  return #out > 0 and out or nil
end

local function operation(live, op, encode)
  local c = C.vn_live_operation_counters(live, op)
  local out = {
    name = ffi.string(C.vn_live_operation(live, op)),
    submitted = c.submitted,
    ok = c.ok,
    failed = c.failed,
    unfinished = c.unfinished,
    trimmed = c.trimmed,
    classes = classes(live, c),
    h = histograms(live, op, encode, #CLOCKS),
    marks = marks(live, op, encode),
  }
  local changed = c.submitted + c.ok + c.failed + c.unfinished > 0 or next(out.h) or out.marks
  return changed and out or nil
end

local function encode_own(h)
  return h:count() > 0 and h:encode() or nil
end

-- Time from which all values are microseconds: the round's start.
local function interval(live, encode)
  local c = C.vn_live_counters(live)
  local out = {
    seq = c.seq,
    from_us = c.from_ns / 1e3,
    to_us = c.to_ns / 1e3,
    runs = c.runs,
    empty = c.empty,
    dropped = c.dropped,
    late = c.late,
    last_due_us = c.last_due_ns / 1e3,
    first_us = c.first_ns < 0 and -1 or c.first_ns / 1e3,
    last_finish_us = c.last_finish_ns / 1e3,
    ops = {},
    errors = {},
  }
  for op = 0, C.vn_live_operations(live) - 1 do
    if C.vn_live_mark_of(live, op) < 0 then
      out.ops[#out.ops + 1] = operation(live, op, encode)
    end
  end
  return out
end

-- live: what vernier.core.load.live() gave. The caller adds type, worker, test, load and the errors' messages.
function M.interval(live)
  return interval(live, encode_own)
end

local function encode_salvaged(h)
  local copy = histogram.salvage(h)
  return copy and encode_own(copy) or nil
end

-- Reads the file of a process that may be dead. nil when its interval is in the journal already (it was being
-- cleared); nil, message when it cannot be read.
function M.read(path)
  local live = C.vn_live_open(path)
  if live == nil then
    return nil, ffi.string(C.vn_errmsg())
  end
  live = ffi.gc(live, C.vn_live_close)
  if C.vn_live_settled(live) == 1 then
    return nil
  end
  local out = interval(live, encode_salvaged)
  out.to_us = math.max(out.to_us, out.from_us, out.last_due_us)
  C.vn_live_close(ffi.gc(live, nil))
  return out
end

return M
