-- The end of a cell, after everything else: services that still run are stopped, commands that go on are ended.
local children = require("vernier.worker.children")
local service = require("vernier.stage.service")

local SPARE = 30 -- seconds in which what has to be killed is gone
local GRACE = 2 -- seconds, for commands

local M = {
  where = "workers",
  traits = { lifecycle = "optional", killable = "optional" },
  options = {
    ["graceful-stop-timeout"] = { type = "duration", default = 30, min = 0,
      doc = "after it a service that still runs is killed; a shorter time of the service's own goes before" },
  },
}

function M:deadline()
  return self.options["graceful-stop-timeout"] + SPARE
end

local function stop_service(ctx, timeout)
  local lifecycle = ctx:trait("lifecycle")
  if not lifecycle or not lifecycle.running or not service.is_running(ctx) then
    return {}
  end
  local payload, message = service.stop(ctx, { graceful = true, timeout = timeout })
  if not payload and ctx:trait("killable") then
    ctx.log(message .. "; it is killed", "warning")
    payload, message = service.stop(ctx, { graceful = false })
  end
  return payload, message
end

function M:run(ctx, options)
  local payload, message = stop_service(ctx, options["graceful-stop-timeout"])
  local n, left = children.stop_all(ctx.state, GRACE)
  if not payload or not n then
    return nil, message or left
  end
  payload.commands = n
  return payload
end

return M
