-- How late vernier starts what is due, and what waiting costs; beside how far peers keep a rate (wrk has none to keep), and
-- beside what the machine allows at best: a bare process that spins, or sleeps, until each instant and does nothing else.
local compile = require("support.compile")
local figures = require("support.figures")
local nginx = require("support.nginx")
local peers = require("support.peers")
local round = require("support.round")
local work = require("support.work")

-- Of the instants of a fixed rate, in a workload that does nothing else.
local function own(b, pacing, rate, more)
  return function()
    local o = { name = "late", amount = ("txDuration: %g"):format(b.seconds), workload = "trivial", pacing = pacing,
      rate = ("fixed-rate, opts: { tps: %d }"):format(rate) }
    for key, value in pairs(more or {}) do
      o[key] = value
    end
    local test, took
    if o.network then
      nginx.witnessed(0, function()
        test, took = round.run(o)
        return test.submitted
      end)
    else
      test, took = round.run(o)
    end
    local late = test.lateness_time
    return { p50 = late.p50 / 1e3, p99 = late.p99 / 1e3, cpu = took.cpu / b.seconds * 100, rate = test.send_rate }
  end
end

local HTTP = { workload = "http", core = work.client_core,
  network = ('caliper: { blockchain: http }\nhttp: { url: "%s", connections: 64, timeout: 5s }\n'):format(nginx.url) }

local function bare(b, program, how, rate)
  return function()
    work.run("waiting", { program, how, tostring(rate), tostring(b.seconds) }, { core = work.client_core,
      seconds = b.seconds + 30 })
    local p50, p99 = work.read("waiting.out"):match("(%S+) (%S+)")
    return { p50 = tonumber(p50), p99 = tonumber(p99) }
  end
end

local PRECISE = { { 1000, 50 }, { 10000, 20 }, { 50000, 20 } } -- transactions a second, limit of the 99th percentile in us

local function candidates(b)
  local list, waiting = {}, compile("waiting")
  for _, one in ipairs(PRECISE) do
    list[#list + 1] = { "precise " .. one[1], own(b, "precise", one[1]) }
    list[#list + 1] = { "spin " .. one[1], bare(b, waiting, "spin", one[1]) }
  end
  list[#list + 1] = { "sleep", bare(b, waiting, "sleep", 1000) }
  list[#list + 1] = { "http", own(b, "precise", 10000, HTTP) }
  list[#list + 1] = { "economical", own(b, "economical", 1000) }
  list[#list + 1] = { "batched", own(b, "batched", 10000) }
  if peers.has("autocannon") then
    list[#list + 1] = { "autocannon", function()
      local n, took, seconds = peers.autocannon(nginx.url, b.seconds, 10000)
      return { rate = n / seconds, cpu = took.cpu / b.seconds * 100 }
    end }
  end
  if peers.has("caliper") then
    list[#list + 1] = { "caliper", function()
      local peer = peers.caliper(("txDuration: %g"):format(b.seconds), "fixed-rate, opts: { tps: 1000 }", b.seconds)
      return { rate = peer.rate }
    end }
  end
  return list
end

local add = figures.adder("lateness")

local function precise(all, rate, limit)
  local own_figures, spin = all["precise " .. rate], all["spin " .. rate]
  add(("lateness at %d tx/s, precise: p50"):format(rate), "us", { vernier = own_figures.p50, peer = "a bare spin",
    beside = spin.p50, at_most = 1 })
  add("... p99", "us", { vernier = own_figures.p99, peer = "a bare spin", beside = spin.p99, at_most = limit })
  add("... CPU of one core", "%", { vernier = own_figures.cpu })
end

return function(b)
  local server = nginx.start()
  local all = figures.turns(b.repeats, candidates(b))
  server:stop()
  local autocannon, caliper = all.autocannon or {}, all.caliper or {}
  for _, one in ipairs(PRECISE) do
    precise(all, one[1], one[2])
  end
  add("lateness at 10000 HTTP/s, precise: p99", "us", { vernier = all.http.p99, peer = "a bare spin",
    beside = all["spin 10000"].p99, at_most = 50 })
  add("... p50", "us", { vernier = all.http.p50 })
  add("... CPU of one core", "%", { vernier = all.http.cpu, peer = "autocannon", beside = autocannon.cpu })
  add("... rate kept, of 10000", "/s", { vernier = all.http.rate, peer = "autocannon", beside = autocannon.rate })
  add("rate kept, of 1000 tx/s", "tx/s", { vernier = all["precise 1000"].rate, peer = "Caliper", beside = caliper.rate })
  add("lateness at 1000 tx/s, economical: p99", "us", { vernier = all.economical.p99, peer = "a bare sleep",
    beside = all.sleep.p99, at_most = 200 })
  add("... CPU of one core", "%", { vernier = all.economical.cpu, at_most = 5 })
  add("CPU at 10000 tx/s, batched", "%", { vernier = all.batched.cpu, peer = "precise", beside = all["precise 10000"].cpu,
    ratio = true, at_most = 1 / 3 })
end
