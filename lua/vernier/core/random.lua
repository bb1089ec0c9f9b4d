-- Random numbers keyed by (seed, stream, index): the same key gives the same numbers on any worker.
local core = require("vernier.core.ffi")
local C, ffi = core.C, core.ffi

local M = {}
M.__index = M

function M.new(seed, stream, index)
  local self = setmetatable({ _state = ffi.new("vn_random") }, M)
  self:seed(seed, stream or 0, index or 0)
  return self
end

function M:seed(seed, stream, index)
  C.vn_random_seed(self._state, seed, stream, index)
end

-- As math.random: random() in [0, 1), random(n) in 1..n, random(a, b) in a..b.
function M:__call(a, b)
  if not a then
    return C.vn_random_next(self._state)
  end
  if not b then
    a, b = 1, a
  end
  return a + C.vn_random_below(self._state, b - a + 1)
end

function M:exponential(mean)
  return C.vn_random_exponential(self._state, mean)
end

function M:normal(mean, stddev)
  return C.vn_random_normal(self._state, mean, stddev)
end

return M
