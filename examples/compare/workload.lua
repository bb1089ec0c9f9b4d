-- The accounts of vernier's demo server: opens them, then asks for their balance.
local M = {
  options = {
    operation = { type = "enum", values = { "open", "query" }, required = true, doc = "what a run does" },
    accounts = { type = "integer", default = 100, min = 1, doc = "how many accounts there are" },
  },
}

---@param ctx vernier.WorkloadContext
function M:run(ctx)
  if ctx.arguments.operation == "open" then
    ctx.sut:send({ method = "POST", path = "/open", body = { account = "a" .. ctx.index, money = 100 } }, { operation = "open" })
  else
    local account = ctx.random(0, ctx.arguments.accounts - 1)
    ctx.sut:send({ method = "GET", path = "/query?account=a" .. account }, { operation = "query" })
  end
end

return M
