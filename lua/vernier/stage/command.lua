-- The stages that run a command of the network file; see stages/start-command.lua and stages/end-command.lua.
local M = {}

function M.stage(name)
  return {
    where = "manager",
    options = { command = { type = "string", required = true, doc = "shell command, run in the workspace" } },
    -- The command has its own time limit, which tells more.
    deadline = function(_, ctx)
      return ctx.settings:get("vernier-command-timeout") + 60
    end,
    run = function(_, ctx, properties)
      local ok, reason = ctx.manager:command(name, properties.command, ctx.section)
      if not ok then
        return "fail", reason
      end
    end,
  }
end

return M
