---@meta vernier.json_rpc

-- A JSON-RPC 2.0 client for connectors: local json_rpc = require("vernier.json_rpc"). What waits suspends the calling run.

---@class vernier.JsonRpcOptions
---@field url? string http://…, https://…, ws://…, wss://…, ipc:/path/of/socket, unix:/path or ws+unix:/path
---@field urls? string[] several, which take turns
---@field timeout_ns? number of a call; 30e9
---@field connect_timeout_ns? number 10e9
---@field headers? table<string, string>
---@field ca? string PEM file of trusted certificates
---@field verify? boolean false takes any certificate
---@field connections? integer HTTP: for each URL; 128
---@field batching? {size: integer, wait_ns: number, methods: table<string, true>} waiting calls of these methods go out together
---@field reconnect? boolean WebSocket, ipc: false never connects again
---@field reconnect_min_ns? number the first pause; 100e6
---@field reconnect_max_ns? number pauses double up to this; 5e9
---@field ping_interval_ns? number this and the following as in vernier.WebSocketOptions
---@field ping_timeout_ns? number
---@field idle_timeout_ns? number
---@field max_message? integer
---@field max_queued? integer
---@field on_notification? fun(method: string, params: any, at_ns: number, endpoint: vernier.JsonRpcEndpoint) must not wait
---@field on_connected? fun(endpoint: vernier.JsonRpcEndpoint) also after each reconnection; must not wait
---@field on_lost? fun(endpoint: vernier.JsonRpcEndpoint, message: string, class: string) must not wait

---@class vernier.JsonRpcFailure tostring gives its text
---@field class string rpc (the server's error), timeout, connection, protocol, limit; HTTP: status, resolve, connect, tls, reset
---@field message string
---@field code? number the server's
---@field data? any the server's

---@class vernier.JsonRpcOutcome of a request in a batch
---@field result? any
---@field error? vernier.JsonRpcFailure

---@class vernier.JsonRpcCalls what a client and each of its endpoints have
local Calls = {}

---@param method string
---@param params? table|string a table, or a text that is JSON already
---@param timeout_ns? number
---@param tx? vernier.Transaction whose stamps are set
---@return any result json_rpc.null for null; nil where it failed
---@return vernier.JsonRpcFailure? failure
function Calls:call(method, params, timeout_ns, tx) end

---@param requests {[1]: string, [2]: table|string|nil}[] {method, params} each
---@param timeout_ns? number
---@param tx? vernier.Transaction
---@return vernier.JsonRpcOutcome[]? outcomes in the order of the requests
---@return vernier.JsonRpcFailure? failure of all
function Calls:batch(requests, timeout_ns, tx) end

---@return {in_flight: integer, stale: integer, connects: integer}
function Calls:stats() end

function Calls:close() end

---@class vernier.JsonRpcEndpoint: vernier.JsonRpcCalls
---@field url string
---@field files_limit? integer HTTP: how many files this process may open, where that is too few
local Endpoint = {}

---@return boolean
function Endpoint:is_open() end

---One of the same server for calls that must not wait behind others. Over HTTP it has connections of its own.
---@return vernier.JsonRpcEndpoint? endpoint
---@return string? message
---@return string? class
function Endpoint:aside() end

---@class vernier.JsonRpc: vernier.JsonRpcCalls
---@field endpoints vernier.JsonRpcEndpoint[] by URL: what belongs together stays with one
local Client = {}

---The endpoint whose turn it is.
---@return vernier.JsonRpcEndpoint
function Client:endpoint() end

local M = {}

M.null = nil ---@type userdata what stands for null in results

---Waits until all are connected.
---@param options vernier.JsonRpcOptions
---@return vernier.JsonRpc?, string? message, string? class
function M.connect(options) end

return M
