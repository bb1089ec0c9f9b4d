-- HTTP/1.1 server: calls a function for every request, from the loop; the answer may come at any later time.
--
--   local server = server.new({ port = 0 }, function(server, request, method, path, body, at_ns)
--     server:reply(request, 200, "Content-Type: text/plain\r\n", "hello\n")
--   end)
--
-- method is an upper-case name ("?": unknown), path holds the query, body is "" when there is none. The function must
-- not yield. Who makes a server closes it before the program ends.
local core = require("vernier.core.server")
local scheduler = require("vernier.scheduler")

local M = {}

local Server = {}
Server.__index = Server

-- options as for vernier.core.server.new. The server with its port in .port; or nil, message.
function M.new(options, on_request)
  local self = setmetatable({}, Server)
  self._tag = scheduler.on(function(event)
    on_request(self, core.request(event))
  end)
  local port
  self._handle, port = core.new(self._tag, options)
  if not self._handle then
    scheduler.forget(self._tag)
    return nil, port
  end
  self.port = port
  return self
end

-- headers: lines "Name: value\r\n…" or nil. 0; or nil, message, code when the client has gone.
function Server:reply(request, status, headers, body, close)
  if not self._handle then
    return nil, "the server is closed"
  end
  return core.reply(self._handle, request, status, headers, body, close)
end

-- Instead of a reply: ends the connection, with a TCP RST if reset.
function Server:drop(request, reset)
  if not self._handle then
    return nil, "the server is closed"
  end
  return core.drop(self._handle, request, reset)
end

function Server:connections()
  return self._handle and core.connections(self._handle) or 0
end

-- Completes the arrival log and closes everything: 0; or nil, message, code if the log could not be written.
function Server:close()
  if not self._handle then
    return 0
  end
  local rc, message, code = core.flush_log(self._handle)
  core.free(self._handle)
  scheduler.forget(self._tag)
  self._handle = nil
  return rc, message, code
end

return M
