-- The closed model: each user runs the workload again and again, with a think time between the end of a run and the next.
-- Users are divided exactly over the workers. What rate they come to is a result, not a setting.
local distribution = require("vernier.distribution")

local M = {
  schedule = "worker",
  model = "closed",
  options = {
    users = { type = "integer", required = true, min = 1, doc = "over all workers" },
    thinkTime = { type = "string", convert = distribution.parse,
      doc = 'between two runs of a user: "2s", "uniform 1s 3s", "exponential 2s", "lognormal 2s 0.5"' },
    rampUp = { type = "duration", unit = "s", default = 0, min = 0, doc = "time over which users come, evenly" },
    rampDown = { type = "duration", unit = "s", default = 0, min = 0, doc = "time before the end over which they leave, evenly" },
  },
}

function M:init(ctx)
  local o, seconds = self.options, ctx.round.duration
  if o.users < ctx.workers then
    error(("users of %d are fewer than the %d workers: every worker needs at least one"):format(o.users, ctx.workers), 0)
  elseif o.rampDown > 0 and not seconds then
    error("rampDown needs a round by txDuration: a round by number has no end that is known before", 0)
  elseif seconds and o.rampUp + o.rampDown > seconds then
    error(("rampUp and rampDown together are longer than the round of %g s"):format(seconds), 0)
  end
  self._users = ctx:share(o.users)
  -- Users come and leave in turns over the workers: the k-th of this worker is number k * workers + worker of all.
  self._first, self._step = ctx.worker / o.users, ctx.workers / o.users
  self._up_ns, self._down_ns = o.rampUp * 1e9, o.rampDown * 1e9
  self._down_from_ns = o.rampDown > 0 and (seconds - o.rampDown) * 1e9 or math.huge
end

-- How many of this worker's users are there at a time of the round.
function M:_present(now)
  if now < self._down_from_ns then
    return self._users
  end
  local left = 1 - (now - self._down_from_ns) / self._down_ns -- of all, those with a lower number stay
  return math.max(0, math.min(self._users, math.ceil((left - self._first) / self._step)))
end

function M:run(ctx, index, stats, now)
  if index < self._users then -- each comes once
    return (self._first + index * self._step) * self._up_ns
  elseif stats.permitted - stats.dropped - stats.runs_finished < self:_present(now) then
    local think = self.options.thinkTime
    return now + (think and think(ctx.random) * 1e9 or 0)
  end
end

return M
