-- A closed model: a window of runs in flight, shared out over the workers, refilled as runs end.
local M = {
  schedule = "worker",
  options = {
    transactionLoad = { type = "integer", default = 10, min = 1, unit = "runs", doc = "runs in flight over all workers" },
    startTps = { type = "number", min = 0.001, unit = "tx/s", aliases = { "startingTps" },
      doc = "accepted for compatibility: the window fills at once, because refilling needs no first estimate" },
  },
  model = "closed",
}

function M:init(ctx)
  local load = self.options.transactionLoad
  if load < ctx.workers then
    error(("transactionLoad of %d is fewer than the %d workers: every worker needs at least one"):format(load, ctx.workers), 0)
  end
  self._window = ctx:share(load)
end

function M:run(_, _, stats, now)
  if stats.permitted - stats.dropped - stats.runs_finished < self._window then
    return now
  end
end

return M
