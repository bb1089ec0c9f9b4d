-- ns per record of a histogram through the FFI, in a compiled loop. usage: vernier lua histogram_loop.lua DIGITS [constant]
local clock = require("vernier.core.clock")
local histogram = require("vernier.core.histogram")
local random = require("vernier.core.random")

local VALUES, ROUNDS = 65536, 500

local h = assert(histogram.new(tonumber(arg[1])))
local next_value, values = random.new(1, 1, 1), {}
for i = 1, VALUES do
  values[i] = arg[2] and 2e6 or 1 + math.floor(-2e6 * math.log(1 - next_value()))
end

local function record()
  for i = 1, VALUES do
    h:record(values[i])
  end
end

record()
local from = clock.now()
for _ = 1, ROUNDS do
  record()
end
print(("%.3f"):format((clock.now() - from) / ROUNDS / VALUES))
