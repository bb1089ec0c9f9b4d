-- Leaves a pause between two transactions, and sends none while too many of this worker wait for their answers.
local M = {
  schedule = "sleeping",
  options = {
    pause = { type = "duration", default = 0.01, min = 0, unit = "s", doc = "after each transaction of this worker" },
    limit = { type = "integer", default = 4, min = 1, unit = "runs", doc = "in flight of this worker" },
  },
}

function M:run(ctx, index, stats)
  ctx:sleep(index == 0 and self.options.pause * ctx.worker / ctx.workers or self.options.pause) -- the workers take turns
  while stats.permitted - stats.runs_finished >= self.options.limit do
    ctx:sleep(0.001)
  end
end

return M
