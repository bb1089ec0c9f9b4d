-- The smallest workload.
local M = {}

function M:run(ctx)
  ctx.sut:send({ number = ctx.index })
end

return M
