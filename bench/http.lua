-- HTTP/1.1 in a closed loop of 64 connections, nginx on one core and the client with all its processes on another: CPU
-- per request. vernier's workload builds each path and reads each status; wrk does the same in Lua, and nothing in Lua.
local figures = require("support.figures")
local nginx = require("support.nginx")
local peers = require("support.peers")
local round = require("support.round")
local work = require("support.work")

local CONNECTIONS = 64

local NETWORK = [[
caliper: { blockchain: http }
http: { url: "%s", connections: 64, timeout: 5s%s }
]]

local CASES = {
  { what = "GET", url = nginx.url, lua = "wrk-get.lua", to_lua = 0.8, to_plain = 1.05, user = 1.5, npm = true },
  { what = "POST of 1 KiB", url = nginx.url, arguments = "{ body: 1024 }", lua = "wrk-post.lua", plain = "wrk-post-fixed.lua",
    to_lua = 0.8, to_plain = 1.05, user = 1.5 },
  { what = "GET over TLS", url = nginx.tls_url, tls = ', tls: { ca: "./server.pem" }', lua = "wrk-get.lua", to_plain = 1.1 },
}

local function costs(n, took, seconds)
  return { cpu = took.cpu / n * 1e6, user = took.user / n * 1e6, rate = n / seconds }
end

local function vernier(b, case)
  return function()
    local n, took = nginx.witnessed(0, function()
      local test, took = round.run({ name = "http", core = work.client_core, workload = "http", arguments = case.arguments,
        amount = ("txDuration: %g"):format(b.seconds), rate = "fixed-load, opts: { transactionLoad: 64 }",
        network = NETWORK:format(case.url, case.tls or "") })
      return test.submitted, took
    end)
    local cost = costs(n, took, b.seconds)
    cost.polls = round.vitals().turns / n
    return cost
  end
end

-- run() gives the number of requests and what they took.
local function peer(b, run)
  return function()
    local n, took = nginx.witnessed(CONNECTIONS, run)
    return costs(n, took, b.seconds)
  end
end

local function candidates(b, case)
  local list = { { "vernier", vernier(b, case) } }
  if peers.has("wrk") then
    list[2] = { "lua", peer(b, function() return peers.wrk(case.url, case.lua, b.seconds) end) }
    list[3] = { "plain", peer(b, function() return peers.wrk(case.url, case.plain, b.seconds) end) }
  end
  if case.npm and peers.has("autocannon") then
    list[#list + 1] = { "autocannon", peer(b, function() return peers.autocannon(case.url, b.seconds) end) }
  end
  return list
end

local add = figures.adder("http")

local function measure(b, case)
  local all = figures.turns(b.repeats, candidates(b, case))
  local own, lua, plain = all.vernier, all.lua or {}, all.plain or {}
  add(case.what .. ": CPU per request", "us", { vernier = own.cpu, peer = "wrk with Lua", beside = lua.cpu, ratio = true,
    at_most = case.to_lua })
  add("... beside no Lua", "us", { vernier = own.cpu, peer = "wrk", beside = plain.cpu, ratio = true, at_most = case.to_plain })
  if case.npm then
    add("... beside node", "us", { vernier = own.cpu, peer = "autocannon", beside = (all.autocannon or {}).cpu })
  end
  add("... user time, all Lua included", "us", { vernier = own.user, peer = "wrk with Lua", beside = lua.user,
    at_most = case.user })
  add("... user time beside no Lua", "us", { vernier = own.user, peer = "wrk", beside = plain.user, ratio = true })
  add("... polls for a request", "x", { vernier = own.polls })
  add("... requests a second", "/s", { vernier = own.rate, peer = "wrk with Lua", beside = lua.rate })
end

return function(b)
  local server = nginx.start()
  for _, case in ipairs(CASES) do
    measure(b, case)
  end
  server:stop()
end
