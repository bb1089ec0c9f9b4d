-- What of a benchmark is run, in order: one cell for each configuration, size of cluster and repetition.
--
--   sequential   configurations, in each the clusters, in each the repetitions
--   interleaved  repetitions, in each the clusters, in each the configurations: what is compared runs close together
--   random       shuffled; the same for the same seed
--
-- A cell is {index, configuration, cluster, repetition, label}, index and repetition from 1. The index is its place in the
-- order of the whole matrix: it stays the same when only some cells are run.
local near = require("vernier.near")
local random = require("vernier.core.random")
local yaml = require("vernier.core.yaml")

local M = {}

local STREAM = 0x6d6174 -- apart from the streams of rounds

local function label_of(cell, benchmark)
  local size = cell.cluster.size
  local label = ("%s, size %d"):format(cell.configuration.name, size)
  return benchmark.repetitions > 1 and ("%s, repetition %d"):format(label, cell.repetition) or label
end

local order = {}

function order.sequential(benchmark, add)
  for _, configuration in ipairs(benchmark.configurations) do
    for _, cluster in ipairs(benchmark.clusters) do
      for repetition = 1, benchmark.repetitions do
        add(configuration, cluster, repetition)
      end
    end
  end
end

function order.interleaved(benchmark, add)
  for repetition = 1, benchmark.repetitions do
    for _, cluster in ipairs(benchmark.clusters) do
      for _, configuration in ipairs(benchmark.configurations) do
        add(configuration, cluster, repetition)
      end
    end
  end
end

local function shuffle(list, seed)
  local numbers = random.new(seed, STREAM, 0)
  for i = #list, 2, -1 do
    local j = numbers(i)
    list[i], list[j] = list[j], list[i]
  end
end

-- ---- choosing some ----

local function size_range(text)
  local from, to = text:match("^(%d+)%.%.(%d+)$")
  return tonumber(from or text), tonumber(to or text)
end

local function sizes_of(benchmark)
  local list = {}
  for i, cluster in ipairs(benchmark.clusters) do
    list[i] = cluster.size
  end
  return list
end

local function check_configuration(benchmark, value)
  local names = {}
  for i, configuration in ipairs(benchmark.configurations) do
    names[i] = configuration.name
    if configuration.name == value then
      return nil
    end
  end
  return ('there is no configuration "%s"'):format(value), near.hint(value, names) or "there are: " .. table.concat(names, ", ")
end

local function check_number(what, numbers, value)
  local from, to = size_range(value)
  if not from or not to then
    return ('"%s" is no %s'):format(value, what), "a number, or a range such as 1..3"
  end
  for _, number in ipairs(numbers) do
    if number >= from and number <= to then
      return nil
    end
  end
  return ("there is no %s %s"):format(what, value), "there are: " .. table.concat(numbers, ", ")
end

local function check_repetition(benchmark, value)
  local numbers = {}
  for i = 1, benchmark.repetitions do
    numbers[i] = i
  end
  return check_number("repetition", numbers, value)
end

local CHECK = {
  config = check_configuration, repetition = check_repetition,
  size = function(benchmark, value) return check_number("size", sizes_of(benchmark), value) end,
}

local function in_ranges(value, ranges)
  for _, text in ipairs(ranges) do
    local from, to = size_range(text)
    if value >= from and value <= to then
      return true
    end
  end
  return false
end

local function in_names(value, names)
  for _, name in ipairs(names) do
    if name == value then
      return true
    end
  end
  return false
end

local MATCH = {
  config = function(cell, names) return in_names(cell.configuration.name, names) end,
  size = function(cell, ranges) return in_ranges(cell.cluster.size, ranges) end,
  repetition = function(cell, ranges) return in_ranges(cell.repetition, ranges) end,
}

local KEYS = { "config", "repetition", "size" }

-- The parts of a text between separators; no name of a configuration holds one.
local function split(text, separator)
  local parts = {}
  for part in (text .. separator):gmatch("([^" .. separator .. "]*)" .. separator) do
    parts[#parts + 1] = part:match("^%s*(.-)%s*$")
  end
  return parts
end

-- "config=A|B,size=3..5,repetition=1" as a filter for M.cells: {config = {names}, size = {ranges}, …}; or nil, message,
-- hint, where it is no such text or names what the benchmark does not have.
function M.only(text, benchmark)
  local filter = {}
  for _, part in ipairs(split(text, ",")) do
    local key, value = part:match("^([%w-]+)%s*=%s*(.*)$")
    key = key == "configuration" and "config" or key
    if not key or not CHECK[key] then
      return nil, ('"%s" chooses no cells'):format(part), key and near.hint(key, KEYS) or "config=A|B,size=3,repetition=1"
    elseif filter[key] then
      return nil, ('"%s" is given twice'):format(key), "several values: config=A|B"
    end
    filter[key] = split(value, "|")
    for _, one in ipairs(filter[key]) do
      local message, hint = CHECK[key](benchmark, one)
      if message then
        return nil, message, hint
      end
    end
  end
  return filter
end

local function is_wanted(cell, filter)
  for key, wanted in pairs(filter or {}) do
    if not MATCH[key](cell, wanted) then
      return false
    end
  end
  return true
end

-- The cells in the order of the run. options: seed (a number; without it a random order is not shuffled: that is for those
-- who only look at it), only (a filter of M.only).
function M.cells(benchmark, options)
  options = options or {}
  local all, wanted = {}, {}
  local function add(configuration, cluster, repetition)
    all[#all + 1] = { configuration = configuration, cluster = cluster, repetition = repetition }
  end
  (order[benchmark.order] or order.sequential)(benchmark, add)
  if benchmark.order == "random" and options.seed then
    shuffle(all, options.seed)
  end
  for i, cell in ipairs(all) do
    cell.index, cell.label = i, label_of(cell, benchmark)
    if is_wanted(cell, options.only) then
      wanted[#wanted + 1] = cell
    end
  end
  return wanted
end

-- ---- setups ----

local function find_setup(configuration, group)
  local for_all
  for _, setup in ipairs(configuration.setups) do
    if setup.group == group then
      return setup
    elseif setup.group == nil then
      for_all = setup
    end
  end
  return for_all
end

-- A setup with what it leaves open filled in: the connector and options of the network (nil: there is none), as if it
-- were based on it. setup: of a configuration, or nil.
function M.complete(setup, network)
  if setup and setup.connector or not network then
    return setup
  end
  local result = { service = "default", environment = {}, options = {} }
  for key, value in pairs(setup or {}) do
    result[key] = value
  end
  result.connector = network.connector
  result.options = yaml.overlay({ result.options, network.options })
  return result
end

-- How the workers of a group are set up: {connector, service, options, environment, …}. The setup of the group, else
-- the one for all, completed by the network (or nil). nil if neither says anything.
function M.setup(configuration, group, network)
  return M.complete(find_setup(configuration, group), network)
end

return M
