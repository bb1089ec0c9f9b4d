-- Distributions of a time, as people write them: "5ms", "constant 5ms", "uniform 1ms 9ms", "exponential 5ms",
-- "normal 5ms 1ms", "lognormal 5ms 0.5" (median and sigma of the logarithm).
local units = require("vernier.units")

local M = {}

local function seconds(text)
  return text and units.seconds(text)
end

local function gauss(random)
  return math.sqrt(-2 * math.log(1 - random())) * math.cos(2 * math.pi * random())
end

local make = {}

function make.constant(a)
  return a and function()
    return a
  end
end

function make.uniform(a, b)
  return a and b and a <= b and function(random)
    return a + (b - a) * random()
  end
end

function make.exponential(mean)
  return mean and function(random)
    return -mean * math.log(1 - random())
  end
end

function make.normal(mean, deviation)
  return mean and deviation and function(random)
    return math.max(0, mean + deviation * gauss(random))
  end
end

-- A function(random) -> seconds, where random() is uniform in [0, 1); or nil, message.
function M.parse(text)
  local words = {}
  for word in tostring(text):gmatch("%S+") do
    words[#words + 1] = word
  end
  if #words == 1 and seconds(words[1]) then
    return make.constant(seconds(words[1]))
  end
  local draw
  if words[1] == "lognormal" then
    local median, sigma = seconds(words[2]), tonumber(words[3])
    draw = median and sigma and function(random)
      return median * math.exp(sigma * gauss(random))
    end
  elseif make[words[1]] then
    draw = make[words[1]](seconds(words[2]), seconds(words[3]))
  end
  if not draw then
    return nil, ('"%s" is no distribution of a time: write "constant 5ms", "uniform 1ms 9ms", "exponential 5ms", '
      .. '"normal 5ms 1ms" or "lognormal 5ms 0.5"'):format(tostring(text))
  end
  return draw
end

return M
