-- The YAML 1.2 core schema: what a scalar without quotes stands for. yes, no, on and off are texts; so is every integer
-- beyond 2^53, which a Lua number could not hold.
local M = {}

-- JSON's null where a value has to be there (an entry of a list); cjson writes it as null.
M.null = require("cjson").null

local EXACT = 2 ^ 53
local CONSTANTS = {
  [""] = M.null, ["~"] = M.null, null = M.null, Null = M.null, NULL = M.null,
  ["true"] = true, True = true, TRUE = true, ["false"] = false, False = false, FALSE = false,
  [".nan"] = 0 / 0, [".NaN"] = 0 / 0, [".NAN"] = 0 / 0,
}
for _, name in ipairs({ ".inf", ".Inf", ".INF" }) do
  CONSTANTS[name], CONSTANTS["+" .. name], CONSTANTS["-" .. name] = math.huge, math.huge, -math.huge
end

local function decimal(text)
  local digits = text:match("^[-+]?0*(%d+)$")
  local number = tonumber((text:gsub("^%+", "")))
  -- 2^53 + 1 would be rounded to 2^53: only the digits tell.
  if math.abs(number) < EXACT or ("%.0f"):format(math.abs(number)) == digits and math.abs(number) == EXACT then
    return number + 0
  end
end

local function with_base(digits, base)
  local number = #digits <= 18 and tonumber(digits, base)
  return number and number < EXACT and number or nil
end

local function integer(text)
  if text:find("^[-+]?%d+$") then
    return decimal(text)
  end
  local base, digits = text:match("^0([ox])(%x+)$")
  if base == "x" then
    return with_base(digits, 16)
  end
  return base == "o" and not digits:find("[^0-7]") and with_base(digits, 8) or nil
end

local function float(text)
  local mantissa = text:match("^[-+]?([%d.]+)[eE][-+]?%d+$") or text:match("^[-+]?([%d.]+)$")
  if not mantissa or not (mantissa:find("^%.%d+$") or mantissa:find("^%d+%.%d*$") or mantissa:find("^%d+$")) then
    return nil
  end
  local number = tonumber((text:gsub("^%+", "")))
  return math.abs(number) < math.huge and number or nil
end

local function number(text)
  if text:find("^[-+]?%d+$") then
    return integer(text)
  end
  return integer(text) or float(text)
end

-- The value of a plain scalar: number, boolean, text or M.null.
function M.resolve(text)
  local constant = CONSTANTS[text]
  if constant ~= nil then
    return constant
  end
  if text:find("^[-+.%d]") then
    return number(text) or text
  end
  return text
end

local function constant_of(kind)
  return function(text)
    local value = CONSTANTS[text]
    if type(value) == kind then
      return value
    end
  end
end

local TAGGED = {
  str = function(text) return text end,
  int = integer,
  float = function(text) return constant_of("number")(text) or float(text) end,
  bool = constant_of("boolean"),
  null = constant_of(type(M.null)),
}

-- The value of a scalar with an explicit tag such as !!str; or nil and why not.
function M.tagged(text, tag)
  local name = tag:match("^tag:yaml%.org,2002:(%a+)$")
  local convert = TAGGED[name] or (tag == "!" and TAGGED.str)
  if not convert then
    return nil, ('unknown tag "%s"'):format(tag)
  end
  local value = convert(text)
  if value == nil then
    return nil, ('"%s" is no %s'):format(text, name)
  end
  return value
end

return M
