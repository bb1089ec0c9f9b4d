-- How often a repeat runs, and with which counters.
local properties = require("vernier.properties")

local M = { KEYS = { "from", "to", "inc", "times" } }

M.DECLARATION = {
  from = { type = "number", default = 0, doc = "the first counter" },
  to = { type = "number", doc = "the last counter, where the steps hit it" },
  inc = { type = "number", default = 1, doc = "from one counter to the next; may be negative",
    convert = function(value) return value ~= 0 and value or nil, value == 0 and "must not be 0" or nil end },
  times = { type = "integer", min = 0, doc = "how often, instead of to" },
}

-- What is wrong with the keys that are given, or nil.
function M.conflict(given)
  if given.to ~= nil and given.times ~= nil then
    return '"to" and "times" exclude each other'
  elseif given.to == nil and given.times == nil then
    return '"to" or "times" is missing'
  end
end

-- given: what stands in a repeat: {from = 0, to, inc = 1} or {times, from, inc}, numbers or expressions; other keys are
-- left alone. {first, inc, n}: the counter of the i-th turn (from 1) is first + (i - 1) * inc; or nil, message, hint.
function M.range(given, scope)
  local raw, message = {}, M.conflict(given)
  if message then
    return nil, message
  end
  for _, key in ipairs(M.KEYS) do
    raw[key] = given[key]
  end
  local values, problems = properties.evaluate(M.DECLARATION, raw, scope)
  if not values then
    return nil, ('"%s" %s'):format(problems[1].path[1], problems[1].message), problems[1].hint
  end
  -- Steps such as 0.1 are no exact numbers: the last may lie past the end by a rounding error.
  local n = values.times or math.max(0, math.floor((values.to - values.from) / values.inc + 1e-9) + 1)
  return { first = values.from, inc = values.inc, n = n }
end

-- What stands in a repeat sees: the outer values with the counter of the innermost repeat, and of the one of that name.
function M.inside(outer, name, value)
  local inner = {}
  for key, known in pairs(outer) do
    inner[key] = known
  end
  inner["repeat.counter"] = value
  if name then
    inner[("repeat.%s.counter"):format(name)] = value
  end
  return inner
end

return M
