-- The URLs of services, as users write them, in parts.
local M = {}

-- "host", "host:port" or "[v6]:port": host, port (number or nil); or nil where it is none of these.
local function parse_authority(text)
  local host, port = text:match("^%[([%x:.]+)%](.*)$")
  if not host then
    host, port = text:match("^([^:@%[%]]+)(.*)$")
  end
  local number = port and tonumber(port:match("^:(%d+)$"))
  if not host or port ~= "" and not number or number and (number < 1 or number > 65535) then
    return nil
  end
  return host, number
end

-- {tls, host, port} and what follows, up to a fragment; or nil and why not, where form is what is expected. plain: the
-- scheme, which with an s at its end stands for TLS.
local function parse(url, form, plain)
  local scheme, authority, rest = url:match("^(%a+)://([^/?#]+)([^#]*)$")
  if scheme ~= plain and scheme ~= plain .. "s" then
    return nil, "must be " .. form
  elseif authority:find("@", 1, true) then
    return nil, "must not hold a password: use the headers option (Authorization)"
  end
  local host, port = parse_authority(authority)
  if not host then
    return nil, "must name a host and, if at all, a port in 1-65535"
  end
  return { tls = scheme ~= plain, host = host, port = port }, rest
end

local function with_slash(path)
  return path:sub(1, 1) == "/" and path or "/" .. path
end

-- A service: "http://host:port/base", "https://…" as {tls, host, port, base}, "unix:/path/of/socket" as {path, base}; or
-- nil and why not. The base is put before the path of every request.
function M.service(url)
  local path = url:match("^unix:/*(/.+)$")
  if path then
    return { path = path, base = "" }
  end
  local form = "http://host:port, https://host:port or unix:/path"
  local parts, rest = parse(url, form, "http")
  if not parts then
    return nil, rest
  elseif rest:find("?", 1, true) then
    return nil, "must be " .. form
  end
  parts.base = rest:gsub("/+$", "")
  return parts
end

-- One page: "http://host:port/path?query" or "https://…" as {tls, host, port, path (with the query), text}; or nil and why
-- not.
function M.page(url)
  local parts, path = parse(url, "http://host:port/path or https://host:port/path", "http")
  if not parts then
    return nil, path
  end
  parts.path, parts.text = with_slash(path), url
  return parts
end

-- "ws://host:port/path?query" or "wss://…" as {tls, host, port, target}, "ws+unix:/path/of/socket" or, with a target,
-- "ws+unix:/path/of/socket:/target" as {path, target}; or nil and why not.
function M.websocket(url)
  local socket, target = url:match("^ws%+unix:/*(/[^:#]+):?([^#]*)$")
  if socket then
    return { path = socket, target = with_slash(target) }
  end
  local parts, rest = parse(url, "ws://host:port/path, wss://host:port/path or ws+unix:/path/of/socket", "ws")
  if not parts then
    return nil, rest
  end
  parts.target = with_slash(rest)
  return parts
end

local RPC = "must be http://host:port, https://…, ws://…, wss://…, ipc:/path/of/socket or, for HTTP and WebSocket on a unix "
  .. "socket, unix:/path or ws+unix:/path"

local function rpc_websocket(url)
  local parts, why = M.websocket(url)
  return parts and { transport = "websocket", host = parts.host, port = parts.port, tls = parts.tls, path = parts.path,
    target = parts.target }, why
end

local function rpc_http(url)
  local parts, why = M.page(url)
  return parts and { transport = "http", host = parts.host, port = parts.port, tls = parts.tls, target = parts.path }, why
end

local function rpc_unix(url)
  local parts, why = M.service(url)
  return parts and { transport = "http", path = parts.path, target = "/" }, why
end

local function rpc_ipc(url)
  local path = url:match("^ipc:/*(/.+)$") or url:match("^/.+%.ipc$")
  return path and { transport = "ipc", path = path }, RPC
end

local BY_SCHEME = { ws = rpc_websocket, wss = rpc_websocket, ["ws+unix"] = rpc_websocket, http = rpc_http, https = rpc_http,
  unix = rpc_unix }

-- A JSON-RPC server as {transport = "http" | "websocket" | "ipc", host, port, tls, or path (of a socket), target, text}; or
-- nil and why not. A path that ends with .ipc is taken as ipc:PATH.
function M.rpc(url)
  local parts, why = (BY_SCHEME[url:match("^(%a[%a+]*):")] or rpc_ipc)(url)
  if not parts then
    return nil, why
  end
  parts.text = url
  return parts
end

return M
