-- A user's own rate controller that sleeps.
local M = { schedule = "sleeping", options = { pause = { type = "number", required = true, unit = "s" } } }

function M:run(ctx)
  ctx:sleep(self.options.pause)
end

return M
