-- From exec to exit: one round of one transaction, journal and reports included, beside Caliper's.
local figures = require("support.figures")
local peers = require("support.peers")
local round = require("support.round")

local EXECS = 5 -- in each turn; they are short

local function vernier()
  local wall, cpu = {}, {}
  for i = 1, EXECS do
    local _, took = round.run({ name = "one", amount = "txNumber: 1", rate = "fixed-rate, opts: { tps: 1000 }",
      workload = "trivial" })
    wall[i], cpu[i] = took.wall * 1e3, took.cpu * 1e3
  end
  return { wall = figures.median(wall), cpu = figures.median(cpu) }
end

local function caliper()
  local peer = peers.caliper("txNumber: 1", "fixed-rate, opts: { tps: 1000 }", 0)
  return { wall = peer.wall * 1e3, cpu = peer.cpu_us / 1e3 }
end

return function(b)
  local candidates = { { "vernier", vernier } }
  if peers.has("caliper") then
    candidates[2] = { "caliper", caliper }
  end
  local all = figures.turns(b.repeats, candidates)
  local peer = all.caliper or {}
  figures.add({ bench = "startup", what = "one transaction, exec to exit", unit = "ms", vernier = all.vernier.wall,
    peer = "Caliper", beside = peer.wall, at_most = 60 })
  figures.add({ bench = "startup", what = "... CPU of all processes", unit = "ms", vernier = all.vernier.cpu,
    peer = "Caliper", beside = peer.cpu })
end
