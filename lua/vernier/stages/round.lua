-- A Caliper round: one load on every worker, started at one agreed instant.
local load_stage = require("vernier.stage.load")
local tests = require("vernier.manager.tests")

local M = {
  where = "workers",
  options = {
    index = { type = "integer", min = 1, doc = "1-based number of the round in the benchmark file" },
    round = { type = "table", doc = "or the round itself, as in a benchmark file" },
  },
}

-- What every worker needs; also opens the test.
function M:data(ctx, options)
  local index = options.index
  if (index == nil) == (options.round == nil) then
    error("needs one of index and round", 0)
  end
  local round = index and ctx.manager.benchmark.rounds[index] or tests.resolve(ctx, options.round)
  self._round = round
  local data = tests.open(ctx, round, { index = index })
  self._drain = data.drain
  data.prepared = load_stage.prepared(ctx)
  return data
end

function M:deadline(ctx)
  return load_stage.deadline(ctx, self._round, self._drain)
end

-- Seconds for which answers are awaited when the round is stopped.
function M:drain()
  return self._drain
end

function M:acks(_, acks)
  local reasons = load_stage.reasons(acks)
  return #reasons > 0 and "fail" or "ok", reasons
end

function M:run(ctx, _, data)
  local round = data.round
  round.prepared = type(data.prepared) == "table" and data.prepared[ctx.worker + 1]
  return load_stage.run(ctx, round, { data })
end

return M
