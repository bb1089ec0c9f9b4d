-- Stops the services of the workers, or kills them. One that does not run is left alone.
local service = require("vernier.stage.service")

local SPARE = 30 -- seconds in which what has to be killed is gone

local M = {
  where = "workers",
  traits = { lifecycle = "skip", killable = "optional" },
  options = {
    graceful = { type = "boolean", default = true, doc = "false kills at once, by the trait killable" },
    ["graceful-stop-timeout"] = { type = "duration", default = 120, min = 0,
      doc = "after it what still runs is killed; a shorter time of the service's own goes before" },
  },
}

function M:deadline()
  return self.options["graceful-stop-timeout"] + SPARE
end

function M:run(ctx, options)
  return service.stop(ctx, { graceful = options.graceful, timeout = options["graceful-stop-timeout"] })
end

return M
