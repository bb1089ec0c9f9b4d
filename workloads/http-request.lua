-- One HTTP request per run: method, path, headers and body from the arguments. In path and body stand {index} for the
-- run's number (0-based, unique over all workers), {worker} for the worker's and {random:N} for a whole number in 0…N-1.
local http = require("vernier.http")

local M = {
  options = {
    method = { type = "string", doc = "GET if absent, POST with a body" },
    path = { type = "string", default = "/", doc = "path and query; may hold {index}, {worker}, {random:N}" },
    headers = { type = "table", doc = "header fields" },
    body = { doc = "a text, or a mapping or list that is sent as JSON; may hold {index}, {worker}, {random:N}" },
    timeout = { type = "duration", doc = "instead of the connector's" },
    expect = { type = "table", doc = "what makes a response good; status 200-399 if absent", fields = {
      status = { doc = "a status, or a list of them" },
      body = { type = "string", aliases = { "substring" }, doc = "a text that the body contains" },
    } },
    operation = { type = "string", doc = "name of the operation in the report" },
  },
}

local values = {}

function values.index(ctx)
  return ("%.0f"):format(ctx.index)
end

function values.worker(ctx)
  return ctx.worker
end

local function value_of(name)
  local limit = name:match("^random:(%d+)$")
  if not limit then
    return values[name]
  end
  limit = tonumber(limit)
  if limit < 1 then
    error("{random:N} needs an N of at least 1", 0)
  end
  return function(ctx)
    return ("%.0f"):format(ctx.random(0, limit - 1))
  end
end

-- A function(ctx) -> text; nil if nothing in the text has to be filled in.
local function template(text)
  local parts, fills, from = {}, {}, 1
  for at, name, after in text:gmatch("(){([%w:]+)}()") do
    local fill = value_of(name)
    if fill then
      parts[#parts + 1] = text:sub(from, at - 1)
      parts[#parts + 1] = ""
      fills[#parts] = fill
      from = after
    end
  end
  if #parts == 0 then
    return nil
  end
  parts[#parts + 1] = text:sub(from)
  return function(ctx)
    for i, fill in pairs(fills) do
      parts[i] = fill(ctx)
    end
    return table.concat(parts)
  end
end

local function has_type(headers)
  for name in pairs(headers) do
    if tostring(name):lower() == "content-type" then
      return true
    end
  end
  return false
end

local function json_headers(headers)
  if has_type(headers) then
    return headers
  end
  local copy = { ["Content-Type"] = "application/json" }
  for name, value in pairs(headers) do
    copy[name] = value
  end
  return copy
end

function M:init(ctx)
  local o = ctx.arguments
  local headers, body = o.headers, o.body
  if type(body) == "table" then
    body, headers = http.encode_json(body), json_headers(headers or {})
  elseif body ~= nil then
    body = tostring(body)
  end
  self._request = { method = o.method or (body and "POST" or "GET"), path = o.path or "/", headers = headers, body = body,
    timeout = o.timeout, expect = o.expect }
  self._path, self._body = template(self._request.path), body and template(body)
  self._options = { operation = o.operation or ctx.round.label }
end

function M:run(ctx)
  local request = self._request
  if self._path or self._body then
    request = { method = request.method, path = self._path and self._path(ctx) or request.path, headers = request.headers,
      body = self._body and self._body(ctx) or request.body, timeout = request.timeout, expect = request.expect }
  end
  ctx.sut:send(request, self._options)
end

return M
