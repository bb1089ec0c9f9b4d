-- A benchmark as it is written into the record of a run: plain tables without secrets. What is secret is known by its name
-- (vernier.config.redact) or declared so by the connector, service or stage that it is an option of.
local entries = require("vernier.config.entries")
local plugins = require("vernier.plugins")
local redact = require("vernier.config.redact")

local M = {}

local COPIED = { "name", "description", "workers", "clusters", "restart", "repetitions", "order", "rounds", "monitors",
  "onFailure", "reports" }

-- A plug-in that cannot be loaded declares nothing; whoever wants to use it says why it cannot.
local function options_of(kind, name, service, workspace)
  local module = plugins.load(kind, name, workspace)
  module = module and service and plugins.service_of(module, service) or module
  return module and module.options
end

local function stored_entries(list, workspace)
  local result = {}
  for i, entry in ipairs(list) do
    local copy = redact.copy(entry)
    if entry.entries then
      copy.entries = stored_entries(entry.entries, workspace)
      copy["repeat"]["do"] = nil
    elseif entry.properties then
      copy.properties = redact.declared(options_of("stage", entry.stage, nil, workspace), entry.properties)
    end
    result[i] = copy
  end
  return result
end

local function stored_setup(setup, workspace)
  local copy = redact.copy(setup)
  if setup.connector then
    copy.options = redact.declared(options_of("connector", setup.connector, setup.service, workspace), setup.options)
  end
  return copy
end

-- benchmark: as vernier.config.benchmark gives it. A scenario that is a program is stored as the path of its script.
function M.benchmark(benchmark, workspace)
  local result = { configurations = {} }
  for _, key in ipairs(COPIED) do
    result[key] = redact.copy(benchmark[key])
  end
  for i, configuration in ipairs(benchmark.configurations) do
    local setups = {}
    for j, setup in ipairs(configuration.setups) do
      setups[j] = stored_setup(setup, workspace)
    end
    result.configurations[i] = { name = configuration.name, setups = setups }
  end
  for _, key in ipairs(entries.SECTIONS) do
    if type(benchmark[key]) == "table" then
      result[key] = stored_entries(benchmark[key], workspace)
    elseif benchmark[key] then
      result[key] = benchmark.script
    end
  end
  return result
end

return M
