-- The collector of this process's Lua state, in measured steps between turns of the loop.
--
-- Left alone, LuaJIT collects inside allocations: in the middle of transactions, where nobody can tell how long it took.
-- While a load runs the scheduler drives it instead: a cycle begins when the heap has grown by half (a small one may grow
-- by HEAP_MIN), and goes on by a step for every SLICE that is allocated, when nothing is due for a while or when it cannot
-- wait. What cannot be divided, such as a large table or the end of marking, is a pause that grows with the heap. Times of
-- steps are CPU times: what took the processor away meanwhile is no pause of ours. Within one turn nothing is collected:
-- what a hook allocates that does not come back to the loop, its deadline bounds.
local core = require("vernier.core.ffi")
local C = core.C

local M = {
  pauses = 0, -- steps longer than PAUSE_NS since reset
  longest_ns = 0, -- step since reset
  total_ns = 0, -- of all steps
}

local PAUSE_NS = 1e6
local STEP = 16 -- the argument of collectgarbage: work of about 10 us
local SLICE = 16 * 1024
local QUIET_NS = 50e3 -- a step is not begun so shortly before an instant …
local PATIENCE = 256 * 1024 -- … unless so much has been allocated since it was due
local HEAP_MIN = 1024 * 1024 -- a small heap grows by so much before it is collected: garbage that fits a cache costs less

local users = 0
local limit = math.huge -- bytes from which a step is due

local function next_cycle()
  local live = C.vn_lua_bytes()
  return live + math.max(live / 2, HEAP_MIN)
end

-- From here to finish() nothing is collected but by steps. May be nested.
function M.start()
  users = users + 1
  if users == 1 then
    collectgarbage("stop")
    limit = next_cycle()
  end
end

function M.finish()
  users = users - 1
  if users == 0 then
    limit = math.huge
    collectgarbage("restart")
  end
end

function M.reset()
  M.pauses, M.longest_ns, M.total_ns = 0, 0, 0
end

-- Whether a step is due.
function M.due()
  return C.vn_lua_bytes() > limit
end

local function one_step()
  local from = C.vn_clock_cpu_ns()
  local finished = collectgarbage("step", STEP)
  collectgarbage("stop") -- a step lets the allocator go on with it
  local took = C.vn_clock_cpu_ns() - from
  M.total_ns = M.total_ns + took
  M.longest_ns = math.max(M.longest_ns, took)
  if took > PAUSE_NS then
    M.pauses = M.pauses + 1
  end
  return finished
end

-- Makes the steps that are due, one for each slice, unless the loop wants to be somewhere at next_ns (absolute) before.
function M.step(next_ns)
  local over = C.vn_lua_bytes() - limit
  if next_ns - C.vn_clock_now() < QUIET_NS and over < PATIENCE then
    return
  end
  for _ = 0, over / SLICE do
    if one_step() then
      limit = next_cycle()
      return
    end
  end
  limit = C.vn_lua_bytes() + SLICE
end

return M
