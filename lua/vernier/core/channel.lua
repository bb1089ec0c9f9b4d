-- Messages over one connection, WebSocket or JSON texts, the C half: events of a persistent tag; see src/channel.c. What
-- tasks use is vernier.websocket and vernier.json_rpc.
local core = require("vernier.core.ffi")
local loop = require("vernier.core.loop")
local C, ffi = core.C, core.ffi

local M = {
  OPEN = tonumber(C.VN_EV_OPEN),
  MESSAGE = tonumber(C.VN_EV_MESSAGE),
  DRAINED = tonumber(C.VN_EV_DRAINED),
  CLOSED = tonumber(C.VN_EV_CLOSED),
  TEXT = tonumber(C.VN_TEXT),
  BINARY = tonumber(C.VN_BINARY),
  SLOTS = tonumber(C.VN_CHANNEL_SLOTS),
}

local FRAMINGS = { websocket = tonumber(C.VN_CHANNEL_WEBSOCKET), json = tonumber(C.VN_CHANNEL_JSON) }
local AGAIN, CLOSED = tonumber(C.VN_EAGAIN), tonumber(C.VN_ECLOSED)

M.DEFAULTS = {
  connect_timeout_ns = 10e9,
  ping_interval_ns = 30e9,
  ping_timeout_ns = 10e9,
  idle_timeout_ns = 0,
  close_timeout_ns = 5e9,
  max_message = 0,
  max_queued = 0,
}

-- options: framing ("websocket" or "json"), host or path (unix socket), port, tls, ca, verify; of a WebSocket: target,
-- host_header, headers (lines), protocols ("a, b"); the limits and times of DEFAULTS. The handle; or nil, message, class.
function M.open(tag, options)
  local o = ffi.new("vn_channel_options", core.server(options, M.DEFAULTS))
  o.framing, o.target, o.headers, o.protocols = FRAMINGS[options.framing], options.target, options.headers, options.protocols
  local handle = C.vn_channel_open(loop.handle, tag, o)
  if handle == nil then
    return nil, ffi.string(C.vn_errmsg()), options.tls and "tls" or "connect"
  end
  return handle
end

local SEND_CLASSES = { [AGAIN] = "limit", [CLOSED] = "closed" }

-- slot: -1, or where sent_ns finds the instant of its writing. True; or nil, message, class: limit (too much is waiting,
-- DRAINED follows), closed, or invalid.
function M.send(handle, kind, slot, text)
  local rc = C.vn_channel_send(handle, kind, slot, text, #text)
  if rc < 0 then
    return nil, ffi.string(C.vn_errmsg()), SEND_CLASSES[rc] or "invalid"
  end
  return true
end

-- 0: not written yet.
function M.sent_ns(handle, slot)
  return C.vn_channel_sent_ns(handle, slot)
end

-- Of a MESSAGE event.
M.text = core.text

-- Of an OPEN event: header lines of the server's answer, the subprotocol ("": none).
function M.opened(event)
  return ffi.string(event.head, event.head_len), core.text(event)
end

-- Of a CLOSED event: its text, the class of failure (closed: in order), the close code, whether the peer began it.
function M.closed(event)
  local class = event.status == 0 and "closed" or core.class(event.status)
  if class == "protocol" and event.n < 1000 then
    class = "status"
  end
  return core.text(event), class, event.n, event.value == 1
end

-- True; or nil, message.
function M.close(handle, code, reason)
  local rc, message = core.check(C.vn_channel_close(handle, code, reason, #reason))
  return rc and true, message
end

function M.set_reading(handle, on)
  C.vn_channel_set_reading(handle, on and 1 or 0)
end

-- {sent, received, pings, pongs: so far; queued: bytes, now}
function M.stats(handle)
  local s = ffi.new("vn_channel_stats")
  C.vn_channel_get_stats(handle, s)
  return s
end

-- At once; no event follows. Not left to the collector, because the loop may be gone before.
function M.free(handle)
  C.vn_channel_free(handle)
end

return M
