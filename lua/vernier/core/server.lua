-- HTTP/1.1 server, the C half: requests are events of one persistent tag. What programs use is vernier.server.
local core = require("vernier.core.ffi")
local loop = require("vernier.core.loop")
local C, ffi, check = core.C, core.ffi, core.check

local M = {}

local METHODS = {}
for i = 0, tonumber(C.VN_METHODS) - 1 do
  METHODS[i] = ffi.string(C.vn_http_method_name(i))
end

-- options: host, port (0: any free one), cert and key (PEM files), arrival_log, max_connections, max_head, max_body.
-- The handle and the port; or nil, message.
function M.new(tag, options)
  local o = ffi.new("vn_server_options", {
    host = options.host,
    cert = options.cert,
    key = options.key,
    arrival_log = options.arrival_log,
    port = options.port or 0,
    max_connections = options.max_connections or 0,
    max_head = options.max_head or 0,
    max_body = options.max_body or 0,
  })
  local handle = C.vn_server_new(loop.handle, tag, o)
  if handle == nil then
    return nil, ffi.string(C.vn_errmsg())
  end
  return handle, C.vn_server_port(handle)
end

-- Of a REQUEST event: its handle, method ("?": unknown), path with query, body, arrival time.
function M.request(event)
  return event.value, METHODS[event.n], ffi.string(event.head, event.head_len), ffi.string(event.data, event.len),
    event.at_ns
end

local record = ffi.new("vn_server_response")

-- headers: lines "Name: value\r\n…" or nil. 0; or nil, message, code when the client has gone.
function M.reply(handle, request, status, headers, body, close)
  record.status, record.close = status, close and 1 or 0
  record.headers, record.headers_len = headers, headers and #headers or 0
  record.body, record.body_len = body, body and #body or 0
  return check(C.vn_server_reply(handle, request, record))
end

-- Instead of a reply: ends the connection, with a TCP RST if reset.
function M.drop(handle, request, reset)
  return check(C.vn_server_close_connection(handle, request, reset and 1 or 0))
end

function M.connections(handle)
  return C.vn_server_connections(handle)
end

-- Writes what the arrival log has buffered: 0; or nil, message, code.
function M.flush_log(handle)
  return check(C.vn_server_flush_log(handle))
end

-- Closes everything. Not left to the collector, because the loop may be gone before.
function M.free(handle)
  C.vn_server_free(handle)
end

return M
