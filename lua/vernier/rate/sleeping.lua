-- Rate controllers that prefer to sleep: run returns when the next transaction may go, and waits by ctx:sleep until then.
--
-- Such a run is a coroutine of its own, which the load resumes when its sleep is over. It lives on a clock of its own: a
-- sleep takes exactly as long as it says, however late the process wakes up, and no time passes between a return and the
-- next call. So a transaction is intended for the instant at which the last sleep was to end, pauses add up without drift,
-- and what this process is late shows as lateness. A run that has not slept is due when it returns.
local traced = require("vernier.traced")

local M = { SCHEDULE = "sleeping" }

local SECOND = 1e9

local create, resume, yield, status = coroutine.create, coroutine.resume, coroutine.yield, coroutine.status

-- ctx:sleep(seconds) of a rate controller.
function M.sleep(ctx, seconds)
  local clock = rawget(ctx, "_clock")
  if not clock then
    error('ctx:sleep: only a run of schedule = "sleeping" can sleep; others return when they want to be asked again', 2)
  elseif type(seconds) ~= "number" or seconds ~= seconds then
    error("ctx:sleep: a number of seconds is needed, not " .. tostring(seconds), 2)
  end
  clock.slept = true
  if seconds > 0 then
    clock.now = clock.now + seconds * SECOND
    if clock.now > clock.real then
      yield()
    end
  end
end

-- One run after the other: each gives the instant for which a transaction is intended, or false when there are no more.
local function body(instance, ctx, index, stats, clock, run)
  while true do
    clock.slept = false
    local answer = run(instance, ctx, index, stats, clock.now)
    if answer == false then
      return
    end
    clock.now = clock.slept and clock.now or math.max(clock.now, clock.real)
    clock.due = clock.now
    yield()
    index = clock.index
  end
end

-- Makes an instance whose init has been called one that is asked like any other of schedule = "worker".
function M.wake(instance)
  local sleeper, clock, run = nil, { now = 0, real = 0 }, instance.run
  instance.schedule = "worker"
  function instance.run(_, ctx, index, stats, now)
    clock.real, clock.index, clock.due = now, index, nil
    if sleeper and status(sleeper) == "dead" then
      return false
    elseif sleeper and clock.now > now then
      return nil, clock.now
    elseif not sleeper then
      ctx._clock, sleeper = clock, create(body)
    end
    local ok, message = resume(sleeper, instance, ctx, index, stats, clock, run)
    if not ok then
      error(traced(message, sleeper), 0)
    elseif clock.due then
      return clock.due
    elseif status(sleeper) == "dead" then
      return false
    end
    return nil, clock.now
  end
end

return M
