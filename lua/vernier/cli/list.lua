-- vernier list [KIND]: the built-in plug-ins.
local plugins = require("vernier.plugins")

local M = {
  usage = "list [KIND]",
  summary = "list the built-in plug-ins (connector, workload, rate controller, stage, observer, reporter)",
  options = {},
}

local KINDS = { "connector", "workload", "rate controller", "stage", "observer", "reporter" }

function M.run(args)
  local wanted = args[1] and table.concat(args, " ")
  local found = false
  for _, kind in ipairs(KINDS) do
    if not wanted or wanted == kind or wanted == kind .. "s" then
      found = true
      print(("%-16s %s"):format(kind, table.concat(plugins.names(kind), "  ")))
    end
  end
  if not found then
    return require("vernier.cli").fail(('no kind of plug-in named "%s"; there are: %s'):format(wanted, table.concat(KINDS, ", ")))
  end
  return 0
end

return M
