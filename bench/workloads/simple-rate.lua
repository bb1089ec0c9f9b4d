-- A user's own, simple rate controller.
local M = { schedule = "global", random_access = true, options = { tps = { type = "number", required = true } } }

function M:run(_, index)
  return index * 1e9 / self.options.tps
end

return M
