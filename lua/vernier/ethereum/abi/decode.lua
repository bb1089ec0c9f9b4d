-- Bytes of the contract ABI to values. A type is compiled once into read(buffer, at), where `at` is the place of a static
-- value, or of what the offset of a dynamic one points to.
--
-- What comes back: integers as numbers for types of up to 40 bits and as decimal texts for wider ones, whatever their
-- value; booleans; addresses with their checksum; bytes as 0x… texts; strings as the bytes they are; arrays as lists; tuples
-- as lists that have their values by name, too.
--
-- The data may come from anybody: a value outside of its type's range is an error, as is an offset or a length that points
-- outside; nothing is allocated for what is only promised, and data that offsets make be read over and over ends soon. Left
-- alone are what pads bytes and strings (old compilers left rubbish there) and what follows the last value.
local address = require("vernier.core.address")
local types = require("vernier.ethereum.abi.type")
local word = require("vernier.core.word")

local M = {}

local WORD = types.WORD
local OFFSET_BITS = 256
local SHARING_MAX = 16 -- how often all of the data may be read
local ZERO, ONE = 0, 1

local budget = 0 -- bytes that may still be read

local compile

local function fail(at, message, ...)
  error(("byte %d: "):format(at) .. message:format(...), 0)
end

-- Takes n bytes at a place off the budget.
local function need(buffer, at, n, name)
  if n > buffer.len - at then
    fail(at, "%s needs %.0f bytes, and there are %.0f", name, n, math.max(0, buffer.len - at))
  end
  budget = budget - n
  if budget < 0 then
    fail(at, "its offsets make the data be read more than %d times", SHARING_MAX)
  end
end

-- A length or an offset: a number, at most that of the bytes there are.
local function count(buffer, at, what)
  need(buffer, at, WORD, what)
  local n = word.number(buffer, at, OFFSET_BITS)
  if not n or n > buffer.len then
    fail(at, "%s of %s points outside of the %d bytes", what, word.text(buffer, at, OFFSET_BITS), buffer.len)
  end
  return n
end

local LEAF = {}

function LEAF.integer(node)
  local bits, name = node.bits, node.name
  return function(buffer, at)
    need(buffer, at, WORD, name)
    return word.read(buffer, at, bits) or fail(at, "%s does not fit %s", word.text(buffer, at, OFFSET_BITS), name)
  end
end

function LEAF.bool()
  return function(buffer, at)
    need(buffer, at, WORD, "bool")
    local value = word.number(buffer, at, 8)
    if value ~= ZERO and value ~= ONE then
      fail(at, "%s is no bool", word.text(buffer, at, OFFSET_BITS))
    end
    return value == ONE
  end
end

function LEAF.address()
  return function(buffer, at)
    need(buffer, at, WORD, "address")
    if word.len(buffer, at) > address.BYTES then
      fail(at, "%s is no address", buffer:hex(at, at + WORD))
    end
    return address.read(buffer, at + WORD - address.BYTES)
  end
end

function LEAF.bytesN(node)
  local n, name = node.n, node.name
  return function(buffer, at)
    need(buffer, at, WORD, name)
    for i = at + n, at + WORD - 1 do
      if buffer.data[i] ~= 0 then
        fail(at, "%s is no %s", buffer:hex(at, at + WORD), name)
      end
    end
    return buffer:hex(at, at + n)
  end
end

-- A length, and so many bytes, which that method of buffers shows.
local function with_length(name, shown)
  return function()
    return function(buffer, at)
      local from = at + WORD
      local len = count(buffer, at, "the length")
      need(buffer, from, len, name)
      return buffer[shown](buffer, from, from + len)
    end
  end
end

LEAF.bytes, LEAF.string = with_length("bytes", "hex"), with_length("string", "text")

-- The value of a type in the head at `at`, of what begins at `base`.
local function read_slot(node, buffer, base, at)
  if node.dynamic then
    at = base + count(buffer, at, "the offset")
  end
  return node.read(buffer, at)
end

local function array_reader(node)
  local of, fixed, name = node.of, node.n, node.name
  compile(of)
  local size = of.dynamic and WORD or of.size
  return function(buffer, at)
    local n, base = fixed, at
    if not n then
      n, base = count(buffer, at, "the length"), at + WORD
    end
    if n * size > buffer.len - base then
      fail(at, "%d items of %s need %.0f bytes, and there are %.0f", n, name, n * size, math.max(0, buffer.len - base))
    end
    local list = {}
    for i = 1, n do
      list[i] = read_slot(of, buffer, base, base + (i - 1) * size)
    end
    return list
  end
end

local function tuple_reader(node)
  local members = node.members
  for _, member in ipairs(members) do
    compile(member.type)
  end
  return function(buffer, at)
    local values = {}
    for i = 1, #members do
      local member = members[i]
      local value = read_slot(member.type, buffer, at, at + member.at)
      values[i] = value
      if member.name ~= "" then
        values[member.name] = value
      end
    end
    return values
  end
end

-- Gives a type its read.
function compile(node)
  if not node.read then
    local make = node.kind == "array" and array_reader or node.kind == "tuple" and tuple_reader or LEAF[node.kind]
    node.read = make(node)
  end
end

-- read(buffer) for a type of results (a tuple): its values; or nil, message.
function M.compile(tuple)
  compile(tuple)
  return function(buffer, from)
    budget = SHARING_MAX * buffer.len
    local ok, values = pcall(tuple.read, buffer, from or 0)
    if not ok then
      return nil, values
    end
    return values
  end
end

return M
