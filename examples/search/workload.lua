-- Opens an account per run, under a name that no other run has: each test of a cell has its own number.
local M = {}

---@param ctx vernier.WorkloadContext
function M:run(ctx)
  local account = ("test-%d-%d"):format(ctx.round.index, ctx.index)
  ctx.sut:send({ method = "POST", path = "/open", body = { account = account, money = 1 } })
end

return M
