-- WebSocket client (RFC 6455), one connection: what waits looks synchronous to the task that calls it.
--
--   local connection, message, class = websocket.connect("wss://host/path", { headers = { Authorization = "…" } })
--   connection:send("a text")                                    -- true; or nil, message, class
--   local data, at_ns, kind = connection:receive(deadline_ns)    -- nil, message, class
--   connection:close(1000, "that was all")
--
-- kind is "text" or "binary". Classes of failures: resolve, connect, tls, timeout, reset, protocol; status (the server
-- answered with another HTTP status than 101); closed (in order); limit (more is waiting to be sent than may). Pings are
-- answered and sent without a word. Who connects closes, or drops, also what the peer has closed.
local core = require("vernier.core.channel")
local http = require("vernier.http")
local scheduler = require("vernier.scheduler")
local url = require("vernier.url")

local M = {}

local Connection = {}
Connection.__index = Connection

local KINDS = { [core.TEXT] = "text", [core.BINARY] = "binary" }
local HELD_MAX = 1024 * 1024 -- bytes of messages that nobody has received; then the peer is held back
local SLACK_NS = 5e9 -- the core's own deadlines come first; this is for a core that fails to tell

-- ---- events ----

local function hold(self, data, at_ns, kind)
  local n = self._last + 1
  self._last = n
  self._held[n], self._held_at[n], self._held_kind[n] = data, at_ns, kind
  self._held_bytes = self._held_bytes + #data
  if self._held_bytes > HELD_MAX and not self._paused then
    self._paused = true
    core.set_reading(self._handle, false)
  end
  scheduler.wake_key(self, true)
end

local on = {}

on[core.OPEN] = function(self, event)
  local head, protocol = core.opened(event)
  self.headers, self.protocol = http.parse_headers(head), protocol ~= "" and protocol or nil
  self._open = true
  scheduler.wake_key(self, true)
end

on[core.MESSAGE] = function(self, event)
  local data, at_ns, kind = core.text(event), event.at_ns, KINDS[event.n]
  if self._on_message then
    self._on_message(data, at_ns, kind)
  else
    hold(self, data, at_ns, kind)
  end
end

on[core.DRAINED] = function(self)
  scheduler.wake_key(self._drain, true)
end

on[core.CLOSED] = function(self, event)
  self._open = false
  self.message, self.class, self.code, self.by_peer = core.closed(event)
  scheduler.wake_key(self, true)
  scheduler.wake_key(self._drain, true)
  if self._on_close then
    self._on_close(self.message, self.class, self.code)
  end
end

-- ---- connecting ----

local function core_options(parts, options)
  local o = { framing = "websocket", host = parts.host, path = parts.path, port = parts.port, tls = parts.tls,
    target = parts.target, ca = options.ca, verify = options.verify, host_header = options.host_header,
    headers = options.headers and http.encode_headers(options.headers),
    protocols = options.protocols and table.concat(options.protocols, ", ") }
  for name in pairs(core.DEFAULTS) do
    o[name] = options[name]
  end
  return o
end

local function why_closed(self)
  if not self.class then
    return "the connection was dropped", "closed"
  elseif self.class == "closed" then
    return ("closed with code %d%s"):format(self.code, self.message ~= "" and ": " .. self.message or ""), "closed"
  end
  return self.message, self.class
end

-- Inside a task. options, all optional: headers (table), protocols (list), host_header; ca (PEM file), verify (false takes
-- any certificate); connect_timeout_ns (10 s, until it is open), ping_interval_ns (30 s of silence; 0: never),
-- ping_timeout_ns (10 s), idle_timeout_ns (without a message; 0: none), close_timeout_ns (5 s); max_message (64 MiB),
-- max_queued (16 MiB); on_message(data, at_ns, kind) instead of receive, and on_close(message, class, code): called from
-- the loop, they must not wait.
-- The connection with the server's headers (by lower-case name) and the protocol that it chose; or nil, message, class.
function M.connect(address, options)
  options = options or {}
  local parts, why = url.websocket(address)
  if not parts then
    error(("%s: %s"):format(address, why), 2)
  end
  local self = setmetatable({ _held = {}, _held_at = {}, _held_kind = {}, _first = 1, _last = 0, _held_bytes = 0,
    _on_message = options.on_message, _on_close = options.on_close, _drain = {}, _open = false }, Connection)
  self._close_timeout = options.close_timeout_ns or core.DEFAULTS.close_timeout_ns
  self._tag = scheduler.on(function(event)
    on[event.kind](self, event)
  end)
  local message, class
  self._handle, message, class = core.open(self._tag, core_options(parts, options))
  if not self._handle then
    scheduler.forget(self._tag)
    return nil, message, class
  end
  scheduler.wait_key(self, scheduler.now() + (options.connect_timeout_ns or core.DEFAULTS.connect_timeout_ns) + SLACK_NS)
  if not self._open then
    message, class = why_closed(self)
    self:drop()
    return nil, message, class
  end
  return self
end

-- ---- messages ----

local function send(self, kind, data)
  if not self._handle or self.class then
    return nil, why_closed(self)
  end
  local ok, message, class = core.send(self._handle, kind, 0, data)
  if class == "invalid" then
    error(message, 3)
  end
  return ok, message, class
end

-- Sends a text (UTF-8), without waiting. True; or nil, message, class (limit: wait by drained and send it again).
function Connection:send(text)
  return send(self, core.TEXT, text)
end

function Connection:send_binary(bytes)
  return send(self, core.BINARY, bytes)
end

-- When the last message was written; 0: it has not been yet.
function Connection:sent_ns()
  return self._handle and core.sent_ns(self._handle, 0) or 0
end

-- After a send failed by its limit: waits until there is room. True; or nil, message, class.
function Connection:drained(deadline_ns)
  if not self.class and not scheduler.wait_key(self._drain, deadline_ns) then
    return nil, "the queue was not drained in time", "timeout"
  elseif self.class then
    return nil, why_closed(self)
  end
  return true
end

-- What has come, or nil.
local function take(self)
  local n = self._first
  local data, at_ns, kind = self._held[n], self._held_at[n], self._held_kind[n]
  if not data then
    return nil
  end
  self._held[n], self._held_at[n], self._held_kind[n] = nil, nil, nil
  self._first = n + 1
  self._held_bytes = self._held_bytes - #data
  if self._paused and self._held_bytes <= HELD_MAX / 2 then
    self._paused = false
    core.set_reading(self._handle, true)
  end
  return data, at_ns, kind
end

-- The next message: data, at_ns, kind; waits for it until the deadline. What came before the end is given before it.
function Connection:receive(deadline_ns)
  if self._on_message then
    error("the connection's messages go to on_message", 2)
  end
  while not self._held[self._first] do
    if self.class or not self._handle then
      return nil, why_closed(self)
    elseif not scheduler.wait_key(self, deadline_ns) then
      return nil, "no message in time", "timeout"
    end
  end
  return take(self)
end

-- ---- the end ----

-- At once, without a word to the peer; tasks that wait are resumed.
function Connection:drop()
  if self._handle then
    core.free(self._handle)
    scheduler.forget(self._tag)
    self._handle, self._open, self._paused = nil, false, false
    scheduler.wake_key(self, true)
    scheduler.wake_key(self._drain, true)
  end
end

-- Closes in order, behind what was sent, and waits for the peer's answer. True with the peer's code and reason; or nil,
-- message, class. code: 1000 (default) to 1014 or 3000 to 4999; reason: UTF-8 of at most 123 bytes.
function Connection:close(code, reason)
  if self._handle and not self.class then
    local ok, message = core.close(self._handle, code or 1000, reason or "")
    if not ok then
      error(message, 2)
    end
    local deadline = scheduler.now() + self._close_timeout + SLACK_NS
    while not self.class and self._handle and scheduler.now() < deadline do -- messages that still come wake us, too
      scheduler.wait_key(self, deadline)
    end
  end
  self:drop()
  if self.class ~= "closed" then
    return nil, why_closed(self)
  end
  return true, self.code, self.message
end

-- {sent, received (messages), pings (sent), pongs (received): so far; queued (bytes): now}
function Connection:stats()
  return core.stats(self._handle or error("the connection is closed", 2))
end

return M
