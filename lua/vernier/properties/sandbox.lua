-- Runs Lua expressions that nobody vouches for: no way to anything but the functions and variables that are handed in.
--
-- The chunk sees one table of names that it can neither change nor take apart; texts have no methods meanwhile (they
-- would come from the string library). An instruction hook counts steps and allocated memory; compiled code calls no
-- hooks, so the chunk is never compiled. Afterwards the hook that was set before and the texts' methods are back, however
-- the run ended. Nothing in the sandbox catches errors, so nothing can hold up the one that ends it.
--
-- What a single instruction can allocate is bounded by the caller, who limits how many texts an expression joins: each
-- is at most as long as the memory that ends the run at the next instruction.
local M = {
  INSTRUCTIONS_MAX = 100000, MEMORY_MAX_KIB = 512, TEXT_MAX = 65536, ENTRIES_MAX = 10000, DEPTH_MAX = 16,
}

local CHUNK = "expression"

-- Inside the fence texts have no methods: the functions that run there use the library's by name.
local format = string.format

-- Our errors are tables {message, hint}, {name = an unknown variable}, or what the caller's functions raise.
local function fail(message, hint)
  error({ message = message, hint = hint }, 0)
end

-- ---- lists: LIST.get(i) counts from 0, LIST.size ----

local List = {}

local function is_list(value)
  return type(value) == "table" and (getmetatable(value) or List) == List
end

local function get(list, i)
  if not is_list(list) or type(i) ~= "number" then
    fail("get(list, index) needs a list and a number")
  elseif list[i + 1] == nil then
    fail(format("a list of %d has no entry %.14g (they count from 0)", #list, i))
  end
  return list[i + 1]
end

local function size(list)
  if not is_list(list) then
    fail("size(list) needs a list")
  end
  return #list
end

function List.__index(list, key)
  if key == "size" then
    return #list
  elseif key == "get" then
    return function(i)
      return get(list, i)
    end
  end
end

-- ---- functions ----

local function number(value, name)
  local n = type(value) ~= "boolean" and tonumber(value)
  if not n then
    fail(format("%s needs numbers, not a %s", name, type(value)))
  end
  return n
end

local function unary(name, apply)
  return function(value)
    return apply(number(value, name))
  end
end

-- A function of one or more numbers, which may also come as a list, from one that takes two.
local function fold(name, apply)
  return function(first, ...)
    local values = is_list(first) and first or { first, ... }
    local result = number(values[1], name)
    for i = 2, #values do
      result = apply(result, number(values[i], name))
    end
    return result
  end
end

local function gcd(a, b)
  if a % 1 ~= 0 or b % 1 ~= 0 then
    fail("gcd needs whole numbers")
  end
  a, b = math.abs(a), math.abs(b)
  while b > 0 do
    a, b = b, a % b
  end
  return a
end

local function range(from, to, step)
  from, to, step = number(from, "range"), number(to, "range"), number(step or 1, "range")
  if not (step ~= 0 and (to - from) / step < M.ENTRIES_MAX) then
    fail(format("range(from, to, step) needs a step and gives at most %d numbers", M.ENTRIES_MAX))
  end
  -- By index: a sum of steps can stand still among large numbers.
  local list = {}
  for i = 0, math.floor((to - from) / step) do
    list[i + 1] = from + i * step
  end
  return setmetatable(list, List)
end

local function text(value)
  if type(value) == "table" or type(value) == "function" then
    fail(format("tostring needs a number, a boolean or a text, not a %s", type(value)))
  end
  return tostring(value)
end

local FUNCTIONS = {
  max = fold("max", math.max), min = fold("min", math.min), gcd = fold("gcd", gcd),
  floor = unary("floor", math.floor), ceil = unary("ceil", math.ceil), abs = unary("abs", math.abs),
  double = unary("double", function(value) return value end),
  range = range, size = size, get = get, tostring = text,
  tonumber = function(value, base) return tonumber(value, base) end,
}

function M.is_function(name)
  return FUNCTIONS[name] ~= nil
end

-- ---- values in and out ----

local function import(value, depth)
  if type(value) == "string" and #value > M.TEXT_MAX then
    fail(format("a text of more than %d bytes cannot be used in an expression", M.TEXT_MAX))
  elseif type(value) ~= "table" then
    return value
  elseif depth > M.DEPTH_MAX then
    fail(format("a list nested deeper than %d cannot be used in an expression", M.DEPTH_MAX))
  end
  local copy = {}
  for key, entry in next, value do
    copy[key] = import(entry, depth + 1)
  end
  return setmetatable(copy, (#copy > 0 or next(copy) == nil) and List or nil)
end

local export

local function export_table(value, state, depth)
  local meta = getmetatable(value)
  if meta and meta.name then
    fail(format('"%s" is the beginning of names, not a variable', meta.name))
  elseif depth > M.DEPTH_MAX then
    fail(format("the result is nested deeper than %d", M.DEPTH_MAX))
  end
  local copy = {}
  for key, entry in next, value do
    if type(key) ~= "number" and type(key) ~= "string" then
      fail(format("the result has a %s as a key", type(key)))
    end
    copy[key] = export(entry, state, depth + 1)
  end
  return copy
end

-- The result in plain values of its own.
function export(value, state, depth)
  local kind = type(value)
  state.entries = state.entries + 1
  if state.entries > M.ENTRIES_MAX then
    fail(format("the result has more than %d entries", M.ENTRIES_MAX))
  elseif kind == "table" then
    return export_table(value, state, depth)
  elseif kind == "number" and (value ~= value or math.abs(value) == math.huge) then
    fail("the result is not a finite number (a division by zero?)")
  elseif kind == "string" then
    state.length = state.length + #value
    if state.length > M.TEXT_MAX then
      fail(format("the result is longer than %d bytes", M.TEXT_MAX))
    end
  elseif kind ~= "number" and kind ~= "boolean" then
    fail(value == nil and "the expression has no value" or format("the result is a %s", kind))
  end
  return value
end

-- One value is itself; several are one list, to which lists add their entries.
local function result_of(values)
  if values.n <= 1 then
    return values[1]
  end
  local list = {}
  for i = 1, values.n do
    local value = values[i]
    if getmetatable(value) ~= List then
      value = { value }
    end
    if value[1] == nil and getmetatable(value) ~= List then
      fail("an entry of the list has no value")
    end
    for _, entry in ipairs(value) do
      list[#list + 1] = entry
    end
  end
  return list
end

-- ---- the fence ----

local Fence = {}
Fence.__index = Fence

-- Called before every instruction. What it raises is raised once: the hook is off then.
function Fence:watch()
  if self.open then
    return
  end
  local used = collectgarbage("count")
  self.grown = self.grown + math.max(0, used - self.used)
  self.used = used
  self.left = self.left - 1
  if self.left < 0 then
    debug.sethook()
    fail(format("the expression takes more than %d steps (an endless loop?)", M.INSTRUCTIONS_MAX))
  elseif self.grown > M.MEMORY_MAX_KIB then
    debug.sethook()
    fail(format("the expression needs more than %d KiB of memory", M.MEMORY_MAX_KIB))
  end
end

-- Calls a function of ours from inside: neither watched nor without texts' methods.
function Fence:outside(fn, ...)
  self.open = true
  self.strings.__index = self.methods
  local value = fn(...)
  self.strings.__index = self.no_methods
  self.used = collectgarbage("count")
  self.open = false
  return value
end

-- Calls the chunk. true and its results, or false and the error.
function Fence:call(chunk, ...)
  local hook, mask, count = debug.gethook()
  self.strings = getmetatable("")
  self.methods = self.strings.__index
  self.used, self.grown, self.left = collectgarbage("count"), 0, M.INSTRUCTIONS_MAX
  jit.off(chunk, true)
  local function leave(ok, ...)
    debug.sethook(hook, mask, count)
    return ok, { n = select("#", ...), ... }
  end
  -- The inner call ends where the chunk does; the outer one is for a limit that is met between the two.
  local ok, ended, results = pcall(function(...)
    self.strings.__index = self.no_methods
    debug.sethook(function() self:watch() end, "", 1)
    return leave(pcall(chunk, ...))
  end, ...)
  debug.sethook(hook, mask, count)
  self.strings.__index = self.methods
  if not ok then
    return false, ended
  end
  return ended, ended and results or results[1]
end

function Fence.no_methods()
  return fail("texts have no methods in an expression")
end

-- ---- names ----

local function read_only()
  fail("an expression cannot assign to variables")
end

local name_in

-- Stands for all variables whose names begin with that one: cluster, where there is cluster.size.
local function group_of(fence, name, get_variable, has_group)
  return setmetatable({}, { name = name, __newindex = read_only, __index = function(_, key)
    if type(key) == "number" then
      key = format("%.14g", key)
    elseif type(key) ~= "string" then
      fail(format('"%s" has no field that is a %s', name, type(key)))
    end
    return name_in(fence, name .. "." .. key, get_variable, has_group)
  end })
end

function name_in(fence, name, get_variable, has_group)
  local value = fence:outside(get_variable, name)
  if value ~= nil then
    return import(value, 1)
  elseif fence:outside(has_group, name) then
    return group_of(fence, name, get_variable, has_group)
  end
  return error({ name = name }, 0)
end

local function names_of(fence, get_variable, has_group)
  return setmetatable({}, { __newindex = read_only, __index = function(_, name)
    return FUNCTIONS[name] or name_in(fence, name, get_variable, has_group)
  end })
end

-- ---- entry points ----

-- What Lua says, without the place in a chunk that nobody has written.
local function readable(message)
  message = tostring(message):gsub("^" .. CHUNK .. ":%d+: ", ""):gsub("__given", "${…}"):gsub("__names%.?", "")
  return message:gsub("global '([^']*)'", "'%1'")
end

local function compile(code, names)
  local chunk, message = load(code, "=" .. CHUNK, "t", names)
  if not chunk then
    return nil, readable(message)
  end
  return chunk
end

-- Whether the code can be run: true, or nil and what is wrong.
function M.compile(code)
  local chunk, message = compile(code, {})
  return chunk and true, message
end

local function evaluate(code, given, get_variable, has_group)
  local fence = setmetatable({}, Fence)
  local names = names_of(fence, get_variable, has_group)
  local chunk, message = compile(code, names)
  if not chunk then
    fail(message)
  end
  local values = {}
  for i = 1, #given do
    values[i] = import(given[i], 1)
  end
  local ok, result = fence:call(chunk, values, names)
  if not ok then
    error(result, 0)
  end
  return export(result_of(result), { entries = 0, length = 0 }, 1)
end

-- Runs the code, a chunk that gets the given values as a list and the table of names, which are also its globals.
-- get_variable(name) -> value or nil; has_group(name) -> whether variables' names begin with that one and a dot. Both are
-- called as if from outside, and may raise tables, which are handed on.
-- The value, in tables of its own; or nil and {message, hint} or {name = the variable that is unknown}.
function M.run(code, given, get_variable, has_group)
  local ok, result = pcall(evaluate, code, given, get_variable, has_group)
  if ok then
    return result
  elseif type(result) ~= "table" then
    return nil, { message = readable(result) }
  elseif not (result.message or result.name) then
    error(result, 0)
  end
  return nil, result
end

return M
