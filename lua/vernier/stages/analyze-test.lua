-- Looks for the largest or smallest value of a test, or the average, and sets a state variable to it, or to where it
-- was: what comes next can depend on what was measured.
local near = require("vernier.near")
local scope = require("vernier.scope")
local values = require("vernier.results.values")

-- "throughput-net", "percentile(99)", {["throughput-net"] = {}} or {percentile = {value = 99}} as the name of a value.
local function value_name(given)
  local name = given
  if type(given) == "table" then
    local kind = next(given)
    if kind == nil or next(given, kind) ~= nil then
      return nil, "must be the name of one value, such as throughput-net"
    end
    local of = type(given[kind]) == "table" and given[kind].value
    name = of and ("%s(%s)"):format(kind, tostring(of)) or kind
  end
  local known, message, hint = values.named(name)
  if not known then
    return nil, message .. (hint and " (" .. hint .. ")" or "")
  end
  return name
end

local M = {
  where = "manager",
  options = {
    ["test-name"] = { type = "string", required = true, doc = "name of the test" },
    operation = { type = "string", doc = "operation of the test; all of them together without it" },
    ["statistics-type"] = { type = "any", required = true, convert = value_name,
      doc = "what is looked at: requests, errors, response-time-max, -mean, -deviation or percentile(VALUE) (ns), "
        .. "throughput-gross or -net (1/s); also as a mapping: {throughput-net: {}}, {percentile: {value: 99}}" },
    ["analysis-type"] = { type = "enum", values = { "MAX", "MIN", "AVERAGE" }, any_case = true, required = true,
      aliases = { "analyzis-type" }, doc = "what is looked for" },
    ["result-type"] = { type = "enum", values = { "VALUE", "ITERATION", "NODE", "THREAD" }, any_case = true, default = "VALUE",
      doc = "what is stored: the value itself, or where it was: the iteration of the test (from 0, as repeat.counter counts), "
        .. "the worker's index, or the number of its thread (from 0 on each worker)" },
    ["thread-grouping"] = { type = "enum", values = { "EACH_THREAD", "GROUP_BY_NODE", "GROUP_ALL" }, any_case = true,
      default = "GROUP_ALL", doc = "whose values are compared: of each thread (needs merge-thread-stats: false), of each "
        .. "worker, or of all together" },
    ["iteration-selection"] = { type = "enum", values = { "EACH_ITERATION", "LAST_ITERATION" }, any_case = true,
      default = "EACH_ITERATION", doc = "which iterations of the test are looked at" },
    ["store-result-to"] = { type = "string", required = true, convert = scope.variable, doc = "name of the state variable" },
  },
}

local function fail(text, ...)
  error(text:format(...), 0)
end

-- What is asked for has to make sense: an average is nowhere, and a sum over threads is of none of them.
local function check(options)
  local kind, grouping = options["result-type"], options["thread-grouping"]
  if options["analysis-type"] == "AVERAGE" and kind ~= "VALUE" then
    fail("result-type: an average has a VALUE, but no %s", kind)
  elseif kind == "NODE" and grouping == "GROUP_ALL" then
    fail("result-type: a NODE needs thread-grouping GROUP_BY_NODE or EACH_THREAD")
  elseif kind == "THREAD" and grouping ~= "EACH_THREAD" then
    fail("result-type: a THREAD needs thread-grouping EACH_THREAD")
  end
end

-- The results, and those of the chosen iterations, in order: {number, test}.
local function read(ctx, options)
  local name = options["test-name"]
  local ids, names = ctx.cell:tests(name)
  if not ids then
    local hint = near.hint(name, names)
    fail('there is no test "%s" so far%s', name, hint and " (" .. hint .. ")" or "")
  elseif ctx.cell.background[name] then
    fail('the test "%s" goes on in the background: stop-test ends it', name)
  end
  local results = assert(ctx:results(ids))
  if #results.tests == 0 then
    fail('the test "%s" is run, but not reported: give it another name', name)
  end
  local iterations = {}
  for i, test in ipairs(results.tests) do
    if i == #results.tests or options["iteration-selection"] == "EACH_ITERATION" then
      iterations[#iterations + 1] = { number = i - 1, test = test }
    end
  end
  return results, iterations
end

-- The parts of an iteration that are compared: a list of {node, thread}.
local function parts_of(test, grouping)
  local parts = {}
  for _, worker in ipairs(grouping ~= "GROUP_ALL" and test.workers or {}) do
    if grouping == "GROUP_BY_NODE" then
      parts[#parts + 1] = { node = worker.worker }
    elseif #worker.threads == 0 then
      fail("thread-grouping: the test was run without results per thread: merge-thread-stats: false has them")
    else
      for _, thread in ipairs(worker.threads) do
        parts[#parts + 1] = { node = worker.worker, thread = thread.thread }
      end
    end
  end
  return grouping == "GROUP_ALL" and { {} } or parts
end

-- All values that are compared: a list of {value, ITERATION, NODE, THREAD}.
local function gather(results, iterations, options)
  local found = {}
  for _, iteration in ipairs(iterations) do
    for _, part in ipairs(parts_of(iteration.test, options["thread-grouping"])) do
      local value = results:value(iteration.test, options["statistics-type"],
        { operation = options.operation, worker = part.node, thread = part.thread })
      if value then
        found[#found + 1] = { VALUE = value, ITERATION = iteration.number, NODE = part.node, THREAD = part.thread }
      end
    end
  end
  return found
end

-- The first of those that have the largest (smallest) value, or the average as one.
local function pick(found, how)
  local best, sum = found[1], 0
  for _, one in ipairs(found) do
    sum = sum + one.VALUE
    if how == "MAX" and one.VALUE > best.VALUE or how == "MIN" and one.VALUE < best.VALUE then
      best = one
    end
  end
  return how == "AVERAGE" and { VALUE = sum / #found } or best
end

function M:run(ctx, options)
  check(options)
  local results, iterations = read(ctx, options)
  if options.operation then
    local known, message = values.has_operation(results.tests, options.operation)
    if not known then
      error(message, 0)
    end
  end
  local found = gather(results, iterations, options)
  if #found == 0 then
    fail('the test "%s" has no %s: too little was measured', options["test-name"], options["statistics-type"])
  end
  local best = pick(found, options["analysis-type"])
  local answer = best[options["result-type"]]
  ctx:set(options["store-result-to"], answer)
  ctx.log(("%s = %.14g (%s of %s of %s: %.6g)"):format(options["store-result-to"], answer, options["analysis-type"]:lower(),
    options["statistics-type"], options["test-name"], best.VALUE))
end

return M
