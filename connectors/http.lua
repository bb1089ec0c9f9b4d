-- HTTP/1.1 on keep-alive connections: ctx.sut:send{method =, path =, headers =, body =, timeout =, expect =} gives
-- {status, headers (lower-case names), body}. Redirects are results like others; they are not followed.
local http = require("vernier.http")
local scheduler = require("vernier.scheduler")
local url = require("vernier.url")

local SECOND = 1e9

local M = {
  options = {
    url = { type = "string", required = true, convert = url.service,
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
  local service, tls = options.url, options.tls or {}
  local ca = tls.ca
  if ca and ca:sub(1, 1) ~= "/" then
    ca = (workspace or ".") .. "/" .. ca
  end
  return {
    host = service.host, port = service.port, path = service.path, tls = service.tls, ca = ca, verify = tls.verify,
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
  if client.files_limit then
    ctx.log(("http: this process may open %d files, too few for %d connections (ulimit -n)"):format(client.files_limit,
      self.options.connections), "warning")
  end
  self._client, self._base = client, self.options.url.base
end

-- A path of a workload is a new string each time: one that stays as it is needs not be made twice.
local function full_path(base, path)
  return base == "" and path or base .. path
end

-- Key-value workloads (contract "simple"): POST /<verb> with the arguments as JSON, a list or an object.
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

local function is_good(status)
  return status >= 200 and status <= 399
end

local function refuse(response)
  return nil, "status " .. response.status, "status", response
end

local function judge(response, expect)
  local status, part = response.status, expect.body or expect.substring
  if expect.status and not is_expected(expect.status, status) or not expect.status and not is_good(status) then
    return refuse(response)
  elseif part and not response.body:find(part, 1, true) then
    return nil, ("the body does not contain %q"):format(part), "check", response
  end
  return response
end

function M:run(request, tx)
  if type(request) ~= "table" then
    error("the http connector expects a request like {method =, path =, headers =, body =}", 0)
  elseif request.contract then
    request = of_contract(request)
  end
  local expect = request.expect
  local response, message, class = self._client:send(request.method or "GET", full_path(self._base, request.path or "/"),
    request.headers, request.body, request.timeout and request.timeout * SECOND or 0, tx)
  if not response then
    return nil, message, class
  elseif expect then
    return judge(response, expect)
  elseif is_good(response.status) then
    return response
  end
  return refuse(response)
end

M["end"] = function(self)
  if self._client then
    self._client:close()
    self._client = nil
  end
end

return M
