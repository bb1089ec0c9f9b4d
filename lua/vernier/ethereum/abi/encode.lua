-- Values to bytes of the contract ABI. A type is compiled once into closures that write to a buffer which is used again:
--   static types:  put(buffer, at, value)    to bytes that are there, zeroed
--   dynamic types: append(buffer, value)     at the end of the buffer
-- They return nil, or a problem: where, and after ": " what. The path is put together only then, on the way back.
--
-- Integers are numbers, texts or FFI integers (vernier.core.word); bytes are 0x… texts; a tuple is a list, or a table by
-- names where all its members have one.
local address = require("vernier.core.address")
local near = require("vernier.near")
local sorted = require("vernier.sorted")
local types = require("vernier.ethereum.abi.type")
local word = require("vernier.core.word")

local M = {}

local WORD = types.WORD
local OFFSET_BITS = 256

local compile

local function is_hex(value)
  return type(value) == "string" and value:find("^0x") ~= nil
end

local function no_bytes(value, name)
  local hint = type(value) == "string" and not is_hex(value) and " (of a text: 0x and the digits of its bytes)" or ""
  return (": %s is no %s: 0x and pairs of hexadecimal digits are one%s"):format(word.shown(value), name, hint)
end

-- ---- values of one word ----

local STATIC = {}

function STATIC.integer(node)
  local bits = node.bits
  return function(buffer, at, value)
    local problem = word.write(buffer, at, value, bits)
    return problem and ": " .. problem
  end
end

function STATIC.address()
  local pad = WORD - address.BYTES
  return function(buffer, at, value)
    local problem = address.write(buffer, at + pad, value)
    return problem and ": " .. problem
  end
end

function STATIC.bool()
  return function(buffer, at, value)
    if type(value) ~= "boolean" then
      return (": %s is no bool: true or false are"):format(word.shown(value))
    end
    buffer.data[at + WORD - 1] = value and 1 or 0
  end
end

function STATIC.bytesN(node)
  local n = node.n
  return function(buffer, at, value)
    if not is_hex(value) or #value % 2 == 1 then
      return no_bytes(value, node.name)
    elseif #value ~= 2 + 2 * n then
      return (": %d bytes where %s has %d"):format(#value / 2 - 1, node.name, n)
    elseif not buffer:set_hex(at, value) then
      return no_bytes(value, node.name)
    end
  end
end

-- ---- bytes and texts ----

local DYNAMIC = {}

-- The length before what has been appended behind `at`, zeros after it.
local function finish(buffer, at, len)
  word.write(buffer, at, len, OFFSET_BITS)
  buffer:reserve(-len % WORD)
end

function DYNAMIC.bytes(node)
  return function(buffer, value)
    local at = buffer:reserve(WORD)
    local len = is_hex(value) and buffer:put_hex(value)
    if not len then
      return no_bytes(value, node.name)
    end
    finish(buffer, at, len)
  end
end

function DYNAMIC.string()
  return function(buffer, value)
    if type(value) ~= "string" then
      return (": %s is no string"):format(word.shown(value))
    end
    local at = buffer:reserve(WORD)
    buffer:put(value)
    finish(buffer, at, #value)
  end
end

-- ---- arrays ----

-- Items into the room at `base`: in place, or as offsets from it.
local function item_writer(of)
  local put, append, size = of.put, of.append, of.size
  if put then
    return function(buffer, base, value, i)
      return put(buffer, base + (i - 1) * size, value)
    end
  end
  return function(buffer, base, value, i)
    word.write(buffer, base + (i - 1) * WORD, buffer.len - base, OFFSET_BITS)
    return append(buffer, value)
  end
end

local function fill_items(write, buffer, base, list)
  for i = 1, #list do
    local problem = write(buffer, base, list[i], i)
    if problem then
      return ("[%d]%s"):format(i, problem)
    end
  end
end

local function check_list(node, list)
  if type(list) ~= "table" or list[1] == nil and next(list) ~= nil then
    local shown = type(list) == "table" and "a table by names" or word.shown(list)
    return (": %s where %s wants a list"):format(shown, node.name)
  elseif node.n and #list ~= node.n then
    return (": %d items where %s has %d"):format(#list, node.name, node.n)
  end
end

local function static_array(node)
  local write = item_writer(node.of)
  return function(buffer, at, list)
    return check_list(node, list) or fill_items(write, buffer, at, list)
  end
end

local function dynamic_array(node)
  local write, size = item_writer(node.of), node.of.dynamic and WORD or node.of.size
  return function(buffer, list)
    local problem = check_list(node, list)
    if problem then
      return problem
    elseif not node.n then
      word.write(buffer, buffer:reserve(WORD), #list, OFFSET_BITS)
    end
    return fill_items(write, buffer, buffer:reserve(#list * size), list)
  end
end

-- ---- tuples ----

-- The members' names, or nil where they cannot tell the members apart.
local function member_names(members)
  local names, seen = {}, {}
  for i, member in ipairs(members) do
    if member.name == "" or seen[member.name] then
      return nil
    end
    names[i], seen[member.name] = member.name, true
  end
  return names
end

local function missing(node, name, value)
  local hint
  for _, key in ipairs(sorted(value)) do
    hint = hint or near.near(tostring(key), { name }) and (" (is it what you gave as %s?)"):format(tostring(key))
  end
  return (': "%s" of %s is missing%s'):format(name, node.name, hint or "")
end

-- Whether a table gives the members by their names; or nil and a problem.
local function is_named(node, names, value)
  local n = #node.members
  if type(value) ~= "table" then
    return nil, (": %s where %s wants a list or a table"):format(word.shown(value), node.name)
  elseif names and n > 0 and value[1] == nil and next(value) ~= nil then
    return true
  elseif #value ~= n or value[1] == nil and next(value) ~= nil then
    return nil, (": %d values where %s has %d"):format(#value, node.name, n)
  end
  return false
end

local function member_writer(member)
  local put, append, at = member.type.put, member.type.append, member.at
  if put then
    return function(buffer, base, value)
      return put(buffer, base + at, value)
    end
  end
  return function(buffer, base, value)
    word.write(buffer, base + at, buffer.len - base, OFFSET_BITS)
    return append(buffer, value)
  end
end

local function fill_by_name(node, writers, names, buffer, base, value)
  for i = 1, #writers do
    local item = value[names[i]]
    local problem
    if item == nil then
      return missing(node, names[i], value)
    end
    problem = writers[i](buffer, base, item)
    if problem then
      return "." .. names[i] .. problem
    end
  end
end

local function fill_by_place(writers, buffer, base, value)
  for i = 1, #writers do
    local problem = writers[i](buffer, base, value[i])
    if problem then
      return ("[%d]%s"):format(i, problem)
    end
  end
end

local function tuple_filler(node)
  local names, writers = member_names(node.members), {}
  for i, member in ipairs(node.members) do
    compile(member.type)
    writers[i] = member_writer(member)
  end
  return function(buffer, base, value)
    local named, problem = is_named(node, names, value)
    if named == nil then
      return problem
    elseif named then
      return fill_by_name(node, writers, names, buffer, base, value)
    end
    return fill_by_place(writers, buffer, base, value)
  end
end

-- ---- types ----

local function compile_array(node)
  compile(node.of)
  if node.dynamic then
    node.append = dynamic_array(node)
  else
    node.put = static_array(node)
  end
end

local function compile_tuple(node)
  local fill = tuple_filler(node)
  if not node.dynamic then
    node.put = fill
    return
  end
  node.append = function(buffer, value)
    return fill(buffer, buffer:reserve(node.size), value)
  end
end

-- Gives a type its put or append.
function compile(node)
  if node.put or node.append then
    return
  elseif node.kind == "array" then
    compile_array(node)
  elseif node.kind == "tuple" then
    compile_tuple(node)
  elseif STATIC[node.kind] then
    node.put = STATIC[node.kind](node)
  else
    node.append = DYNAMIC[node.kind](node)
  end
end

-- write(buffer, value) for a type of arguments (a tuple): adds its bytes. Nil; or a problem, and the buffer is as it was.
function M.compile(tuple)
  local fill, size = tuple_filler(tuple), tuple.size
  return function(buffer, value)
    local before = buffer.len
    local problem = fill(buffer, buffer:reserve(size), value)
    if problem then
      buffer:cut(before)
    end
    return problem
  end
end

return M
