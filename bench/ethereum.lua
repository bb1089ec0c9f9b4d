-- A chain (anvil, a block every second): transactions that are signed, sent and awaited until they are in a block, and calls; CPU
-- for each, of manager and worker, and how many are committed a second. Beside Caliper, with the same contract and account, and
-- wrk, which sends transactions that were signed before and waits for nothing: what the node can take.
local anvil = require("support.anvil")
local clock = require("vernier.core.clock")
local figures = require("support.figures")
local peers = require("support.peers")
local round = require("support.round")
local work = require("support.work")

-- Of each run's length: as many are sent. Caliper gets as many as it can do in that time, or it would take minutes.
local TX_PER_SECOND, CALLS_PER_SECOND, CALIPER_TX_PER_SECOND, CALIPER_CALLS_PER_SECOND = 4000, 10000, 1000, 4000
local IN_FLIGHT = 1000 -- of transactions: several blocks of Caliper's, one of vernier's
-- At the node's limit so many are on their way: for more than two blocks.
local LIMIT_IN_FLIGHT = 10000

local NETWORK = [[
{"caliper": {"blockchain": "ethereum"},
 "ethereum": {
   "url": "%s",
   "contractDeployerAddress": "%s",
   "contractDeployerAddressPrivateKey": "%s",
   "fromAddress": "%s",
   "fromAddressPrivateKey": "%s",
   "transactionConfirmationBlocks": 1, "confirmation": "%s", "outcomes": "%s",
   "contracts": {"simple": {"path": "Simple.json", "gas": {"open": 100000, "query": 100000}}}}}
]]

local function network(url, o)
  return NETWORK:format(url, anvil.ADDRESS, anvil.KEY, anvil.ADDRESS, anvil.KEY, o and o.confirmation or "subscription",
    o and o.outcomes or "receipts")
end

-- o: signed (before the round), confirmation, outcomes.
local function vernier(url, label, n, load, o)
  return function()
    local test, took = round.run({ name = label, workload = "../../workloads/simple",
      amount = "txNumber: " .. n .. (o and o.signed and "\n      prepare: sign" or ""),
      rate = ("fixed-load, opts: { transactionLoad: %d }"):format(load), network = network(url, o),
      arguments = "{ operation: " .. label .. " }", seconds = 180 })
    return { cpu = took.cpu, rate = test.throughput, n = test.ok }
  end
end

local function caliper(label, n)
  return function()
    return peers.caliper_with("txNumber: " .. n, ("fixed-load, opts: { transactionLoad: %d }"):format(IN_FLIGHT),
      { workload = "caliper-simple.js", arguments = ("{ query: %s }"):format(label == "query"), network = network(anvil.ws),
        seconds = 180 })
  end
end

-- The node's own limit: until all are in blocks.
local function wrk(n)
  return function()
    work.run("presigned", { work.vernier, "lua", work.bench .. "/support/presigned.lua", anvil.url, anvil.KEY, "Simple.json", n,
      "requests" }, { seconds = 120 })
    local from_ns = clock.now()
    local running = peers.start_wrk(anvil.url, work.dir .. "/requests", 60)
    local done = work.wait_for(function() return anvil.committed() == n + 1 end, 60)
    local rate = n / ((clock.now() - from_ns) / 1e9)
    running:stop()
    assert(done, "not all transactions of wrk are in blocks")
    return { rate = rate, n = n }
  end
end

-- What run() gives, once the chain has been asked whether it has as many: one more, the contract's.
local function on_chain(run, of_transactions)
  local result, committed = anvil.with(run)
  if committed ~= (of_transactions and result.n or 0) + 1 then
    error(("%.0f are counted, the chain has %.0f"):format(result.n, committed - 1), 0)
  end
  return result
end

-- What sending costs where signing was before the round, and nothing waits for a block: CPU that the worker measures of itself
-- in the round.
local function sending(url, n)
  return function()
    return on_chain(function()
      local result = vernier(url, "open", n, 64, { signed = true, confirmation = "none" })()
      local vitals = round.vitals()
      assert(work.wait_for(function() return anvil.committed() == n + 1 end, 60), "not all transactions are in blocks")
      return { cpu = (vitals.cpu_us - vitals.spun_us) / n, n = result.n }
    end, true)
  end
end

-- us of a transaction: a run of one, which has start and end in it, is taken off.
local function net(make, n, of_transactions)
  return function()
    local one, all = on_chain(make(1), of_transactions), on_chain(make(n), of_transactions)
    return { cpu = (all.cpu - one.cpu) / (all.n - one.n) * 1e6, rate = all.rate }
  end
end

local function candidates(seconds)
  local n, calls = TX_PER_SECOND * seconds, CALLS_PER_SECOND * seconds
  local function open(url)
    return net(function(k) return vernier(url, "open", k, IN_FLIGHT) end, n, true)
  end
  local function query(url)
    return net(function(k) return vernier(url, "query", k, 64) end, calls)
  end
  -- By the transport that wrk has; and traces, because a receipt costs anvil 0.2 ms in a block of 1,000, and 0.9 in one of 3,000.
  local function signed()
    return on_chain(vernier(anvil.url, "open", n, LIMIT_IN_FLIGHT, { signed = true, outcomes = "traces" }), true)
  end
  local list = { { "open", open(anvil.ws) }, { "signed", signed }, { "sending", sending(anvil.ws, n) },
    { "query", query(anvil.ws) }, { "query_http", query(anvil.url) } }
  if peers.has("wrk") then
    list[#list + 1] = { "wrk", function() return { rate = on_chain(wrk(n), true).rate } end }
  end
  if peers.has_caliper_ethereum() then
    list[#list + 1] = { "caliper_open", net(function(k) return caliper("open", k) end, CALIPER_TX_PER_SECOND * seconds, true) }
    list[#list + 1] = { "caliper_query", net(function(k) return caliper("query", k) end, CALIPER_CALLS_PER_SECOND * seconds) }
  end
  return list
end

return function(b)
  assert(anvil.available())
  anvil.compile()
  local all = figures.turns(b.repeats, candidates(b.seconds))
  local function of(name, figure)
    return (all[name] or {})[figure]
  end
  local add = figures.adder("ethereum")
  add("a committed transaction: CPU", "us", { vernier = all.open.cpu, at_most = 75 })
  add("... beside Caliper", "us", { vernier = all.open.cpu, peer = "Caliper", beside = of("caliper_open", "cpu"), ratio = true,
    at_most = 1 / 15 })
  add("... committed a second, beside Caliper", "tx/s", { vernier = all.open.rate, peer = "Caliper",
    beside = of("caliper_open", "rate") })
  add("signed before (prepare: sign): committed a second, beside the node's limit", "tx/s", { vernier = all.signed.rate,
    peer = "wrk, signed before", beside = of("wrk", "rate"), ratio = true, at_least = 0.9 })
  add("... sending alone: CPU of the worker", "us", { vernier = all.sending.cpu, at_most = 25 })
  add("a call: CPU", "us", { vernier = all.query.cpu, at_most = 18 })
  add("... beside Caliper", "us", { vernier = all.query.cpu, peer = "Caliper", beside = of("caliper_query", "cpu"), ratio = true,
    at_most = 1 / 10 })
  add("... over HTTP", "us", { vernier = all.query_http.cpu })
  add("... calls a second", "/s", { vernier = all.query.rate, peer = "Caliper", beside = of("caliper_query", "rate") })
end
