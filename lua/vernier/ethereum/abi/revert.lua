-- Why a call was reverted: its return data is a call of Error(string), of Panic(uint256) or of an error that the contract
-- declares.
local bytes = require("vernier.core.bytes")
local decode = require("vernier.ethereum.abi.decode")
local types = require("vernier.ethereum.abi.type")

local M = {}

local SELECTOR = 4 -- bytes

-- Solidity's documentation, "Panic via assert and Error via require".
local PANICS = {
  ["0"] = "generic panic", ["1"] = "assertion failed", ["17"] = "arithmetic overflow or underflow",
  ["18"] = "division or modulo by zero", ["33"] = "no value of the enumeration", ["34"] = "badly encoded storage bytes",
  ["49"] = "pop of an empty array", ["50"] = "array index out of bounds", ["65"] = "too much memory allocated",
  ["81"] = "call of a function variable that was never set",
}

local scratch = bytes.new()

-- name, inputs (a tuple), selector (4 raw bytes).
function M.new(name, inputs, selector)
  return { name = name, signature = name .. inputs.name, selector = bytes.to_hex(selector), inputs = inputs,
    _read = decode.compile(inputs) }
end

local function standard(name, kind, selector)
  return M.new(name, types.tuple({ { name = "", type = types.parse(kind) } }), bytes.from_hex(selector))
end

-- By selector; those of another hash function are added under their own by vernier.ethereum.abi.
M.STANDARD = { standard("Error", "string", "0x08c379a0"), standard("Panic", "uint256", "0x4e487b71") }

local function shown(value)
  if type(value) ~= "table" then
    return type(value) == "string" and value or tostring(value)
  end
  local parts = {}
  for i, item in ipairs(value) do
    parts[i] = shown(item)
  end
  return "[" .. table.concat(parts, ", ") .. "]"
end

local function with_names(members, values)
  local parts = {}
  for i, member in ipairs(members) do
    parts[i] = (member.name ~= "" and member.name .. ": " or "") .. shown(values[i])
  end
  return table.concat(parts, ", ")
end

local function message_of(found, values)
  if found == M.STANDARD[1] then
    return values[1]
  elseif found == M.STANDARD[2] then
    return ("panic %s: %s"):format(values[1], PANICS[values[1]] or "of a kind that is not known")
  end
  return ("%s(%s)"):format(found.name, with_names(found.inputs.members, values))
end

-- errors: {["0x" selector] = what new gave}; data: "0x…". {message, name, signature, args}; of data that no error explains
-- the message alone, which says so.
function M.explain(errors, data)
  scratch:clear()
  if type(data) ~= "string" or not data:find("^0x") or not scratch:put_hex(data) then
    return { message = "reverted without a reason" }
  elseif scratch.len == 0 then
    return { message = "reverted without a reason" }
  end
  local found = scratch.len >= SELECTOR and errors[scratch:hex(0, SELECTOR)]
  local values = found and found._read(scratch, SELECTOR)
  if not values then
    return { message = ("reverted with data of no known error: %s"):format(scratch:hex(0, math.min(scratch.len, 64))) }
  end
  return { message = message_of(found, values), name = found.name, signature = found.signature, args = values }
end

return M
