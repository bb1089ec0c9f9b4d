-- Runs the network file's start command and awaits its exit; what it leaves behind is the end command's business.
local M = {
  where = "manager",
  options = { command = { type = "string", required = true, doc = "shell command, run in the workspace" } },
}

-- The command has its own time limit, which tells more.
function M:deadline(ctx)
  return ctx.settings:get("vernier-command-timeout") + 60
end

function M:run(ctx, properties)
  local ok, reason = ctx.manager:command("start-command", properties.command)
  if not ok then
    return "fail", reason
  end
end

return M
