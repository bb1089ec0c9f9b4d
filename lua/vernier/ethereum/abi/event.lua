-- An event of a contract: from the topics and the data of a log to values. Of an indexed argument that is not one word
-- (bytes, strings, arrays, tuples) the log has only a hash, and that is its value.
local bytes = require("vernier.core.bytes")
local decode = require("vernier.ethereum.abi.decode")
local types = require("vernier.ethereum.abi.type")

local M = {}

local HASHED = { array = true, tuple = true, bytes = true, string = true }
local HASH = types.parse("bytes32")

local Event = {}
Event.__index = Event

-- The arguments in their order, as {name, hashed, from = "topics" or "data"}, and the tuples of these two.
local function split(inputs)
  local arguments, parts = {}, { topics = {}, data = {} }
  for i, member in ipairs(inputs.members) do
    local from = member.indexed and "topics" or "data"
    local hashed = member.indexed and HASHED[member.type.kind] or false
    arguments[i] = { name = member.name, hashed = hashed, from = from }
    table.insert(parts[from], { name = "", type = hashed and HASH or member.type })
  end
  return arguments, parts
end

-- name, inputs (a tuple whose members say whether they are indexed), topic (32 raw bytes), anonymous. Its fields: name,
-- signature, topic ("0x…"; nil: anonymous), arguments (list of {name, hashed}), indexed (how many are).
function M.new(name, inputs, topic, anonymous)
  local arguments, parts = split(inputs)
  return setmetatable({
    name = name, signature = name .. inputs.name, topic = not anonymous and bytes.to_hex(topic) or nil, arguments = arguments,
    indexed = #parts.topics,
    _topics = decode.compile(types.tuple(parts.topics)), _data = decode.compile(types.tuple(parts.data)),
  }, Event)
end

local scratch = bytes.new()

local function put_topics(topics, first, n)
  scratch:clear()
  for i = first, first + n - 1 do
    if type(topics[i]) ~= "string" or scratch:put_hex(topics[i]) ~= types.WORD then
      return nil, ("topic %d is not of 32 bytes"):format(i)
    end
  end
  return true
end

local function put_data(data)
  scratch:clear()
  return type(data) == "string" and scratch:put_hex(data) or nil, "its data is no hexadecimal text"
end

local function values_of(self, topics, data)
  local first = self.topic and 2 or 1
  if #topics ~= self.indexed + first - 1 then
    return nil, ("%d topics where it has %d"):format(#topics, self.indexed + first - 1)
  elseif self.topic and topics[1] ~= self.topic then
    return nil, "the first topic is another event's"
  end
  local ok, message = put_topics(topics, first, self.indexed)
  local from_topics
  if ok then
    from_topics, message = self._topics(scratch)
  end
  if not from_topics then
    return nil, message
  end
  ok, message = put_data(data)
  if not ok then
    return nil, message
  end
  local from_data
  from_data, message = self._data(scratch)
  return from_data and { topics = from_topics, data = from_data }, message
end

-- topics: list of "0x…", the first of which is the event's unless it is anonymous; data: "0x…". The values in a list that
-- has them by name, too; or nil, message.
function Event:decode(topics, data)
  local parts, message = values_of(self, topics, data)
  if not parts then
    return nil, ("%s: %s"):format(self.signature, message)
  end
  local values, at = {}, { topics = 0, data = 0 }
  for i, argument in ipairs(self.arguments) do
    at[argument.from] = at[argument.from] + 1
    values[i] = parts[argument.from][at[argument.from]]
    if argument.name ~= "" then
      values[argument.name] = values[i]
    end
  end
  return values
end

return M
