-- The product's HTTP server with routes for the specs; run by `vernier lua`, ended by SIGTERM. Prints "listening PORT".
-- usage: echo_server.lua [NAME=VALUE]… with the options of vernier.server
--
--   /count   how many requests so far       /later/MS   answers after so many ms     /bytes/N  a body of N bytes
--   /drop    closes the connection          /reset      resets it                    /twice    replies twice, says how
--   /close   answers and closes             /none       204                          others    "METHOD PATH BODY"
local loop = require("vernier.core.loop")
local scheduler = require("vernier.scheduler")
local server = require("vernier.server")

local options = {}
for _, word in ipairs(arg) do
  local name, value = word:match("^([%w_]+)=(.*)$")
  options[name] = tonumber(value) or value
end

local count = 0
local TEXT = "Content-Type: text/plain\r\n"
local routes = {}

function routes.count(s, request)
  s:reply(request, 200, TEXT, tostring(count))
end

function routes.later(s, request, ms)
  scheduler.at(loop.now() + ms * 1e6, function()
    s:reply(request, 200, TEXT, "later\n")
  end)
end

function routes.bytes(s, request, n)
  s:reply(request, 200, TEXT, ("x"):rep(n))
end

function routes.drop(s, request)
  s:drop(request)
end

function routes.reset(s, request)
  s:drop(request, true)
end

function routes.twice(s, request)
  s:reply(request, 200, TEXT, "first")
  local ok, message = s:reply(request, 200, TEXT, "second")
  io.stdout:write("twice ", tostring(ok), " ", tostring(message), "\n")
  io.stdout:flush()
end

function routes.close(s, request)
  s:reply(request, 200, TEXT, "bye", true)
end

function routes.none(s, request)
  s:reply(request, 204)
end

scheduler.run(function()
  local s = assert(server.new(options, function(s, request, method, path, body)
    count = count + 1
    local name, n = path:match("^/(%w+)/?(%d*)$")
    if routes[name] then
      return routes[name](s, request, tonumber(n))
    end
    s:reply(request, 200, TEXT, method .. " " .. path .. " " .. body)
  end))
  io.stdout:write("listening ", s.port, "\n")
  io.stdout:flush()
  local key = {}
  loop.signal(scheduler.on(function()
    scheduler.wake_key(key)
  end), 15)
  scheduler.wait_key(key, math.huge)
  s:close()
end)
