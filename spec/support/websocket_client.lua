-- The WebSocket client of specs, and commands for the server of ws_server.js.
local cjson = require("cjson")
local http_client = require("spec.support.http_client")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")
local websocket = require("vernier.websocket")

local M = {}

-- The instant in so many seconds, of which a slow build has more.
function M.soon(seconds)
  return scheduler.now() + (seconds or 5) * 1e9 * support.slow
end

-- Runs fn(connection) as a task, and drops the connection.
function M.with(url, options, fn)
  return http_client.with(function()
    return websocket.connect(url, options)
  end, nil, fn, "drop")
end

function M.command(connection, what)
  assert(connection:send(cjson.encode(what)))
end

-- What the server answers to a command.
function M.ask(connection, what)
  M.command(connection, what)
  return cjson.decode((assert(connection:receive(M.soon()))))
end

return M
