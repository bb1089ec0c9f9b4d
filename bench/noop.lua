-- The cost of vernier itself: empty transactions, with all stamps, counters and histograms; beside sysbench's empty
-- event() and Caliper's no-op.
local figures = require("support.figures")
local peers = require("support.peers")
local round = require("support.round")

local CLOSED = "fixed-load, opts: { transactionLoad: 64 }"

local function workers(b, n)
  local amount = ("txDuration: %g"):format(b.seconds)
  return function()
    local test, took = round.run({ name = "noop", amount = amount, rate = CLOSED, workload = "trivial", workers = n })
    return { rate = test.throughput, cpu_ns = took.cpu / test.submitted * 1e9 }
  end
end

local function caliper(b)
  return function()
    local peer = peers.caliper(("txDuration: %g"):format(b.seconds), CLOSED, b.seconds)
    return { rate = peer.rate, cpu_ns = peer.cpu_us * 1e3 }
  end
end

local add = figures.adder("noop")

return function(b)
  local candidates = { { "one", workers(b, 1) }, { "two", workers(b, 2) } }
  if peers.has("sysbench") then
    table.insert(candidates, 2, { "sysbench", function() return peers.sysbench(b.seconds) end })
  end
  if peers.has("caliper") then
    candidates[#candidates + 1] = { "caliper", caliper(b) }
  end
  local all = figures.turns(b.repeats, candidates)
  local one, sysbench, other = all.one, all.sysbench or {}, all.caliper or {}
  add("empty transactions, one worker", "tx/s", { vernier = one.rate, at_least = 8e6 })
  add("... beside empty Lua events", "tx/s", { vernier = one.rate, peer = "sysbench", beside = sysbench.rate, ratio = true,
    at_least = 1.2 })
  add("... CPU of each", "ns", { vernier = one.cpu_ns, peer = "sysbench", beside = sysbench.cpu_ns })
  add("... beside a no-op connector", "tx/s", { vernier = one.rate, peer = "Caliper", beside = other.rate })
  add("... CPU of each, start included", "ns", { vernier = one.cpu_ns, peer = "Caliper", beside = other.cpu_ns })
  add("... two workers, two cores", "tx/s", { vernier = all.two.rate, peer = "one worker", beside = one.rate, ratio = true,
    at_least = 1.9 })
end
