-- Framed messages between manager and worker: text in, text out; see src/link.c.
local core = require("vernier.core.ffi")
local loop = require("vernier.core.loop")
local C, ffi, check = core.C, core.ffi, core.check

local M = {
  MESSAGE = tonumber(C.VN_EV_MESSAGE),
  HEARTBEAT = tonumber(C.VN_EV_HEARTBEAT),
  CLOSED = tonumber(C.VN_EV_CLOSED),
}

local Link = {}
Link.__index = Link

-- Two connected file descriptors, or nil, message.
function M.pair()
  local fds = ffi.new("int[2]")
  local ok, message = check(C.vn_link_pair(fds))
  if not ok then
    return nil, message
  end
  return fds[0], fds[1]
end

-- Takes over the file descriptor. The persistent tag gets MESSAGE and HEARTBEAT events, at last one CLOSED.
function M.open(tag, fd)
  local handle = C.vn_link_open(loop.handle, tag, fd)
  if handle == nil then
    return nil, ffi.string(C.vn_errmsg())
  end
  return setmetatable({ _handle = handle }, Link)
end

function Link:send(text)
  return check(C.vn_link_send(self._handle, text, #text))
end

-- A thread that proves life, and with the loop's turns, progress.
function Link:start_heartbeat(interval_ns)
  return check(C.vn_link_start_heartbeat(self._handle, interval_ns))
end

-- Blocks until everything is written; nil, message when that fails or takes too long.
function Link:flush(timeout_ns)
  return check(C.vn_link_flush(self._handle, timeout_ns))
end

function Link:close()
  if self._handle then
    C.vn_link_close(self._handle)
    self._handle = nil
  end
end

-- The text of a MESSAGE or CLOSED event.
function M.text(event)
  return ffi.string(event.data, event.len)
end

-- Closes a file descriptor that was handed to a child.
ffi.cdef("int close(int fd);")
function M.close_fd(fd)
  C.close(fd)
end

return M
