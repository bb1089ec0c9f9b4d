-- HTTP/1.1 on keep-alive connections: ctx.sut:send{method =, path =, headers =, body =, timeout =, expect =} gives
-- {status, headers (lower-case names), body}. Redirects are results like others; they are not followed.
local http = require("vernier.http")
local scheduler = require("vernier.scheduler")

local SECOND = 1e9

-- "http://host:port/base", "https://…", "unix:/path/of/socket" in parts; or nil and why not.
local function parse_url(url)
  local path = url:match("^unix:/*(/.+)$")
  if path then
    return { path = path, base = "" }
  end
  local scheme, authority, base = url:match("^(%a+)://([^/?#]+)([^?#]*)$")
  if scheme ~= "http" and scheme ~= "https" then
    return nil, "must be http://host:port, https://host:port or unix:/path"
  elseif authority:find("@", 1, true) then
    return nil, "must not hold a password: use the headers option (Authorization)"
  end
  local host, port = authority:match("^%[([%x:.]+)%](.*)$")
  if not host then
    host, port = authority:match("^([^:%[%]]+)(.*)$")
  end
  local number = port and tonumber(port:match("^:(%d+)$"))
  if not host or (port ~= "" and not number) or (number and (number < 1 or number > 65535)) then
    return nil, "must name a host and, if at all, a port in 1-65535"
  end
  return { host = host, port = number, tls = scheme == "https", base = base:gsub("/+$", "") }
end

local M = {
  options = {
    url = { type = "string", required = true, convert = parse_url,
      doc = "where the service is: http://host:port, https://host:port or unix:/path; a path is put before every request's" },
    connections = { type = "integer", default = 128, min = 1, max = 65535,
      doc = "keep-alive connections per worker, at most" },
    timeout = { type = "duration", default = 30, min = 0.001, doc = "from the request to its whole response" },
    connect_timeout = { type = "duration", default = 10, min = 0.001, aliases = { "connectTimeout" },
      doc = "for name resolution, and for a connection with its TLS handshake" },
    tls = { type = "table", doc = "for https", fields = {
      ca = { type = "string", doc = "PEM file of trusted certificates; the system's store if absent" },
      verify = { type = "boolean", default = true, doc = "false takes any certificate" },
    } },
    headers = { type = "table", doc = "sent with every request that does not have them itself" },
  },
}

local function client_options(options, workspace)
  local url, tls = options.url, options.tls or {}
  local ca = tls.ca
  if ca and ca:sub(1, 1) ~= "/" then
    ca = (workspace or ".") .. "/" .. ca
  end
  return {
    host = url.host, port = url.port, path = url.path, tls = url.tls, ca = ca, verify = tls.verify,
    connections = options.connections, headers = options.headers,
    request_timeout_ns = options.timeout * SECOND, connect_timeout_ns = options.connect_timeout * SECOND,
  }
end

function M:init(ctx)
  local client, message = http.new(client_options(self.options, ctx.workspace))
  if not client then
    error("http: " .. message, 0)
  end
  local ok
  ok, message = client:resolved(scheduler.now() + self.options.connect_timeout * SECOND)
  if not ok then
    client:close()
    error("http: " .. message, 0)
  end
  self._client, self._base = client, self.options.url.base
end

-- Key-value workloads (contract "simple"): POST /<verb> with the arguments as a JSON object.
local function of_contract(request)
  if type(request.verb) ~= "string" then
    error(('a request of the contract "%s" needs a verb'):format(tostring(request.contract)), 0)
  end
  return { method = "POST", path = "/" .. request.verb, body = request.args or {}, timeout = request.timeout,
    expect = request.expect }
end

local function is_expected(expected, status)
  if type(expected) ~= "table" then
    return status == expected
  end
  for i = 1, #expected do
    if expected[i] == status then
      return true
    end
  end
  return false
end

-- nil for a good response; else message, class.
local function judge(response, expect)
  local status = response.status
  if expect and expect.status then
    if not is_expected(expect.status, status) then
      return "status " .. status, "status"
    end
  elseif status < 200 or status > 399 then
    return "status " .. status, "status"
  end
  local part = expect and (expect.body or expect.substring)
  if part and not response.body:find(part, 1, true) then
    return ("the body does not contain %q"):format(part), "check"
  end
end

-- The connector's answer from the client's: response, sent_ns, at_ns; or nil, message, class, sent_ns, at_ns.
local function settle(tx, expect, response, a, b, c, d)
  if not response then
    http.stamp(tx, c, d)
    return nil, a, b
  end
  http.stamp(tx, a, b)
  local message, class = judge(response, expect)
  if message then
    return nil, message, class, response
  end
  return response
end

function M:run(request, tx)
  if type(request) ~= "table" then
    error("the http connector expects a request like {method =, path =, headers =, body =}", 0)
  elseif request.contract then
    request = of_contract(request)
  end
  local path = request.path or "/"
  return settle(tx, request.expect, self._client:send(request.method or "GET", self._base .. path, request.headers,
    request.body, request.timeout and request.timeout * SECOND or 0))
end

M["end"] = function(self)
  if self._client then
    self._client:close()
    self._client = nil
  end
end

return M
