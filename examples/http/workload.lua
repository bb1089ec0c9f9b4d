-- Opens accounts, or asks for the balance of random ones. Which of them: arguments.operation.
local M = {}

local function open(ctx)
  return {
    method = "POST",
    path = "/open",
    headers = { ["content-type"] = "application/json" },
    body = { account = "a" .. ctx.index, money = ctx.arguments.money },
  }
end

local function query(ctx)
  return { method = "GET", path = "/query?account=a" .. ctx.random(0, ctx.arguments.accounts - 1) }
end

local REQUESTS = { open = open, query = query }

function M:init(ctx)
  self.operation = ctx.arguments.operation
  self.request = REQUESTS[self.operation] or error("arguments.operation is open or query", 0)
end

function M:run(ctx)
  ctx.sut:send(self.request(ctx), { operation = self.operation })
end

return M
