-- A burst of so many runs at once, every so many seconds.
local M = {
  schedule = "global",
  random_access = true,
  options = {
    size = { type = "integer", default = 10, min = 1, unit = "runs", doc = "of a wave, over all workers" },
    every = { type = "duration", default = 0.1, min = 0.001, unit = "s", doc = "from one wave to the next" },
  },
}

function M:run(_, index)
  return math.floor(index / self.options.size) * self.options.every * 1e9
end

return M
