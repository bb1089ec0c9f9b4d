-- The monitors of a benchmark file, in the forms of both generations:
--   monitors: {resource: [{module, options}], transaction: [{module, options}]}       since 0.4
--   monitor: {type: docker or [docker, process], interval, docker: {…}, process: …}   and observer: {type, interval} before
local reference = require("vernier.config.reference")
local section = require("vernier.config.section")

local M = {}

local UNSUPPORTED = "Unsupported monitor type %s, must be one of none, docker, process, prometheus"

local function check_module(context, kind, name, place)
  local before = context.findings.errors
  reference.check({ findings = context.findings, mode = "check", workspace = context.workspace }, kind, name, place)
  return context.findings.errors == before
end

local function read_entry(context, kind, list, i)
  local prefix = ("monitor %d: "):format(i)
  if not section.is_mapping(list[i]) then
    return context.findings:error({ list, i, "value" }, prefix .. "must be an object with a module")
  end
  local entry = section.open(context.findings, list[i], { known = { "module", "options" } }, prefix)
  local module = entry:text("module")
  if section.is_missing(module) then
    return entry:error("module", 'Missing "module" attribute')
  end
  check_module(context, kind, module, entry:place("module"))
  local options = entry:mapping("options")
  reference.check_options(context, kind, module, options, prefix)
  return { module = module, options = options }
end

local function read_list(context, kind, owner, key)
  local list, result = owner:get(key), {}
  if list ~= nil and not section.is_list(list) then
    owner:error(key, ('"%s" attribute must be an array'):format(key))
  elseif list ~= nil then
    for i = 1, #list do
      result[#result + 1] = read_entry(context, kind, list, i)
    end
  end
  return result
end

-- What the older form wrote as monitor.docker.name and monitor.process, in today's options.
local function legacy_options(monitor, kind)
  local own = monitor[kind]
  local options = { interval = monitor.interval }
  if section.is_mapping(own) then
    for key, value in pairs(own) do
      options[key] = value
    end
  end
  if kind == "docker" then
    options.containers = options.containers or options.name or options.names
    options.name, options.names = nil, nil
  elseif kind == "process" and section.is_list(own) then
    options.processes = own
  end
  return options
end

local function legacy_types(monitor, findings)
  local kinds = monitor.type
  if kinds == nil or type(kinds) == "string" then
    return { kinds }, function() return { monitor, "type", "value" } end
  elseif not section.is_list(kinds) then
    findings:error({ monitor, "type", "value" }, '"monitor.type" attribute must be a text or a list of texts')
    return {}
  end
  return kinds, function(i) return { kinds, i, "value" } end
end

local function read_legacy(context, monitor)
  local result = {}
  local kinds, place = legacy_types(monitor, context.findings)
  for i, kind in ipairs(kinds) do
    if type(kind) ~= "string" then
      context.findings:error(place(i), UNSUPPORTED:format(tostring(kind)))
    elseif check_module(context, "monitor", kind, place(i)) then
      result[#result + 1] = { module = kind, options = legacy_options(monitor, kind) }
    end
  end
  return result, kinds
end

local OBSERVERS = { none = true, ["local"] = true, prometheus = true }

local function check_observer(observer, kinds)
  local kind = observer:get("type")
  if section.is_missing(kind) then
    return observer:error("type", "Benchmark configuration is missing required property 'observer.type'")
  elseif not OBSERVERS[kind] then
    return observer:error("type", ("Benchmark configuration has an invalid property 'observer.type' value of '%s'")
      :format(tostring(kind)), "none, local or prometheus")
  elseif kind ~= "none" and section.is_missing(observer:get("interval")) then
    return observer:error("interval", "Benchmark configuration is missing required property 'observer.interval'")
  end
  for _, monitor in ipairs(kinds) do
    if kind == "local" and monitor == "prometheus" then
      return observer:error("type",
        "Benchmark configuration has an incompatible types of 'observer.type.local' and 'monitor.type.prometheus'")
    end
  end
end

-- {resource = {{module, options}…}, transaction = {…}, observer = the older section}
function M.read(context, root)
  local findings = context.findings
  local monitors = section.open(findings, root:mapping("monitors"), { known = { "resource", "transaction" } }, "monitors: ")
  local result = { resource = read_list(context, "monitor", monitors, "resource"),
    transaction = read_list(context, "observer", monitors, "transaction") }
  local legacy, kinds = read_legacy(context, root:mapping("monitor"))
  for _, entry in ipairs(legacy) do
    result.resource[#result.resource + 1] = entry
  end
  if root:get("observer") ~= nil then
    result.observer = root:mapping("observer")
    check_observer(section.open(findings, result.observer, { known = { "type", "interval" } }), kinds)
  end
  return result
end

return M
