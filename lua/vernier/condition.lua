-- Conditions on what a test has measured, as repeat-condition has them:
--
--   {mean = {below = "1 ms", on = operation}}, {["throughput-net"] = {over = 1000}}, {errors = {["percent-below"] = 1}},
--   {percentile = {value = 99, below = "5 ms"}}, {all = {condition, …}}, {any = {condition, …}}
--
-- A mapping with several conditions, and a list of them, mean that all hold. Limits of times are durations (plain numbers:
-- ms), of rates 1/s. `on` is an operation of the test; without it all operations count together.
local near = require("vernier.near")
local sorted = require("vernier.sorted")
local units = require("vernier.units")
local values = require("vernier.results.values")

local M = {}

local KINDS = {
  mean = { name = "response-time-mean", time = true },
  ["throughput-gross"] = { name = "throughput-gross" },
  ["throughput-net"] = { name = "throughput-net" },
  requests = { name = "requests" },
  errors = { name = "errors", percent = true },
  percentile = { name = "percentile(%s)", time = true, value = true },
}
local LIMITS = { over = true, below = true, ["percent-over"] = true, ["percent-below"] = true }

local function names()
  local list = sorted(KINDS)
  list[#list + 1], list[#list + 2] = "all", "any"
  return list
end

local function number_of(kind, limit, text)
  local seconds = kind.time and type(text) == "string" and units.seconds(text)
  if seconds then
    return seconds * 1e9
  end
  local number = tonumber(text)
  if not number then
    error(("%s: %s is no limit"):format(limit, tostring(text)), 0)
  end
  return kind.time and number * 1e6 or number
end

-- "percentile(99)", or the name as it is.
local function name_of(name, kind, of)
  if not kind.value then
    return kind.name
  end
  local value = tonumber(of.value)
  if not value or value <= 0 or value > 100 then
    error(name .. ": needs value, a number above 0 and at most 100", 0)
  end
  return kind.name:format(tostring(of.value))
end

local function parse_limits(name, kind, of)
  local leaf = { name = name_of(name, kind, of), operation = of.on, limits = {} }
  for _, key in ipairs(sorted(of)) do
    if LIMITS[key] and (kind.percent or not key:find("^percent")) then
      leaf.limits[key] = number_of(kind, name .. "." .. key, of[key])
    elseif key ~= "on" and not (key == "value" and kind.value) then
      local hint = near.hint(key, { "on", "over", "below", kind.value and "value" })
      error(('%s: unknown "%s"%s'):format(name, tostring(key), hint and " (" .. hint .. ")" or ""), 0)
    end
  end
  if not next(leaf.limits) then
    error(name .. ": needs over or below", 0)
  end
  return leaf
end

local parse

local function parse_one(name, of)
  if name == "all" or name == "any" then
    local node = parse(of)
    node.any = name == "any"
    return node
  end
  local kind = KINDS[name]
  if not kind then
    local hint = near.hint(name, names())
    error(('unknown condition "%s"%s'):format(tostring(name), hint and " (" .. hint .. ")" or ""), 0)
  elseif type(of) ~= "table" then
    error(('condition "%s" needs its limits, such as {below: 5}'):format(name), 0)
  end
  return parse_limits(name, kind, of)
end

function parse(list)
  if type(list) ~= "table" or next(list) == nil then
    error("a condition is a mapping such as {mean: {below: 1 ms}}", 0)
  end
  local node = { children = {} }
  for _, part in ipairs(#list > 0 and list or { list }) do
    if type(part) ~= "table" then
      error("a list of conditions holds mappings", 0)
    end
    for _, name in ipairs(sorted(part)) do
      table.insert(node.children, parse_one(name, part[name]))
    end
  end
  return node
end

-- The condition in the form that holds wants; or nil, message. Fits `convert` of an option.
function M.parse(value)
  local ok, result = pcall(parse, value)
  if ok then
    return result
  end
  return nil, tostring(result)
end

local function leaf_holds(leaf, results, test)
  local selection = { operation = leaf.operation }
  if leaf.operation then
    local known, message = values.has_operation({ test }, leaf.operation)
    if not known then
      error(message, 0)
    end
  end
  local value = results:value(test, leaf.name, selection)
  if value == nil then
    return false, ("%s is unknown"):format(leaf.name)
  end
  local requests = results:value(test, "requests", selection)
  for key, limit in pairs(leaf.limits) do
    local measured = key:find("^percent") and (requests > 0 and 100 * value / requests or 0) or value
    local over = key:find("over$") ~= nil
    if over and measured <= limit or not over and measured >= limit then
      return false, ("%s is %.6g, not %s %.6g"):format(leaf.name, measured, over and "over" or "below", limit)
    end
  end
  return true
end

-- Whether the parsed condition holds for a test of these results; if not, why. An operation that the test does not have
-- is an error.
function M.holds(node, results, test)
  if node.limits then
    return leaf_holds(node, results, test)
  end
  local reason
  for _, child in ipairs(node.children) do
    local ok, why = M.holds(child, results, test)
    if ok and node.any then
      return true
    elseif not ok and not node.any then
      return false, why
    end
    reason = reason or why
  end
  return not node.any, reason
end

return M
