-- The C half of loads, driven without runners.
local clock = require("vernier.core.clock")
local core = require("vernier.core.load")
local histogram = require("vernier.core.histogram")
local loop = require("vernier.core.loop")

local M = {}

-- A load that has started; more: options of vernier.core.load.new, and start_ns.
function M.new(more)
  local options = { late_after_ns = 1e12, max_in_flight = 8, budget_ns = 1e12 }
  for key, value in pairs(more or {}) do
    options[key] = value
  end
  local handle = assert(core.new(options))
  loop.poll(0)
  core.start(handle, options.start_ns or clock.now())
  return handle
end

-- An encoded histogram.
function M.times(encoded)
  local h = histogram.new(3)
  assert(h:decode_add(encoded))
  return h
end

return M
