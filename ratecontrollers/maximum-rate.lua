-- Looks for the highest rate that the system keeps up with: climbs by a step after each sample in which more was completed
-- per second than in any before, goes back to the best rate where not, and tries again with half the step, until a step is
-- no hundredth of the rate. Each worker looks for its part of it.
local M = {
  schedule = "worker",
  options = {
    tps = { type = "number", default = 5, min = 0.001, unit = "tx/s", doc = "total rate to begin with" },
    step = { type = "number", default = 5, min = 0.001, unit = "tx/s", doc = "first step, over all workers" },
    sampleInterval = { type = "duration", default = 10, min = 0.1, unit = "s", doc = "length of a sample" },
    includeFailed = { type = "boolean", default = true, doc = "failed transactions count as completed" },
  },
}

local MORE = 1.01 -- what is more than chance
local KEEPS_UP = 0.9 -- of what was sent; the last runs of a sample are not answered in it
local FINE = 0.01 -- of the rate: the last step

function M:init(ctx)
  self._rate, self._step = self.options.tps / ctx.workers, self.options.step / ctx.workers
  self._due = ctx.worker * 1e9 / self.options.tps -- the workers take turns
  self._best = 0
end

local function completed(self, stats)
  return self.options.includeFailed and stats.finished or stats.ok
end

-- A sample has ended with so many completions a second. Where these are fewer than were sent, they are what the system can
-- do, however much more than before that is.
function M:_judge(per_second)
  local rose = per_second > self._best * MORE
  if rose then
    self._best, self._best_rate = per_second, math.min(self._rate, per_second)
  end
  if not rose or per_second < KEEPS_UP * self._rate then
    self._step = self._step / 2
  end
  self._found = self._step < FINE * self._best_rate
  self._rate = self._found and self._best_rate or self._best_rate + self._step
end

function M:_sample(stats, now)
  local done = completed(self, stats)
  if not self._from then
    if done > 0 then -- before the first answer there is nothing to compare
      self._from, self._done = now, done
    end
  elseif now - self._from >= self.options.sampleInterval * 1e9 then
    if not self._found then
      self:_judge((done - self._done) * 1e9 / (now - self._from))
    end
    self._from, self._done = now, done
  end
end

function M:run(_, _, stats, now)
  self:_sample(stats, now)
  local due = self._due
  if due > now then
    return nil, due
  end
  self._due = due + 1e9 / self._rate
  return due
end

function M:finish(ctx)
  local rate = self._best_rate
  local outcome = self._found and "found" or "came to"
  ctx:found({ name = "maximum-rate", outcome = rate and outcome or "unfinished", value = rate, unit = "tx/s",
    text = not rate and "the round was too short for a sample"
      or ("%s %.4g tx/s of this worker, with %.4g completed per second"):format(outcome, rate, self._best) })
end

return M
