-- Words of Ethereum: integers of up to 256 bits in 32 bytes of a buffer, the greatest first, negative ones in two's
-- complement. A type is its number of bits, negative for a signed one.
--
-- What stands for an integer: a whole Lua number below 2^53, a decimal or 0x… text with or without a minus, an FFI 64-bit
-- integer. Nothing is ever rounded: 2^53 as a number may have been written as 2^53 + 1, and is refused.
local core = require("vernier.core.ffi")
local C, ffi = core.C, core.ffi

local M = { BYTES = tonumber(C.VN_WORD_BYTES) }

local INT64, UINT64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
local LIMIT, INVAL = tonumber(C.VN_ELIMIT), tonumber(C.VN_EINVAL)
local NUMBER_BITS = 40 -- types of so many bits are given as numbers: Lua also prints all their values exactly

function M.type_name(bits)
  return bits < 0 and "int" .. -bits or "uint" .. bits
end

local SHOWN = 80 -- bytes of a value in a message

-- A value as a message shows it: short, and without control characters.
function M.shown(value)
  if type(value) == "number" then
    return (value % 1 == 0 and math.abs(value) < 1e21 and "%.0f" or "%.17g"):format(value)
  elseif type(value) ~= "string" then
    return type(value) == "cdata" and tostring(value):gsub("U?LL$", "") or "a " .. type(value)
  end
  local text = value:sub(1, SHOWN):gsub("%c", "?")
  return '"' .. text .. (#value > SHOWN and "…" or "") .. '"'
end

local function problem(code, value, bits)
  if code == LIMIT then
    local shown = type(value) == "string" and M.shown(value):sub(2, -2) or M.shown(value)
    return ("%s does not fit %s"):format(shown, M.type_name(bits))
  elseif code == INVAL then
    return ("%s is beyond what Lua numbers hold exactly: write it as a text, decimal or 0x…"):format(M.shown(value))
  end
  local hint = type(value) == "number" and "" or ": a whole number, a decimal or 0x… text, or an FFI 64-bit integer is one"
  return ("%s is no integer%s"):format(M.shown(value), hint)
end

local function set_cdata(at, value, bits)
  if ffi.istype(UINT64, value) then
    return C.vn_word_set_uint(at, value, bits)
  elseif ffi.istype(INT64, value) then
    return C.vn_word_set_int(at, value, bits)
  end
end

-- Writes a value to the 32 bytes at an offset of a buffer. Nil; or what is wrong with it.
function M.write(buffer, offset, value, bits)
  local kind, at, code = type(value), buffer.data + offset, nil
  if kind == "number" then
    code = C.vn_word_set_number(at, value, bits)
  elseif kind == "string" then
    code = C.vn_word_set_text(at, value, #value, bits)
  elseif kind == "cdata" then
    code = set_cdata(at, value, bits)
  end
  if code ~= 0 then
    return problem(code, value, bits)
  end
end

local text = ffi.new("char[?]", C.VN_WORD_TEXT_MAX)

-- The integer in the 32 bytes at an offset, as decimal text; nil where it is none of that type.
function M.text(buffer, offset, bits)
  local len = C.vn_word_get_text(text, buffer.data + offset, bits)
  return len > 0 and ffi.string(text, len) or nil
end

-- The same as a number; nil also where it is 2^53 or more.
function M.number(buffer, offset, bits)
  local value = C.vn_word_get_number(buffer.data + offset, bits)
  return value == value and value or nil
end

-- What users get: a number for types of up to 40 bits, decimal text for wider ones, whatever the value. Nil as above.
function M.read(buffer, offset, bits)
  if bits <= NUMBER_BITS and bits >= -NUMBER_BITS then
    return M.number(buffer, offset, bits)
  end
  return M.text(buffer, offset, bits)
end

-- How many bytes the unsigned integer there has without leading zeros: 0 for zero.
function M.len(buffer, offset)
  return C.vn_word_len(buffer.data + offset)
end

return M
