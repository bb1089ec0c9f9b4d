-- The results as summary.json has them: doc/summary.md describes every member.
local json = require("vernier.json")

local M = { FORMAT = 1 }

-- Keys in the order a reader wants them; others follow, sorted.
M.ORDER = {
  "format", "run", "certificate", "machine", "tests", "monitors",
  "configuration", "size", "test", "label", "name", "worker", "class", "message", "description", "verdict",
  "round", "iteration", "iteration_value", "repetition", "model", "status", "reason", "reasons",
  "started", "seconds", "exit", "version", "command", "seed", "workers_asked",
  "number", "duration", "trim", "type", "opts", "rate", "workload", "count",
  "runs", "empty", "submitted", "ok", "failed", "unfinished", "dropped", "late", "trimmed",
  "send_rate", "throughput", "goodput",
  "response_time_ns", "service_time_ns", "lateness_ns", "blocked_ns",
  "min", "mean", "max", "stddev", "p50", "p90", "p95", "p99", "p99_9", "p99_99",
  "operations", "errors", "workers", "thresholds", "first", "last",
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

local function operation(figures)
  return add_figures({ name = figures.name }, figures, OP_COUNTERS)
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

local function worker(w)
  local out = {
    worker = w.worker,
    status = w.status,
    reason = or_null(w.reason),
    pid = or_null(w.pid),
    cpu_seconds = w.cpu_us / 1e6,
    longest_stall_ns = w.longest_stall_us * 1e3,
    response_time_ns = time_object(w.response_time),
  }
  for _, name in ipairs(TEST_COUNTERS) do
    out[name] = w[name]
  end
  return out
end

local SPEC_MEMBERS = {
  "iteration_value", "repetition", "model", "number", "duration", "trim", "rate", "workload", "description",
}

local function test(t)
  local spec = t.spec
  local out = {
    configuration = spec.configuration or "default",
    size = or_null(spec.size or spec.workers),
    test = t.id,
    label = spec.label and spec.label ~= "" and spec.label or "unknown",
    round = or_null(spec.round or t.id),
    iteration = spec.iteration or 1,
    status = t.status,
    reasons = map(t.reasons, tostring),
    seconds = t.seconds,
    operations = map(t.operation_figures, operation),
    errors = map(t.errors, error_entry),
    workers = map(t.workers, worker),
    thresholds = json.array({}),
  }
  for _, name in ipairs(SPEC_MEMBERS) do
    out[name] = or_null(spec[name])
  end
  return add_figures(out, t.figures, TEST_COUNTERS)
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
  }
end

function M.of(results)
  return {
    format = M.FORMAT,
    run = run(results),
    certificate = { verdict = results.certificate.verdict, reasons = map(results.certificate.reasons, tostring) },
    machine = results.run.machine or {},
    tests = map(results.tests, test),
    monitors = json.array({}),
  }
end

return M
