-- Meetings of the workers of a load: each says what it knows, and when all have, all hear the same list and the same instant,
-- from which they go on. So every one of them can come to the same decision, and none is made here.
--
-- A meeting is not a part of a stage: a load may go on when its stage has ended. Where a worker is lost there is no
-- meeting any more; whoever waits for it ends with the round.
local scheduler = require("vernier.scheduler")

local M = {}
M.__index = M

function M.new()
  return setmetatable({ _open = {} }, M)
end

-- One participant's message {key, rank (from 0), ranks, value}; lead_ns(number of workers): how far ahead the instant is.
function M:say(handle, message, lead_ns)
  local meeting = self._open[message.key]
  if not meeting then
    meeting = { values = {}, n = 0, handles = {}, n_handles = 0 }
    self._open[message.key] = meeting
  end
  meeting.values[message.rank + 1], meeting.n = message.value, meeting.n + 1
  if not meeting.handles[handle] then -- there may be several of one worker
    meeting.handles[handle], meeting.n_handles = true, meeting.n_handles + 1
  end
  if meeting.n == message.ranks then
    self._open[message.key] = nil
    local at_ns = scheduler.now() + lead_ns(meeting.n_handles)
    for other in pairs(meeting.handles) do
      other:met(message.key, meeting.values, at_ns)
    end
  end
end

return M
