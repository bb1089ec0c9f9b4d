-- Interval logs of HdrHistogram (log format 1.3): a line per interval and tag, with a histogram in its compressed form.
-- Written and read line by line, so that a log may have any length.
--
--   [Tag=TAG,]StartTimestamp,Interval_Length,Interval_Max,Interval_Compressed_Histogram
--
-- Timestamps and lengths are in seconds. The histograms' values are ns here, and the maximum ms, as HdrHistogram's own
-- writers have it; logs of others may hold other units, which the format does not say.
local histogram = require("vernier.core.histogram")

local M = {}

local NS_PER_MS = 1e6
local YEAR_S = 365 * 24 * 3600

-- ---- writing ----

local Writer = {}
Writer.__index = Writer

local function one_line(text)
  return (tostring(text):gsub("%c", " "))
end

-- Fields end at a comma, a blank or a line's end, for some readers.
local function tag_of(text)
  return (tostring(text):gsub("[%c ,%%]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

-- What went wrong first is what finish() tells.
function Writer:_write(...)
  if not self._failure then
    local ok, message = self._file:write(...)
    self._failure = not ok and message or nil
  end
end

-- A new log, which gets its name when it is finished. head: started (seconds since 1970, from which intervals count; nil:
-- unknown), comments (lines). Returns the writer; or nil, message.
function M.create(path, head)
  local file, message = io.open(path .. ".part", "wb")
  if not file then
    return nil, message
  end
  local writer = setmetatable({ _path = path, _file = file }, Writer)
  for _, comment in ipairs(head.comments or {}) do
    writer:_write("#[", one_line(comment), "]\n")
  end
  writer:_write("#[Histogram log format version 1.3]\n")
  if head.started then
    writer:_write(("#[StartTime: %.3f (seconds since epoch), %s]\n#[BaseTime: %.3f (seconds since epoch)]\n"):format(head.started,
      os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(head.started)), head.started))
  end
  writer:_write('"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n')
  return writer
end

-- from, to: s since the log's start. tag: nil for none. What a tag may not hold is written as in URLs: "a b" as "a%20b".
function Writer:add(tag, from, to, h)
  local text, message = h:encode_hdr()
  if not text then
    self._failure = self._failure or message
    return
  end
  self:_write(tag and "Tag=" .. tag_of(tag) .. "," or "", ("%.3f,%.3f,%.3f,"):format(from, to - from, h:max() / NS_PER_MS),
    text, "\n")
end

-- Returns the path; or nil, message, and there is no such log.
function Writer:finish()
  local ok, message = self._file:close()
  message = self._failure or not ok and message
  if not message then
    ok, message = os.rename(self._path .. ".part", self._path)
    message = not ok and message
  end
  if message then
    os.remove(self._path .. ".part")
    return nil, message
  end
  return self._path
end

-- ---- reading ----

local Reader = {}
Reader.__index = Reader

-- Returns the reader; or nil, message.
function M.open(path)
  local file, message = io.open(path, "rb")
  if not file then
    return nil, message
  end
  return setmetatable({ _path = path, _file = file, _line = 0 }, Reader)
end

-- Without a base time, timestamps that lie over a year before the start time count from it: so do the other readers.
function Reader:_base(from)
  if not self.base then
    self.base = self.started and from < self.started - YEAR_S and self.started or 0
  end
  return self.base
end

local function finite(text)
  local n = text and text:find("^[-+.%deE]+$") and tonumber(text)
  return n and math.abs(n) < math.huge and n or nil
end

function Reader:_comment(line)
  local name, value = line:match("^#%[(%a+Time): *([^ ]+)")
  if name == "StartTime" then
    self.started = finite(value) or self.started
  elseif name == "BaseTime" then
    self.base = finite(value) or self.base
  end
end

local function fields_of(line)
  local fields = {}
  for field in line:gmatch("[^, ]+") do
    fields[#fields + 1] = field
  end
  local tag = fields[1]:match("^Tag=(.*)$")
  if tag then
    table.remove(fields, 1)
  end
  return fields, tag
end

function Reader:_interval(line)
  local fields, tag = fields_of(line)
  local from, length, max = finite(fields[1]), finite(fields[2]), finite(fields[3])
  if #fields ~= 4 or not (from and length and max) then
    return nil, "not [Tag=TAG,]StartTimestamp,Interval_Length,Interval_Max,Interval_Compressed_Histogram"
  end
  local h, message, code = histogram.decode_hdr(fields[4])
  if not h then
    return nil, message, code
  end
  from = self:_base(from) + from
  return { tag = tag, from = from, to = from + length, max = max, histogram = h }
end

-- The next interval: {tag (as written; nil: none), from, to (s, since 1970 where the log says when that was), max (as
-- written), histogram}. nil at the end; nil, message for a line that is none, after which to ask again.
function Reader:next()
  for line in self._file:lines() do
    self._line = self._line + 1
    line = line:gsub("%s+$", "")
    if line:sub(1, 1) == "#" then
      self:_comment(line)
    elseif line:find("[^, ]") and not line:find('^"StartTimestamp"') then
      local interval, message, code = self:_interval(line)
      if interval then
        return interval
      end
      return nil, ("%s:%d: %s"):format(self._path, self._line, message), code
    end
  end
  return nil
end

function Reader:close()
  self._file:close()
end

return M
