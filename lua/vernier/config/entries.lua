-- What is run, in order: stages, and lists of them that are repeated.
--   - service-start                     the name of a built-in stage, or the path of a stage file
--   - test: {test-name: warmup, …}      the same with properties
--   - repeat: {name: step, from: 10, to: 30, inc: 10, do: [ … ]}      or times: 3
--
-- An entry is {stage, properties, position} or {["repeat"] = what was given, entries, position}; a position is {line,
-- column, file where it is not the benchmark file}. Where a marker is wanted, that name alone is an entry {stage = name}.
local counter = require("vernier.properties.counter")
local reference = require("vernier.config.reference")
local scope = require("vernier.scope")
local section = require("vernier.config.section")
local values = require("vernier.config.values")
local yaml = require("vernier.core.yaml")

-- Where a benchmark has entries: `stages` of Caliper's files, the others of scenarios, in the order in which they run.
local M = { SECTIONS = { "stages", "init", "scenario", "destroy", "cleanup" } }

local REPEAT = { known = { "name", "from", "to", "inc", "times", "do" } }
local read_list

local function position_of(context, t, key)
  local line, column = yaml.position(t, key)
  return { line = line, column = column, file = context.included }
end

local function read_name(list, i)
  local entry = list[i]
  if type(entry) == "string" and entry ~= "" then
    return entry, {}, { list, i, "value" }
  elseif section.is_mapping(entry) and #yaml.keys(entry) == 1 then
    local name = yaml.keys(entry)[1]
    return name, entry[name] == nil and {} or entry[name], { entry, name }
  end
end

local function check_counts(context, owner)
  local given, static = {}, true
  for _, key in ipairs(counter.KEYS) do
    given[key] = owner:get(key)
    static = static and not values.is_expression(given[key])
  end
  values.check(context, counter.DECLARATION, given, owner.prefix, nil, owner.t)
  local message = counter.conflict(given)
  if message then
    return owner:error(nil, message)
  end
  local range = static and counter.range(given, scope.new({}))
  if range and range.n == 0 and not given.times then
    owner:error(nil, ("it never runs: from %.14g to %.14g by %.14g"):format(range.first, given.to, range.inc),
      "a negative inc counts down")
  end
end

local function check_name(context, owner)
  local name = owner:text("name")
  if name and not name:find("^[%w_-]+$") then
    owner:error("name", 'the "name" of a repeat must be made of letters, digits, - and _')
  elseif name and context.names.repeats[name] then
    owner:error("name", ('a repeat around it has the name "%s" already'):format(name))
  end
  return name or ""
end

-- The names of repeats around what stands in one more.
local function around(repeats, name)
  return setmetatable({ [name or ""] = true, [""] = true }, { __index = repeats })
end

local function read_repeat(context, properties, place, prefix, number)
  local owner = section.open(context.findings, properties, REPEAT, prefix .. "repeat: ")
  local names = context.names
  local name, outer = check_name(context, owner), names.repeats
  check_counts(context, owner)
  names.repeats = around(outer, name)
  local list, entries = owner:get("do"), {}
  if section.is_list(list) and #list > 0 then
    entries = read_list(context, list, nil, number .. ".")
  else
    owner:error("do", '"do" must be a list of stages')
  end
  names.repeats = outer
  return { ["repeat"] = properties, entries = entries, position = position_of(context, place[1], place[2]) }
end

-- number: "3", or "3.1" in a repeat.
local function read_entry(context, list, i, number)
  local name, properties, place = read_name(list, i)
  local prefix = ("Stage %s: "):format(number)
  if type(name) ~= "string" then
    return context.findings:error({ list, i, "value" }, prefix .. "must be a name, or one name with its properties",
      "- ./stage.lua or - ./stage.lua: {name: value}")
  elseif not section.is_mapping(properties) then
    return context.findings:error(place, prefix .. "its properties must be an object")
  elseif name == "repeat" then
    return read_repeat(context, properties, place, prefix, number)
  end
  reference.check(context, "stage", name, place, { "repeat" }, prefix)
  values.check_stage(context, name, properties, prefix, place)
  return { stage = name, properties = properties, position = position_of(context, place[1], place[2]) }
end

local function is_marker(list, i, marker)
  return marker ~= nil and list[i] == marker
end

function read_list(context, list, marker, outer)
  local entries, marked = {}, false
  for i = 1, #list do
    local number = outer .. i
    if not is_marker(list, i, marker) then
      entries[#entries + 1] = read_entry(context, list, i, number)
    elseif marked then
      context.findings:error({ list, i, "value" }, ("Stage %s: the %s have their place already"):format(number, marker))
    else
      marked, entries[#entries + 1] = true, { stage = marker }
    end
  end
  if marker and not marked then
    entries[#entries + 1] = { stage = marker }
  end
  return entries
end

-- The entries under a key of a section; nil if there are none. With a marker the list has exactly one entry
-- {stage = marker}: last, where the file does not say. context.names is what vernier.config.values wants.
function M.read(context, owner, key, marker)
  local list = owner:get(key)
  if list == nil then
    return nil
  elseif not section.is_list(list) then
    return owner:error(key, ('"%s" attribute must be an array'):format(key))
  end
  return read_list(context, list, marker, "")
end

-- The same of a list that stands in no mapping.
function M.read_list(context, list)
  return read_list(context, list, nil, "")
end

-- The lists of entries that a benchmark (vernier.config.benchmark) has, in the order of a run.
function M.lists(benchmark)
  local lists = {}
  for _, key in ipairs(M.SECTIONS) do
    if type(benchmark[key]) == "table" then
      lists[#lists + 1] = benchmark[key]
    end
  end
  return lists
end

-- Calls visit(entry, repeats) for every stage of a list, also those in repeats, once. repeats: as in the names of
-- vernier.config.values.
function M.each(list, visit, repeats)
  repeats = repeats or {}
  for _, entry in ipairs(list) do
    if entry.entries then
      M.each(entry.entries, visit, around(repeats, entry["repeat"].name))
    else
      visit(entry, repeats)
    end
  end
end

return M
