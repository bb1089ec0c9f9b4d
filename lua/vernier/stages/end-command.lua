-- Runs the network file's end command, also after failures and after Ctrl-C.
local M = {
  where = "manager",
  options = { command = { type = "string", required = true, doc = "shell command, run in the workspace" } },
}

function M:run(ctx, properties)
  local ok, reason = ctx.manager:command("end-command", properties.command)
  if not ok then
    return "fail", reason
  end
end

return M
