-- Bytes: a buffer that grows and is used again, so that writing makes no garbage; and bytes as hexadecimal text and base64.
-- Places are offsets from 0, and a part goes from an offset to before another. What is read or written is never outside.
local core = require("vernier.core.ffi")
local C, ffi = core.C, core.ffi

local M = {}

local Bytes = {}
Bytes.__index = Bytes

-- A buffer; capacity: bytes before it grows.
function M.new(capacity)
  capacity = capacity or 1024
  return setmetatable({ data = ffi.new("uint8_t[?]", capacity), len = 0, capacity = capacity }, Bytes)
end

local function grow(self, len)
  local capacity = math.max(len, 2 * self.capacity)
  local data = ffi.new("uint8_t[?]", capacity)
  ffi.copy(data, self.data, self.len)
  self.data, self.capacity = data, capacity
end

function Bytes:clear()
  self.len = 0
end

-- Cuts off what is at and behind an offset.
function Bytes:cut(len)
  self.len = math.min(len, self.len)
end

-- Overwrites all that it holds or held since it grew last.
function Bytes:wipe()
  ffi.fill(self.data, self.capacity)
  self.len = 0
end

-- Adds n zeroed bytes. The offset of the first.
function Bytes:reserve(n)
  local at = self.len
  local len = at + n
  if len > self.capacity then
    grow(self, len)
  end
  ffi.fill(self.data + at, n)
  self.len = len
  return at
end

function Bytes:put_byte(value)
  local at = self:reserve(1)
  self.data[at] = value
end

function Bytes:put(text)
  local at = self:reserve(#text)
  ffi.copy(self.data + at, text, #text)
end

local function check_part(self, from, to)
  if not (from >= 0 and from <= to and to <= self.len) then
    error(("a buffer of %d bytes has no part from %s to %s"):format(self.len, from, to), 3)
  end
end

-- A part of another buffer; all of it unless told.
function Bytes:put_part(other, from, to)
  from, to = from or 0, to or other.len
  check_part(other, from, to)
  local at = self:reserve(to - from)
  ffi.copy(self.data + at, other.data + from, to - from)
end

-- "0x…" or the digits alone. The number of bytes; or nil where it is no whole number of pairs of digits.
function Bytes:put_hex(text)
  local skip = text:find("^0[xX]") and 2 or 0
  local digits = #text - skip
  local at = self:reserve(math.floor(digits / 2))
  if C.vn_hex_decode(self.data + at, ffi.cast("const char *", text) + skip, digits) < 0 then
    self.len = at
    return nil
  end
  return digits / 2
end

-- Overwrites what is at an offset with the bytes of "0x…". True; or nil where it is no whole number of pairs of digits.
function Bytes:set_hex(at, text)
  local digits = #text - 2
  check_part(self, at, at + math.floor(digits / 2))
  if text:find("^0[xX]") and C.vn_hex_decode(self.data + at, ffi.cast("const char *", text) + 2, digits) == 0 then
    return true
  end
end

-- The Keccak-256 of a part of a buffer, this one or another.
function Bytes:put_keccak256(other, from, to)
  check_part(other, from, to)
  local at = self:reserve(C.VN_KECCAK_BYTES)
  C.vn_keccak256(self.data + at, other.data + from, to - from)
end

-- A part as text of raw bytes; all of it unless told.
function Bytes:text(from, to)
  from, to = from or 0, to or self.len
  check_part(self, from, to)
  return ffi.string(self.data + from, to - from)
end

local digits, room = nil, 0

-- A part as "0x…".
function Bytes:hex(from, to)
  from, to = from or 0, to or self.len
  check_part(self, from, to)
  local len = 2 + 2 * (to - from)
  if len > room then
    digits, room = ffi.new("char[?]", 2 * len), 2 * len
    ffi.copy(digits, "0x", 2)
  end
  C.vn_hex_encode(digits + 2, self.data + from, to - from)
  return ffi.string(digits, len)
end

-- Base64 with padding, RFC 4648. The number of bytes; or nil where it is not in its one form.
function Bytes:put_base64(text)
  local at = self:reserve(math.floor(#text / 4) * 3)
  local len = C.vn_base64_decode(self.data + at, text, #text)
  self.len = len < 0 and at or at + len
  return len >= 0 and len or nil
end

-- All of it as base64.
function Bytes:base64()
  local out = ffi.new("char[?]", math.ceil(self.len / 3) * 4)
  return ffi.string(out, C.vn_base64_encode(out, self.data, self.len))
end

local scratch = M.new()

-- Raw bytes as "0x…".
function M.to_hex(text)
  scratch:clear()
  scratch:put(text)
  return scratch:hex()
end

-- "0x…" or digits alone as raw bytes; nil where it is no whole number of pairs of digits.
function M.from_hex(text)
  scratch:clear()
  return scratch:put_hex(text) and scratch:text()
end

return M
