-- The peers: whether they are there, which versions, and one run of each.
local file = require("vernier.core.file")
local work = require("support.work")

local M = {}

local scripts = work.bench .. "/peers/"
local modules = work.bench .. "/node_modules/"
local CALIPER = modules .. ".bin/caliper"
local AUTOCANNON = modules .. ".bin/autocannon"

local function version_of(package)
  local text = file.read(modules .. package .. "/package.json")
  return text and text:match('"version": "([^"]+)"')
end

-- Versions by name, of those that are there.
function M.versions()
  local function line(program, command, pattern)
    return work.has(program) and (work.output(command .. " 2>&1"):match(pattern) or "?") or nil
  end
  return {
    wrk = line("wrk", "wrk -v", "wrk (%S+)"), sysbench = line("sysbench", "sysbench --version", "sysbench (%S+)"),
    nginx = line("nginx", "nginx -v", "nginx/(%S+)"), node = line("node", "node --version", "v(%S+)"),
    autocannon = work.has("node") and version_of("autocannon") or nil,
    caliper = work.has("node") and version_of("@hyperledger/caliper-core") or nil,
  }
end

local has

-- Whether a peer is there; says once what is missing.
function M.has(name)
  if not has then
    has = M.versions()
    for _, peer in ipairs({ "wrk", "sysbench", "autocannon", "caliper" }) do
      if not has[peer] then
        print(("%s is missing, its figures are left out: make bench-deps"):format(peer))
      end
    end
  end
  return has[name] ~= nil
end

-- wrk, one thread, 64 connections: requests that were answered, and what it took. script: its file in bench/peers.
function M.wrk(url, script, seconds)
  local words = { "wrk", "-t1", "-c64", ("-d%gs"):format(seconds) }
  if script then
    words[#words + 1] = "-s"
    words[#words + 1] = scripts .. script
  end
  words[#words + 1] = url .. "/item/1"
  local took = work.run("wrk", words, { core = work.client_core, seconds = seconds + 30 })
  local output = work.read("wrk.out")
  assert(not output:find("Non-2xx", 1, true) and not output:find("Socket errors", 1, true), output)
  return tonumber(output:match("(%d+) requests in")), took
end

-- Starts wrk with requests that were prepared, a file of a line each. It sends each once, and is there until it is stopped.
function M.start_wrk(url, requests, seconds)
  return work.start("wrk", { "env", "REQUESTS=" .. requests, "wrk", "-t1", "-c64", ("-d%gs"):format(seconds), "-s",
    scripts .. "wrk-presigned.lua", url }, { core = work.client_core })
end

-- autocannon, 64 connections: requests that were answered, what it took, and how long it says to have run (s). rate: requests
-- a second; full speed without.
function M.autocannon(url, seconds, rate)
  local words = { "node", AUTOCANNON, "--json", "-c", "64", "-d", tostring(seconds) }
  if rate then
    words[#words + 1] = "-R"
    words[#words + 1] = tostring(rate)
  end
  words[#words + 1] = url .. "/item/1"
  local took = work.run("autocannon", words, { core = work.client_core, seconds = seconds + 30 })
  local output = work.read("autocannon.out")
  return tonumber(output:match('"2xx":(%d+)')), took, tonumber(output:match('"duration":([%d.]+)'))
end

-- sysbench, one thread, empty events: {rate, cpu_ns of each}.
function M.sysbench(seconds)
  local took = work.run("sysbench", { "sysbench", scripts .. "sysbench-event.lua", "--threads=1", "--events=0",
    ("--time=%g"):format(seconds), "run" }, { seconds = seconds + 30 })
  local output = work.read("sysbench.out")
  local n = tonumber(output:match("total number of events:%s+(%d+)"))
  return { rate = n / tonumber(output:match("total time:%s+([%d.]+)s")), cpu_ns = took.cpu / n * 1e9 }
end

local CALIPER_BENCHMARK = [[
test:
  name: peer
  workers: { number: 1 }
  rounds:
    - label: peer
      %s
      rateControl: { type: %s }
      workload: { module: %s%s, arguments: %s }
]]

-- Caliper with one worker. o: workload (a file of bench/peers), arguments, network (JSON), seconds (it may take). {n, send and
-- rate (sent and finished a second), wall, cpu (s)}; an error where a transaction has failed. (No file here may be called
-- caliper.yaml: that holds settings, for vernier as well.)
function M.caliper_with(amount, rate, o)
  work.write("peer.yaml", CALIPER_BENCHMARK:format(amount, rate, scripts, o.workload, o.arguments or "{}"))
  work.write("peer-network.json", o.network)
  local took = work.run("caliper", { "node", CALIPER, "launch", "manager", "--caliper-workspace", work.dir,
    "--caliper-benchconfig", "peer.yaml", "--caliper-networkconfig", "peer-network.json" }, { seconds = o.seconds })
  local ok, failed, sent, finished = work.read("caliper.out"):match("| peer +| (%d+) +| (%d+) +| (%S+) .-| (%S+) +|\n")
  assert(failed == "0", work.read("caliper.out"))
  return { n = tonumber(ok), send = tonumber(sent), rate = tonumber(finished), wall = took.wall, cpu = took.cpu }
end

-- Caliper with the smallest connector and workload: {n, rate, wall (s), cpu_us of each}.
function M.caliper(amount, rate, seconds)
  local result = M.caliper_with(amount, rate, { workload = "caliper-workload.js", seconds = seconds + 60,
    network = ('{"caliper": {"blockchain": "%scaliper-connector.js"}}'):format(scripts) })
  return { n = result.n, rate = result.send, wall = result.wall, cpu_us = result.cpu / result.n * 1e6 }
end

-- Whether Caliper's connector for Ethereum is there; says what is missing.
function M.has_caliper_ethereum()
  if M.has("caliper") and not (version_of("@hyperledger/caliper-ethereum") and version_of("web3")) then
    print("Caliper's ethereum connector is missing, its figures are left out: make bench-deps")
    return false
  end
  return M.has("caliper")
end

return M
