-- What `${name}` and `#{…}` in the properties of a scenario may refer to: values by dotted name.
--
-- A scope is a layer of values over another scope; the nearest layer wins. Below all layers are env.NAME (the process's
-- environment) and random.int|long|double|boolean, drawn anew by each use. Values are numbers, texts, booleans and
-- lists; nobody may change them. Names are plain text: "__index" is one like any other.
local clock = require("vernier.core.clock")
local process = require("vernier.core.process")
local random = require("vernier.core.random")

local M = {}

local Scope = {}
Scope.__index = Scope

local RANDOM = {
  ["random.int"] = function(draw) return draw(-2 ^ 31, 2 ^ 31 - 1) end,
  ["random.long"] = function(draw) return draw(-2 ^ 52, 2 ^ 52) end,
  ["random.double"] = function(draw) return draw() end,
  ["random.boolean"] = function(draw) return draw() < 0.5 end,
}

-- What begins with these comes from vernier itself.
local RESERVED = { cluster = true, config = true, configuration = true, group = true, process = true, ["repeat"] = true,
  worker = true, repetition = true, env = true, random = true }

-- Whether a stage may set a variable of that name: vernier's own begin otherwise.
function M.may_be_variable(name)
  return not RESERVED[name:match("^[^.]*")]
end

-- The name of a state variable, or nil and why it is none. Fits `convert` of an option.
function M.variable(name)
  if not name:find("^[%w_][%w_.-]*$") then
    return nil, "must be made of letters, digits, dots, - and _"
  elseif not M.may_be_variable(name) then
    return nil, ('must not begin with "%s": vernier gives these names their values'):format(name:match("^[^.]*"))
  end
  return name
end

-- A scope over nothing. values: dotted name -> value. draw: what random.* draws from, a vernier.core.random (one of its
-- own for each process, unless the caller wants the same numbers again).
function M.new(values, draw)
  return setmetatable({ _values = values or {}, _draw = draw }, Scope)
end

-- A scope that looks into values first and here then.
function Scope:with(values)
  return setmetatable({ _values = values, _below = self }, Scope)
end

function Scope:_random(name)
  self._draw = self._draw or random.new(clock.wall_us() % 2 ^ 32, process.pid(), 0)
  return RANDOM[name](self._draw)
end

-- The value of that name, or nil.
function Scope:get(name)
  local layer = self
  while true do
    local value = rawget(layer._values, name)
    if value ~= nil then
      return value
    elseif not layer._below then
      break
    end
    layer = layer._below
  end
  if RANDOM[name] then
    return layer:_random(name)
  end
  local variable = name:match("^env%.(.+)$")
  return variable and os.getenv(variable)
end

-- Whether names begin with that one and a dot: cluster, where there is cluster.size.
function Scope:has_group(name)
  local prefix, layer = name .. ".", self
  if prefix == "env." or prefix == "random." then
    return true
  end
  while layer do
    for known in next, layer._values do
      if known:sub(1, #prefix) == prefix then
        return true
      end
    end
    layer = layer._below
  end
  return false
end

-- All names but those of the environment, sorted.
function Scope:names()
  local names, seen, layer = {}, {}, self
  local function add(values)
    for name in next, values do
      if not seen[name] then
        seen[name], names[#names + 1] = true, name
      end
    end
  end
  while layer do
    add(layer._values)
    layer = layer._below
  end
  add(RANDOM)
  table.sort(names)
  return names
end

-- The values that all processes of a cell share: cluster.size, cluster.maxSize (the largest of the benchmark's
-- clusters), group.NAME.size, config.name and configuration.name (the same), repetition.
function M.of_cell(cell, benchmark)
  local values = {
    ["cluster.size"] = cell.cluster.size,
    ["cluster.maxSize"] = benchmark.workers,
    ["config.name"] = cell.configuration.name,
    ["configuration.name"] = cell.configuration.name,
    repetition = cell.repetition,
  }
  for _, group in ipairs(cell.cluster.groups) do
    values[("group.%s.size"):format(group.name)] = group.size
  end
  return values
end

-- The values of one worker: worker.index, group.name, group.size. The manager has the index -1 and is the only member of
-- no group: its group is called "manager" and has the size 0.
function M.of_worker(cell, index)
  for _, group in ipairs(cell.cluster.groups) do
    if index >= group.first and index < group.first + group.size then
      return { ["worker.index"] = index, ["group.name"] = group.name, ["group.size"] = group.size }
    end
  end
  return { ["worker.index"] = index, ["group.name"] = "manager", ["group.size"] = 0 }
end

return M
