---@meta vernier.websocket

-- A WebSocket client for connectors: local websocket = require("vernier.websocket"). What waits suspends the calling run.
-- Instants and durations are ns; now is require("vernier.scheduler").now().

---@class vernier.WebSocketOptions
---@field headers? table<string, string|string[]> of the handshake
---@field protocols? string[] subprotocols that are offered
---@field host_header? string
---@field ca? string PEM file of trusted certificates; the system's store if absent
---@field verify? boolean false takes any certificate
---@field connect_timeout_ns? number until it is open; 10e9
---@field ping_interval_ns? number silence of the peer after which a ping is sent; 30e9, 0: none is
---@field ping_timeout_ns? number for its answer; 10e9
---@field idle_timeout_ns? number without a message from the peer; 0: none
---@field close_timeout_ns? number for the peer's answer to our close; 5e9
---@field max_message? integer bytes of a message from the peer; 64 MiB
---@field max_queued? integer bytes that wait to be written; 16 MiB
---@field on_message? fun(data: string, at_ns: number, kind: "text"|"binary") instead of receive; must not wait
---@field on_close? fun(message: string, class: string, code: integer) must not wait

---@class vernier.WebSocket
---@field headers table<string, string> of the server's answer, by lower-case name
---@field protocol? string that the server chose
---@field class? string once it has ended: closed (in order), reset, timeout, tls, protocol
---@field code? integer the close code
---@field message? string the peer's reason, or why it ended
---@field by_peer? boolean the peer began the end
local WebSocket = {}

---Sends a text, UTF-8, without waiting. Of the class "limit": wait by drained, and send it again.
---@param text string
---@return true?, string? message, string? class
function WebSocket:send(text) end

---@param bytes string
---@return true?, string? message, string? class
function WebSocket:send_binary(bytes) end

---When the last message was written; 0: not yet.
---@return number
function WebSocket:sent_ns() end

---Waits until there is room to send.
---@param deadline_ns number
---@return true?, string? message, string? class
function WebSocket:drained(deadline_ns) end

---The next message.
---@param deadline_ns number
---@return string? data, number|string at_ns, string kind or nil, message, class
function WebSocket:receive(deadline_ns) end

---Closes in order and waits for the peer's answer.
---@param code? integer 1000 (default) to 1014, 3000 to 4999
---@param reason? string
---@return true?, integer|string code, string reason the peer's; or nil, message, class
function WebSocket:close(code, reason) end

---Ends it at once.
function WebSocket:drop() end

---@return {sent: number, received: number, pings: number, pongs: number, queued: number}
function WebSocket:stats() end

local M = {}

---Who connects closes or drops.
---@param url string ws://host:port/path, wss://… or ws+unix:/path/of/socket
---@param options? vernier.WebSocketOptions
---@return vernier.WebSocket?, string? message, string? class
function M.connect(url, options) end

return M
