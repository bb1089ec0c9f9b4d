-- Checks that workers which keep their processes over several cells (restart: configuration | never) have the same
-- environment in all of them: that of a process is given when it is started.
local matrix = require("vernier.matrix")
local properties = require("vernier.properties")
local scope = require("vernier.scope")
local sorted = require("vernier.sorted")

local M = {}

local HINT = { never = "restart: configuration, or restart: cell", configuration = "restart: cell" }

local function has_environment(benchmark)
  for _, configuration in ipairs(benchmark.configurations) do
    for _, setup in ipairs(configuration.setups) do
      if next(setup.environment) ~= nil then
        return true
      end
    end
  end
  return false
end

-- The variables of a worker in a cell; nil where they cannot be evaluated, which is told when they are needed.
local function environment_of(benchmark, cell, index)
  local worker = scope.of_worker(cell, index)
  local setup = matrix.setup(cell.configuration, worker["group.name"])
  return properties.evaluate(nil, setup and setup.environment or {}, scope.new(scope.of_cell(cell, benchmark)):with(worker))
end

-- The name of a variable that differs, or nil.
local function difference(a, b)
  for _, variables in ipairs({ a, b }) do
    for _, name in ipairs(sorted(variables)) do
      if tostring(a[name]) ~= tostring(b[name]) then
        return name
      end
    end
  end
end

-- Cells that stand for all: what differs between repetitions differs between the first two.
local function cells_of(benchmark)
  local some = setmetatable({ repetitions = math.min(benchmark.repetitions, 2), order = "sequential" }, { __index = benchmark })
  return matrix.cells(some)
end

-- Compares with what the worker's process was first started with; a message, or nil.
local function compare(first, benchmark, cell, index)
  local key = (benchmark.restart == "never" and "" or cell.configuration.name) .. "\0" .. index
  local variables = environment_of(benchmark, cell, index)
  local before = first[key]
  if not variables then
    return nil
  elseif not before then
    first[key] = { variables = variables, label = cell.label }
    return nil
  end
  local name = difference(before.variables, variables)
  return name and ("restart: %s keeps the process of worker %d, whose environment cannot change: %s is not the same in "
    .. "[%s] and [%s]"):format(benchmark.restart, index, name, before.label, cell.label)
end

-- root: the section of the whole file, which is told the first difference.
function M.check(root, benchmark)
  if benchmark.restart == "cell" or not has_environment(benchmark) then
    return
  end
  local first = {}
  for _, cell in ipairs(cells_of(benchmark)) do
    for index = 0, cell.cluster.size - 1 do
      local message = compare(first, benchmark, cell, index)
      if message then
        return root:error("restart", message, HINT[benchmark.restart])
      end
    end
  end
end

return M
