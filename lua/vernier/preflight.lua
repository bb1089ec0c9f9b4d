-- Before a run starts: loads every plug-in of its files once, with its options, so that what can be known to fail is
-- told at its place in the file and nothing has been touched yet.
local entries = require("vernier.config.entries")
local findings = require("vernier.config.findings")
local matrix = require("vernier.matrix")
local near = require("vernier.near")
local plugins = require("vernier.plugins")
local prepare = require("vernier.prepare")
local scenario = require("vernier.config.scenario")
local sorted = require("vernier.sorted")
local stage = require("vernier.stage")
local values = require("vernier.config.values")

local M = {}

local PLACES = { manager = true, workers = true }

-- What a module of the kind must have to be used, as a message, or nil. A service may be one that takes no load.
local function lack(kind, name, module)
  if not module.run and kind ~= "service" then
    return ("%s %s has no run hook"):format(kind, name)
  elseif kind == "stage" and not PLACES[module.where] then
    return ('stage %s must say where = "manager" or "workers"'):format(name)
  end
end

local Check = {}
Check.__index = Check

function Check:problem(place, message, hint)
  if not self.told[message] then
    self.told[message] = true
    self.found:add("error", place, message, hint, place and place.file)
  end
end

-- The module of a plug-in that can be used as the kind says; place: {line, column, file where it is not the checked one}.
function Check:load(kind, name, place)
  local module, message = plugins.load(kind == "service" and "connector" or kind, name, self.workspace)
  message = message or lack(kind, name, module)
  if message then
    return self:problem(place, message)
  end
  return module
end

function Check:plugin(kind, name, given, place)
  local module = self:load(kind, name, place)
  if module and module.options then
    local _, message = plugins.new(kind, name, given, self.workspace)
    if message then
      self:problem(place, message)
    end
  end
end

-- Options that may hold expressions. read: of vernier.config.values.
function Check:raw(read, what, declaration, given, place)
  local found = findings.new(place and place.file or self.found.file)
  read({ findings = found, names = self.names, mode = "run" }, declaration, given, what .. ": ", place)
  self.found:add_all(found)
end

local function new_check(file, workspace)
  return setmetatable({ found = findings.new(file), told = {}, workspace = workspace }, Check)
end

local function place_of(position)
  return position and { position.line, position.column, file = position.file }
end

-- The declaration of a stage's properties; nil if it takes anything, or declares what it cannot.
local function declaration_of(check, module, name, place)
  if not module.options then
    return nil
  end
  for option in pairs(stage.COMMON) do
    if module.options[option] then
      return check:problem(place, ('stage %s declares the option "%s", which all stages have'):format(name, option))
    end
  end
  return stage.declaration(module)
end

-- The plug-ins that a stage's properties name. The declaration of such an option says its kind (`plugin`); its value is the
-- name, or a mapping that has it as module or type.
local function check_named(check, module, properties, place)
  for _, option in ipairs(sorted(module.options or {})) do
    local kind, value = module.options[option].plugin, properties[option]
    local name = type(value) == "table" and (value.module or value.type) or value
    if kind and type(name) == "string" and not values.is_expression(name) then
      check:load(kind, name, place)
    end
  end
end

-- What signs ahead is the connector: one of those of the run must be able to.
local function check_signers(check, place)
  for _, name in ipairs(check.cannot_sign) do
    check:problem(place, ("prepare: sign: connector %s cannot sign ahead: it has no sign hook"):format(name))
  end
end

local function check_stages(check, list)
  entries.each(list, function(entry, repeats)
    local place = place_of(entry.position)
    local module = entry.stage ~= "rounds" and check:load("stage", entry.stage, place)
    -- Those of built-in stages were checked when the file was read.
    local declaration = module and not plugins.is_built_in("stage", entry.stage)
      and declaration_of(check, module, entry.stage, place)
    if declaration then
      check.names.repeats = repeats
      check:raw(values.check_properties, "stage " .. entry.stage, declaration, entry.properties, place)
    end
    if module then
      check_named(check, module, entry.properties, place)
    end
    if module and module.options and module.options.prepare == prepare.OPTION and entry.properties.prepare ~= nil then
      check_signers(check, place)
    end
  end)
  check.names.repeats = {}
end

-- checked: whether its options were checked when the file was read.
local function check_setup(check, setup, checked)
  local place = place_of(setup.position)
  local module = check:load("service", setup.connector, place)
  if not module then
    return
  end
  local service, known = plugins.service_of(module, setup.service)
  if not service then
    return check:problem(place, ('connector %s has no service "%s"'):format(setup.connector, setup.service),
      near.hint_or_known(setup.service, known))
  end
  if service.options and not checked then
    check:raw(values.check, "connector " .. setup.connector, service.options, setup.options, place)
  end
end

-- A rate controller with those that it has inside.
local function check_rate(check, rate, place)
  check:plugin("rate controller", rate.type, rate.opts, place)
  local module = check:load("rate controller", rate.type, place)
  local parts = module and module.parts and type(rate.opts) == "table" and module.parts(rate.opts)
  for _, part in ipairs(type(parts) == "table" and parts or {}) do
    if type(part) == "table" and type(part.type) == "string" then
      check_rate(check, part, place)
    else
      check:problem(place, ("a controller inside of %s is not {type, opts}"):format(rate.type))
    end
  end
end

-- A user's rate controller may be one whose number of runs nobody knows before.
local function check_prepare(check, round, place)
  local controller = round.prepare and plugins.load("rate controller", round.rate.type, check.workspace)
  local message, hint = nil, nil
  if controller then
    message, hint = prepare.problem(round, check.workspace, controller)
    check_signers(check, place_of(round.position))
  end
  if message then
    check:problem(place, "prepare: " .. message, hint)
  end
end

-- The connectors of a run, where none of them can sign ahead or is not known; else none.
local function connectors_without_sign(check, benchmark, network)
  local services, names = { network }, {}
  for _, configuration in ipairs(benchmark.configurations) do
    for _, setup in ipairs(configuration.setups) do
      services[#services + 1] = matrix.complete(setup, network)
    end
  end
  for _, service in ipairs(services) do
    local module = service.connector and plugins.load_service(service.connector, service.service, check.workspace)
    if service.connector and (not module or module.sign) then
      return {}
    end
    names[#names + 1] = service.connector
  end
  return names
end

local function check_benchmark(check, benchmark, network)
  check.cannot_sign = connectors_without_sign(check, benchmark, network)
  for _, round in ipairs(benchmark.rounds) do
    local place = place_of(round.position)
    check:plugin("workload", round.workload.module, round.workload.arguments, place)
    local rate_place = place_of(round.rate.position) or place
    check_rate(check, round.rate, rate_place)
    check_prepare(check, round, rate_place)
  end
  for _, list in ipairs(entries.lists(benchmark)) do
    check_stages(check, list)
  end
end

local function check_setups(check, benchmark, network)
  for _, configuration in ipairs(benchmark.configurations) do
    for _, setup in ipairs(configuration.setups) do
      local complete = matrix.complete(setup, network)
      if complete.connector then
        check_setup(check, complete, setup.connector and plugins.is_built_in("connector", setup.connector))
      end
    end
  end
end

-- files: {benchmark = path, network = path} for the messages; network may be nil where the configurations need none.
-- True; or nil and the text of everything that is wrong.
function M.check(benchmark, network, workspace, files)
  local texts = {}
  local bench, net = new_check(files.benchmark, workspace), new_check(files.network, workspace)
  bench.names = scenario.names(benchmark)
  check_benchmark(bench, benchmark, network)
  if network then
    net:plugin("connector", network.connector, network.options)
  end
  -- What is wrong with the network's options is told in its own file, not of each setup that has them.
  if #net.found == 0 then
    check_setups(bench, benchmark, network)
  end
  for _, check in ipairs({ bench, net }) do
    if #check.found > 0 then
      texts[#texts + 1] = check.found:sort():text()
    end
  end
  return #texts == 0 or nil, table.concat(texts, "\n")
end

return M
