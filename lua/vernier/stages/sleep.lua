-- Waits on the manager; what runs in the background goes on.
local M = {
  where = "manager",
  options = { time = { type = "duration", unit = "s", required = true, doc = "how long" } },
}

local SLACK_S = 60

function M:deadline()
  return self.options.time + SLACK_S
end

function M:run(ctx, options)
  ctx:sleep(options.time)
end

return M
