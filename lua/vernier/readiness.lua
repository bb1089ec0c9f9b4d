-- Whether something is ready: somebody listens on a port, an HTTP server answers, a file holds a text.
--
-- Each probe asks once, inside a task, and has an answer within its timeout (seconds): true, or false and why not.
local http = require("vernier.http")
local probe = require("vernier.core.probe")
local scheduler = require("vernier.scheduler")

local M = {}

local SECOND = 1e9

-- Whether a connection to the port can be made. No byte is sent.
function M.port(host, port, timeout)
  local tag = scheduler.tag()
  local ok, message = probe.port(tag, host, port, timeout * SECOND)
  if not ok then
    scheduler.forget(tag)
    error(message, 0)
  end
  ok, message = scheduler.wait(tag, probe.answer)
  return ok, not ok and ("port %d of %s: %s"):format(port, host, message) or nil
end

local function ask(client, url, timeout_ns)
  local ok, message = client:resolved(scheduler.now() + timeout_ns)
  if not ok then
    return nil, message
  end
  return client:request({ path = url.path, timeout_ns = timeout_ns })
end

-- Whether a GET of the page (vernier.url) gives the status (nil: any from 200 to 399). Certificates are not verified.
function M.http(url, status, timeout)
  local client, message = http.new({ host = url.host, port = url.port, tls = url.tls, verify = false, connections = 1,
    connect_timeout_ns = timeout * SECOND, request_timeout_ns = timeout * SECOND })
  if not client then
    return false, message
  end
  local response
  response, message = ask(client, url, timeout * SECOND)
  client:close()
  if not response then
    return false, ("%s: %s"):format(url.text, message)
  end
  local good = status and response.status == status or not status and response.status >= 200 and response.status <= 399
  return good, not good and ("%s gives status %d"):format(url.text, response.status) or nil
end

-- A text with %, .- .* or .+ in it is a Lua pattern, any other is looked for as it stands: "[ready]" and "up - 3 nodes"
-- mean what they seem to.
local function is_pattern(text)
  return text:find("%%") ~= nil or text:find("%.[-*+]") ~= nil
end

-- The same text; or nil and why it is no pattern. (The matcher itself complains only of what it reaches.)
function M.check_pattern(text)
  local rest = text:gsub("%%.", ""):gsub("%[%^?%]?[^%]]*%]", "")
  local depth = 0
  for bracket in rest:gmatch("[()]") do
    depth = depth + (bracket == "(" and 1 or -1)
    if depth < 0 then
      break
    end
  end
  if is_pattern(text) and (depth ~= 0 or rest:find("[%[%%]")) then
    return nil, "is no Lua pattern: a bracket or a % has no counterpart"
  end
  return text
end

-- What a pattern captures in a text (the match, where it captures nothing), or the words as they stand; nil: not found.
function M.find(text, pattern)
  if is_pattern(pattern) then
    return text:match(pattern)
  end
  return text:find(pattern, 1, true) and pattern or nil
end

return M
