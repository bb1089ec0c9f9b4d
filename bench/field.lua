-- Prints one value of a JSON file. usage: vernier lua bench/field.lua FILE tests.1.throughput
local cjson = require("cjson")

local file = assert(io.open(arg[1]))
local value = cjson.decode(file:read("*a"))
file:close()
for key in arg[2]:gmatch("[^.]+") do
  value = value[tonumber(key) or key]
  if value == nil or value == cjson.null then
    io.stderr:write(("field: %s has no %s\n"):format(arg[1], arg[2]))
    return 1
  end
end
print(type(value) == "number" and ("%.14g"):format(value) or value)
