-- A window of unfinished transactions for each worker, refilled as they end: the rate is what the system makes of it.
local M = {
  schedule = "worker",
  model = "closed",
  options = {
    unfinished_per_client = { type = "integer", min = 1, unit = "runs",
      doc = "runs in flight of each worker (10 without transactionLoad)" },
    transactionLoad = { type = "integer", min = 1, unit = "runs", doc = "or the runs in flight over all workers" },
    startingTps = { type = "number", min = 0.001, unit = "tx/s", aliases = { "startTps" },
      doc = "accepted for compatibility: the window fills at once, because refilling needs no first estimate" },
    sleep_time = { type = "number", min = 0, unit = "ms", doc = "accepted for compatibility: likewise" },
  },
}

local PER_CLIENT = 10

function M:init(ctx)
  local o = self.options
  if o.unfinished_per_client and o.transactionLoad then
    error("fixed-backlog takes one of unfinished_per_client and transactionLoad", 0)
  elseif o.transactionLoad and o.transactionLoad < ctx.workers then
    error(("transactionLoad of %d is fewer than the %d workers: every worker needs at least one"):format(o.transactionLoad,
      ctx.workers), 0)
  end
  self.window = o.transactionLoad and ctx:share(o.transactionLoad) or o.unfinished_per_client or PER_CLIENT
end

function M:run(_, _, stats, now)
  if stats.permitted - stats.dropped - stats.runs_finished < self.window then
    return now
  end
end

return M
