-- The smallest workload: one send per run.
local M = {}

function M:run(ctx)
  ctx.sut:send("ping")
end

return M
