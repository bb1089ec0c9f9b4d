-- A closed model: a window of runs in flight, shared out over the workers, refilled as runs end.
local M = {
  schedule = "worker",
  options = {
    transactionLoad = { type = "integer", default = 10, min = 1, unit = "runs", doc = "runs in flight over all workers" },
    startTps = { type = "number", min = 0.001, unit = "tx/s", aliases = { "startingTps" },
      doc = "accepted for compatibility: the window fills at once, because refilling needs no first estimate" },
    thinkTime = { type = "duration", unit = "s", default = 0, doc = "pause between the end of a run and the next in its place" },
    rampUp = { type = "duration", unit = "s", default = 0, doc = "time over which the window is filled evenly" },
  },
  model = "closed",
}

function M:init(ctx)
  local load = self.options.transactionLoad
  if load < ctx.workers then
    error(("transactionLoad of %d is fewer than the %d workers: every worker needs at least one"):format(load, ctx.workers), 0)
  end
  self.window = ctx:share(load)
  self._think_ns = self.options.thinkTime * 1e9
  -- The windows of all workers fill in turns: this worker's k-th place at ramp * (k * workers + worker) / load.
  self._ramp_ns = self.options.rampUp * 1e9 * ctx.workers / load
  self._first_ns = self.options.rampUp * 1e9 * ctx.worker / load
end

function M:run(_, index, stats, now)
  if stats.permitted - stats.dropped - stats.runs_finished >= self.window then
    return nil
  elseif index < self.window then
    return self._first_ns + index * self._ramp_ns
  end
  return now + self._think_ns
end

return M
