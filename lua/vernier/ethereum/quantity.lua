-- Integers as Ethereum's JSON-RPC writes them: "0x…" without leading zeros, "0x0" for zero; of up to 256 bits, not negative.
local bytes = require("vernier.core.bytes")
local word = require("vernier.core.word")

local M = {}

local BITS, COUNT_BITS = 256, 53
local EXACT = 2 ^ 53
local scratch = bytes.new(word.BYTES)
scratch:reserve(word.BYTES)

-- value: a whole number below 2^53, a decimal or 0x… text, or an FFI 64-bit integer; anything else is an error.
function M.encode(value)
  if type(value) == "number" and value >= 0 and value < EXACT and value % 1 == 0 then
    return ("0x%x"):format(value)
  end
  local problem = word.write(scratch, 0, value, BITS)
  if problem then
    error(problem, 2)
  end
  return (scratch:hex(math.min(word.BYTES - word.len(scratch, 0), word.BYTES - 1)):gsub("^0x0(%x)", "0x%1"))
end

-- The same kinds of values as a number, for what is counted in numbers here, such as gas: below 2^53. Anything else is an error.
function M.count(value)
  local problem = word.write(scratch, 0, value, COUNT_BITS)
  if problem then
    error(problem, 2)
  end
  return word.number(scratch, 0, COUNT_BITS)
end

local function read(text)
  if type(text) ~= "string" or not text:find("^0x%x+$") or word.write(scratch, 0, text, BITS) then
    return nil, word.shown(text) .. " is no quantity: 0x and hexadecimal digits, of at most 256 bits, are one"
  end
  return true
end

-- As a number; or nil and why not.
function M.number(text)
  local ok, message = read(text)
  if not ok then
    return nil, message
  end
  local value = word.number(scratch, 0, BITS)
  if not value then
    return nil, ("%s is beyond what Lua numbers hold exactly"):format(text)
  end
  return value
end

-- As decimal text, whatever its size; or nil and why not.
function M.decimal(text)
  local ok, message = read(text)
  if not ok then
    return nil, message
  end
  return word.text(scratch, 0, BITS)
end

return M
