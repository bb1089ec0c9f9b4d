-- The names that configuration files may use for plug-ins: Caliper's of all versions and whatever is embedded in this
-- binary. A name is built if its file is embedded, planned if only Caliper has it.
local near = require("vernier.near")
local plugins = require("vernier.plugins")

local M = {}

local CALIPER = {
  ["rate controller"] = { "fixed-rate", "fixed-feedback-rate", "fixed-backlog", "fixed-load", "linear-rate",
    "composite-rate", "zero-rate", "record-rate", "replay-rate", "maximum-rate", "pid-rate" },
  connector = { "noop", "http", "ethereum", "besu", "fabric", "fisco-bcos", "burrow", "composer", "iroha", "sawtooth" },
  monitor = { "none", "docker", "process", "prometheus" },
  observer = { "logging", "prometheus", "prometheus-push" },
}

-- All names of a kind, sorted.
function M.names(kind)
  local names, seen = plugins.names(kind), {}
  for _, name in ipairs(names) do
    seen[name] = true
  end
  for _, name in ipairs(CALIPER[kind] or {}) do
    if not seen[name] then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

-- "built", "planned", or nil and a hint.
function M.status(kind, name)
  if plugins.is_built_in(kind, name) or kind == "monitor" and name == "none" then
    return "built"
  end
  local names = M.names(kind)
  for _, known in ipairs(names) do
    if known == name then
      return "planned"
    end
  end
  return nil, near.hint_or_known(name, names)
end

return M
