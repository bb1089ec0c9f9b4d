-- Runs a command and writes what it took, seen from outside: "wall user system" in seconds, of all processes that it
-- started, also of those that outlive it (Caliper leaves its workers behind; here they are adopted, ended and counted).
-- usage: vernier lua bench/support/measured.lua FILE COMMAND…; the exit status is the command's.
local clock = require("vernier.core.clock")
local ffi = require("ffi")
local process = require("vernier.core.process")

ffi.cdef([[
struct bench_timeval { long sec, usec; };
struct bench_rusage { struct bench_timeval user, system; long others[14]; };
int getrusage(int who, struct bench_rusage *usage);
]])

local CHILDREN = -1

local function seconds(t)
  return tonumber(t.sec) + tonumber(t.usec) / 1e6
end

local from_ns = clock.now()
local status = process.supervise({ unpack(arg, 2) }, {})
local wall = (clock.now() - from_ns) / 1e9
local usage = ffi.new("struct bench_rusage")
assert(ffi.C.getrusage(CHILDREN, usage) == 0)
local file = assert(io.open(arg[1], "w"))
file:write(("%.6f %.6f %.6f\n"):format(wall, seconds(usage.user), seconds(usage.system)))
file:close()
return status
