-- JSON-RPC 2.0 requests as text, answers as values, failures as tables: what the transports share.
local cjson = require("cjson")
local core = require("vernier.core.json_rpc")
local json = require("vernier.json")

local M = {}

local Failure = {}

function Failure:__tostring()
  return self.code and ("%s (code %s)"):format(self.message, self.code) or self.message
end

-- {class, message, code, data}: what a call gives beside nil.
function M.failure(class, message, code, data)
  return setmetatable({ class = class, message = message, code = code, data = data }, Failure)
end

local heads = {} -- by method

-- The text of a request up to its params.
local function head_of(method)
  local head = heads[method]
  if not head then
    head = '{"jsonrpc":"2.0","method":' .. json.line(tostring(method)) .. ',"params":'
    heads[method] = head
  end
  return head
end

local function params_text(params)
  if type(params) == "string" then
    return params
  elseif params == nil or next(params) == nil then
    return "[]"
  end
  return json.line(params)
end

-- id: a whole number below 10^14, which is how many digits Lua writes.
function M.request(method, params, id)
  return head_of(method) .. params_text(params) .. ',"id":' .. id .. "}"
end

-- The value of the message that vernier.core.json_rpc has found last, nil for none; or nil and a failure.
function M.decode()
  local value, plain = core.value()
  if plain or value == nil then
    return value
  end
  local ok, decoded = pcall(cjson.decode, value)
  if not ok then
    return nil, M.failure("protocol", ("not JSON: %s: %s"):format(decoded, value:sub(1, 100)))
  end
  return decoded
end

local function text_of(value)
  return type(value) == "string" and value or json.line(value)
end

-- The failure that its error object stands for.
function M.error_of()
  local decoded, failure = M.decode()
  if failure then
    return failure
  elseif type(decoded) ~= "table" then
    return M.failure("rpc", text_of(decoded))
  end
  local message = decoded.message
  return M.failure("rpc", message and message ~= json.null and text_of(message) or text_of(decoded), tonumber(decoded.code),
    decoded.data ~= json.null and decoded.data or nil)
end

-- The outcome of a call that the message is the answer to: its result, or nil and a failure. read: as for calls, or nil.
function M.outcome(kind, read)
  if kind ~= core.RESULT then
    return nil, M.error_of()
  elseif not read or not core.is_nested() then
    return M.decode()
  end
  local result, message = core.read(read)
  if message then
    return nil, M.failure("protocol", message)
  end
  return result
end

return M
