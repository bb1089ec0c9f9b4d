-- The tests of a stage, on the manager: a test is opened before its loads are made, starts at the barrier's instant, and
-- ends with the stage's verdict, or later if it goes on in the background. Each has its records in the manager's journal
-- and its own results.
local clock = require("vernier.core.clock")
local findings = require("vernier.config.findings")
local inputs = require("vernier.inputs")
local names = require("vernier.results.names")
local plugins = require("vernier.plugins")
local rounds = require("vernier.config.rounds")
local units = require("vernier.units")

local M = {}

-- Answers are awaited for the request timeout, but no longer than this; the slack lets the last request end by its own
-- timeout, whose clock is coarse.
local DRAIN_MAX_S, DRAIN_SLACK_S = 30, 0.5
local STATUS = { ok = "ok", continue = "ok", ["break"] = "ok", interrupted = "interrupted" }

local function model_of(manager, round)
  local controller = plugins.load("rate controller", round.rate.type, manager.workspace)
  return controller and (controller.model or "open")
end

-- Seconds for which answers are awaited when sending is over.
local function drain_of(ctx, round)
  local timeout = ctx:connector_options().timeout
  timeout = type(timeout) == "string" and units.seconds(timeout) or tonumber(timeout)
  return round.drain or ctx.settings:get("vernier-drain") or math.min(timeout or DRAIN_MAX_S, DRAIN_MAX_S) + DRAIN_SLACK_S
end

local function groups_of(ctx)
  local groups = {}
  for _, index in ipairs(ctx.executors) do
    groups[tostring(index)] = ctx.cell:group_of(index).name
  end
  return groups
end

-- Where it belongs, for people: "2/5" of a file's rounds; or which iteration it is, and its cell.
local function place_of(ctx, identity)
  if identity.index then
    return ("%d/%d"):format(identity.index, #ctx.manager.benchmark.rounds)
  end
  local parts = {}
  if identity.iteration_value ~= nil or (identity.iteration or 1) > 1 then
    local value = names.iteration_value(identity)
    parts[1] = ("iteration %d%s"):format(identity.iteration, value and ": " .. value or "")
  end
  if ctx.manager.n_cells > 1 then
    parts[#parts + 1] = ctx.cell.label
  end
  return #parts > 0 and table.concat(parts, ", ") or nil
end

local function record(ctx, id, round, identity)
  local cell = ctx.cell
  ctx.manager.run:record({
    type = "test", test = id, label = round.label, name = round.label, description = round.description,
    round = identity.index, number = round.number, duration = round.duration,
    rate = { type = round.rate.type, opts = round.rate.opts }, workload = { module = round.workload.module },
    trim = round.trim, ramp = identity.ramp, model = model_of(ctx.manager, round), workers = #ctx.executors,
    digits = round.histogramDigits or 3,
    cell = cell.index, attempt = cell.attempt, configuration = cell.configuration.name, size = cell.cluster.size,
    repetition = cell.repetition, iteration = identity.iteration or 1, iteration_name = identity.iteration_name,
    iteration_value = identity.iteration_value, warmup = identity.warmup, threads = identity.threads,
    group_of = groups_of(ctx),
  })
end

-- Opens the test of a resolved round. identity: what is known of it beyond the round, {index = its number in the benchmark
-- file, iteration, iteration_name, iteration_value, threads, ramp (s), warmup = true where it is run and not
-- reported}. Returns what a worker's ctx:new_load wants.
function M.open(ctx, round, identity)
  identity = identity or {}
  local manager = ctx.manager
  local id, number = manager:next_test_id(), ctx.cell:next_test()
  if plugins.looks_like_path(round.workload.module) then
    inputs.note(plugins.path_of(round.workload.module, ctx.workspace))
  end
  record(ctx, id, round, identity)
  ctx.cell:add_test(round.label, id)
  local drain = drain_of(ctx, round)
  table.insert(ctx.tests, { id = id, round = round, drain = drain, place = place_of(ctx, identity) })
  manager:notify("round", round.label)
  return {
    test = id, drain = drain, digits = round.histogramDigits,
    -- The index keys the random numbers, so it differs from that of every round in the file.
    round = { index = identity.index or #(manager.benchmark.rounds or {}) + number, label = round.label,
      number = round.number, duration = round.duration },
    workload = { module = round.workload.module, arguments = round.workload.arguments },
    rate = { type = round.rate.type, opts = round.rate.opts }, trim = round.trim, ramp = identity.ramp, timeout = round.timeout,
    maxInFlight = round.maxInFlight, catchUp = round.catchUp, lateAfter = round.lateAfter, onError = round.onError,
    prepare = round.prepare,
  }
end

-- A round that is written as in a benchmark file, {label, txNumber | txDuration, rateControl, workload, …}, resolved.
function M.resolve(ctx, entry)
  local found = findings.new("stage " .. tostring(ctx.entry.stage))
  local list = rounds.read({ findings = found, mode = "run", workspace = ctx.workspace }, { entry })
  if found.errors > 0 then
    error(found:text(), 0)
  elseif #list ~= 1 then
    error(("%s: a test is one round, not %d"):format(found.file, #list), 0)
  end
  return list[1]
end

-- Opens the test of such a round.
function M.new(ctx, entry, identity)
  return M.open(ctx, M.resolve(ctx, entry), identity)
end

function M.started(ctx, at_ns)
  for _, test in ipairs(ctx.tests) do
    if not test.started then
      test.started = true
      ctx.manager.run:record({ type = "test-start", test = test.id, start_us = at_ns / 1e3 })
      ctx.manager:observe("round_start", test.round, at_ns, test.id, test.place)
    end
  end
end

-- Those of the stage's tests that are not over go on under a name, until somebody takes them.
function M.keep(ctx, name)
  ctx.tests.executors = ctx.executors
  ctx.cell.background[name] = ctx.tests
  for _, test in ipairs(ctx.tests) do
    test.kept = true
  end
end

-- The tests that go on under that name become the stage's.
function M.take(ctx, name)
  local kept = ctx.cell.background[name]
  ctx.cell.background[name] = nil
  for _, test in ipairs(kept) do
    test.kept = nil
    table.insert(ctx.tests, test)
  end
  return kept
end

-- The stage's tests were over at that time (us); nil: they are now.
function M.over(ctx, end_us)
  for _, test in ipairs(ctx.tests) do
    test.end_us = end_us
  end
end

local function finish(manager, test, status, reasons)
  if test.ended then
    return
  end
  test.ended = true
  manager.run:record({ type = "test-end", test = test.id, status = status, reasons = reasons,
    end_us = test.end_us or clock.now() / 1e3 })
  manager:observe("round_end", test.round, status, reasons, test.id)
end

-- The stage's verdict, and a list of reasons, is that of all its tests but those that go on.
function M.ended(ctx, verdict, reasons)
  local status = STATUS[verdict] or "failed"
  reasons = status == "failed" and reasons or {}
  if status == "ok" and ctx.manager.interrupted then
    status = "interrupted"
  end
  for _, test in ipairs(ctx.tests) do
    if not test.kept or status == "failed" then
      finish(ctx.manager, test, status, reasons)
    end
  end
end

return M
