-- Makes the reports from what lies in the run folder: the same that `vernier report` does at any later time.
local report = require("vernier.report")

local M = { where = "manager", options = {} }

function M:run(ctx)
  local manager = ctx.manager
  manager:record_end()
  local ok, message = report.make(manager.run.dir, { report_path = manager.report_path, terminal = manager.terminal,
    hook_ns = manager.limits.hook_ns })
  if not ok then
    manager.damage = message
    return "fail", message
  end
end

return M
