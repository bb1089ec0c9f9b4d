-- A rate that changes evenly from one value to another. Run i is due when the integral of the rate is i: with rate a at the
-- start and b at the end of a round of D seconds, a t + (b - a) t^2 / (2 D) = i. A round by number is as long as its runs
-- take: D = 2 n / (a + b).
local M = {
  schedule = "global",
  random_access = true,
  options = {
    startingTps = { type = "number", required = true, min = 0, unit = "tx/s", doc = "total rate at the start of the round" },
    finishingTps = { type = "number", required = true, min = 0, unit = "tx/s", doc = "total rate at its end" },
  },
}

function M:init(ctx)
  local a, b, round = self.options.startingTps, self.options.finishingTps, ctx.round
  if a + b == 0 then
    error("linear-rate from 0 to 0 tx/s sends nothing: one of startingTps and finishingTps must be above 0", 0)
  end
  local seconds = round.duration or 2 * round.number / (a + b)
  self._a, self._slope = a, (b - a) / seconds
  self._runs = (a + b) / 2 * seconds * (1 - 1e-12) -- what is due at the end is not before it by rounding
end

function M:run(_, index)
  if index >= self._runs then
    return nil
  elseif index == 0 then
    return 0
  end
  local a = self._a
  return 2e9 * index / (a + math.sqrt(a * a + 2 * self._slope * index))
end

return M
