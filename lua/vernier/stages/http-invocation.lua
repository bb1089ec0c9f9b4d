-- Asks an HTTP server for one page on each of the workers, and checks the answer. Redirects are answers like others.
local http = require("vernier.http")
local scheduler = require("vernier.scheduler")
local url = require("vernier.url")

local SECOND = 1e9
local POLL = 0.05 -- seconds after which a stage that has to stop looks up
local SPARE = 5 -- seconds beside the timeouts, until the answer is here
local SHOWN = 2000 -- bytes of a body that are printed

local M = {
  where = "workers",
  options = {
    url = { type = "string", required = true, convert = url.page, doc = "http://host:port/path?query or https://…" },
    ["request-method"] = { type = "string", default = "GET", aliases = { "method" }, doc = "GET, POST, PUT, DELETE…",
      convert = function(value)
        return value:upper()
      end },
    headers = { type = "key-value", default = {}, doc = "of the request" },
    body = { type = "any", doc = "of the request: a text, or what is sent as JSON" },
    ["expected-status"] = { type = "ranges", doc = "good statuses, such as 200,404; 200..399 without it" },
    ["expected-result"] = { type = "string", doc = "text that the body of the answer contains" },
    ["whole-result"] = { type = "boolean", default = false,
      doc = "the body is expected-result and nothing else, but for blanks around it" },
    ["print-response"] = { type = "boolean", default = false, doc = "says what was answered" },
    timeout = { type = "duration", default = 30, min = 0.001, doc = "from the request to its whole answer" },
    tls = { type = "table", default = {}, doc = "for https", fields = {
      ca = { type = "string", doc = "PEM file of trusted certificates, relative to the workspace; the system's store if absent" },
      verify = { type = "boolean", default = true, doc = "false takes any certificate" },
    } },
  },
}

-- The name is resolved and the connection made before the request's time begins.
function M:deadline()
  return 2 * self.options.timeout + SPARE
end

local function client_for(ctx, options)
  local page, ca = options.url, options.tls.ca
  if ca and ca:sub(1, 1) ~= "/" then
    ca = ctx.workspace .. "/" .. ca
  end
  return http.new({ host = page.host, port = page.port, tls = page.tls, ca = ca, verify = options.tls.verify, connections = 1,
    connect_timeout_ns = options.timeout * SECOND, request_timeout_ns = options.timeout * SECOND })
end

local function ask(client, options)
  local ok, message = client:resolved(scheduler.now() + options.timeout * SECOND)
  if not ok then
    return nil, message
  end
  return client:request({ method = options["request-method"], path = options.url.path, headers = options.headers,
    body = options.body })
end

-- The answer, asked for in a task of its own, so that the stage can stop meanwhile; or nil, message.
local function await(ctx, client, options)
  local asked, key = nil, {}
  scheduler.spawn(function()
    asked = { pcall(ask, client, options) }
    scheduler.wake_key(key)
  end)
  while not asked and not ctx:stopping() do
    ctx:wait(key, POLL)
  end
  if not asked then
    return nil, "was stopped: " .. ctx:stopping()
  elseif not asked[1] then
    return nil, tostring(asked[2])
  end
  return asked[2], asked[3]
end

local function is_good(status, expected)
  if not expected then
    return status >= 200 and status <= 399
  end
  for _, one in ipairs(expected) do
    if one == status then
      return true
    end
  end
  return false
end

local function trimmed(text)
  return text:match("^%s*(.-)%s*$")
end

local function is_expected(body, text, whole)
  if whole then
    return trimmed(body) == trimmed(text)
  end
  return body:find(text, 1, true) ~= nil
end

local function shown(body)
  return #body > SHOWN and ("%s… (%d bytes)"):format(body:sub(1, SHOWN), #body) or body
end

-- What is wrong with the answer, or nil.
local function judge(response, options)
  local text, body = options["expected-result"], response.body
  if not is_good(response.status, options["expected-status"]) then
    return ("gives status %d: %s"):format(response.status, shown(body))
  elseif text and not is_expected(body, text, options["whole-result"]) then
    return ("does not give %q but %s"):format(text, shown(body))
  end
end

function M:run(ctx, options)
  local where = options["request-method"] .. " " .. options.url.text
  local client, message = client_for(ctx, options)
  if not client then
    return nil, ("%s: %s"):format(where, message)
  end
  local response
  response, message = await(ctx, client, options)
  client:close()
  if not response then
    return nil, ("%s: %s"):format(where, message)
  elseif options["print-response"] then
    ctx.log(("%s gives status %d: %s"):format(where, response.status, shown(response.body)))
  end
  message = judge(response, options)
  if message then
    return nil, where .. " " .. message
  end
  return { status = response.status }
end

return M
