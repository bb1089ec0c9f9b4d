-- JSON-RPC over HTTP: a POST for each call or batch, over pooled connections; what finds them all busy waits for its turn.
-- Nothing keeps the order of calls that are in flight at the same time.
local core = require("vernier.core.json_rpc")
local http = require("vernier.http")
local message = require("vernier.json_rpc.message")
local scheduler = require("vernier.scheduler")

local M = {}

local Endpoint = {}
Endpoint.__index = Endpoint

local ASIDE = 2 -- connections

local function open(parts, options, connections)
  local headers = { ["Content-Type"] = "application/json" }
  for name, value in pairs(options.headers or {}) do
    headers[name:lower() == "content-type" and "Content-Type" or name] = value
  end
  local client, why, class = http.new({ host = parts.host, path = parts.path, port = parts.port, tls = parts.tls,
    ca = options.ca, verify = options.verify, connections = connections, headers = headers,
    connect_timeout_ns = options.connect_timeout_ns, request_timeout_ns = options.timeout_ns })
  if not client then
    return nil, why, class
  end
  local ok
  ok, why, class = client:resolved(scheduler.now() + options.connect_timeout_ns)
  if not ok then
    client:close()
    return nil, why, class
  end
  return setmetatable({ url = parts.text, files_limit = client.files_limit, _client = client, _target = parts.target,
    _parts = parts, _options = options, _next_id = 1 }, Endpoint)
end

-- parts: of vernier.url.rpc; options: of vernier.json_rpc. Inside a task. The endpoint; or nil, message, class.
function M.open(parts, options)
  return open(parts, options, options.connections)
end

-- One of the same server for calls that must not wait behind those of this one, with which it ends. Inside a task; or nil,
-- message, class.
function Endpoint:aside()
  local why, class
  if not self._aside then
    self._aside, why, class = open(self._parts, self._options, ASIDE)
  end
  return self._aside, why, class
end

function Endpoint:is_open()
  return self._client ~= nil
end

-- The text of the answer; or nil and a failure.
local function post(self, text, timeout_ns, tx)
  if not self._client then
    return nil, message.failure("connection", "the client is closed")
  end
  local response, why, class = self._client:send("POST", self._target, nil, text, timeout_ns or 0, tx)
  if not response then
    return nil, message.failure(class, why)
  end
  local body = response.body
  -- Some nodes send JSON-RPC errors with other statuses than 200.
  if (response.status < 200 or response.status > 299) and not core.next(body, #body, 0) then
    local start = body:sub(1, 160):gsub("%s+", " ")
    return nil, message.failure("status", ("status %d%s"):format(response.status, start ~= "" and ": " .. start or ""))
  end
  return body
end

local function not_ours(body)
  return message.failure("protocol", "no answer to the request: " .. body:sub(1, 100))
end

-- An error without an id is that of a request which the server could not read.
local function is_answer(kind, id, expected)
  return kind == core.RESULT and id == expected or kind == core.ERROR and (id == expected or id == -1)
end

local function read_answer(body, id, read)
  local at, kind, got = core.next(body, #body, 0)
  if not at then
    return nil, message.failure("protocol", kind)
  elseif not is_answer(kind, got, id) then
    return nil, not_ours(body)
  end
  local result, failure = message.outcome(kind, read)
  local last, more = core.next(body, #body, at)
  if not last then
    return nil, message.failure("protocol", more)
  elseif more ~= 0 then
    return nil, not_ours(body)
  end
  return result, failure
end

-- params: a JSON text or a table or nil; timeout_ns: nil = the client's; tx: the transaction whose stamps are set, or nil;
-- read: see vernier.json_rpc. The result (vernier.json.null for null); or nil and a failure {class, message, code, data}.
function Endpoint:call(method, params, timeout_ns, tx, read)
  local id = self._next_id
  self._next_id = id % 1e9 + 1
  local body, failure = post(self, message.request(method, params, id), timeout_ns, tx)
  if not body then
    return nil, failure
  end
  return read_answer(body, id, read)
end

-- Outcomes by index; or nil and the failure of all.
local function read_batch(body, n, read)
  local outcomes = {}
  local at, kind, id = core.next(body, #body, 0)
  while at and kind > 0 do
    if kind == core.ERROR and id == -1 then
      return nil, message.error_of()
    elseif kind ~= core.NOTIFICATION and id >= 1 and id <= n then
      local result, failure = message.outcome(kind, read)
      outcomes[id] = { result = result, error = failure }
    end
    at, kind, id = core.next(body, #body, at)
  end
  if not at then
    return nil, message.failure("protocol", kind)
  end
  return outcomes
end

-- requests: a list of {method, params}. A list of {result =} or {error =}, in its order; or nil and a failure of all.
function Endpoint:batch(requests, timeout_ns, tx, read)
  local texts = {}
  for i, request in ipairs(requests) do
    texts[i] = message.request(request[1], request[2], i)
  end
  local body, failure = post(self, "[" .. table.concat(texts, ",") .. "]", timeout_ns, tx)
  local outcomes
  if body then
    outcomes, failure = read_batch(body, #requests, read)
  end
  if not outcomes then
    return nil, failure
  end
  for i = 1, #requests do
    outcomes[i] = outcomes[i] or { error = not_ours(body) }
  end
  return outcomes
end

-- {in_flight, …}
function Endpoint:stats()
  local s = self._client and self._client:stats()
  return { in_flight = s and s.active + s.queued or 0, stale = 0, connects = s and s.connects or 0 }
end

function Endpoint:close()
  if self._client then
    self._client:close()
    self._client = nil
  end
  if self._aside then
    self._aside:close()
  end
end

return M
