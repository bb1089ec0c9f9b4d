-- Clocks: ns since the base that all local processes of a run share.
local core = require("vernier.core.ffi")
local C, ffi = core.C, core.ffi

local M = {}

function M.now()
  return C.vn_clock_now()
end

-- What it is read from: "tsc" (the processor's counter, between two readings of the clock) or "clock_gettime".
function M.source()
  return ffi.string(C.vn_clock_source())
end

function M.wall_us()
  return C.vn_clock_wall_us()
end

function M.cpu_ns()
  return C.vn_clock_cpu_ns()
end

-- The base as decimal text of absolute CLOCK_MONOTONIC ns; what a child process passes to set_base.
function M.base()
  return ffi.string(C.vn_clock_base())
end

function M.set_base(decimal)
  return core.check(C.vn_clock_set_base(decimal))
end

-- From now on the clock goes on from so many ns, as if it had never stopped.
function M.set_now(ns)
  C.vn_clock_set_now(ns)
end

return M
