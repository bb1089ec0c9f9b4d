-- The rounds of a benchmark file, in all the forms that were ever written:
--   since 0.4      label, txNumber or txDuration, rateControl, workload {module, arguments}
--   0.3            callback and arguments instead of workload
--   0.1 and 0.2    lists of txNumber or txDuration and of rateControl: one round for each element
-- and mixtures of them. Stricter than Caliper: counts must be whole, positive and finite, times positive and finite.
local options = require("vernier.options")
local prepare = require("vernier.prepare")
local reference = require("vernier.config.reference")
local section = require("vernier.config.section")
local yaml = require("vernier.core.yaml")

local M = {}

local is_list, is_mapping, is_missing = section.is_list, section.is_mapping, section.is_missing

-- What only vernier knows; all of it optional.
M.OWN = {
  maxInFlight = { type = "integer", min = 1, doc = "most runs in flight over all workers" },
  catchUp = { type = "enum", values = { "all", "drop", "spread" },
    doc = "what happens to runs that are late: done at once, dropped, or done at up to twice the planned rate" },
  lateAfter = { type = "duration", unit = "s", doc = "lateness from which a run counts as late" },
  drain = { type = "duration", unit = "s", doc = "how long answers are awaited after the round" },
  prepare = prepare.OPTION,
  timeout = { type = "duration", unit = "s", min = 0.001, doc = "how long the whole round may take" },
  histogramDigits = { type = "integer", min = 1, max = 5, doc = "significant digits of histograms" },
  onError = { type = "enum", values = { "continue", "stop" }, doc = "after an error in the workload's run" },
  onFailure = { type = "enum", values = { "continue", "stop" }, doc = "after this round has failed" },
}

local KEYS = {
  known = { "label", "description", "txNumber", "txDuration", "rateControl", "workload", "trim", "callback", "arguments" },
  ignored = { "chaincodeID", "chaincodeId", "txMode" },
}
for name in pairs(M.OWN) do
  KEYS.known[#KEYS.known + 1] = name
end
table.sort(KEYS.known)

local function read_label(round)
  local label = round:get("label")
  if is_missing(label) then
    round:error("label", 'Missing "label" attribute')
  elseif type(label) ~= "string" then
    round:error("label", '"label" attribute must be a string')
  else
    return label
  end
end

local function elements(value)
  if is_missing(value) then
    return {}
  end
  return is_list(value) and value or { value }
end

-- What is wrong with one txNumber or txDuration, or nil.
local function amount_problem(key, value)
  if type(value) ~= "number" then
    return ('"%s" attribute must be a number'):format(key)
  elseif key == "txNumber" and (value < 1 or value % 1 ~= 0 or value == math.huge) then
    return ('"txNumber" attribute must be a whole number of at least 1, not %.14g'):format(value)
  elseif not (value > 0 and value < math.huge) then
    return ('"txDuration" attribute must be a positive number of seconds, not %.14g'):format(value)
  end
end

local function check_amounts(round, key)
  local value, ok = round:get(key), true
  for i, element in ipairs(elements(value)) do
    local problem = amount_problem(key, element)
    if problem then
      local place = is_list(value) and yaml.position(value, i) and { value, i, "value" } or round:place(key)
      round.findings:error(place, round.prefix .. problem)
      ok = false
    end
  end
  return ok
end

-- "txNumber" or "txDuration", and its elements; nothing after an error.
local function read_amounts(round, legacy)
  local number, duration = elements(round:get("txNumber")), elements(round:get("txDuration"))
  local ok = check_amounts(round, "txNumber")
  if not check_amounts(round, "txDuration") or not ok then
    return nil
  elseif #number == 0 and #duration == 0 then
    return round:error(nil, 'either the "txDuration" or the "txNumber" attribute must be specified')
  elseif #number > 0 and #duration > 0 and not legacy then
    return round:error("txDuration", 'The "txDuration" and "txNumber" attributes are mutually exclusive')
  elseif #number > 0 and #duration > 0 then
    round:warning("txNumber", '"txNumber" is ignored: "txDuration" takes precedence')
  end
  if #duration > 0 then
    return "duration", duration
  end
  return "number", number
end

local function place_of(t, key)
  local line, column = yaml.position(t, key)
  return { line = line, column = column }
end

-- Options of the older form: a fixed-rate without tps ran at 1.
local function with_defaults(kind, opts, legacy)
  if not legacy or kind ~= "fixed-rate" or opts.tps ~= nil then
    return opts
  end
  local copy = { tps = 1 }
  for key, value in pairs(opts) do
    copy[key] = value
  end
  return copy
end

-- owner[key] is the rate controller's mapping.
local function read_rate(context, round, owner, key, legacy)
  local value = owner[key]
  local place = { owner, key, "value" }
  if is_list(value) and not is_mapping(value) then
    return context.findings:error(place, round.prefix .. '"rateControl" attribute must not be an array of arrays')
  elseif not is_mapping(value) then
    return context.findings:error(place, round.prefix .. '"rateControl" attribute must be an object')
  end
  local rate = section.open(context.findings, value, { known = { "type", "opts" } }, round.prefix .. "rateControl: ")
  local kind = rate:get("type")
  if type(kind) ~= "string" or kind == "" then
    return rate:error("type", is_missing(kind) and 'Missing "type" attribute' or '"type" attribute must be a string')
  end
  reference.check(context, "rate controller", kind, rate:place("type"))
  local opts = with_defaults(kind, rate:mapping("opts"), legacy)
  reference.check_options(context, "rate controller", kind, opts, rate.prefix)
  return { type = kind, opts = opts, position = place_of(value) }
end

local function repeated(rate, n)
  local rates = {}
  for i = 1, n do
    rates[i] = rate
  end
  return rates
end

-- One rate controller for each of n rounds.
local function read_rates(context, round, n, legacy)
  local value, name = round:get("rateControl"), round.names.rateControl or "rateControl"
  if is_missing(value) and legacy then
    return repeated({ type = "fixed-rate", opts = { tps = 1 }, position = place_of(round.t) }, n)
  elseif is_missing(value) then
    return round:error("rateControl", 'Missing "rateControl" attribute')
  elseif not is_list(value) or is_mapping(value) and next(value) == nil then
    return repeated(read_rate(context, round, round.t, name, legacy), n)
  elseif #value ~= n then
    return round:error("rateControl", ('"rateControl" attribute has %d entries for %d rounds'):format(#value, n),
      "one for each element of txNumber or txDuration")
  end
  local rates = {}
  for i = 1, n do
    rates[i] = read_rate(context, round, value, i, legacy)
  end
  return rates
end

local function checked_module(context, owner, key, attribute)
  local module = owner:get(key)
  if is_missing(module) then
    return owner:error(key, ('Missing "%s" attribute'):format(attribute))
  elseif type(module) ~= "string" then
    return owner:error(key, ('"%s" attribute must be a string'):format(attribute))
  end
  return reference.check(context, "workload", module, owner:place(key))
end

local function checked_arguments(owner, attribute)
  local arguments = owner:get("arguments")
  if is_missing(arguments) then
    return {}
  elseif type(arguments) ~= "table" then
    return owner:error("arguments", ('"%s" attribute must be an object'):format(attribute))
  end
  return arguments
end

local function read_workload(context, round)
  local value = round:get("workload")
  if value == nil and round:get("callback") ~= nil then
    return { module = checked_module(context, round, "callback", "callback"),
      arguments = checked_arguments(round, "arguments") }
  elseif is_missing(value) then
    return round:error("workload", 'Missing "workload" attribute')
  elseif type(value) ~= "table" then
    return round:error("workload", '"workload" attribute must be an object')
  elseif round:get("callback") ~= nil then
    round:warning("callback", '"callback" is ignored: "workload" takes precedence')
  end
  if is_list(value) and not is_mapping(value) then
    return round:error("workload", 'Missing "workload.module" attribute')
  end
  local workload = section.open(context.findings, value, { known = { "module", "arguments" } }, round.prefix)
  return { module = checked_module(context, workload, "module", "workload.module"),
    arguments = checked_arguments(workload, "workload.arguments") }
end

local function read_checked_workload(context, round)
  local workload = read_workload(context, round)
  if workload and workload.module and workload.arguments then
    reference.check_options(context, "workload", workload.module, workload.arguments, round.prefix .. "arguments: ")
  end
  return workload
end

local function read_trim(round, kind)
  local trim = round:get("trim")
  if trim == nil then
    return 0
  elseif type(trim) ~= "number" or trim ~= trim then
    return round:error("trim", '"trim" attribute must be a number')
  elseif trim < 0 or trim == math.huge or kind == "number" and trim % 1 ~= 0 then
    return round:error("trim", ('"trim" attribute must be a %s, not %.14g'):format(
      kind == "number" and "whole number of runs" or "number of seconds", trim))
  end
  return trim
end

local function read_own(round)
  local values = {}
  for name in pairs(M.OWN) do
    values[name] = round:get(name)
  end
  local own, problems = options.check(M.OWN, values)
  for _, problem in ipairs(problems or {}) do
    round:error(problem.path[1], ('"%s" %s'):format(problem.path[1], problem.message), problem.hint)
  end
  return own or {}
end

-- It must be known how many runs to make ahead; told of the first of the rounds that an entry stands for.
local function check_prepare(context, round, list)
  for _, one in ipairs(list) do
    local message, hint = nil, nil
    if one.rate then
      message, hint = prepare.problem(one, context.workspace or ".")
    end
    if message then
      return round:error("prepare", '"prepare" ' .. message, hint)
    end
  end
end

local function is_legacy(round)
  return round:get("workload") == nil and round:get("callback") ~= nil or is_list(round:get("txNumber"))
    or is_list(round:get("txDuration"))
end

-- Adds what one entry of the file expands to.
local function read_round(context, rounds, list, index)
  local prefix = ("Round %d: "):format(index)
  if not is_mapping(list[index]) then
    return context.findings:error({ list, index, "value" }, prefix .. "must be an object with a label")
  end
  local round = section.open(context.findings, list[index], KEYS, prefix)
  local legacy = context.legacy or is_legacy(round)
  local label = read_label(round)
  local kind, amounts = read_amounts(round, legacy)
  local rates = read_rates(context, round, amounts and #amounts or #elements(round:get("rateControl")), legacy) or {}
  local workload = read_checked_workload(context, round)
  local trim, own = read_trim(round, kind), read_own(round)
  local added = {}
  for i, amount in ipairs(amounts or {}) do
    local result = { label = label, description = round:get("description"), rate = rates[i], workload = workload,
      trim = trim, position = place_of(round.t) }
    result[kind] = amount
    for name, value in pairs(own) do
      result[name] = value
    end
    added[i], rounds[#rounds + 1] = result, result
  end
  check_prepare(context, round, added)
end

-- The resolved rounds of a list; problems go to the context's findings.
function M.read(context, list)
  local rounds = {}
  for i = 1, #list do
    read_round(context, rounds, list, i)
  end
  return rounds
end

return M
