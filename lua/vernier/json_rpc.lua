-- JSON-RPC 2.0 client of one or several servers, over HTTP, WebSocket or a unix socket (ipc), with one interface:
--
--   local client, message, class = json_rpc.connect({ url = "ws://127.0.0.1:8546" })   -- inside a task
--   local result, failure = client:call("eth_chainId")
--   local hash, failure = client:call("eth_sendRawTransaction", '["0x02f8…"]')   -- params that are JSON already
--   local outcomes, failure = client:batch({ { "eth_chainId" }, { "eth_getBalance", { address, "latest" } } })
--
-- A call looks synchronous to the task that makes it; many may be in flight. A failure is {class, message, code, data} and
-- tostring(failure) its text. Classes: rpc (the server's answer is an error: code and data are its own), timeout,
-- connection (lost, or not there), protocol (the answer is none), limit (too much is waiting to be sent), and of HTTP
-- status, resolve, connect, tls, reset. Nothing is sent twice.
--
-- Several URLs take turns (one that is given twice has two connections); of those that are connections, the ones that are
-- open. client.endpoints are the servers one by one, with the same calls: what belongs together (a subscription, the
-- transactions of an account) stays with one. endpoint:aside() gives one for calls that must not wait behind others.
local batching = require("vernier.json_rpc.batching")
local channel = require("vernier.json_rpc.channel")
local http = require("vernier.json_rpc.http")
local json = require("vernier.json")
local url = require("vernier.url")

local M = { null = json.null }

local Client = {}
Client.__index = Client

local DEFAULTS = {
  timeout_ns = 30e9,
  connect_timeout_ns = 10e9,
  connections = 128,
  reconnect_min_ns = 100e6,
  reconnect_max_ns = 5e9,
}

local TRANSPORTS = { http = http, websocket = channel, ipc = channel }

local function parse_all(urls)
  local list = {}
  for i, text in ipairs(urls) do
    local parts, why = url.rpc(text)
    if not parts then
      error(("%s: %s"):format(text, why), 3)
    end
    list[i] = parts
  end
  return list
end

-- options: url or urls; timeout_ns (30 s, of a call), connect_timeout_ns (10 s), headers (of HTTP and of the WebSocket
-- handshake), ca (PEM file), verify (false takes any certificate), batching (none: see vernier.json_rpc.batching).
-- HTTP: connections (128), for each URL. WebSocket and ipc: reconnect (false: never), after a pause from reconnect_min_ns
-- (0.1 s) that doubles up to reconnect_max_ns (5 s); ping_interval_ns, ping_timeout_ns, idle_timeout_ns, max_message and
-- max_queued as vernier.websocket has them; on_notification(method, params, at_ns, endpoint), on_connected(endpoint), also
-- after each reconnection: subscriptions have to be made again; on_lost(endpoint, message, class). They are called from the
-- loop and must not wait: scheduler.spawn what does.
-- The client, once all are connected; or nil, message, class.
function M.connect(options)
  local self = setmetatable({ endpoints = {}, _turn = 0 }, Client)
  local own = {}
  for name, value in pairs(DEFAULTS) do
    own[name] = value
  end
  for name, value in pairs(options) do
    own[name] = value
  end
  for i, parts in ipairs(parse_all(own.urls or { own.url })) do
    local endpoint, why, class = TRANSPORTS[parts.transport].open(parts, own)
    if not endpoint then
      self:close()
      return nil, ("%s: %s"):format(parts.text, why), class
    end
    self.endpoints[i] = endpoint
    if own.batching then
      batching.attach(endpoint, own.batching)
    end
  end
  return self
end

-- The endpoint whose turn it is: the next that is open, or the next if none is.
function Client:endpoint()
  local n, endpoints = #self.endpoints, self.endpoints
  for i = 1, n do
    local turn = (self._turn + i - 1) % n + 1
    if endpoints[turn]:is_open() then
      self._turn = turn
      return endpoints[turn]
    end
  end
  self._turn = self._turn % n + 1
  return endpoints[self._turn]
end

-- method, params (a JSON text, a table or nil), timeout_ns (nil: the client's), tx (a transaction whose stamps are set, or
-- nil), read (of a result that is an object or a list: read(data, len) gives what it is instead of its decoded JSON, at once and
-- without a wait, from so many bytes at a pointer; or nil, message). The result, json_rpc.null for null; or nil and a failure.
function Client:call(...)
  return self:endpoint():call(...)
end

-- requests: a list of {method, params}, not empty; timeout_ns, tx, read (of each) as above. A list of {result =} or
-- {error = failure}, in its order; or nil and a failure of all.
function Client:batch(...)
  return self:endpoint():batch(...)
end

-- {in_flight, stale (answers that came too late), connects}: of all endpoints.
function Client:stats()
  local sum = { in_flight = 0, stale = 0, connects = 0 }
  for _, endpoint in ipairs(self.endpoints) do
    for name, value in pairs(endpoint:stats()) do
      sum[name] = sum[name] + value
    end
  end
  return sum
end

-- Calls that are in flight over a WebSocket or ipc fail with class connection.
function Client:close()
  for _, endpoint in ipairs(self.endpoints) do
    endpoint:close()
  end
end

return M
