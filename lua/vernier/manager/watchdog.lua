-- Ends a hook that does not return to the loop in the manager, where nobody else could: a worker in that state is killed
-- by the manager, but the manager still has to run the end command and to report.
--
-- An instruction count hook looks at the clock and raises an error in whatever runs. Compiled code does not call such
-- hooks, so the compiler is off meanwhile; it is on again for our own reporters, which may take long for good reason.
local loop = require("vernier.core.loop")

local M = {}

local INSTRUCTIONS = 1e5 -- about a millisecond between two looks

-- From now on: whatever keeps the loop from turning for so long gets an error.
function M.start(timeout_ns)
  local since_ns = loop.now()
  jit.off()
  jit.flush()
  debug.sethook(function()
    local busy_ns = loop.now() - math.max(since_ns, loop.state.polled_ns)
    if busy_ns > timeout_ns then
      error(("did not return for %.4g s (an endless loop?)"):format(busy_ns / 1e9), 2)
    end
  end, "", INSTRUCTIONS)
end

function M.stop()
  debug.sethook()
  jit.on()
end

return M
