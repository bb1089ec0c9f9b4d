-- RLP, Ethereum's form of nested lists of bytes (Yellow Paper, appendix B). Items are texts of raw bytes; where encoding,
-- a number or an FFI 64-bit integer is written as RLP has integers: without leading zeros. Lists are lists.
--
-- Decoding is strict: every value has one form, and any other is an error; what a length promises is never allocated.
local bytes = require("vernier.core.bytes")
local word = require("vernier.core.word")

local M = {}

local TEXT, LIST = 0x80, 0xc0
local SHORT = 55 -- a length up to this goes into the first byte
local INTEGER_BITS = 256
local DEPTH_MAX = 100

M.HEADER_MAX = 9 -- bytes before the first item of a list, at most

-- ---- encoding ----

local integer = bytes.new(word.BYTES)
integer:reserve(word.BYTES)

-- Bytes that a length takes, big-endian without leading zeros.
local function length_len(len)
  local n = 0
  while len > 0 do
    n, len = n + 1, math.floor(len / 256)
  end
  return n
end

local function header_len(len)
  return len <= SHORT and 1 or 1 + length_len(len)
end

-- Writes the header of so many bytes to an offset.
local function write_header(buffer, at, len, kind)
  if len <= SHORT then
    buffer.data[at] = kind + len
    return
  end
  local n = length_len(len)
  buffer.data[at] = kind + SHORT + n
  for i = at + n, at + 1, -1 do
    buffer.data[i] = len % 256
    len = math.floor(len / 256)
  end
end

local function put_header(buffer, len, kind)
  local at = buffer:reserve(header_len(len))
  write_header(buffer, at, len, kind)
end

-- The part of another buffer as one item.
function M.put_part(buffer, other, from, to)
  if to - from ~= 1 or other.data[from] >= TEXT then
    put_header(buffer, to - from, TEXT)
  end
  buffer:put_part(other, from, to)
end

-- A text of raw bytes as one item.
function M.put_text(buffer, text)
  if #text ~= 1 or text:byte() >= TEXT then
    put_header(buffer, #text, TEXT)
  end
  buffer:put(text)
end

-- An integer of at most so many bits, in any form that stands for one. Nil; or what is wrong with it.
function M.put_integer(buffer, value, bits)
  local problem = word.write(integer, 0, value, bits or INTEGER_BITS)
  if problem then
    return problem
  end
  M.put_part(buffer, integer, word.BYTES - word.len(integer, 0), word.BYTES)
end

-- Makes a list of what lies behind an offset, before which M.HEADER_MAX bytes are free: writes its header there. The
-- offset of its first byte.
function M.close_list(buffer, from)
  local len = buffer.len - from
  local at = from - header_len(len)
  write_header(buffer, at, len, LIST)
  return at
end

-- Sizes of lists in the order of their headers, so that no list is measured twice.
local sizes, n_sizes = {}, 0

local measure

local function measure_list(list, depth)
  if depth > DEPTH_MAX then
    error(("lists are nested deeper than %d"):format(DEPTH_MAX), 0)
  end
  n_sizes = n_sizes + 1
  local own, total = n_sizes, 0
  for i = 1, #list do
    total = total + measure(list[i], depth + 1)
  end
  sizes[own] = total
  return header_len(total) + total
end

-- Bytes of an item with its header.
function measure(item, depth)
  local kind = type(item)
  if kind == "table" then
    return measure_list(item, depth)
  elseif kind == "string" then
    return (#item == 1 and item:byte() < TEXT) and 1 or header_len(#item) + #item
  end
  local problem = word.write(integer, 0, item, INTEGER_BITS)
  if problem then
    error(problem, 0)
  end
  local len = word.len(integer, 0)
  return (len == 1 and integer.data[word.BYTES - 1] < TEXT) and 1 or 1 + len
end

local function write(buffer, item)
  if type(item) == "string" then
    return M.put_text(buffer, item)
  elseif type(item) ~= "table" then
    return M.put_integer(buffer, item)
  end
  n_sizes = n_sizes + 1
  put_header(buffer, sizes[n_sizes], LIST)
  for i = 1, #item do
    write(buffer, item[i])
  end
end

-- Adds an item to a buffer. What cannot be written is an error, and leaves the buffer as it is.
function M.put(buffer, item)
  n_sizes = 0
  local ok, message = pcall(measure, item, 1)
  if not ok then
    error("RLP: " .. message, 2)
  end
  n_sizes = 0
  write(buffer, item)
end

local scratch = bytes.new()

-- An item as raw bytes.
function M.encode(item)
  scratch:clear()
  M.put(scratch, item)
  return scratch:text()
end

-- ---- decoding ----

local function fail(at, message, ...)
  error(("byte %d: "):format(at - 1) .. message:format(...), 0)
end

-- The long form of a length: its value, and where what it counts begins.
local function read_length(text, at, n, stop)
  if at + n >= stop then
    fail(at, "the text ends within a length")
  elseif text:byte(at + 1) == 0 then
    fail(at, "a length with a leading zero")
  end
  local len = 0
  for i = at + 1, at + n do
    len = len * 256 + text:byte(i)
  end
  if len <= SHORT then
    fail(at, "the long form of a length of %d", len)
  end
  return len, at + 1 + n
end

-- Where the content of the item at `at` begins and ends (before `stop`), and whether it is a list.
local function read_header(text, at, stop)
  local first = text:byte(at)
  if first < TEXT then
    return at, at + 1, false
  end
  local is_list = first >= LIST
  local len, from = first - (is_list and LIST or TEXT), at + 1
  if len > SHORT then
    len, from = read_length(text, at, len - SHORT, stop)
  end
  if len > stop - from then
    fail(at, "%.0f bytes are promised, and there are %d", len, stop - from)
  elseif not is_list and len == 1 and text:byte(from) < TEXT then
    fail(at, "the long form of a single byte")
  end
  return from, from + len, is_list
end

local read_list

-- The item at `at`, and where the next one begins.
local function read_item(text, at, stop, depth)
  local from, to, is_list = read_header(text, at, stop)
  if is_list then
    return read_list(text, from, to, depth + 1), to
  end
  return text:sub(from, to - 1), to
end

function read_list(text, at, stop, depth)
  if depth > DEPTH_MAX then
    fail(at, "lists are nested deeper than %d", DEPTH_MAX)
  end
  local list, n = {}, 0
  while at < stop do
    n = n + 1
    list[n], at = read_item(text, at, stop, depth)
  end
  return list
end

local function read_whole(text)
  if text == "" then
    error("there is nothing", 0)
  end
  local item, at = read_item(text, 1, #text + 1, 0)
  if at <= #text then
    fail(at, "%d bytes follow the item", #text + 1 - at)
  end
  return item
end

-- The item that raw bytes hold: a text, or a list of items. Or nil, message.
function M.decode(text)
  local ok, item = pcall(read_whole, text)
  if not ok then
    return nil, "RLP: " .. item
  end
  return item
end

return M
