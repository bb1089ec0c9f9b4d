-- Single figures of a test by RadarGun's names, as conditions and analyses of stages name them.
local near = require("vernier.near")
local representations = require("vernier.results.representations")
local sorted = require("vernier.sorted")

local M = {}

local function member(representation, name, unit)
  return {
    unit = unit,
    of = function(t, selection)
      local data = representations.of(representation, t, selection)
      return data and data[name]
    end,
  }
end

local VALUES = {
  requests = member("outcome", "requests", ""),
  errors = member("outcome", "errors", ""),
  ["response-time-max"] = member("outcome", "max", "ns"),
  ["response-time-mean"] = member("mean-and-deviation", "mean", "ns"),
  ["response-time-deviation"] = member("mean-and-deviation", "deviation", "ns"),
  ["throughput-gross"] = member("throughput", "gross", "1/s"),
  ["throughput-net"] = member("throughput", "net", "1/s"),
}

M.NAMES = {
  "requests", "errors", "response-time-max", "response-time-mean", "response-time-deviation", "throughput-gross",
  "throughput-net", "percentile(VALUE)",
}

local function percentile(p)
  return {
    unit = "ns",
    of = function(t, selection)
      local arguments = { percentile = p }
      for key, value in pairs(selection) do
        arguments[key] = value
      end
      return representations.of("percentile", t, arguments)
    end,
  }
end

-- Checks a name. Returns {unit = "" | "ns" | "1/s", of(test, selection)}; or nil, message, hint.
function M.named(name)
  name = tostring(name)
  local argument = name:match("^percentile%s*%((.*)%)$")
  if argument then
    local p = tonumber(argument)
    if p and p > 0 and p <= 100 then
      return percentile(p)
    end
    return nil, ("%s: a percentile is a number above 0 and at most 100"):format(name)
  end
  if VALUES[name] then
    return VALUES[name]
  end
  return nil, ("unknown value %q"):format(name), near.hint_or_known(name, M.NAMES)
end

-- Whether one of the tests has an operation of that name: true; or nil and why not, with a near name.
function M.has_operation(tests, name)
  local known = {}
  for _, t in ipairs(tests) do
    for _, figures in ipairs(t.operation_figures) do
      known[figures.name] = true
    end
  end
  if known[name] then
    return true
  end
  local names = sorted(known)
  return nil, ('the test has no operation "%s" (%s)'):format(name, near.hint(name, names)
    or #names > 0 and "it has " .. table.concat(names, ", ") or "nothing was sent")
end

-- The figure of that name and its unit; nil where the data cannot give it. requests: how many finished; errors: the
-- failed of these, both without trimmed ones; response times: of those that were ok; throughput-gross: of all that
-- finished, -net: of the ok ones. selection: {operation, worker, thread, clock}, as for vernier.results.representations.
-- A wrong name is an error.
function M.of(t, name, selection)
  local value, message, hint = M.named(name)
  if not value then
    error(message .. (hint and " (" .. hint .. ")" or ""), 0)
  end
  return value.of(t, selection or {}), value.unit
end

return M
