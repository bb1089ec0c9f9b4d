-- Counts up and down at random; what fails is counted by class, and the round goes on.
local M = {}

function M:run(ctx)
  local add = ctx.random() < 0.5 and 1 or -1
  ctx.sut:send({ add = add }, { operation = add > 0 and "up" or "down" })
end

return M
