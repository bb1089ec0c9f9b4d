-- Sets a state variable: the stages after it see its value as ${var}, on the manager and on every worker.
local scope = require("vernier.scope")

local SCALARS = { number = true, string = true, boolean = true }

local function scalar_or_list(value)
  for _, item in ipairs(type(value) == "table" and value or {}) do
    if not SCALARS[type(item)] then
      return nil, "must be a list of numbers, texts, true and false"
    end
  end
  if SCALARS[type(value)] or type(value) == "table" and (#value > 0 or next(value) == nil) then
    return value
  end
  return nil, "must be a number, a text, true, false or a list of these"
end

local M = {
  where = "manager",
  options = {
    var = { type = "string", required = true, convert = scope.variable, doc = "name of the variable" },
    value = { type = "any", required = true, convert = scalar_or_list,
      doc = "its value: a number, a text, true, false or a list of these" },
  },
}

function M:run(ctx, options)
  ctx:set(options.var, options.value)
end

return M
