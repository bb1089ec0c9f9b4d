-- A worker's service in the hands of the stages that start and stop it, by its traits lifecycle and killable; and what the
-- manager makes of their answers.
--
-- lifecycle.start(service, ctx) returns nothing or the values to publish, lifecycle.stop(service, ctx, {timeout = s})
-- and killable.kill(service, ctx) what they did; each of them nil and a message when it failed.
local contains = require("vernier.contains")
local M = {}

-- ---- on a worker ----

-- Whether it runs; a service that cannot tell is taken to run.
function M.is_running(ctx)
  local lifecycle = ctx:trait("lifecycle")
  return not lifecycle.running or lifecycle.running(ctx.service, ctx)
end

-- Starts the service: the payload of the stage; or nil, message.
function M.start(ctx)
  local lifecycle = ctx:trait("lifecycle")
  if lifecycle.running and M.is_running(ctx) then
    return nil, "could not start its service: it runs already"
  end
  local values, message = lifecycle.start(ctx.service, ctx)
  if not values and message then
    return nil, "could not start its service: " .. message
  end
  return { publish = type(values) == "table" and values or {}, group = ctx.group, group_index = ctx.group_index }
end

local function stop_by(ctx, options)
  if options.graceful then
    return ctx:trait("lifecycle").stop(ctx.service, ctx, { timeout = options.timeout })
  end
  local killable = ctx:trait("killable")
  if not killable then
    return nil, "it has no trait killable"
  end
  return killable.kill(ctx.service, ctx)
end

-- Stops the service, graceful within `timeout` seconds, or kills it: the payload of the stage; or nil, message. One that
-- does not run is left alone.
function M.stop(ctx, options)
  if not M.is_running(ctx) then
    ctx.log("the service does not run: there is nothing to stop")
    return { stopped = false }
  end
  local result, message = stop_by(ctx, options)
  if not result and message then
    return nil, "could not stop its service: " .. message
  end
  local killed = type(result) == "table" and result.killed or false
  if killed and options.graceful then
    ctx.log("the service did not stop in time and was killed", "warning")
  end
  return { stopped = true, killed = killed }
end

-- ---- on the manager ----

-- Makes what the services gave known as ${group.NAME.INDEX.key}.
function M.publish(ctx, acks)
  for _, ack in ipairs(acks) do
    local payload = type(ack.payload) == "table" and ack.payload or {}
    for key, value in pairs(payload.publish or {}) do
      ctx:set(("group.%s.%d.%s"):format(payload.group, payload.group_index, key), value)
    end
  end
end

-- ok, or fail and a list of reasons; what fails on the workers of may_fail_on is a line for the user.
function M.verdict(ctx, acks, may_fail_on)
  local reasons = {}
  for _, ack in ipairs(acks) do
    local text = ack.error and ("worker %d %s"):format(ack.worker, ack.error)
    if text and contains(may_fail_on, ack.worker) then
      ctx.log(text .. " (as it may)", "warning")
    elseif text and not ack.stopped then
      reasons[#reasons + 1] = text
    end
  end
  return #reasons > 0 and "fail" or "ok", reasons
end

return M
