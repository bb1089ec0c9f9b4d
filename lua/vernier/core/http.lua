-- HTTP/1.1 client, the C half: tags in, events out. What tasks use is vernier.http.
local core = require("vernier.core.ffi")
local loop = require("vernier.core.loop")
local C, ffi = core.C, core.ffi

local M = {}

local text_of = ffi.string

local DEFAULTS = {
  connect_timeout_ns = 10e9,
  request_timeout_ns = 30e9,
  connections = 128,
  max_head = 0,
  max_body = 0,
}

-- options: host or path (unix socket), port, tls, ca, verify, host_header, connections, connect_timeout_ns,
-- request_timeout_ns, max_head, max_body. One RESOLVED event follows. The handle; or nil, message, class.
function M.new(tag, options)
  local o = ffi.new("vn_http_options", core.server(options, DEFAULTS))
  local handle = C.vn_http_new(loop.handle, tag, o)
  if handle == nil then
    return nil, ffi.string(C.vn_errmsg()), options.tls and "tls" or "resolve"
  end
  return handle
end

local record = ffi.new("vn_http_request")
local OWN_HOST = tonumber(C.VN_HTTP_OWN_HOST)

-- headers: lines "Name: value\r\n…"; own_host: Host is among them; body: text or nil; timeout_ns: 0 = the client's.
-- True, and one RESPONSE event follows; or nil, message.
function M.submit(handle, tag, method, path, headers, own_host, body, timeout_ns)
  record.method, record.method_len = method, #method
  record.path, record.path_len = path, #path
  record.headers, record.headers_len = headers, #headers
  record.body, record.body_len = body, body and #body or 0
  record.timeout_ns = timeout_ns
  record.flags = own_host and OWN_HOST or 0
  if C.vn_http_submit(handle, tag, record) < 0 then
    return nil, ffi.string(C.vn_errmsg())
  end
  return true
end

-- The message of a failure to resolve.
M.text = core.text

local known_id, known_head -- of the answer before: mostly it is the same again

local function head_of(event)
  local id = event.head_id
  if id == 0 or id ~= known_id then
    known_id, known_head = id, text_of(event.head, event.head_len)
  end
  return known_head
end

-- What a RESPONSE event says: HTTP status, body, header lines, sent_ns (0: never), at_ns; of a failure nil, message, nil,
-- sent_ns, at_ns and its class: resolve, connect, tls, timeout, reset or protocol.
function M.response(event)
  local body = text_of(event.data, event.len)
  if event.status < 0 then
    return nil, body, nil, event.sent_ns, event.at_ns, core.class(event.status)
  end
  return event.n, body, head_of(event), event.sent_ns, event.at_ns
end

function M.cancel_all(handle)
  C.vn_http_cancel_all(handle)
end

-- {connects, responses, errors, open, idle, active, queued}: see vn_http_stats.
function M.stats(handle)
  local s = ffi.new("vn_http_stats")
  C.vn_http_get_stats(handle, s)
  return s
end

-- Closes everything; no event follows. Not left to the collector, because the loop may be gone before.
function M.free(handle)
  C.vn_http_free(handle)
end

return M
