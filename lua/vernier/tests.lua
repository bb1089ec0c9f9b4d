-- The tests of a running stage, on the manager: a test is opened before its loads are made, starts at the barrier's
-- instant, and ends with the stage's verdict. Each has its records in the manager's journal and its own results.
local clock = require("vernier.core.clock")
local findings = require("vernier.config.findings")
local plugins = require("vernier.plugins")
local rounds = require("vernier.config.rounds")
local units = require("vernier.units")

local M = {}

-- Answers are awaited for the request timeout, but no longer than this; the slack lets the last request end by its own
-- timeout, whose clock is coarse.
local DRAIN_MAX_S, DRAIN_SLACK_S = 30, 0.5
local STATUS = { ok = "ok", continue = "ok", ["break"] = "ok", interrupted = "interrupted" }

local function observe(manager, event, ...)
  for _, observer in ipairs(manager.observers) do
    if observer[event] then
      observer[event](observer, manager, ...)
    end
  end
end

local function model_of(manager, round)
  local controller = plugins.load("rate controller", round.rate.type, manager.workspace)
  return controller and (controller.model or "open")
end

-- Seconds for which answers are awaited when sending is over.
function M.drain(manager, round)
  local timeout = manager.connector_options and manager.connector_options.timeout
  timeout = type(timeout) == "string" and units.seconds(timeout) or tonumber(timeout)
  return round.drain or manager.settings:get("vernier-drain") or math.min(timeout or DRAIN_MAX_S, DRAIN_MAX_S) + DRAIN_SLACK_S
end

-- Opens the test of a resolved round; index: its number in the benchmark file, nil for the test of a user's stage.
-- Returns what a worker's ctx:new_load wants.
function M.open(manager, round, index)
  manager.tests = manager.tests + 1
  local id = manager.tests
  manager.run:record({
    type = "test", test = id, label = round.label, description = round.description, round = index,
    number = round.number, duration = round.duration, rate = { type = round.rate.type, opts = round.rate.opts },
    workload = { module = round.workload.module }, trim = round.trim, model = model_of(manager, round),
    workers = manager.n_workers, digits = 3, configuration = "default", size = manager.n_workers,
  })
  table.insert(manager.open_tests, { id = id, round = round })
  manager:notify("round", round.label)
  return {
    test = id, drain = M.drain(manager, round),
    -- The index keys the random numbers, so it differs from that of every round in the file.
    round = { index = index or #manager.benchmark.rounds + id, label = round.label, number = round.number,
      duration = round.duration },
    workload = { module = round.workload.module, arguments = round.workload.arguments },
    rate = { type = round.rate.type, opts = round.rate.opts }, trim = round.trim, maxInFlight = round.maxInFlight,
    catchUp = round.catchUp, lateAfter = round.lateAfter, onError = round.onError,
  }
end

-- The same for a round that is written as in a benchmark file: {label, txNumber | txDuration, rateControl, workload, …}.
function M.new(manager, entry)
  local found = findings.new("stage " .. tostring(manager.stage_name))
  local list = rounds.read({ findings = found, mode = "run", workspace = manager.workspace }, { entry })
  if found.errors > 0 then
    error(found:text(), 0)
  elseif #list ~= 1 then
    error(("%s: a test is one round, not %d"):format(found.file, #list), 0)
  end
  return M.open(manager, list[1])
end

function M.started(manager, at_ns)
  for _, test in ipairs(manager.open_tests) do
    if not test.started then
      test.started = true
      manager.run:record({ type = "test-start", test = test.id, start_us = at_ns / 1e3 })
      observe(manager, "round_start", test.round, at_ns, test.id)
    end
  end
end

-- The stage's verdict, and a list of reasons, is that of all its tests.
function M.ended(manager, verdict, reasons)
  local status = STATUS[verdict] or "failed"
  reasons = status == "failed" and reasons or {}
  if status == "ok" and manager.interrupted then
    status = "interrupted"
  end
  local open = manager.open_tests
  manager.open_tests = {}
  for _, test in ipairs(open) do
    manager.run:record({ type = "test-end", test = test.id, status = status, reasons = reasons,
      end_us = clock.now() / 1e3 })
    observe(manager, "round_end", test.round, status, reasons, test.id)
  end
end

return M
