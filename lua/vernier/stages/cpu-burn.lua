-- Keeps processors of the workers' machines busy, in the background: for a time, until `stop: true`, or until the cell ends.
local child = require("vernier.child")
local children = require("vernier.worker.children")
local scheduler = require("vernier.scheduler")

local SECOND = 1e9
local NAME = "cpu-burn"

local M = {
  where = "workers",
  options = {
    ["num-threads"] = { type = "integer", default = 1, min = 1, max = 1024, doc = "busy processes on each worker" },
    duration = { type = "duration", min = 0.001, doc = "after it they end; the stage itself does not wait" },
    stop = { type = "boolean", default = false, doc = "end all that were started so far, instead of starting some" },
  },
}

local BUSY = "i=0; while [ $i -lt %d ]; do (while :; do :; done) & i=$((i + 1)); done; wait"

local function stop_all(ctx)
  local list = children.take(ctx.state, NAME)
  if #list == 0 then
    ctx.log("no processor is kept busy: there is nothing to stop")
  end
  for _, burning in ipairs(list) do
    if not burning:kill() then
      return nil, "could not end the busy processes"
    end
  end
  return { stopped = #list }
end

function M:run(ctx, options)
  if options.stop then
    return stop_all(ctx)
  end
  local burning, message = child.start({ command = BUSY:format(options["num-threads"]) })
  if not burning then
    return nil, message
  end
  children.keep(ctx.state, NAME, burning)
  if options.duration then
    scheduler.spawn(function()
      local _ = burning:wait(scheduler.now() + options.duration * SECOND) or burning:kill()
    end)
  end
  return { started = options["num-threads"] }
end

return M
