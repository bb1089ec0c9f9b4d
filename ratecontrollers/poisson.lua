-- Open arrivals of a Poisson process: gaps between runs are drawn from an exponential distribution. All workers draw the same
-- sequence and each takes its own runs of it, so the arrivals of all together are one process for any number of workers.
local M = {
  schedule = "global",
  options = {
    tps = { type = "number", required = true, min = 0.001, unit = "tx/s", doc = "mean total rate over all workers" },
    seed = { type = "integer", min = 0, doc = "of the arrivals; the run's seed if absent" },
  },
}

function M:init(ctx)
  self._mean_ns = 1e9 / self.options.tps
  self._random = ctx.stream(self.options.seed)
  self._due = 0
end

function M:run()
  self._due = self._due + self._random:exponential(self._mean_ns)
  return self._due
end

return M
