-- The results as summary.json has them: doc/summary.md describes every member.
local json = require("vernier.json")

local M = { FORMAT = 1 }

-- Keys in the order a reader wants them; others follow, sorted.
M.ORDER = {
  "format", "run", "certificate", "machine", "calibration", "cells", "tests", "results", "monitors",
  "cell", "configuration", "size", "test", "label", "name", "worker", "thread", "group", "class", "message", "description",
  "verdict", "round", "iteration", "iteration_name", "iteration_value", "repetition", "attempt", "model", "status",
  "suspect", "value", "unit", "reason", "reasons",
  "started", "seconds", "exit", "version", "command", "seed", "workers_asked",
  "number", "duration", "trim", "type", "opts", "rate", "workload", "count",
  "runs", "empty", "submitted", "ok", "failed", "unfinished", "dropped", "late", "trimmed",
  "send_rate", "throughput", "goodput",
  "response_time_ns", "service_time_ns", "lateness_ns", "blocked_ns",
  "min", "mean", "max", "stddev", "p50", "p90", "p95", "p99", "p99_9", "p99_99",
  "outcome", "text", "low", "high", "curve", "columns", "rows", "findings",
  "marks", "operations", "errors", "threads", "workers", "thresholds", "first", "last",
}

local null = json.null

local function or_null(value)
  if value == nil then
    return null
  end
  return value
end

local TIME_MEMBERS = { "min", "mean", "max", "stddev", "p50", "p90", "p95", "p99", "p99_9", "p99_99" }

local function time_object(figures)
  if not figures then
    return null
  end
  local out = {}
  for _, name in ipairs(TIME_MEMBERS) do
    out[name] = or_null(figures[name])
  end
  return out
end

local RATES = { "send_rate", "throughput", "goodput" }
local TEST_COUNTERS = { "runs", "empty", "submitted", "ok", "failed", "unfinished", "dropped", "late", "trimmed" }
local OP_COUNTERS = { "submitted", "ok", "failed", "unfinished", "trimmed" }

local function add_figures(out, figures, counters)
  for _, name in ipairs(counters) do
    out[name] = figures[name]
  end
  for _, name in ipairs(RATES) do
    out[name] = or_null(figures[name])
  end
  out.response_time_ns = time_object(figures.response_time)
  out.service_time_ns = time_object(figures.service_time)
  out.lateness_ns = time_object(figures.lateness_time)
  out.blocked_ns = time_object(figures.blocked_time)
  return out
end

local function map(list, f)
  local out = {}
  for i, value in ipairs(list) do
    out[i] = f(value)
  end
  return json.array(out)
end

local function mark(m)
  return { name = m.name, count = m.count, response_time_ns = time_object(m.response_time),
    service_time_ns = time_object(m.service_time) }
end

local function operation(figures)
  local marks = #figures.marks > 0 and map(figures.marks, mark) or nil
  return add_figures({ name = figures.name, marks = marks }, figures, OP_COUNTERS)
end

local function error_entry(e)
  return {
    class = e.class,
    message = e.message,
    count = e.count,
    first = e.first_us / 1e6,
    last = e.last_us / 1e6,
  }
end

local WORKER_RATES = { "throughput", "goodput" }

-- What a worker and a thread of it have both.
local function row_of(row, out)
  out.status = row.status
  out.reason = or_null(row.reason)
  out.response_time_ns = time_object(row.response_time)
  for _, name in ipairs(TEST_COUNTERS) do
    out[name] = row[name]
  end
  for _, name in ipairs(WORKER_RATES) do
    out[name] = or_null(row[name])
  end
  return out
end

local function thread(row)
  return row_of(row, { thread = row.thread })
end

-- What the worker measured of itself (vernier.worker.vitals), in ns.
local function vitals(of)
  local out = {}
  for name, value in pairs(of) do
    local base = name:match("^(.*)_us$")
    out[base and base .. "_ns" or name] = base and value * 1e3 or value
  end
  return next(out) ~= nil and out or null
end

local function worker(w)
  return row_of(w, {
    worker = w.worker,
    group = or_null(w.group),
    suspect = w.suspect,
    pid = or_null(w.pid),
    vitals = vitals(w.vitals),
    threads = #w.threads > 0 and map(w.threads, thread) or nil,
  })
end

local FINDING_MEMBERS = { "worker", "outcome", "value", "unit", "low", "high" }

-- What a rate controller has found out; of its curve, every row has every column.
local function finding(f)
  local out = { name = f.name, text = f.text }
  for _, name in ipairs(FINDING_MEMBERS) do
    out[name] = or_null(f[name])
  end
  out.curve = f.curve and { columns = map(f.curve.columns, function(column)
    return { name = column.name, unit = or_null(column.unit) }
  end), rows = map(f.curve.rows, function(row)
    local full = {}
    for _, column in ipairs(f.curve.columns) do
      full[column.name] = or_null(row[column.name])
    end
    return full
  end) } or null
  return out
end

local SPEC_MEMBERS = {
  "cell", "iteration_value", "iteration_name", "repetition", "model", "number", "duration", "threads", "trim", "rate",
  "workload", "description",
}

-- One test: an entry of `tests`.
function M.test(t)
  local spec = t.spec
  local label = spec.label and spec.label ~= "" and spec.label or "unknown"
  local out = {
    configuration = spec.configuration or "default",
    size = or_null(spec.size or spec.workers),
    test = t.id,
    label = label,
    name = spec.name or label,
    round = or_null(spec.round or t.id),
    iteration = spec.iteration or 1,
    status = t.status,
    reasons = map(t.reasons, tostring),
    seconds = t.seconds,
    operations = map(t.operation_figures, operation),
    findings = map(t.findings, finding),
    errors = map(t.errors, error_entry),
    workers = map(t.workers, worker),
    thresholds = json.array({}),
  }
  for _, name in ipairs(SPEC_MEMBERS) do
    out[name] = or_null(spec[name])
  end
  return add_figures(out, t.figures, TEST_COUNTERS)
end

local function cell(c)
  return {
    cell = c.cell,
    configuration = c.configuration,
    size = c.size,
    repetition = or_null(c.repetition),
    groups = map(c.groups or {}, function(group)
      return { name = group.name, size = group.size }
    end),
    attempt = c.attempt,
    status = c.status,
    reasons = map(c.reasons, tostring),
    seconds = or_null(c.seconds),
  }
end

-- A custom result; the cell that it belongs to says of which configuration, size and repetition it is.
local function result(record, cells)
  local c = cells[record.cell] or {}
  return {
    cell = or_null(record.cell),
    configuration = or_null(c.configuration),
    size = or_null(c.size),
    repetition = or_null(c.repetition),
    test = or_null(record.test),
    iteration = or_null(record.iteration),
    name = or_null(record.name),
    value = or_null(record.value),
    unit = or_null(record.unit),
    workers = record.workers or {},
  }
end

local function run(results)
  local r = results.run
  return {
    name = or_null(r.name),
    description = or_null(r.description),
    started = or_null(results.started),
    seconds = results.seconds,
    status = results.status,
    exit = or_null(results.exit),
    version = or_null(r.version),
    command = or_null(r.command),
    seed = or_null(r.seed),
    workers_asked = or_null(r.workers),
    repetitions = r.repetitions or 1,
    order = or_null(r.order),
    restart = or_null(r.restart),
    resumed = #results.resumed,
  }
end

local function check(c)
  return { name = c.name, verdict = c.verdict, value = or_null(c.value), limit = or_null(c.limit), unit = or_null(c.unit),
    test = or_null(c.test), worker = or_null(c.worker), text = c.text }
end

function M.of(results)
  local by_index = {}
  for _, c in ipairs(results.cells) do
    by_index[c.cell] = c
  end
  return {
    format = M.FORMAT,
    run = run(results),
    certificate = {
      verdict = results.certificate.verdict,
      reasons = map(results.certificate.reasons, tostring),
      checks = map(results.certificate.checks, check),
    },
    machine = results.run.machine or {},
    calibration = or_null(results.run.calibration),
    cells = map(results.cells, cell),
    tests = map(results.tests, M.test),
    results = map(results.results, function(record)
      return result(record, by_index)
    end),
    monitors = json.array({}),
  }
end

return M
