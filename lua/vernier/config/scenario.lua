-- Reads a scenario file: stages that are run in step, for each configuration in each size of cluster. Gives the form of
-- vernier.config.benchmark. Unlike in Caliper's files, an unknown key is an error.
local clusters = require("vernier.config.clusters")
local configurations = require("vernier.config.configurations")
local document = require("vernier.config.document")
local entries = require("vernier.config.entries")
local environments = require("vernier.config.environments")
local findings = require("vernier.config.findings")
local monitors = require("vernier.config.monitors")
local reference = require("vernier.config.reference")
local section = require("vernier.config.section")
local scope = require("vernier.scope")
local values = require("vernier.config.values")
local yaml = require("vernier.core.yaml")

local M = {}

-- The keys by which such a file is told from others.
M.MARKS = { "scenario", "configurations", "clusters" }

M.ROOT = { known = { "name", "description", "network", "clusters", "templates", "configurations", "restart", "repetitions",
  "order", "init", "scenario", "destroy", "cleanup", "reports", "monitors" }, anchors = true }

local RESTART = { "cell", "configuration", "never" }
local ORDER = { "sequential", "interleaved", "random" }
local REPETITIONS_MAX = 10000

local function one_of(root, key, allowed, default)
  local value = root:get(key)
  if value == nil then
    return default
  end
  for _, name in ipairs(allowed) do
    if value == name then
      return value
    end
  end
  root:error(key, ('"%s" must be one of %s'):format(key, table.concat(allowed, ", ")))
  return default
end

-- ---- reports: [html, {json: {…}}] ----

local function read_report(context, list, i)
  local entry = list[i]
  local name, options, place = entry, {}, { list, i, "value" }
  if section.is_mapping(entry) and #yaml.keys(entry) == 1 then
    name = yaml.keys(entry)[1]
    options, place = entry[name] == nil and {} or entry[name], { entry, name }
  end
  if type(name) ~= "string" or not section.is_mapping(options) then
    return context.findings:error(place, ("Report %d: must be a name, or one name with its options"):format(i), "- html")
  end
  reference.check(context, "reporter", name, place)
  reference.check_options(context, "reporter", name, options, ("Report %d: "):format(i))
  return { reporter = name, options = options }
end

local function read_reports(context, root)
  local list, result = root:get("reports"), {}
  if list == nil then
    return nil
  elseif not section.is_list(list) then
    return root:error("reports", '"reports" must be a list of names', "reports: [html, json, text]")
  end
  for i = 1, #list do
    result[#result + 1] = read_report(context, list, i)
  end
  return result
end

-- ---- scenario: a list, or {url} of a file that holds one ----

-- The list (or function) that a file holds: itself, or under scenario:.
local function scenario_of(found, value)
  if section.is_mapping(value) and not section.is_list(value.scenario) and type(value.scenario) ~= "function" then
    found:error({ value, value.scenario ~= nil and "scenario" or nil }, 'the file holds no list of stages under "scenario"')
  elseif section.is_mapping(value) then
    return value.scenario
  elseif section.is_list(value) then
    return value
  else
    found:error(nil, "the file holds no list of stages")
  end
end

local function read_included(context, url)
  local path = url:sub(1, 1) == "/" and url or (context.workspace or ".") .. "/" .. url
  local found = findings.new(path, true)
  local doc, errors = document.read(path)
  found:add_all(errors or {})
  local list = doc and scenario_of(found, doc.value)
  if list and type(list) ~= "function" then
    local inner = setmetatable({ findings = found, included = path }, { __index = context })
    list = entries.read_list(inner, list)
  end
  context.findings:add_all(found)
  return list or {}, type(list) == "function" and path or nil
end

-- The entries; or the function of a suite and the path of its script.
local function read_scenario(context, root)
  local value = root:get("scenario")
  if type(value) == "function" then
    return value, context.findings.file
  elseif section.is_mapping(value) and value.url ~= nil then
    local owner = section.open(context.findings, value, { known = { "url" } }, "scenario: ")
    local url = owner:text("url")
    if url then
      return read_included(context, url)
    end
    return {}
  elseif section.is_list(value) and #value > 0 then
    return entries.read(context, root, "scenario")
  end
  root:error("scenario", value == nil and 'the list of stages is missing: "scenario"'
    or '"scenario" must be a list of stages, or {url: the file that holds one}')
  return {}
end

-- ---- the file ----

-- What expressions and stages of a benchmark may name (vernier.config.values); its configurations may come later.
function M.names(benchmark)
  local names = { groups = {}, roles = {}, environment = {}, repeats = {}, largest = clusters.largest(benchmark.clusters) }
  for _, cluster in ipairs(benchmark.clusters) do
    for _, group in ipairs(cluster.groups) do
      names.groups[group.name] = math.max(names.groups[group.name] or 0, group.size)
    end
    for role in pairs(cluster.roles) do
      names.roles[role] = true
    end
  end
  for _, configuration in ipairs(benchmark.configurations or {}) do
    for _, setup in ipairs(configuration.setups) do
      for name in pairs(setup.environment) do
        names.environment[name] = true
      end
    end
  end
  return names
end

local function warn_about_groups(context, benchmark)
  for _, configuration in ipairs(benchmark.configurations) do
    local has = {}
    for _, setup in ipairs(configuration.setups) do
      has[setup.group or true] = true
    end
    for group in pairs(#configuration.setups > 0 and not has[true] and context.names.groups or {}) do
      if not has[group] and benchmark.network == nil then
        context.findings:warning({ configuration.position.line, configuration.position.column },
          ('configuration "%s" has no setup for group "%s": its workers have no service'):format(configuration.name, group))
      end
    end
  end
end

-- root: the section of the whole file. network: what it brings along (vernier.config.benchmark).
function M.resolve(context, root, name, network)
  local list = clusters.read(context, root)
  context.names = M.names({ clusters = list })
  local repetitions = root:get("repetitions") == nil and 1
    or values.whole(root, "repetitions", scope.new({}), { min = 1, max = REPETITIONS_MAX })
  local benchmark = {
    name = root:text("name") or name, description = root:get("description"), network = network,
    clusters = list, configurations = configurations.read(context, root), workers = context.names.largest,
    restart = one_of(root, "restart", RESTART, "cell"), order = one_of(root, "order", ORDER, "sequential"),
    repetitions = repetitions, rounds = {}, reports = read_reports(context, root),
    init = entries.read(context, root, "init") or {},
    destroy = entries.read(context, root, "destroy") or {}, cleanup = entries.read(context, root, "cleanup") or {},
    monitors = monitors.read(context, root),
  }
  benchmark.scenario, benchmark.script = read_scenario(context, root)
  warn_about_groups(context, benchmark)
  if context.findings.errors == 0 then
    environments.check(root, benchmark)
  end
  return benchmark
end

return M
