-- A fixed rate that pauses while too many transactions are unfinished. Run i of a worker is due at its place in the plan of
-- all workers, later by the pauses so far. The more are unfinished the longer a pause is: i times sleepTime from i times the
-- limit on (i up to 10); as long as nothing has succeeded, one more with each pause (up to 30).
local M = {
  schedule = "worker",
  options = {
    tps = { type = "number", default = 10, min = 0.001, unit = "tx/s", doc = "total rate over all workers" },
    transactionLoad = { type = "integer", min = 1, unit = "transactions",
      doc = "limit of unfinished transactions over all workers (10 without unfinished_per_client)" },
    unfinished_per_client = { type = "integer", min = 1, unit = "transactions", doc = "or that of each worker" },
    sleepTime = { type = "number", default = 100, min = 1, unit = "ms", aliases = { "sleep_time" }, doc = "shortest pause" },
  },
}

local LOAD = 10
local MULTIPLES, FAILURES = 10, 30

function M:init(ctx)
  local o = self.options
  local total = o.transactionLoad or LOAD
  if o.transactionLoad and o.unfinished_per_client then
    error("fixed-feedback-rate takes one of transactionLoad and unfinished_per_client", 0)
  elseif not o.unfinished_per_client and total < ctx.workers then
    error(("transactionLoad of %d is fewer than the %d workers: every worker needs at least one"):format(total, ctx.workers), 0)
  end
  self._limit = o.unfinished_per_client or ctx:share(total)
  self._sleep_ns = o.sleepTime * 1e6
  self._first_ns, self._step_ns = ctx.worker * 1e9 / o.tps, ctx.workers * 1e9 / o.tps
  self._paused_ns, self._fruitless = 0, 0
end

function M:_pause(unfinished, stats)
  if stats.ok == 0 then
    self._fruitless = math.min(self._fruitless + 1, FAILURES)
    return self._fruitless * self._sleep_ns
  end
  self._fruitless = 0
  return math.min(math.floor(unfinished / self._limit), MULTIPLES) * self._sleep_ns
end

function M:run(_, index, stats, now)
  local due = self._first_ns + index * self._step_ns + self._paused_ns
  if due > now then
    return nil, due
  end
  -- A run that is permitted and has not been sent yet will be: a worker that is late asks for many at once.
  local unfinished = math.max(stats.submitted - stats.finished, stats.permitted - stats.dropped - stats.runs_finished)
  if unfinished < self._limit then
    return due
  end
  local pause = self:_pause(unfinished, stats)
  self._paused_ns = self._paused_ns + (now - due) + pause
  return nil, now + pause
end

return M
