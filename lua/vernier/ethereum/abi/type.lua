-- Types of the contract ABI, from their text or from the parameters of a contract's JSON ABI, as trees:
--   {kind, name, dynamic, size}   name: canonical, as signatures have it; size: bytes of a static value, or of the head that
--                                 a dynamic tuple begins with
--   integer: bits (negative: signed) · bytesN: n · array: of (a type), n (nil: any number) · tuple: members {name, type, at}
-- at: offset of the member in the tuple's head, where a dynamic one has 32 bytes.
--
-- Fixed-point types are refused, since no compiler makes values of them; so is what takes no room (T[0], an empty tuple
-- inside of another type): arrays of that would have no bound.
local M = {}

M.WORD = 32
local DEPTH_MAX = 32
local SIZE_MAX = 2 ^ 24 -- bytes of what has no length of its own: no block has room for more

local ALIASES = { uint = "uint256", int = "int256", byte = "bytes1" }
local PLAIN = { bool = "bool", address = "address", string = "string", bytes = "bytes" }

local function is_integer_size(bits)
  return bits >= 8 and bits <= 256 and bits % 8 == 0
end

local function integer(name)
  local sign, digits = name:match("^(u?)int([1-9]%d*)$")
  local bits = tonumber(digits)
  if bits and is_integer_size(bits) then
    return { kind = "integer", name = name, bits = sign == "u" and bits or -bits, dynamic = false, size = M.WORD }
  end
end

local function fixed_bytes(name)
  local n = name == "function" and 24 or tonumber(name:match("^bytes([1-9]%d?)$"))
  if n and n <= 32 then
    return { kind = "bytesN", name = name, n = n, dynamic = false, size = M.WORD }
  end
end

local function elementary(name)
  name = ALIASES[name] or name
  if PLAIN[name] then
    local dynamic = name == "string" or name == "bytes"
    return { kind = name, name = name, dynamic = dynamic, size = M.WORD }
  elseif name:find("^u?fixed%d*x?%d*$") then
    error(('type "%s": fixed-point numbers are not supported, as no compiler gives them values'):format(name), 0)
  end
  return integer(name) or fixed_bytes(name) or error(('unknown type "%s"'):format(name), 0)
end

local function check_size(size, name)
  if size > SIZE_MAX then
    error(("%s takes more than %d bytes"):format(name, SIZE_MAX), 0)
  end
end

-- Bytes that a value has in the head of what it is in.
local function slot(of)
  return of.dynamic and M.WORD or of.size
end

local function array(of, n)
  if n == 0 then
    error(("%s[0]: an array of no items is no type"):format(of.name), 0)
  end
  local dynamic = n == nil or of.dynamic
  local name = ("%s[%s]"):format(of.name, n and ("%.0f"):format(n) or "")
  local size = n and slot(of) * n or M.WORD
  check_size(size, name)
  return { kind = "array", name = name, of = of, n = n, dynamic = dynamic, size = size }
end

-- members: list of {name (may be ""), type}. The tuple of them; an empty one is what functions without arguments have.
function M.tuple(members)
  local names, at, dynamic = {}, 0, false
  for i, member in ipairs(members) do
    member.at, names[i] = at, member.type.name
    at, dynamic = at + slot(member.type), dynamic or member.type.dynamic
  end
  local name = "(" .. table.concat(names, ",") .. ")"
  check_size(at, name)
  return { kind = "tuple", name = name, members = members, dynamic = dynamic, size = at }
end

-- ---- reading a type's text: base, then [] and [n] ----

local read_type

local function unexpected(s)
  error(('type "%s": nothing that belongs there at character %d'):format(s.text:sub(1, 100), s.at), 0)
end

-- The character after the next one of these two.
local function take(s, pattern)
  local found = s.text:match("^" .. pattern, s.at)
  s.at = s.at + (found and #found or 0)
  return found
end

local function read_tuple(s, depth)
  local members = {}
  repeat
    members[#members + 1] = { name = "", type = read_type(s, depth + 1) }
  until not take(s, ",")
  return take(s, "%)") and M.tuple(members) or unexpected(s)
end

local function read_components(s, depth)
  local members = {}
  for i, component in ipairs(type(s.components) == "table" and s.components or {}) do
    members[i] = M.parameter(component, depth + 1)
  end
  if #members == 0 then
    error(('type "%s": a tuple of nothing, or without its components'):format(s.text), 0)
  end
  return M.tuple(members)
end

local function read_base(s, depth)
  local name = take(s, "[%a_$][%w_$.]*")
  if (not name or name == "tuple") and take(s, "%(") then
    return read_tuple(s, depth)
  elseif name == "tuple" then
    return read_components(s, depth)
  end
  return name and elementary(name) or unexpected(s)
end

function read_type(s, depth)
  if depth > DEPTH_MAX then
    error(("types are nested deeper than %d"):format(DEPTH_MAX), 0)
  end
  local node = read_base(s, depth)
  local suffix = take(s, "%[%d*%]")
  while suffix do
    depth = depth + 1
    if depth > DEPTH_MAX then
      error(("types are nested deeper than %d"):format(DEPTH_MAX), 0)
    end
    node = array(node, tonumber(suffix:match("%d+")))
    suffix = take(s, "%[%d*%]")
  end
  return node
end

local function parse(text, components, depth)
  local s = { text = text, at = 1, components = components }
  local node = read_type(s, depth)
  return s.at > #text and node or unexpected(s)
end

-- The type of a text such as "uint8", "(address,bytes[])[2]". An error without a place where it is none.
function M.parse(text)
  return parse(text, nil, 1)
end

-- A parameter of a JSON ABI, {name, type, components}, as a member of a tuple. An error as above.
function M.parameter(parameter, depth)
  if type(parameter) ~= "table" or type(parameter.type) ~= "string" then
    error("a parameter without a type", 0)
  end
  local name = type(parameter.name) == "string" and parameter.name or ""
  return { name = name, type = parse(parameter.type, parameter.components, depth or 1), indexed = parameter.indexed == true }
end

return M
