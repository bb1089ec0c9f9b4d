-- Which lines of the workers' log are shown from now on.
local M = {
  where = "workers",
  options = {
    level = { type = "enum", values = { "debug", "info", "warning", "error" }, any_case = true, aliases = { "priority" },
      required = true, doc = "the lowest level that is shown; a new cell begins with info" },
  },
}

function M:run(ctx, options)
  ctx.set_log_level(options.level)
end

return M
