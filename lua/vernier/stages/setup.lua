-- Lets the connector prepare the SUT: its setup hook, on the manager.
local M = { where = "manager", options = {} }

function M:run(ctx)
  local connector, connector_ctx = ctx.manager:connector()
  if not connector then
    return "fail", connector_ctx
  end
  if connector.setup then
    connector:setup(connector_ctx)
  end
end

return M
