-- What the specs of configuration files share: texts of rounds, and what is found in them.
local benchmark = require("vernier.config.benchmark")
local yaml = require("vernier.core.yaml")

local M = {}

-- The benchmark and the findings of a YAML text named b.yaml.
function M.resolve(text, options)
  local doc, errors = yaml.parse(text, "b.yaml")
  assert(doc, errors and errors[1] and errors[1].message)
  return benchmark.resolve(doc, options or { mode = "check" })
end

-- "LINE:COLUMN message" of each finding.
function M.texts(found, severity)
  local list = {}
  for _, f in ipairs(found) do
    if not severity or f.severity == severity then
      list[#list + 1] = ("%s:%s %s"):format(f.line, f.column, f.message)
    end
  end
  return list
end

local BASE = { label = "a", txNumber = "100", rateControl = "{type: fixed-rate, opts: {tps: 10}}",
  workload = "{module: w.lua, arguments: {}}" }
M.ORDER = { "label", "description", "txNumber", "txDuration", "rateControl", "workload", "callback", "arguments", "trim",
  "chaincodeID", "txMode" }

-- The base round with changes; false deletes a key.
function M.round_text(changes)
  local lines = { "test:", "  rounds:", "  -" }
  for _, key in ipairs(M.ORDER) do
    local value = BASE[key]
    if changes[key] ~= nil then
      value = changes[key]
    end
    if value then
      lines[#lines + 1] = ("    %s: %s"):format(key, value)
    end
  end
  return table.concat(lines, "\n")
end

return M
