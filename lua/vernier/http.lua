-- HTTP/1.1 client of one server: a request looks synchronous to the task that makes it.
--
--   local client = http.new({ host = "127.0.0.1", port = 8080, connections = 64 })
--   local response, sent_ns, at_ns = client:request({ method = "GET", path = "/" })   -- inside a task
--   if not response then … end   -- nil, message, class, sent_ns, at_ns
--
-- A response is {status, headers (lower-case names), body}; headers are parsed when they are first looked at. Classes of
-- failures: resolve, connect, tls, timeout, reset, protocol. Who makes a client closes it before the program ends.
local cjson = require("cjson")
local core = require("vernier.core.http")
local json = require("vernier.json")
local process = require("vernier.core.process")
local scheduler = require("vernier.scheduler")
local sorted = require("vernier.sorted")

local M = {}

local response_of, submit = core.response, core.submit
local new_tag, wait = scheduler.tag, scheduler.wait
local next, setmetatable, tostring, type = next, setmetatable, tostring, type

local Client = {}
Client.__index = Client

-- ---- headers ----

local TOKEN = "^[%w!#$%%&'*+.^_`|~-]+$"
local JSON_TYPE = "Content-Type: application/json\r\n"
local OWN = { ["content-length"] = true, ["transfer-encoding"] = true }

local function encode_field(lines, name, value)
  value = tostring(value)
  if type(name) ~= "string" or not name:find(TOKEN) then
    error(("%q is not a header name"):format(tostring(name)), 0)
  elseif value:find("[%z\r\n]") then
    error(("header %s: line break in its value"):format(name), 0)
  elseif OWN[name:lower()] then
    error(("header %s is set by the client itself"):format(name), 0)
  end
  lines[#lines + 1] = name .. ": " .. value .. "\r\n"
end

-- Header lines of a table (a list as value gives several lines), and the set of their lower-case names.
function M.encode_headers(headers)
  local lines, names = {}, {}
  for _, name in ipairs(sorted(headers)) do
    local value = headers[name]
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      encode_field(lines, name, one)
    end
    names[tostring(name):lower()] = true
  end
  return table.concat(lines), names
end

-- Values by lower-case name; several fields of one name are joined by commas (RFC 9110, 5.3).
function M.parse_headers(head)
  local headers = {}
  for name, value in head:gmatch("([^\r\n:]+):[ \t]*([^\r\n]*)") do
    name, value = name:lower(), value:gsub("[ \t]+$", "")
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return headers
end

local Response = {}

function Response:__index(key)
  if key == "headers" then
    local headers = M.parse_headers(self._head)
    rawset(self, "headers", headers)
    return headers
  end
end

-- ---- the client ----

local function new_block(defaults, headers)
  local text, names = M.encode_headers(headers)
  for name, line in pairs(defaults) do
    if not names[name] then
      text, names[name] = text .. line, true
    end
  end
  return { text = text, own_host = names.host or false, own_type = names["content-type"] or false, values = {}, n = 0 }
end

-- Lines by lower-case name.
local function default_lines(headers)
  local lines = {}
  for name, value in pairs(headers) do
    lines[name:lower()] = M.encode_headers({ [name] = value })
  end
  return lines
end

local FILES_RESERVED = 64 -- for journals, links and what plug-ins open
local connections = 0 -- of all clients

-- The limit of open files, where it is too low for the connections of all clients and cannot be raised.
local function raise_limit()
  local limit, enough = process.raise_nofile(connections + FILES_RESERVED)
  return not enough and limit or nil
end

-- options as for vernier.core.http.new, and headers (table) for requests that do not have them themselves.
-- The client, while its name is being resolved (its files_limit: how many files this process may open, where that is
-- too few for its connections); or nil, message, class.
function M.new(options)
  local self = setmetatable({ _blocks = setmetatable({}, { __mode = "k" }), _connections = options.connections or 0 }, Client)
  self._defaults = default_lines(options.headers or {})
  self._plain = new_block(self._defaults, {})
  self._texts, self._n_texts = {}, 0
  self._tag = scheduler.on(function(event)
    self._resolved = event.status >= 0
    self._message = event.status < 0 and core.text(event) or nil
    scheduler.wake_key(self, true)
  end)
  local message, class
  self._handle, message, class = core.new(self._tag, options)
  if not self._handle then
    scheduler.forget(self._tag)
    return nil, message, class
  end
  connections = connections + self._connections
  self.files_limit = raise_limit()
  return self
end

-- Waits until the name is resolved: true; or nil, message, class.
function Client:resolved(deadline_ns)
  if self._resolved == nil then
    scheduler.wait_key(self, deadline_ns)
  end
  if not self._resolved then
    return nil, self._message or "the name was not resolved in time", "resolve"
  end
  return true
end

-- (One header needs no loop, which compiled code would have to leave its trace for.)
local function is_same(block, headers)
  if block.n == 1 then
    local name, value = next(headers)
    return name ~= nil and block.values[name] == value and next(headers, name) == nil
  end
  local n = 0
  for name, value in pairs(headers) do
    if block.values[name] ~= value then
      return false
    end
    n = n + 1
  end
  return n == block.n
end

-- The encoded form of a table of headers: made once, and again when the table has changed.
local function block_of(self, headers)
  local block = self._blocks[headers]
  if block and is_same(block, headers) then
    return block
  end
  block = new_block(self._defaults, headers)
  for name, value in pairs(headers) do
    block.values[name] = value
    block.n = block.n + 1
  end
  self._blocks[headers] = block
  return block
end

-- The block of prepared lines: what they hold is looked for only where it matters.
local function block_of_text(self, text)
  local lower = "\n" .. text:lower()
  local block = { text = text, own_host = lower:find("\nhost:", 1, true) ~= nil,
    own_type = lower:find("\ncontent-type:", 1, true) ~= nil }
  for name, line in pairs(self._defaults) do
    if not lower:find("\n" .. name .. ":", 1, true) then
      block.text = block.text .. line
      block.own_host = block.own_host or name == "host"
      block.own_type = block.own_type or name == "content-type"
    end
  end
  return block
end

-- Prepared lines are few and come again: their blocks are kept, up to a limit.
local TEXTS_MAX = 256

local function find_text(self, text)
  local block = self._texts[text]
  if block then
    return block
  end
  block = block_of_text(self, text)
  if self._n_texts >= TEXTS_MAX then
    self._texts, self._n_texts = {}, 0
  end
  self._texts[text] = block
  self._n_texts = self._n_texts + 1
  return block
end

-- cjson writes 14 digits: enough for all but large whole numbers and long fractions.
local function fits_cjson(value)
  if type(value) == "number" then
    return value % 1 == 0 and value > -1e14 and value < 1e14 or tonumber(("%.14g"):format(value)) == value
  elseif type(value) ~= "table" then
    return true
  end
  for _, item in pairs(value) do
    if not fits_cjson(item) then
      return false
    end
  end
  return true
end

-- Compact JSON with exact numbers.
function M.encode_json(value)
  if fits_cjson(value) then
    return cjson.encode(value)
  end
  return (json.encode(value):gsub("\n$", ""))
end

local function encode(self, headers, body)
  local block = self._plain
  if type(headers) == "table" then
    block = block_of(self, headers)
  elseif headers then
    block = find_text(self, headers)
  end
  if type(body) == "table" then
    return block.own_type and block.text or block.text .. JSON_TYPE, M.encode_json(body), block.own_host
  end
  return block.text, body and tostring(body), block.own_host
end

-- The client's answer from the event. The table is filled after it was made: a copy of a constant one is cheaper.
local function receive(event, tx)
  local status, text, head, sent_ns, at_ns, class = response_of(event)
  if tx then
    tx.sent_ns, tx.finished_ns = sent_ns, at_ns
  end
  if class then
    return nil, text, class, sent_ns, at_ns
  end
  local response = { status = 0, body = "", _head = "" }
  response.status, response.body, response._head = status, text, head
  return setmetatable(response, Response), sent_ns, at_ns
end

-- headers: table, or lines "Name: value\r\n…", or nil; body: text, or table (JSON), or nil; timeout_ns: 0 = the client's;
-- tx: the transaction whose stamps are set, or nil.
-- Gives response, sent_ns, at_ns; or nil, message, class, sent_ns (0: never sent), at_ns.
function Client:send(method, path, headers, body, timeout_ns, tx)
  local own_host
  if not self._handle then
    error("the client is closed", 0)
  end
  headers, body, own_host = encode(self, headers, body)
  local tag = new_tag()
  local ok, message = submit(self._handle, tag, method, path, headers, own_host, body, timeout_ns)
  if not ok then
    scheduler.forget(tag)
    error(message, 0)
  end
  return wait(tag, receive, tx)
end

-- The same from {method = "GET", path = "/", headers, body, timeout_ns}.
function Client:request(request)
  return self:send(request.method or "GET", request.path or "/", request.headers, request.body, request.timeout_ns or 0)
end

-- Drops all requests and connections; tasks that wait for a response are never resumed.
function Client:cancel_all()
  if self._handle then
    core.cancel_all(self._handle)
  end
end

-- {connects, responses, errors: so far; open, idle, active, queued: now}
function Client:stats()
  return core.stats(self._handle or error("the client is closed", 2))
end

function Client:close()
  if self._handle then
    core.free(self._handle)
    scheduler.forget(self._tag)
    self._handle = nil
    connections = connections - self._connections
  end
end

return M
