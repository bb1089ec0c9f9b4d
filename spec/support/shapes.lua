-- Durations of various shapes from fixed seeds, for specs of histograms: values(shape, n, seed) is a list of ns.
local M = {}

-- Deterministic numbers in [0, 1): the specs must not depend on the library's generator.
function M.generator(seed)
  local state = seed
  return function()
    state = (state * 48271) % 2147483647
    return state / 2147483647
  end
end

M.SHAPES = {
  uniform = function(random)
    return 1 + math.floor(random() * 1e6)
  end,
  exponential = function(random)
    return 1 + math.floor(-2e6 * math.log(1 - random()))
  end,
  wide = function(random)
    return math.floor(10 ^ (random() * 13.9))
  end,
  bimodal = function(random)
    return math.floor(random() < 0.9 and 4e5 + random() * 1e5 or 2e9 + random() * 1e9)
  end,
  powers = function(random)
    return math.max(1, 2 ^ math.floor(random() * 46) + math.floor(random() * 3) - 1)
  end,
  constant = function()
    return 123456789
  end,
}

function M.values(shape, n, seed)
  local random, values = M.generator(seed), {}
  for i = 1, n do
    values[i] = M.SHAPES[shape](random)
  end
  return values
end

return M
