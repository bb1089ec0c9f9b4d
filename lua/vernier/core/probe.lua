-- Asks whether somebody listens on a TCP port, the C half. What tasks use is vernier.readiness.
local core = require("vernier.core.ffi")
local loop = require("vernier.core.loop")
local C, ffi, check = core.C, core.ffi, core.check

local M = {}

-- One event with the tag follows, at the latest after timeout_ns. True; or nil, message.
function M.port(tag, host, port, timeout_ns)
  local rc, message = check(C.vn_probe_port(loop.handle, tag, host, port, timeout_ns))
  return rc and true, message
end

-- Of that event: true; or false and why nobody was met.
function M.answer(event)
  if event.status == 0 then
    return true
  end
  return false, ffi.string(event.data, event.len)
end

return M
