-- Writes JSON that is the same for the same data: declared or sorted key order, exact numbers, valid UTF-8, and safe to
-- embed in HTML. Reading is lua-cjson's job. Missing values are written as M.null; NaN and infinities too.
local cjson = require("cjson")

local M = { null = cjson.null }

local byte_at = string.byte

local ARRAY = { __jsontype = "array" }

-- Marks a list, so that it is written as [] also when it is empty.
function M.array(list)
  return setmetatable(list, ARRAY)
end

local SHORT = {
  ['"'] = '\\"',
  ["\\"] = "\\\\",
  ["\b"] = "\\b",
  ["\f"] = "\\f",
  ["\n"] = "\\n",
  ["\r"] = "\\r",
  ["\t"] = "\\t",
}

local function escape_control(c)
  return SHORT[c] or ("\\u%04x"):format(c:byte())
end

-- Lead bytes up to a limit: length, and bounds of the second byte (RFC 3629: no overlong forms, no surrogates).
local LEADS = {
  { 0x7f, 1 },
  { 0xc1 },
  { 0xdf, 2, 0x80, 0xbf },
  { 0xe0, 3, 0xa0, 0xbf },
  { 0xec, 3, 0x80, 0xbf },
  { 0xed, 3, 0x80, 0x9f },
  { 0xef, 3, 0x80, 0xbf },
  { 0xf0, 4, 0x90, 0xbf },
  { 0xf3, 4, 0x80, 0xbf },
  { 0xf4, 4, 0x80, 0x8f },
  { 0xff },
}

local function lead_rule(byte)
  for _, rule in ipairs(LEADS) do
    if byte <= rule[1] then
      return rule[2], rule[3], rule[4]
    end
  end
end

-- Length of the well-formed UTF-8 sequence at i, or nil.
local function sequence(s, i)
  local len, low, high = lead_rule(s:byte(i))
  for k = i + 1, i + (len or 1) - 1 do
    local c = s:byte(k)
    if not c or c < low or c > high then
      return nil
    end
    low, high = 0x80, 0xbf
  end
  return len
end

-- Bytes that are not UTF-8 become U+FFFD.
function M.utf8(s)
  if not s:find("[\128-\255]") then
    return s
  end
  local out, i = {}, 1
  while i <= #s do
    local len = sequence(s, i)
    out[#out + 1] = len and s:sub(i, i + len - 1) or "\239\191\189"
    i = i + (len or 1)
  end
  return table.concat(out)
end

-- Whether it stands for itself. A loop that is compiled takes a tenth of what a pattern does, and histograms are long.
local function is_plain(s)
  for i = 1, #s do
    local c = byte_at(s, i)
    if c < 32 or c > 126 or c == 34 or c == 60 or c == 92 then -- " < \
      return false
    end
  end
  return true
end

local function encode_string(s)
  if is_plain(s) then
    return '"' .. s .. '"'
  end
  return '"' .. M.utf8(s):gsub('[%z\1-\31"\\\127]', escape_control):gsub("</", "<\\/") .. '"'
end

-- Whole numbers without an exponent, others in the shortest form that reads back the same.
local function encode_number(n)
  if n ~= n or n == math.huge or n == -math.huge then
    return "null"
  elseif n == math.floor(n) and math.abs(n) < 1e21 then
    return n == 0 and "0" or ("%.0f"):format(n)
  end
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(n)
    if tonumber(text) == n then
      return text
    end
  end
end

local function is_array(t)
  local mt = getmetatable(t)
  return mt and mt.__jsontype == "array" or t[1] ~= nil
end

local function sorted_keys(t, rank)
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    local ra, rb = rank[a] or math.huge, rank[b] or math.huge
    if ra ~= rb then
      return ra < rb
    end
    return tostring(a) < tostring(b)
  end)
  return keys
end

local WIDTH = 110

-- The parts on one line where they fit (always, without an indent), one per line otherwise.
local function layout(open, close, parts, indent)
  local text = table.concat(parts, indent and ", " or ",")
  if not indent or #parts == 0 or (#indent + #text + 4 <= WIDTH and not text:find("\n", 1, true)) then
    return open .. text .. close
  end
  local inner = "\n" .. indent .. "  "
  return open .. inner .. table.concat(parts, "," .. inner) .. "\n" .. indent .. close
end

local encode

local function encode_list(t, rank, indent, seen)
  local parts = {}
  for i = 1, #t do
    parts[i] = encode(t[i], rank, indent and indent .. "  ", seen)
  end
  return layout("[", "]", parts, indent)
end

local function encode_object(t, rank, indent, seen)
  local parts, colon = {}, indent and ": " or ":"
  for i, key in ipairs(sorted_keys(t, rank)) do
    parts[i] = encode_string(tostring(key)) .. colon .. encode(t[key], rank, indent and indent .. "  ", seen)
  end
  return layout("{", "}", parts, indent)
end

local DEPTH_MAX = 500 -- what reads it takes twice as much

-- seen: the tables around it, and how many they are (depth).
local function encode_table(t, rank, indent, seen)
  if seen[t] then
    error("a table that contains itself cannot be written as JSON", 0)
  elseif seen.depth >= DEPTH_MAX then
    error(("a table that is nested deeper than %d cannot be written as JSON"):format(DEPTH_MAX), 0)
  end
  seen[t], seen.depth = true, seen.depth + 1
  local text = (is_array(t) and encode_list or encode_object)(t, rank, indent, seen)
  seen[t], seen.depth = nil, seen.depth - 1
  return text
end

function encode(value, rank, indent, seen)
  local kind = type(value)
  if kind == "table" then
    return encode_table(value, rank, indent, seen)
  elseif kind == "string" then
    return encode_string(value)
  elseif kind == "number" then
    return encode_number(value)
  elseif kind == "boolean" then
    return tostring(value)
  elseif value == nil or value == M.null then
    return "null"
  elseif kind == "cdata" then
    return (tostring(value):gsub("U?LL$", ""))
  end
  error("a " .. kind .. " cannot be written as JSON", 0)
end

-- order: list of keys that come first in objects, in this order; all others follow, sorted.
function M.encode(value, order)
  local rank = {}
  for i, key in ipairs(order or {}) do
    rank[key] = i
  end
  return encode(value, rank, "", { depth = 0 }) .. "\n"
end

-- On one line without blanks: for records and messages.
function M.line(value)
  return encode(value, {}, nil, { depth = 0 })
end

return M
