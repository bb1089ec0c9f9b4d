-- A constant total rate: run i of the round is due at i / tps.
local M = {
  schedule = "global",
  random_access = true,
  options = { tps = { type = "number", default = 10, min = 0.001, unit = "tx/s", doc = "total rate over all workers" } },
}

function M:init()
  self._interval_ns = 1e9 / self.options.tps
end

function M:run(_, index)
  return index * self._interval_ns
end

return M
