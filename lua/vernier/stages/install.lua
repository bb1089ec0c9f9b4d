-- Lets the connector deploy what the workload needs (contracts, schemas): its install hook, on the manager.
local M = { where = "manager", options = {} }

function M:run(ctx)
  local connector, connector_ctx = ctx.manager:connector()
  if not connector then
    return "fail", connector_ctx
  end
  if connector.install then
    connector:install(connector_ctx)
  end
end

return M
