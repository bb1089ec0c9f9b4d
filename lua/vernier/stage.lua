-- What every stage takes beside its own options.
local M = {}

M.COMMON = {
  ["exit-on-failure"] = { type = "boolean", default = false,
    doc = "a failure ends the whole run, not only this cell" },
  deadline = { type = "duration", unit = "s", min = 0.001,
    doc = "how long the stage may take; else its own rule, or vernier-stage-timeout" },
  workers = { type = "ranges", doc = "indices of the workers that execute the stage, such as 0..3,7; all without it" },
  groups = { type = "list", of = { type = "string" }, doc = "names of the groups whose workers execute the stage" },
  roles = { type = "list", of = { type = "string" }, doc = "names of the roles whose workers execute the stage" },
}

local CHOOSES_WORKERS = { workers = true, groups = true, roles = true }

-- What a stage takes beside its own options; one on the manager has no workers to choose.
function M.common(where)
  local declaration = {}
  for name, spec in pairs(M.COMMON) do
    if where ~= "manager" or not CHOOSES_WORKERS[name] then
      declaration[name] = spec
    end
  end
  return declaration
end

-- The declaration of all options of a stage module. A module cannot declare a common option anew.
function M.declaration(module)
  local declaration = M.common(module.where)
  for name, spec in pairs(module.options or {}) do
    if M.COMMON[name] then
      error(('a stage cannot declare the option "%s", which all stages have'):format(name), 2)
    end
    declaration[name] = spec
  end
  return declaration
end

return M
