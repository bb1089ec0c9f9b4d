-- A function of a contract, or its constructor: arguments to call data, return data to values.
local bytes = require("vernier.core.bytes")
local decode = require("vernier.ethereum.abi.decode")
local encode = require("vernier.ethereum.abi.encode")

local M = {}

local NO_ARGUMENTS = {}
local READ_ONLY = { view = true, pure = true }

local Method = {}
Method.__index = Method

-- name, inputs and outputs (tuples), selector (raw bytes; "" for a constructor), mutability ("view", "pure", "payable" or
-- "nonpayable"). Its fields: name, signature, selector ("0x…"), inputs, outputs, read_only, payable.
function M.new(name, inputs, outputs, selector, mutability)
  return setmetatable({
    name = name, signature = name .. inputs.name, selector = bytes.to_hex(selector), inputs = inputs, outputs = outputs,
    read_only = READ_ONLY[mutability] or false, payable = mutability == "payable",
    _selector = selector, _write = encode.compile(inputs),
  }, Method)
end

-- Adds selector and arguments (a list, or a table by names) to a buffer. Nil; or what they do not fit, as "[2].amount: why",
-- and the buffer is as it was.
function Method:try(buffer, args)
  local before = buffer.len
  buffer:put(self._selector)
  local problem = self._write(buffer, args == nil and NO_ARGUMENTS or args)
  if problem then
    buffer:cut(before)
  end
  return problem
end

-- The same; arguments that do not fit are an error.
function Method:encode(buffer, args)
  local problem = self:try(buffer, args)
  if problem then
    error(("%s: args%s"):format(self.signature, problem), 2)
  end
end

local scratch = bytes.new()

-- Selector and arguments as "0x…"; an error as above.
function Method:call_data(args)
  scratch:clear()
  local problem = self:try(scratch, args)
  if problem then
    error(("%s: args%s"):format(self.signature, problem), 2)
  end
  return scratch:hex()
end

-- The bytes of "0x…" in a buffer of this module, until the next call; or nil.
local function received(text)
  scratch:clear()
  return type(text) == "string" and text:find("^0x") and scratch:put_hex(text) and scratch
end

-- The arguments that the "0x…" of a call has; or nil, message.
function Method:arguments(data)
  local buffer = received(data)
  if not buffer or buffer.len < #self._selector or buffer:text(0, #self._selector) ~= self._selector then
    return nil, "no call of " .. self.signature
  end
  self._read_arguments = self._read_arguments or decode.compile(self.inputs)
  return self._read_arguments(buffer, #self._selector)
end

-- What "0x…" says that it returned: of a function with one result its value, else a list that has the values by name, too.
-- Or nil, message.
function Method:decode(data)
  local buffer, n = received(data), #self.outputs.members
  if not buffer then
    return nil, self.signature .. " returned no hexadecimal text"
  elseif buffer.len == 0 and n > 0 then
    return nil, self.signature .. " returned nothing: is there such a contract at that address?"
  end
  self._read = self._read or decode.compile(self.outputs)
  local values, message = self._read(buffer)
  if not values then
    return nil, ("%s returned what is no %s: %s"):format(self.signature, self.outputs.name, message)
  elseif n == 1 then
    return values[1]
  end
  return values
end

return M
