-- Whether the hot loop stays compiled, and what a transaction leaves to the collector, in closed loops of noop and HTTP.
local cjson = require("cjson")
local figures = require("support.figures")
local nginx = require("support.nginx")
local round = require("support.round")
local work = require("support.work")

local CASES = {
  { what = "noop", workload = "trivial", from = 5e6, to = 6e6 },
  { what = "HTTP", workload = "http", from = 1e5, to = 2e5,
    network = ('caliper: { blockchain: http }\nhttp: { url: "%s", connections: 64 }\n'):format(nginx.url) },
}

local SECONDS = 5 -- enough for the last of these transactions, on a slow machine, too

-- What the watching workload has written.
local function watched(case, watcher)
  local arguments = ('{ workload: "%s/workloads/%s.lua", from: %d, to: %d, result: "%s/watched" }'):format(work.bench,
    case.workload, case.from, case.to, work.dir)
  round.run({ name = watcher, amount = "txDuration: " .. SECONDS, rate = "fixed-load, opts: { transactionLoad: 64 }",
    workload = watcher, arguments = arguments, network = case.network })
  return work.read("watched")
end

local function counts(c)
  return ("%d started, %d stopped, %d aborted (and %d where intervals are written)"):format(c.start, c.stop, c.abort, c.recording)
end

local function say(case, seen)
  print(("traces of %s, first second: %s"):format(case.what, counts(seen.warm_up)))
  print(("traces of %s, then: %s"):format(case.what, counts(seen.hot)))
  for place, n in pairs(seen.hot.aborts) do
    print(("  aborted %d times: %s"):format(n, place))
  end
  for place in pairs(seen.given_up) do
    print("  given up: " .. place)
  end
end

local function size(t)
  local n = 0
  for _ in pairs(t) do
    n = n + 1
  end
  return n
end

-- Rare code becomes hot late, and LuaJIT may fail with it once and try again. What runs for each transaction and fails would
-- fail again and again, until it is given up.
local function again(aborts)
  local n = 0
  for _, count in pairs(aborts) do
    n = n + (count > 1 and 1 or 0)
  end
  return n
end

local function once(case)
  local seen = cjson.decode(watched(case, "traced"))
  local garbage = tonumber(watched(case, "garbage"))
  say(case, seen)
  return { again = again(seen.hot.aborts), aborted = seen.hot.abort, given_up = size(seen.given_up),
    garbage = assert(garbage, "too few transactions to see the garbage of each") }
end

local function add(what, unit, values, at_most)
  figures.add({ bench = "traces", what = what, unit = unit, vernier = values, at_most = at_most,
    worst = at_most ~= nil })
end

return function(b)
  local server = nginx.start()
  for _, case in ipairs(CASES) do
    local all = figures.turns(b.repeats, { { "vernier", function() return once(case) end } }, true).vernier
    add(case.what .. ": places aborted twice after the first second, worst turn", "", all.again, 0)
    add("... traces aborted then", "", all.aborted)
    add("... places that the compiler gave up", "", all.given_up, 0)
    add("... garbage of a transaction", "B", all.garbage)
  end
  server:stop()
end
