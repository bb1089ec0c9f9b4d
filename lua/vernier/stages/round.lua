-- A Caliper round: one load on every worker, started at one agreed instant.
local plugins = require("vernier.plugins")

local M = {
  where = "workers",
  options = { index = { type = "integer", required = true, doc = "1-based number of the round in the benchmark file" } },
}

local DRAIN_MAX_S = 30 -- answers are awaited for the request timeout, but no longer than this

-- ---- on the manager ----

local function model_of(ctx, round)
  local controller = plugins.load("rate controller", round.rate.type, ctx.workspace)
  return controller and (controller.model or "open")
end

local function drain_of(ctx, round)
  local timeout = ctx.connector_options and tonumber(ctx.connector_options.timeout)
  return round.drain or ctx.settings:get("vernier-drain") or math.min(timeout or DRAIN_MAX_S, DRAIN_MAX_S)
end

-- What every worker needs; also opens the test's entry in the journal.
function M:data(ctx)
  local manager = ctx.manager
  local round = manager.benchmark.rounds[self.options.index]
  self._round = round
  manager.tests = manager.tests + 1
  self._test = manager.tests
  manager.run:record({
    type = "test", test = self._test, label = round.label, description = round.description, round = self.options.index,
    number = round.number, duration = round.duration, rate = { type = round.rate.type, opts = round.rate.opts },
    workload = { module = round.workload.module }, trim = round.trim, model = model_of(ctx, round),
    workers = manager.n_workers, digits = 3, configuration = "default", size = manager.n_workers,
  })
  manager:notify("round", round.label)
  local prepared, message = manager:prepared()
  if not prepared then
    error(message, 0)
  end
  self._drain = drain_of(ctx, round)
  return {
    test = self._test, prepared = prepared, drain = self._drain,
    round = { index = self.options.index, label = round.label, number = round.number, duration = round.duration },
    workload = { module = round.workload.module, arguments = round.workload.arguments },
    rate = { type = round.rate.type, opts = round.rate.opts }, trim = round.trim, maxInFlight = round.maxInFlight,
    catchUp = round.catchUp, lateAfter = round.lateAfter, onError = round.onError,
  }
end

-- Seconds that the round may take from its start: bounded by its duration; by number, by its own progress.
function M:deadline(ctx)
  local round = self._round
  return round.timeout or round.duration and round.duration + self._drain + ctx.stage_timeout
end

function M:started(ctx, at_ns)
  ctx.manager.run:record({ type = "test-start", test = self._test, start_us = at_ns / 1e3 })
  for _, observer in ipairs(ctx.manager.observers) do
    if observer.round_start then
      observer:round_start(ctx.manager, self._round, at_ns, self._test)
    end
  end
end

local function reasons_of(acks)
  local reasons, submitted, ok = {}, 0, 0
  for _, ack in ipairs(acks) do
    local stopped = ack.error and ack.error:find("^stopped")
    if ack.error and not stopped then
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

function M:acks(ctx, acks)
  local manager = ctx.manager
  local reasons = reasons_of(acks)
  local status = #reasons > 0 and "failed" or manager.interrupted and "interrupted" or "ok"
  manager.run:record({ type = "test-end", test = self._test, status = status, reasons = reasons,
    end_us = require("vernier.core.clock").now() / 1e3 })
  for _, observer in ipairs(manager.observers) do
    if observer.round_end then
      observer:round_end(manager, self._round, status, reasons)
    end
  end
  if #reasons > 0 then
    return "fail", table.concat(reasons, "; ")
  end
  return "ok"
end

-- ---- on a worker ----

local function call_connector(ctx, hook, ...)
  local connector = ctx.connector
  if connector and connector[hook] then
    return connector[hook](connector, ...)
  end
end

function M:run(ctx, _, data)
  local round = data.round
  round.prepared = data.prepared[ctx.worker + 1]
  call_connector(ctx, "open", round)
  local load, message = ctx:new_load(data)
  if not load then
    return nil, "failed to prepare: " .. message
  end
  local start_ns, reason = ctx:barrier()
  if not start_ns then
    load:cancel()
    call_connector(ctx, "close", round)
    return nil, "stopped: " .. reason
  end
  load:start(start_ns)
  local totals, failure, partial = load:join()
  call_connector(ctx, "close", round)
  if not totals then
    return partial, failure
  end
  return totals
end

return M
