-- A Caliper round: one load on every worker, started at one agreed instant.
local tests = require("vernier.tests")

local M = {
  where = "workers",
  options = { index = { type = "integer", required = true, doc = "1-based number of the round in the benchmark file" } },
}

-- ---- on the manager ----

-- What every worker needs; also opens the test.
function M:data(ctx)
  local manager = ctx.manager
  local round = manager.benchmark.rounds[self.options.index]
  self._round = round
  local data = tests.open(manager, round, self.options.index)
  self._drain = data.drain
  local prepared, message = manager:prepared()
  if not prepared then
    error(message, 0)
  end
  data.prepared = prepared
  return data
end

-- Seconds that the round may take from its start: bounded by its duration; by number, by its own progress.
function M:deadline(ctx)
  local round = self._round
  return round.timeout or round.duration and round.duration + self._drain + ctx.stage_timeout
end

-- Seconds for which answers are awaited when the round is stopped.
function M:drain()
  return self._drain
end

local function reasons_of(acks)
  local reasons, submitted, ok = {}, 0, 0
  for _, ack in ipairs(acks) do
    if ack.error and not ack.stopped then
      reasons[#reasons + 1] = ("worker %d %s"):format(ack.worker, ack.error)
    end
    local totals = type(ack.payload) == "table" and ack.payload or {}
    submitted, ok = submitted + (totals.submitted or 0), ok + (totals.ok or 0)
  end
  if #reasons == 0 and submitted > 0 and ok == 0 then
    reasons[1] = ("none of %d transactions succeeded"):format(submitted)
  end
  return reasons
end

function M:acks(_, acks)
  local reasons = reasons_of(acks)
  return #reasons > 0 and "fail" or "ok", reasons
end

-- ---- on a worker ----

local function call_connector(ctx, hook, ...)
  local connector = ctx.connector
  if connector and connector[hook] then
    return connector[hook](connector, ...)
  end
end

local function run_load(ctx, data)
  local load, message = ctx:new_load(data)
  if not load then
    return nil, "failed to prepare: " .. message
  end
  local start_ns, reason = ctx:barrier()
  if not start_ns then
    load:cancel()
    return nil, reason
  end
  load:start(start_ns)
  local totals, failure, partial = load:join()
  return totals or partial, failure
end

function M:run(ctx, _, data)
  local round = data.round
  round.prepared = type(data.prepared) == "table" and data.prepared[ctx.worker + 1]
  call_connector(ctx, "open", round)
  local totals, failure = run_load(ctx, data)
  call_connector(ctx, "close", round)
  return totals, failure
end

return M
