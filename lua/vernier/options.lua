-- Checks option values against their declaration: of plug-ins, settings and commands alike.
--
-- A declaration is a table name -> {
--   type      "number" "integer" "boolean" "string" "table" "list" "duration" "size" "enum" "any" (which is the default),
--             "ranges": 5, "0..3,7" or a list of such: whole numbers from 0, sorted, each once
--             "key-value": a mapping, or "k: v; k2: v2": texts by name
--   default   value when absent; required = true when there is none
--   values    of an enum; any_case = true: in capitals and small letters alike
--   min, max  of numbers, durations (in their unit), sizes and the length of lists
--   unit      shown in the reference; of a duration also the unit of plain numbers and of the result ("s" if absent)
--   fields    declaration of a table's entries; of: specification of a list's items
--   convert   function(value) -> value, or nil and why not; called last
--   aliases   other names of the option; secret = true keeps it out of files and reports; doc says what it is for
-- }
local near = require("vernier.near")
local sorted = require("vernier.sorted")
local units = require("vernier.units")

local M = {}

local read = {}

function read.any(value) return value end

function read.number(value)
  if type(value) == "number" and value == value then
    return value
  end
  return nil, "must be a number"
end

function read.integer(value)
  if type(value) == "number" and value % 1 == 0 and math.abs(value) <= 2 ^ 53 then
    return value
  end
  return nil, "must be a whole number"
end

function read.boolean(value)
  if type(value) == "boolean" then
    return value
  end
  return nil, "must be true or false"
end

function read.string(value)
  if type(value) == "string" then
    return value
  elseif type(value) == "number" then
    return ("%.14g"):format(value)
  end
  return nil, "must be a text"
end

function read.table(value)
  if type(value) == "table" and #value == 0 then
    return value
  end
  return nil, "must be a mapping of names to values"
end

function read.list(value)
  if type(value) == "table" and (#value > 0 or next(value) == nil) then
    return value
  end
  return nil, "must be a list"
end

function read.duration(value, spec)
  local unit = spec.unit or "s"
  if type(value) == "string" then
    local seconds = units.seconds(value)
    value = seconds and seconds / units.second_of(unit)
  end
  if type(value) == "number" and value >= 0 then
    return value
  end
  return nil, ("must be a duration: a number (in %s) or a text such as 250ms, 5s, 1m30s"):format(unit)
end

function read.size(value)
  value = type(value) == "string" and units.bytes(value) or value
  if type(value) == "number" and value >= 0 then
    return value
  end
  return nil, "must be a size: a number of bytes or a text such as 64k, 16M"
end

function read.enum(value, spec)
  local given = spec.any_case and tostring(value):lower() or value
  for _, allowed in ipairs(spec.values) do
    if given == (spec.any_case and allowed:lower() or allowed) then
      return allowed
    end
  end
  local names = {}
  for i, allowed in ipairs(spec.values) do
    names[i] = tostring(allowed)
  end
  return nil, "must be one of " .. table.concat(names, ", "), near.hint(value, names)
end

local RANGES_MAX = 65536 -- numbers that ranges may stand for

-- Adds what one entry of ranges stands for to the set; nil and why not.
local function add_range(set, text)
  local first, last = text:match("^%s*(%d+)%s*$"), nil
  if not first then
    first, last = text:match("^%s*(%d+)%s*%.%.%s*(%d+)%s*$")
  end
  local from, to = tonumber(first), tonumber(last or first)
  if not from then
    return nil, "must be numbers and ranges such as 0..3,7"
  elseif from > to then
    return nil, ("must not have a range that runs backwards, as %.14g..%.14g does"):format(from, to)
  elseif to > 2 ^ 53 or to - from >= RANGES_MAX or set.n + to - from >= RANGES_MAX then
    return nil, ("must stand for no more than %d numbers"):format(RANGES_MAX)
  end
  for number = from, to do
    set[number] = true
  end
  set.n = set.n + to - from + 1
  return true
end

local function add_ranges(set, value)
  local kind = type(value)
  if kind == "number" and value % 1 == 0 and value >= 0 then
    value = ("%.0f"):format(value)
  elseif kind ~= "string" then
    return nil, "must be numbers from 0 and ranges such as 0..3,7"
  end
  for part in (value .. ","):gmatch("([^,]*),") do
    local added, message = add_range(set, part)
    if not added then
      return nil, message
    end
  end
  return true
end

function read.ranges(value)
  local set, numbers = { n = 0 }, {}
  for _, entry in ipairs(type(value) == "table" and read.list(value) or { value }) do
    local added, message = add_ranges(set, entry)
    if not added then
      return nil, message
    end
  end
  set.n = nil
  for number in pairs(set) do
    numbers[#numbers + 1] = number
  end
  table.sort(numbers)
  return numbers
end

local KEY_VALUE = 'must be a mapping of names to texts, or a text such as "name: value; other: value"'

local function key_value_of(text)
  local result = {}
  for entry in (text .. ";"):gmatch("([^;]*);") do
    local key, value = entry:match("^%s*([^:]-)%s*:%s*(.-)%s*$")
    if entry:find("%S") then
      if not key or key == "" then
        return nil, KEY_VALUE
      elseif result[key] then
        return nil, ('names "%s" twice'):format(key)
      end
      result[key] = value
    end
  end
  return result
end

read["key-value"] = function(value)
  if type(value) == "string" then
    return key_value_of(value)
  elseif not read.table(value) then
    return nil, KEY_VALUE
  end
  local result = {}
  for key, entry in pairs(value) do
    local text = type(entry) == "boolean" and tostring(entry) or read.string(entry)
    if not text then
      return nil, ('must have a text under "%s"'):format(tostring(key))
    end
    result[key] = text
  end
  return result
end

local Unchecked = {}

-- Stands for a value that M.value takes as it is: what it will be is not known yet.
function M.unchecked(value)
  return setmetatable({ value = value }, Unchecked)
end

function M.is_unchecked(value)
  return getmetatable(value) == Unchecked
end

local function check_range(value, spec)
  local measure = type(value) == "table" and #value or value
  if type(measure) ~= "number" then
    return value
  end
  local what = type(value) == "table" and "must have %s %.14g entries" or "must be %s %.14g"
  if spec.min and measure < spec.min then
    return nil, what:format("at least", spec.min)
  elseif spec.max and measure > spec.max then
    return nil, what:format("at most", spec.max)
  end
  return value
end

local function read_items(value, spec, problems, path)
  local items = {}
  for i, item in ipairs(value) do
    items[i] = M.value(spec.of, item, problems, { i, parent = path })
  end
  return items
end

local function path_list(path)
  local list = {}
  while path do
    table.insert(list, 1, path[1])
    path = path.parent
  end
  return list
end

local function add_problem(problems, path, message, hint)
  problems[#problems + 1] = { path = path_list(path), message = message, hint = hint }
end

-- One value in the form that its specification promises; nil after adding to problems. path is {name, parent = path}.
function M.value(spec, value, problems, path)
  local reader = read[spec.type or "any"]
  if not reader then
    error(('option "%s" is declared with the unknown type "%s"'):format(path[1], spec.type), 2)
  end
  if M.is_unchecked(value) then
    return value.value
  end
  local result, message, hint = reader(value, spec)
  if message == nil then
    result, message = check_range(result, spec)
  end
  if message == nil and spec.convert then
    result, message = spec.convert(result)
  end
  if message ~= nil then
    add_problem(problems, path, message, hint)
    return nil
  end
  if spec.type == "table" and spec.fields then
    return M.read(spec.fields, result, problems, path)
  elseif spec.type == "list" and spec.of then
    return read_items(result, spec, problems, path)
  end
  return result
end

local function names_of(declaration)
  local names, owner = {}, {}
  for name, spec in pairs(declaration) do
    names[#names + 1], owner[name] = name, name
    for _, alias in ipairs(spec.aliases or {}) do
      names[#names + 1], owner[alias] = alias, name
    end
  end
  table.sort(names)
  return names, owner
end

-- The values with defaults filled in; what is wrong is added to problems.
function M.read(declaration, values, problems, parent)
  local names, owner = names_of(declaration)
  local result, given = {}, {}
  for _, key in ipairs(sorted(values)) do
    local name, path = owner[key], { key, parent = parent }
    if not name then
      add_problem(problems, path, ('unknown option "%s"'):format(tostring(key)), near.hint(key, names))
    elseif given[name] then
      add_problem(problems, path, ('"%s" and "%s" are the same option'):format(given[name], key))
    else
      given[name] = key
      result[name] = M.value(declaration[name], values[key], problems, path)
    end
  end
  for name, spec in pairs(declaration) do
    if not given[name] then
      result[name] = spec.default
      if spec.required and spec.default == nil then
        add_problem(problems, parent, ('missing option "%s"'):format(name))
      end
    end
  end
  return result
end

-- The checked values; or nil and a list of {path = {name, …}, message, hint}, where the path leads to the value.
function M.check(declaration, values)
  local problems = {}
  local result = M.read(declaration, values or {}, problems)
  if #problems == 0 then
    return result
  end
  table.sort(problems, function(a, b) return table.concat(a.path, ".") < table.concat(b.path, ".") end)
  return nil, problems
end

-- "tls.verify: must be true or false": a problem in one line, for where there is no file.
function M.describe(problem)
  local name = table.concat(problem.path, ".")
  local hint = problem.hint and (" (%s)"):format(problem.hint) or ""
  local unnamed = name == "" or problem.message:find('^unknown option') or problem.message:find("same option$")
  return (unnamed and "" or name .. ": ") .. problem.message .. hint
end

-- All problems in one line.
function M.describe_all(problems)
  local texts = {}
  for i, problem in ipairs(problems) do
    texts[i] = M.describe(problem)
  end
  return table.concat(texts, "; ")
end

return M
