-- Every rate controller: how late runs start at 10,000 tx/s, what rate it keeps, and what it costs for a transaction.
local cjson = require("cjson")
local figures = require("support.figures")
local file = require("vernier.core.file")
local peers = require("support.peers")
local plugins = require("vernier.plugins")
local round = require("support.round")
local work = require("support.work")

local TPS = 10000
local LATE_US, BUILT_IN_NS, OWN_NS = 20, 15, 50
local COST_RUNS = 6e6 -- that a trace has to have: more than the loop asks for

local function fixed(tps)
  return { type = "fixed-rate", opts = { tps = tps } }
end

-- A replay's trace with that many runs a second.
local function trace()
  local path = work.dir .. "/trace"
  if file.kind(path) ~= "file" then
    local lines = {}
    for i = 0, COST_RUNS - 1 do
      lines[i + 1] = ("%.0f\n"):format(i * 1e6 / TPS)
    end
    work.write("trace", table.concat(lines))
  end
  return path
end

-- {type or file, options, has no rate to keep, options for its cost where they are others}; for a round of so many seconds.
-- Those without a rate of their own come to it by 10 places, each of which pauses for 1 ms.
local function all_of(seconds)
  local search = { slo = { p99 = 1 }, from = TPS, to = TPS, confirm = 1, settle = 0.2, measure = seconds - 0.5 }
  local endless = { slo = { p99 = 1 }, from = TPS, to = TPS, confirm = 1, settle = 0, measure = 1e5 }
  return {
    { "fixed-rate", { tps = TPS } },
    { "linear-rate", { startingTps = 0.9 * TPS, finishingTps = 1.1 * TPS } },
    { "profile", { points = { { 0, TPS }, { 1e5, TPS } } } },
    { "poisson", { tps = TPS, seed = 1 } },
    { "composite-rate", { weights = { 1, 1 }, rateControllers = { fixed(TPS), fixed(TPS) } } },
    { "record-rate", { rateController = fixed(TPS), pathTemplate = work.dir .. "/recorded" } },
    { "replay-rate", { pathTemplate = trace(), inputFormat = "TEXT_US" } },
    { "fixed-feedback-rate", { tps = TPS, transactionLoad = 1000 } },
    { "maximum-rate", { tps = TPS, step = 1, sampleInterval = 1 } },
    { "capacity-search", search, nil, endless },
    { "fixed-load", { transactionLoad = 10, thinkTime = 0.001 }, true },
    { "fixed-backlog", { unfinished_per_client = 10 }, true, late = false },
    { "virtual-users", { users = 10, thinkTime = "1ms" }, true },
    { "simple-rate.lua", { tps = TPS }, own = true },
    { "sleeping-rate.lua", { pause = 1 / TPS }, own = true, limit = false }, -- a coroutine there and back, twice
  }
end

local function path_of(one)
  return one.own and ("%s/workloads/%s"):format(work.bench, one[1]) or one[1]
end

local function lateness(b, one)
  return function()
    local test = round.run({ name = "late", amount = ("txDuration: %g"):format(b.seconds), workload = "trivial",
      pacing = "precise", rate = ("%s, opts: %s"):format(path_of(one), cjson.encode(one[2])) })
    local machine = round.vitals()
    return { p50 = test.lateness_time.p50 / 1e3, p99 = test.lateness_time.p99 / 1e3, rate = test.send_rate,
      steal = 100 * machine.steal, outlier = 100 * machine.outlier_us / machine.wall_us }
  end
end

local function cost(one)
  return function()
    work.run("cost", { work.vernier, "lua", work.bench .. "/support/controller_loop.lua", path_of(one),
      cjson.encode(one[4] or one[2]) }, { core = work.client_core, seconds = 60 })
    return { ns = tonumber(work.read("cost.out")) }
  end
end

local add = figures.adder("controllers")

local function say_lateness(one, late)
  add(one[1] .. ": lateness p99 at 10000 tx/s", "us", { vernier = late.p99, at_most = LATE_US })
  add("... p50", "us", { vernier = late.p50 })
  if not one[3] then
    add("... rate kept", "tx/s", { vernier = late.rate })
  end
  -- What the hypervisor and other processes did meanwhile is in the figures above, and no controller's doing.
  add("... the machine's part: time that its hypervisor took", "%", { vernier = late.steal })
  add("... time by which it made waits longer", "%", { vernier = late.outlier })
end

-- A list of what runs in turns: the machine's moods hit all controllers alike.
local function turns(b, list, measure)
  local candidates = {}
  for i, one in ipairs(list) do
    candidates[i] = { one[1], measure(one) }
  end
  return figures.turns(b.repeats, candidates)
end

-- wrk sends as fast as answers come: it has no rate to keep, so Caliper alone is beside.
local PEER_TPS, PEER = 1000, { { "fixed-rate", "fixed-rate, opts: { tps: 1000 }" },
  { "linear-rate", "linear-rate, opts: { startingTps: 500, finishingTps: 1500 }" } }

local function beside_caliper(b)
  for _, one in ipairs(PEER) do
    local amount = ("txDuration: %g"):format(b.seconds)
    local candidates = { { "vernier", function()
      return { rate = round.run({ name = "kept", amount = amount, workload = "trivial", rate = one[2] }).send_rate }
    end } }
    if peers.has("caliper") then
      candidates[2] = { "caliper", function() return { rate = peers.caliper(amount, one[2], b.seconds).rate } end }
    end
    local all = figures.turns(b.repeats, candidates)
    add(("%s: rate kept, of %d tx/s"):format(one[1], PEER_TPS), "tx/s", { vernier = all.vernier.rate, peer = "Caliper",
      beside = (all.caliper or {}).rate })
  end
end

-- No built-in controller may be forgotten here; zero-rate sends nothing.
local function check_complete(list)
  local seen = { ["zero-rate"] = true }
  for _, one in ipairs(list) do
    seen[one[1]] = true
  end
  for _, name in ipairs(plugins.names("rate controller")) do
    assert(seen[name], "no figure of " .. name)
  end
end

return function(b)
  local list, timed = all_of(b.seconds), {}
  check_complete(list)
  for _, one in ipairs(list) do
    timed[#timed + 1] = one.late ~= false and one or nil
  end
  local late = turns(b, timed, function(one) return lateness(b, one) end)
  for _, one in ipairs(timed) do
    say_lateness(one, late[one[1]])
  end
  local costs = turns(b, list, cost)
  for _, one in ipairs(list) do
    add(one[1] .. ": a transaction", "ns", { vernier = costs[one[1]].ns,
      at_most = one.limit ~= false and (one.own and OWN_NS or BUILT_IN_NS) or nil })
  end
  beside_caliper(b)
end
