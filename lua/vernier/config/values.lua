-- Values of a configuration file that may be written as expressions, `${name}` and `#{formula}`: what can be known of
-- them before anything runs. What depends on a cell, a worker or another stage is checked for its syntax and its names,
-- all else against its declaration.
--
-- A context has names = {groups = {name = largest size}, roles = {name = true}, largest = workers of the largest cluster,
-- environment = {name = true: variables that a configuration sets}, repeats = {name of each repeat around = true,
-- [""] = true in any}}.
local near = require("vernier.near")
local plugins = require("vernier.plugins")
local properties = require("vernier.properties")
local scope = require("vernier.scope")
local section = require("vernier.config.section")
local sorted = require("vernier.sorted")
local stage = require("vernier.stage")
local template = require("vernier.properties.template")

local M = {}

function M.is_expression(value)
  return type(value) == "string" and template.is_template(value)
end

-- ---- names that get their values later ----

local NAMED = { "cluster.size", "cluster.maxSize", "config.name", "configuration.name", "worker.index", "group.name",
  "group.size", "process.id", "repetition" }

-- group.NAME.INDEX.*: what the service of a worker publishes.
local function names_of_groups(groups)
  local list = {}
  for _, group in ipairs(sorted(groups)) do
    list[#list + 1] = ("group.%s.size"):format(group)
    for index = 0, groups[group] - 1 do
      list[#list + 1] = ("group.%s.%d.*"):format(group, index)
    end
  end
  return list
end

local function later_names(names)
  local list = { unpack(NAMED) }
  names.of_groups = names.of_groups or names_of_groups(names.groups)
  for _, name in ipairs(names.of_groups) do
    list[#list + 1] = name
  end
  local repeats = names.repeats
  while repeats do
    for _, name in ipairs(sorted(repeats)) do
      list[#list + 1] = name == "" and "repeat.counter" or ("repeat.%s.counter"):format(name)
    end
    repeats = (getmetatable(repeats) or {}).__index
  end
  return list
end

-- Any name that is not known may be a state variable, unless it begins as those that vernier gives.
local function report_names(context, raw, prefix, place, t)
  local wrong = {}
  for _, problem in ipairs(properties.check(raw, later_names(context.names))) do
    if problem.name and not scope.may_be_variable(problem.name) then
      wrong[#wrong + 1] = problem
    end
  end
  section.report(context.findings, t or raw, wrong, prefix, place)
  return #wrong
end

-- ---- values ----

-- Checks raw values against a declaration (nil: only their expressions). Gives the values, where a text whose value comes
-- later is itself; {} if any is wrong. place: of the whole, where the file has no such table. t: the parsed table that the
-- places are those of, if raw is only a part of it.
function M.check(context, declaration, raw, prefix, place, t)
  local wrong = report_names(context, raw, prefix, place, t)
  -- The environment of a worker is its own where a configuration sets it, and that of another machine when it is not run.
  local values, problems = properties.evaluate(declaration, raw, scope.new({}), {
    partial = function(name)
      return not name:find("^env%.") or context.mode == "check" or context.names.environment[name:sub(5)] ~= nil
    end,
  })
  section.report(context.findings, t or raw, problems or {}, prefix, place)
  return wrong == 0 and values or {}
end

-- The value under a key of a section in the form of a declared option (vernier.options), with what the scope knows; nil
-- if it is absent or wrong, which is reported.
local function value_of(owner, key, spec, known)
  local raw = owner:get(key)
  if raw == nil then
    return owner:error(key, ('"%s" is missing'):format(key))
  end
  local values, problems = properties.evaluate({ value = spec }, { value = raw }, known)
  for _, problem in ipairs(problems or {}) do
    owner:error(key, ('"%s" %s'):format(key, problem.message), problem.hint)
  end
  return values and values.value
end

-- A whole number, limits = {min, max}.
function M.whole(owner, key, known, limits)
  return value_of(owner, key, { type = "integer", min = limits.min, max = limits.max }, known)
end

-- A list of whole numbers, written as 3, "0..3,7" or [0, 2].
function M.ranges(owner, key, known)
  return value_of(owner, key, { type = "ranges" }, known)
end

-- ---- stages ----

local function check_names(context, raw, key, given, known, what, prefix)
  for i, name in ipairs(type(given) == "table" and given or {}) do
    if not M.is_expression(name) and not known[name] then
      local list = type(raw[key]) == "table"
      context.findings:error(section.problem_place(raw, list and { key, i } or { key }),
        ('%sunknown %s "%s"'):format(prefix, what, name), near.hint_or_known(name, sorted(known)))
    end
  end
end

local function check_targets(context, raw, values, prefix)
  local names = context.names
  check_names(context, raw, "groups", values.groups, names.groups, "group", prefix)
  check_names(context, raw, "roles", values.roles, names.roles, "role", prefix)
  for _, index in ipairs(type(values.workers) == "table" and values.workers or {}) do
    if index >= names.largest then
      return context.findings:error(section.problem_place(raw, { "workers" }),
        ("%sthere is no worker %d in any cluster"):format(prefix, index), ("workers are 0 to %d"):format(names.largest - 1))
    end
  end
end

-- Checks the properties of a stage against its declaration; nil where that is not known before the stage is loaded: then
-- those that every stage has are checked, and expressions. Gives the values, {} if any is wrong.
function M.check_properties(context, declaration, raw, prefix, place)
  local own, common = raw, nil
  if not declaration then
    own, common = {}, {}
    for key, value in pairs(raw) do
      local part = stage.COMMON[key] and common or own
      part[key] = value
    end
  end
  local values = M.check(context, declaration, own, prefix, place, raw)
  if common then
    values = M.check(context, stage.COMMON, common, prefix, place, raw)
  end
  check_targets(context, raw, values, prefix)
  return values
end

local function has_expression(value)
  if type(value) == "table" then
    for _, entry in pairs(value) do
      if has_expression(entry) then
        return true
      end
    end
    return false
  end
  return M.is_expression(value)
end

-- The same of a stage by its name, as far as it can be known before anything is loaded.
function M.check_stage(context, name, raw, prefix, place)
  local module = plugins.is_built_in("stage", name) and plugins.load("stage", name)
  local values = M.check_properties(context, module and stage.declaration(module) or nil, raw, prefix, place)
  -- What contradicts itself can be told when all values are known.
  if not module or not module.check or not next(values) or has_expression(raw) then
    return
  end
  local contradiction, path, hint = module.check(values)
  if contradiction and path then
    section.report(context.findings, raw, { { path = path, message = contradiction, hint = hint } }, prefix, place)
  elseif contradiction then
    context.findings:error(place, prefix .. contradiction, hint)
  end
end

-- ---- for people who read what a file stands for ----

local LATER = { env = true, worker = true, process = true }

-- The properties with what all workers of a cell have in common put in: env.*, which may be secret, random.* and what is
-- of one worker stay as they are written.
function M.known(raw, known)
  local shared = {
    get = function(_, name)
      if not LATER[name:match("^[^.]*")] then
        return known:get(name)
      end
    end,
    names = function() return {} end,
    has_group = function(_, name) return known:has_group(name) end,
  }
  local values = properties.evaluate(nil, raw, shared, { partial = function(name) return not known:has_group(name) end })
  return values or raw
end

return M
