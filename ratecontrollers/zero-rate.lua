-- Nothing is sent: a pause of the round's duration.
local M = { schedule = "global", random_access = true, options = {} }

function M:init(ctx)
  if not ctx.round.duration then
    error("zero-rate needs a round by txDuration: a number of runs would never be reached", 0)
  end
end

function M:run()
  return nil
end

return M
