-- What a worker measures of itself while a load runs: whether the numbers are the system's or its own. All is of the whole
-- process, so loads that run at the same time see the same.
local clock = require("vernier.core.clock")
local collector = require("vernier.core.collector")
local file = require("vernier.core.file")
local loop = require("vernier.core.loop")

local M = {}
M.__index = M

local FRESH_NS = 10e6 -- loads whose intervals end together read the same

local running = 0 -- the longest of something are those since the first of the loads that run now
local latest -- what was read last

local function read(path)
  return file.read(path) or ""
end

-- Ticks of all cores since the machine was started, and how many of them the hypervisor gave to others.
local function machine_ticks()
  local all, n, steal = 0, 0, 0
  for ticks in (read("/proc/stat"):match("^cpu +([^\n]*)") or ""):gmatch("%d+") do
    n = n + 1
    if n <= 8 then -- guest times follow, and are in user time already
      all = all + tonumber(ticks)
    end
    steal = n == 8 and tonumber(ticks) or steal
  end
  return all, steal
end

-- How long the process wanted to run and others of this machine did.
local function waited_ns()
  return tonumber(read("/proc/self/schedstat"):match("^%d+ (%d+)")) or 0
end

local function read_all()
  local ticks, steal = machine_ticks()
  local state = loop.state
  return {
    wall = clock.now(), cpu = clock.cpu_ns(), real_us = clock.wall_us(), spun = state.spun_ns, turns = state.turns,
    stalls = state.stalls,
    outliers = state.outliers, outlier = state.outlier_ns, pauses = collector.pauses, collected = collector.total_ns,
    ticks = ticks, steal = steal, waited = waited_ns(),
  }
end

local function now()
  if not latest or clock.now() - latest.wall > FRESH_NS then
    latest = read_all()
  end
  return latest
end

-- A load starts.
function M.start()
  if running == 0 then
    loop.reset_longest()
    collector.reset()
    latest = nil
  end
  running = running + 1
  return setmetatable({ _from = now() }, M)
end

-- Since it started: {wall_us, cpu_us; spun_us: CPU time spent on waiting for due times; waited_us: for a core; turns of the
-- loop, each of which polls once or more; stalls, longest_stall_us: turns over 10 ms; outliers, outlier_us,
-- longest_outlier_us: waits that the machine made longer; pauses (over 1 ms), collected_us, longest_pause_us: of the Lua
-- collector; step_us: how far the wall clock moved against the monotonic one; steal: share of the machine's time that its
-- hypervisor took}.
function M:measure()
  local from, e, state = self._from, now(), loop.state
  return {
    wall_us = (e.wall - from.wall) / 1e3, cpu_us = (e.cpu - from.cpu) / 1e3, spun_us = (e.spun - from.spun) / 1e3,
    waited_us = (e.waited - from.waited) / 1e3, turns = e.turns - from.turns, stalls = e.stalls - from.stalls,
    longest_stall_us = state.longest_stall_ns / 1e3, outliers = e.outliers - from.outliers,
    outlier_us = (e.outlier - from.outlier) / 1e3, longest_outlier_us = state.longest_outlier_ns / 1e3,
    pauses = math.max(0, e.pauses - from.pauses), collected_us = math.max(0, e.collected - from.collected) / 1e3,
    longest_pause_us = collector.longest_ns / 1e3, step_us = e.real_us - from.real_us - (e.wall - from.wall) / 1e3,
    steal = e.ticks > from.ticks and (e.steal - from.steal) / (e.ticks - from.ticks) or 0,
  }
end

-- It has ended: the same for the last time.
function M:finish()
  running, latest = running - 1, nil
  return self:measure()
end

return M
