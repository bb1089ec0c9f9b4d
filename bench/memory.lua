-- Anonymous resident memory of a worker: with few and many transactions in flight, with 10,000 idle connections, and after
-- a short and a long time at full speed.
local figures = require("support.figures")
local file = require("vernier.core.file")
local nginx = require("support.nginx")
local round = require("support.round")
local work = require("support.work")

local MB, KB = 1e6, 1e3
local BASE = 8 * MB
local CONNECTIONS = 10000
local NETWORK = 'caliper: { blockchain: http }\nhttp: { url: "%s", connections: %d }\n'

local function rss_anon(pid)
  local status = pid and file.read(("/proc/%d/status"):format(pid))
  local kib = status and status:match("RssAnon:%s*(%d+)")
  return kib and tonumber(kib) * 1024 / MB
end

-- The supervisor's command is the manager, whose child is the worker.
local function worker_of(running)
  return work.child(work.child(running.pid))
end

-- Starts a round and samples while it runs: the most that the worker had while counts() held. o: that of support.round;
-- expect: transactions, at least.
local function sampled(o, counts)
  local running, most = round.start(o), nil
  local over = work.wait_for(function()
    local now = rss_anon(worker_of(running))
    if now and (not counts or counts()) then
      most = math.max(most or 0, now)
    end
    return running:ended()
  end, o.seconds)
  running:stop()
  assert(over, "the run does not end")
  local submitted = round.result().submitted
  assert(submitted >= (o.expect or 1), ("only %g transactions"):format(submitted))
  return { most = assert(most, "no sample was taken: " .. o.rate) }
end

local function in_flight(n)
  return function()
    return sampled({ name = "memory", amount = "txDuration: 3", workload = "trivial", seconds = 30,
      rate = ("fixed-load, opts: { transactionLoad: %d }"):format(n), expect = 2 * n,
      network = "caliper: { blockchain: noop }\nnoop: { latency: constant 1s }\n" })
  end
end

local function at_full_speed(seconds)
  return function()
    return sampled({ name = "memory", amount = ("txDuration: %g"):format(seconds), workload = "trivial",
      rate = "fixed-load, opts: { transactionLoad: 64 }", seconds = seconds + 30 })
  end
end

local function all_idle()
  return (nginx.status() or 0) >= CONNECTIONS
end

local function idle()
  return sampled({ name = "memory", amount = "txNumber: " .. CONNECTIONS, workload = "http", seconds = 60,
    rate = ("fixed-load, opts: { transactionLoad: %d }"):format(CONNECTIONS), arguments = "{ path: /slow?, idle: 6 }",
    network = NETWORK:format(nginx.url, CONNECTIONS) }, all_idle)
end

local function add(what, values, at_most)
  figures.add({ bench = "memory", what = what, unit = "MB", vernier = values.most, at_most = at_most })
end

return function(b)
  local server = nginx.start()
  local all = figures.turns(b.repeats, { { "64", in_flight(64) }, { "10000", in_flight(10000) }, { "idle", idle } }, true)
  server:stop()
  local short, long = b.seconds, 10 * b.seconds
  local fast = figures.turns(1, { { "short", at_full_speed(short) }, { "long", at_full_speed(long) } }, true)
  add("anonymous memory of a worker, 64 in flight", all["64"], (BASE + 64 * KB) / MB)
  add("... 10,000 in flight", all["10000"], (BASE + 10000 * KB) / MB)
  add("... 10,000 idle connections", all.idle, 100)
  add(("... %g s at full speed"):format(short), fast.short)
  add(("... %g s at full speed"):format(long), fast.long)
end
