-- The cheapest system call, again and again for some seconds; prints how often.
-- usage: vernier lua bench/support/system_calls.lua SECONDS
local clock = require("vernier.core.clock")
local ffi = require("ffi")

ffi.cdef("int getppid(void);")

local BATCH = 1000

local function batch()
  for _ = 1, BATCH do
    ffi.C.getppid()
  end
end

local until_ns, n = clock.now() + tonumber(arg[1]) * 1e9, 0
while clock.now() < until_ns do
  batch()
  n = n + BATCH
end
print(n)
