-- ns that a rate controller needs for a transaction: a loop that asks it as a load does, less the same loop with one that
-- does nothing. usage: vernier lua controller_loop.lua TYPE OPTIONS-IN-JSON
local cjson = require("cjson")
local clock = require("vernier.core.clock")
local ffi = require("ffi")
local plugins = require("vernier.plugins")
local rate = require("vernier.rate")

require("vernier.core.ffi")

local RUNS, TURNS, WARM_UP = 1e6, 5, 1e5
local TPS = 1e4
local SECONDS = 1e6 -- of a round that does not end meanwhile

-- A fresh prototype each: what was compiled for one controller is not in the other's way.
local LOOP = [[
return function(controller, ctx, stats, state, n)
  local now, index, step, sum = state.now, state.index, state.step, 0
  for i = index, index + n - 1 do
    local due, again = controller.run(controller, ctx, i, stats, now)
    if not due then
      now = again
      due = controller.run(controller, ctx, i, stats, now)
    end
    sum = sum + due
    stats.permitted, stats.submitted = stats.permitted + 1, stats.submitted + 1
    stats.runs_finished, stats.finished, stats.ok = stats.permitted, stats.permitted, stats.permitted
    now = now + step
  end
  state.now, state.index = now, index + n
  return sum
end]]

local function context_of()
  local ctx = rate.context({ worker = 0, workers = 1, round = { index = 1, duration = SECONDS }, workspace = ".", seed = 1,
    log = function() end })
  rate.attach(ctx, { watch = function() end, trace = function() end })
  return ctx
end

local function controller_of(type, options)
  local controller, ctx = assert(plugins.new("rate controller", type, options, ".")), context_of()
  rate.init(controller, ctx)
  return controller, ctx
end

local NOTHING = { run = function(_, _, index) return index end }

-- The fastest of some turns: what the machine adds is never less than nothing.
local function ns_of(controller, ctx)
  local loop, stats = loadstring(LOOP)(), ffi.new("vn_stats")
  local state, best = { now = 0, index = 0, step = 1e9 / TPS }, math.huge
  loop(controller, ctx, stats, state, WARM_UP)
  for _ = 1, TURNS do
    local from = clock.now()
    loop(controller, ctx, stats, state, RUNS)
    best = math.min(best, (clock.now() - from) / RUNS)
  end
  return best
end

local nothing = ns_of(NOTHING, context_of())
print(("%.3f"):format(math.max(0, ns_of(controller_of(arg[1], cjson.decode(arg[2]))) - nothing)))
