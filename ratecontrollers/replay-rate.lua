-- The due times of a trace. One with <C> in its path is each worker's own, one without is the schedule of all together.
--
-- TEXT: a line per run, whole milliseconds since the round's start; TEXT_US: microseconds; BIN_BE, BIN_LE: 32-bit numbers, how
-- many there are and then milliseconds. Behind the end runs follow at defaultSleepTime, or all begins again (loop).
local M = {
  schedule = "global",
  random_access = true,
  options = {
    pathTemplate = { type = "string", required = true,
      doc = "of the trace, in the workspace; <C> and <R> are the numbers of worker and round, from 1" },
    inputFormat = { type = "enum", values = { "TEXT", "TEXT_US", "BIN_BE", "BIN_LE" }, default = "TEXT", doc = "of the trace" },
    defaultSleepTime = { type = "number", default = 20, min = 0.001, unit = "ms",
      doc = "between runs behind the end of the trace" },
    logWarnings = { type = "boolean", default = false, doc = "tell when the end of the trace is reached" },
    speed = { type = "number", default = 1, min = 0.000001, doc = "2 replays in half the time" },
    loop = { type = "boolean", default = false, doc = "begin again at the end, after the mean gap of the trace" },
  },
}

local MS, US = 1e6, 1e3

local function fail(path, place, what)
  error(("replay-rate: %s%s: %s"):format(path, place, what), 0)
end

-- Adds a due time, in units of the format, to the trace in ns.
local function add(trace, path, place, number, unit)
  local due = number * unit
  if #trace > 0 and due < trace[#trace] then
    fail(path, place, ("%.0f comes before the time above it"):format(number))
  end
  trace[#trace + 1] = due
end

local function read_text(path, text, unit)
  local trace, n = {}, 0
  for line in text:gmatch("([^\n]*)\n?") do
    n = n + 1
    local number = line:match("^%s*(%d+)%s*$")
    if number then
      add(trace, path, ":" .. n, tonumber(number), unit)
    elseif #line > 0 then
      fail(path, ":" .. n, ('"%s" is no whole number'):format(line:sub(1, 40)))
    end
  end
  return trace
end

local function number_at(text, at, big)
  local a, b, c, d = text:byte(at, at + 3)
  if not big then
    a, b, c, d = d, c, b, a
  end
  return ((a * 256 + b) * 256 + c) * 256 + d
end

local function read_binary(path, text, big)
  local n = #text >= 4 and number_at(text, 1, big) or -1
  if #text ~= 4 * (n + 1) then
    fail(path, "", n < 0 and "too short for a trace"
      or ("%d bytes are not a number of entries and that many (%.0f)"):format(#text, n))
  end
  local trace = {}
  for i = 1, n do
    add(trace, path, (", entry %d"):format(i), number_at(text, 1 + 4 * i, big), MS)
  end
  return trace
end

local READ = {
  TEXT = function(path, text) return read_text(path, text, MS) end,
  TEXT_US = function(path, text) return read_text(path, text, US) end,
  BIN_BE = function(path, text) return read_binary(path, text, true) end,
  BIN_LE = function(path, text) return read_binary(path, text, false) end,
}

local function path_of(ctx, template)
  local path = template:gsub("<[cC]>", ctx.worker + 1):gsub("<[rR]>", ctx.round.index)
  return path:sub(1, 1) == "/" and path or ctx.workspace .. "/" .. path
end

local function read(path, format)
  local f, message = io.open(path, "rb")
  if not f then
    error("replay-rate: " .. message, 0)
  end
  local text = f:read("*a")
  f:close()
  if not text then
    fail(path, "", "it cannot be read")
  end
  return READ[format](path, text)
end

function M:init(ctx)
  local o = self.options
  local trace = read(path_of(ctx, o.pathTemplate), o.inputFormat)
  local n, gap = #trace, o.defaultSleepTime * MS
  if o.loop and n == 0 then
    error("replay-rate: an empty trace cannot be repeated", 0)
  end
  self._trace, self._n, self._last = trace, n, trace[n] or -gap
  self._gap = gap
  self._period = o.loop and self._last + (n > 1 and (self._last - trace[1]) / (n - 1) or gap)
  self._workers = o.pathTemplate:lower():find("<c>", 1, true) and ctx.workers or 1
end

function M:_behind(ctx, beyond)
  if self.options.logWarnings and not self._told then
    self._told = true
    ctx.log(("replay-rate: the trace has ended after %d runs; the next follow every %g ms"):format(self._n,
      self.options.defaultSleepTime))
  end
  return self._last + (beyond + 1) * self._gap
end

function M:run(ctx, index)
  local i, n, base = math.floor(index / self._workers), self._n, 0
  if i >= n and self._period then
    base, i = math.floor(i / n) * self._period, i % n
  end
  return (base + (self._trace[i + 1] or self:_behind(ctx, i - n))) / self.options.speed
end

return M
