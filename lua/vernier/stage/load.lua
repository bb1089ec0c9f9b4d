-- What the stages that make load share (round, test): loads on every worker, begun at one agreed instant, and the verdict
-- on their totals.
local M = {}

-- ---- on the manager ----

-- Why the stage has failed, from its acks: what went wrong on workers, or that nothing succeeded. Empty: it has not.
function M.reasons(acks)
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

-- Seconds that a round may take from its start: what its duration or time limit and the drain (s) need, with a reserve for
-- workers that are slow; by number, as long as it goes on.
function M.deadline(ctx, round, drain)
  local longest = round.timeout or round.duration
  return longest and longest + drain + ctx.stage_timeout
end

-- When the last load of the acks ended, in us; nil where there was none.
function M.ended_us(acks)
  local latest
  for _, ack in ipairs(acks) do
    local ended_us = type(ack.payload) == "table" and ack.payload.ended_us or nil
    latest = ended_us and math.max(latest or ended_us, ended_us) or latest
  end
  return latest
end

-- What the connector of the stage's workers has prepared for each of them; raises an error.
function M.prepared(ctx)
  local prepared, message = ctx.cell:prepared(ctx:setup(), #ctx.executors)
  if not prepared then
    error(message, 0)
  end
  return prepared
end

-- ---- on a worker ----

local function call_connector(ctx, hook, ...)
  local service = ctx.service
  if service and service[hook] then
    return service[hook](service, ...)
  end
end

-- The loads of these specs, or nil, message.
local function open_all(ctx, specs)
  local loads = {}
  for i, spec in ipairs(specs) do
    local message
    loads[i], message = ctx:new_load(spec)
    if not loads[i] then
      return nil, "failed to prepare: " .. message
    end
  end
  return loads
end

-- Sums of what joined loads give; ended_us is when the last one ended.
function M.sum(list)
  local sum = {}
  for _, totals in ipairs(list) do
    for name, value in pairs(totals) do
      if name == "ended_us" then
        sum[name] = math.max(sum[name] or value, value)
      else
        sum[name] = type(value) == "number" and (sum[name] or 0) + value or sum[name] or value
      end
    end
  end
  return sum
end

local function join_all(loads)
  local list, failure = {}, nil
  for i, load in ipairs(loads) do
    local totals, reason, partial = load:join()
    list[i], failure = totals or partial, failure or reason
  end
  return M.sum(list), failure
end

local function start_all(ctx, loads)
  local start_ns, reason = ctx:barrier()
  if not start_ns then
    return nil, reason -- the runtime ends what was never started
  end
  for _, load in ipairs(loads) do
    load:start(start_ns)
  end
  return true
end

-- Runs the loads of specs (as ctx:new_load wants them; all of one round) and gives the sum of their totals, and why they
-- failed. keep: a name under which they go on instead.
function M.run(ctx, round, specs, keep)
  call_connector(ctx, "open", round)
  local loads, failure = open_all(ctx, specs)
  local totals, ok
  if loads then
    ok, failure = start_all(ctx, loads)
  end
  if ok and keep then
    ctx:keep(keep, loads)
    return {}
  elseif ok then
    totals, failure = join_all(loads)
  end
  call_connector(ctx, "close", round)
  return totals, failure
end

-- Stops and joins the loads that go on under the name: the sum of their totals, and why they failed.
function M.finish(ctx, round, keep)
  local kept = ctx:take(keep)
  if not kept then
    return nil, ('has no test "%s" in the background'):format(keep)
  end
  kept:stop("the test was stopped")
  local list, failure, partial = kept:join()
  call_connector(ctx, "close", round)
  return M.sum(list or partial), failure
end

return M
