-- Starts the services of some workers and stops those of others at the same time.
local contains = require("vernier.contains")
local service = require("vernier.stage.service")

local SPARE = 30 -- seconds in which what has to be killed is gone

local M = {
  where = "workers",
  traits = { lifecycle = "skip", killable = "optional" },
  options = {
    start = { type = "ranges", default = {}, doc = "indices of the workers whose services are started" },
    stop = { type = "ranges", default = {}, doc = "indices of the workers whose services are stopped" },
    ["start-delay"] = { type = "duration", default = 0, min = 0, doc = "before the services are started" },
    ["stop-delay"] = { type = "duration", default = 0, min = 0, doc = "before the services are stopped" },
    graceful = { type = "boolean", default = true, doc = "false kills, by the trait killable" },
    ["graceful-stop-timeout"] = { type = "duration", default = 120, min = 0,
      doc = "after it what still runs is killed; a shorter time of the service's own goes before" },
    ["start-timeout"] = { type = "duration", default = 300, min = 0.001,
      doc = "for a service to be ready, besides a time limit of its own; who takes longer is lost" },
    ["may-fail-on"] = { type = "ranges", doc = "indices of workers whose failure does not fail the stage" },
  },
}

-- ---- on the manager ----

-- A worker that nobody has would be left out without a word.
function M:data(ctx, options)
  for _, name in ipairs({ "start", "stop" }) do
    for _, index in ipairs(options[name]) do
      if not contains(ctx.executors, index) then
        error(("%s names worker %d, which does not execute this stage"):format(name, index), 0)
      elseif name == "stop" and contains(options.start, index) then
        error(("worker %d is named by start and by stop"):format(index), 0)
      end
    end
  end
end

function M:deadline()
  local options = self.options
  return math.max(options["start-delay"] + options["start-timeout"],
    options["stop-delay"] + options["graceful-stop-timeout"] + SPARE)
end

-- Whether the others go on when that worker fails.
function M:tolerates(index)
  return contains(self.options["may-fail-on"], index)
end

function M:acks(ctx, acks, options)
  service.publish(ctx, acks)
  return service.verdict(ctx, acks, options["may-fail-on"])
end

-- ---- on a worker ----

local function wait(ctx, seconds)
  if seconds > 0 then
    ctx:sleep(seconds)
  end
end

function M:run(ctx, options)
  if contains(options.start, ctx.index) then
    wait(ctx, options["start-delay"])
    return service.start(ctx)
  elseif contains(options.stop, ctx.index) then
    wait(ctx, options["stop-delay"])
    return service.stop(ctx, { graceful = options.graceful, timeout = options["graceful-stop-timeout"] })
  end
  return {}
end

return M
