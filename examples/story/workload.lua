-- A bank: opens accounts, asks for balances, moves money. Which accounts: decided by the run's index and the seed alone.
local M = {
  options = {
    operation = { type = "enum", values = { "open", "query", "transfer" }, required = true, doc = "what a run does" },
    accounts = { type = "integer", default = 200, min = 2, doc = "how many accounts there are" },
  },
}

local REQUESTS = {}

function REQUESTS.open(ctx)
  return { open = ctx.index }
end

function REQUESTS.query(ctx, accounts)
  return { query = ctx.random(0, accounts - 1) }
end

function REQUESTS.transfer(ctx, accounts)
  return { from = ctx.random(0, accounts - 1), to = ctx.random(0, accounts - 1) }
end

---@param ctx vernier.WorkloadContext
function M:run(ctx)
  local operation = ctx.arguments.operation
  ctx.sut:send(REQUESTS[operation](ctx, ctx.arguments.accounts), { operation = operation })
end

return M
