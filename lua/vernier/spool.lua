-- Texts that are kept in the order in which they come: in memory or in a file.
--
-- Model: chunks of about 64 KiB, each a text in which every entry is its length, its tag and itself. In memory the chunks are a
-- list; in a file they follow each other, and one at a time is read. All is put before the first is taken.
local byte, char, floor = string.byte, string.char, math.floor

local M = {}

local CHUNK = 65536 -- bytes from which on a chunk is closed; that of a file is read in less than 0.1 ms
local HEAD = 6 -- bytes of length (4) and tag (2)

local Spool = {}
Spool.__index = Spool

local function new(more)
  more._parts, more._n_parts, more._open = {}, 0, 0
  more._chunk, more._at, more._next = "", 0, 1
  more.bytes = 0
  return setmetatable(more, Spool)
end

function M.in_memory()
  return new({ _chunks = {} })
end

-- file: opened for writing and reading, which is the spool's from now on.
function M.in_file(file)
  file:setvbuf("no")
  return new({ _file = file, _sizes = {} })
end

local function close_chunk(self)
  local chunk = table.concat(self._parts, "", 1, self._n_parts)
  self._n_parts, self._open = 0, 0
  self.bytes = self.bytes + #chunk
  if not self._file then
    self._chunks[#self._chunks + 1] = chunk
    return true
  end
  self._sizes[#self._sizes + 1] = #chunk
  return self._file:write(chunk)
end

-- tag: a whole number below 2^16. True; or nil, message (a full disk).
function Spool:put(text, tag)
  local parts, n, len = self._parts, self._n_parts, #text
  parts[n + 1] = char(floor(len / 2 ^ 24) % 256, floor(len / 2 ^ 16) % 256, floor(len / 2 ^ 8) % 256, len % 256,
    floor(tag / 256), tag % 256)
  parts[n + 2] = text
  self._n_parts, self._open = n + 2, self._open + HEAD + len
  if self._open < CHUNK then
    return true
  end
  return close_chunk(self)
end

-- Nothing is put any more. True; or nil, message.
function Spool:finish()
  local ok, message = close_chunk(self)
  self._parts = nil
  if ok and self._file then
    ok, message = self._file:seek("set", 0)
  end
  return ok and true or nil, message
end

local function read_chunk(self)
  local size = self._sizes[self._next]
  local chunk, message = self._file:read(size)
  if not chunk or #chunk ~= size then
    return nil, message or "the file is shorter than what was written"
  end
  return chunk
end

local function next_chunk(self)
  local chunk, message
  if self._file then
    chunk, message = read_chunk(self)
  else
    chunk = self._chunks[self._next]
    self._chunks[self._next] = false
  end
  self._chunk, self._at, self._next = chunk or "", 0, self._next + 1
  return message
end

-- The next text and its tag; or nil, message. Who takes knows how many there are.
function Spool:take()
  if self._at == #self._chunk then
    local message = next_chunk(self)
    if message then
      return nil, message
    end
  end
  local chunk, at = self._chunk, self._at + HEAD
  local a, b, c, d, high, low = byte(chunk, at - 5, at)
  local last = at + a * 2 ^ 24 + b * 2 ^ 16 + c * 2 ^ 8 + d
  self._at = last
  return chunk:sub(at + 1, last), high * 256 + low
end

function Spool:close()
  self._chunks, self._chunk = nil, ""
  if self._file then
    self._file:close()
    self._file = nil
  end
end

return M
