-- What a scenario compares: named configurations of the services, each with one setup for all workers or one per group.
--
--   configurations: [{name, setup: [{group, base, connector (or plugin), service, options, environment}…]}…]
--
-- A configuration with one setup may have its keys itself. base names a template (or a chain of them): what stands nearer
-- wins, per option and per variable; values are replaced whole. Options are checked where their declaration is known.
local near = require("vernier.near")
local plugins = require("vernier.plugins")
local reference = require("vernier.config.reference")
local section = require("vernier.config.section")
local sorted = require("vernier.sorted")
local values = require("vernier.config.values")
local yaml = require("vernier.core.yaml")

local M = {}

local TEMPLATE = { known = { "base", "connector", "plugin", "service", "options", "environment" } }
local SETUP = { known = { "group", "base", "connector", "plugin", "service", "options", "environment" } }
local CONFIGURATION = { known = { "name", "setup", "base", "connector", "plugin", "service", "options", "environment" } }
local MERGED = { "options", "environment" }

local function position_of(t)
  local line, column = yaml.position(t)
  return { line = line, column = column }
end

local function check_environment(owner)
  local environment = owner:mapping("environment")
  for _, name in ipairs(yaml.keys(environment)) do
    local value = environment[name]
    if type(value) == "table" or value == yaml.null then
      owner.findings:error({ environment, name, "value" }, ('%senvironment: "%s" must be a text'):format(owner.prefix, name))
    elseif name == "" or tostring(name):find("=", 1, true) then
      owner.findings:error({ environment, name }, ('%senvironment: "%s" is no name of a variable'):format(owner.prefix,
        tostring(name)))
    end
  end
  return environment
end

-- {base, connector, service, options, environment} as far as they are given, and the sections to report to.
local function read_part(owner)
  if owner:get("plugin") ~= nil and owner:get("connector") ~= nil then
    owner:error("plugin", '"plugin" and "connector" are the same')
  end
  local key = owner:get("plugin") ~= nil and "plugin" or "connector"
  return { owner = owner, base = owner:text("base"), connector = owner:text(key), connector_key = key,
    service = owner:text("service"), options = owner:mapping("options"), environment = check_environment(owner) }
end

local function read_templates(context, root)
  local mapping, templates = root:mapping("templates"), {}
  for _, name in ipairs(yaml.keys(mapping)) do
    if section.is_mapping(mapping[name]) then
      templates[name] = read_part(section.open(context.findings, mapping[name], TEMPLATE, ("template %s: "):format(name)))
    else
      context.findings:error({ mapping, name }, ("template %s: must be an object"):format(name))
    end
  end
  return templates
end

-- The part and those it is based on, nearest first; up to the first that is unknown or comes again. What is wrong is
-- told of the part's own base: each template is the first of a chain once.
local function chain_of(part, templates)
  local chain, seen, at = { part }, { [part] = true }, part
  while at.base and templates[at.base] and not seen[templates[at.base]] do
    at = templates[at.base]
    seen[at], chain[#chain + 1] = true, at
  end
  if at.base and templates[at.base] == part then
    part.owner:error("base", ('template "%s" is based on itself'):format(part.base))
  elseif part.base and not templates[part.base] then
    part.owner:error("base", ('unknown template "%s"'):format(part.base), near.hint_or_known(part.base, sorted(templates)))
  end
  return chain
end

local function first_given(chain, key)
  for _, part in ipairs(chain) do
    if part[key] ~= nil then
      return part[key], part
    end
  end
end

local function merged(chain, key)
  local tables = {}
  for _, part in ipairs(chain) do
    if next(part[key]) ~= nil then
      tables[#tables + 1] = part[key]
    end
  end
  return #tables > 1 and yaml.overlay(tables) or tables[1] or chain[1][key]
end

-- The declaration of the options, where it is known before anything is loaded.
local function declaration_of(connector, name, owner)
  if not plugins.is_built_in("connector", connector) then
    return nil
  end
  local service, known = plugins.service_of(plugins.load("connector", connector), name)
  if not service then
    owner:error("service", ('connector %s has no service "%s"'):format(connector, name),
      near.hint_or_known(name, known))
  end
  return service and service.options
end

local function read_setup(context, owner, templates)
  local part = read_part(owner)
  local chain = chain_of(part, templates)
  local setup = { group = owner:text("group"), service = first_given(chain, "service") or "default",
    position = position_of(owner.t) }
  for _, key in ipairs(MERGED) do
    setup[key] = merged(chain, key)
  end
  for name in pairs(setup.environment) do
    context.names.environment[name] = true
  end
  local connector, from = first_given(chain, "connector")
  local declaration
  if connector then
    local _, service_from = first_given(chain, "service")
    setup.connector = reference.check(context, "connector", connector, from.owner:place(from.connector_key))
    declaration = declaration_of(connector, setup.service, (service_from or part).owner)
  end
  values.check(context, declaration, setup.options, owner.prefix .. "options: ", { owner.t })
  values.check(context, nil, setup.environment, owner.prefix .. "environment: ")
  return setup
end

local function check_group(context, owner, setup, taken)
  local group = setup.group
  if group and not context.names.groups[group] then
    owner:error("group", ('unknown group "%s"'):format(group), near.hint_or_known(group, sorted(context.names.groups)))
  elseif taken[group or true] then
    owner:error("group", group and ('group "%s" has a setup already'):format(group) or "there is a setup for all groups already")
  end
  taken[group or true] = true
end

local function setup_list(context, configuration)
  local value = configuration:get("setup")
  if section.is_mapping(value) and next(value) ~= nil then
    return { value }
  elseif not section.is_list(value) or #value == 0 then
    configuration:error("setup", '"setup" must be a list of setups, one for each group')
    return {}
  end
  local list = {}
  for i = 1, #value do
    if section.is_mapping(value[i]) then
      list[#list + 1] = value[i]
    else
      context.findings:error({ value, i, "value" }, configuration.prefix .. "a setup must be an object")
    end
  end
  return list
end

local function read_setups(context, configuration, templates)
  local setups, taken = {}, {}
  if configuration:get("setup") == nil then
    setups[1] = read_setup(context, configuration, templates)
    return setups
  end
  for _, key in ipairs(TEMPLATE.known) do
    if configuration:get(key) ~= nil then
      configuration:error(key, ('"%s" and "setup" exclude each other'):format(key))
    end
  end
  for i, entry in ipairs(setup_list(context, configuration)) do
    local owner = section.open(context.findings, entry, SETUP, ("%ssetup %d: "):format(configuration.prefix, i))
    setups[i] = read_setup(context, owner, templates)
    check_group(context, owner, setups[i], taken)
  end
  return setups
end

local function read_configuration(context, list, i, templates, seen)
  local prefix = ("Configuration %d: "):format(i)
  if not section.is_mapping(list[i]) then
    return context.findings:error({ list, i, "value" }, prefix .. "must be an object with a name")
  end
  local configuration = section.open(context.findings, list[i], CONFIGURATION, prefix)
  local name = configuration:text("name")
  if section.is_missing(name) then
    configuration:error("name", 'Missing "name" attribute')
  elseif name:find("[,|%c]") then
    configuration:error("name", '"name" must not hold "," or "|"', "--only config=A|B,size=3 could not choose it")
  elseif seen[name] then
    configuration:error("name", ('"%s" is given twice'):format(name))
  else
    seen[name] = true
  end
  return { name = name, setups = read_setups(context, configuration, templates), position = position_of(list[i]) }
end

-- Of a file that compares nothing.
function M.single()
  return { { name = "default", setups = {} } }
end

-- The configurations (vernier.config.benchmark) of a scenario file; context.names.groups: the known groups.
function M.read(context, root)
  local templates = read_templates(context, root)
  for _, name in ipairs(sorted(templates)) do
    chain_of(templates[name], templates)
  end
  local list, result, seen = root:get("configurations"), {}, {}
  if list == nil then
    return M.single()
  elseif not section.is_list(list) or #list == 0 then
    root:error("configurations", '"configurations" must be a list', "- {name: a, connector: http}")
    return result
  end
  for i = 1, #list do
    result[#result + 1] = read_configuration(context, list, i, templates, seen)
  end
  return result
end

return M
