-- The stages that call one hook of the connectors on the manager; see stages/setup.lua and stages/install.lua.
local M = {}

-- Every connector that the chosen workers use is asked once.
function M.stage(hook)
  return {
    where = "manager",
    options = {},
    run = function(_, ctx, options)
      for _, setup in ipairs(ctx.cell:setups(ctx.cell:chosen(options))) do
        local connector, connector_ctx = ctx.cell:connector(setup)
        if not connector then
          return "fail", connector_ctx
        end
        if connector[hook] then
          connector[hook](connector, connector_ctx)
        end
      end
    end,
  }
end

return M
