-- Prints the summary: Caliper's table and the times side by side, or, of several cells, what became of each and how they
-- compare; and what went wrong.
local calibration = require("vernier.calibration")
local compare = require("vernier.text.compare")
local findings = require("vernier.results.findings")
local format = require("vernier.format")
local names = require("vernier.results.names")
local process = require("vernier.core.process")
local tables = require("vernier.text.table")

local M = { options = {} }

local plain = tables.plain

-- ---- the summary ----

local function label(t)
  return plain(names.title(t))
end

-- spare: left out where the terminal is too narrow; the table of times has it too.
local function latency(title, member, spare)
  return {
    title = title,
    spare = spare,
    value = function(t)
      local response = t.figures.response_time
      return format.duration(response and response[member])
    end,
  }
end

local function counter(title, member, colour, optional)
  return {
    title = title,
    value = function(t)
      local n = t.figures[member]
      return format.count(n), n > 0 and colour or nil
    end,
    shows = optional and function(t)
      return t.figures[member] > 0
    end,
  }
end

local function rate(title, member)
  return {
    title = title,
    value = function(t)
      return format.rate(t.figures[member])
    end,
  }
end

local SUMMARY = {
  {
    title = "Name",
    left = true,
    value = function(t)
      return label(t), t.status == "failed" and "red" or t.status == "interrupted" and "yellow" or nil
    end,
  },
  counter("Succ", "ok"),
  counter("Fail", "failed", "red"),
  counter("Unfinished", "unfinished", "red", true),
  counter("Dropped", "dropped", "yellow", true),
  rate("Send Rate (TPS)", "send_rate"),
  latency("Max Latency", "max"),
  latency("Min Latency", "min"),
  latency("Avg Latency", "mean"),
  latency("p50", "p50", true),
  latency("p95", "p95", true),
  latency("p99", "p99", true),
  rate("Throughput (TPS)", "throughput"),
}

-- ---- response and service time side by side ----

local function time(title, member)
  return {
    title = title,
    value = function(row)
      return format.duration(row.figures[member])
    end,
  }
end

local TIMES = {
  {
    title = "Name",
    left = true,
    value = function(row)
      return row.name
    end,
  },
  {
    title = "Time",
    left = true,
    value = function(row)
      return row.clock
    end,
  },
  time("min", "min"),
  time("mean", "mean"),
  time("stddev", "stddev"),
  time("p50", "p50"),
  time("p90", "p90"),
  time("p95", "p95"),
  time("p99", "p99"),
  time("p99.9", "p99_9"),
  time("p99.99", "p99_99"),
  time("max", "max"),
}

local function add_times(rows, name, figures)
  for _, clock in ipairs({ "response", "service" }) do
    local times = figures[clock .. "_time"]
    if times then
      rows[#rows + 1] = { name = clock == "response" and name or "", clock = clock, figures = times }
    end
  end
end

local function time_rows(tests)
  local rows = {}
  for _, t in ipairs(tests) do
    add_times(rows, label(t), t.figures)
    local several = #t.operation_figures > 1
    for _, op in ipairs(t.operation_figures) do
      if several then
        add_times(rows, "  " .. plain(op.name), op)
      end
      for _, mark in ipairs(op.marks) do
        add_times(rows, (several and "    " or "  ") .. plain(mark.name), mark)
      end
    end
  end
  return rows
end

-- ---- what rate controllers have found out ----

-- A value of a curve as people read it: times in their own units, others with the column's.
local function curve_text(value, unit)
  if type(value) ~= "number" then
    return value and plain(value) or ""
  end
  return unit == "ns" and format.duration(value) or ("%.4g"):format(value)
end

local function curve_table(curve, paint)
  local columns = {}
  for i, column in ipairs(curve.columns) do
    local function value(row)
      return curve_text(row[column.name], column.unit)
    end
    columns[i] = {
      title = plain(column.unit and column.unit ~= "ns" and ("%s (%s)"):format(column.name, column.unit) or column.name),
      left = column.unit == nil,
      value = value,
      shows = function(row)
        return value(row) ~= ""
      end,
    }
  end
  return tables.of(columns, findings.sorted_rows(curve), paint)
end

local function finding_text(called, t, f, paint)
  return ("\n%s, %s%s: %s\n"):format(called, plain(f.name), findings.who(t.findings, f), paint("bold", plain(f.text)))
    .. (f.curve and curve_table(f.curve, paint) or "")
end

local function all_findings(results, paint)
  local out = {}
  for _, t in ipairs(results.tests) do
    for _, f in ipairs(t.findings) do
      local called = #results.cells > 1 and plain(results.names:test(t)) or label(t)
      out[#out + 1] = finding_text(called, t, f, paint)
    end
  end
  return table.concat(out)
end

-- ---- what went wrong ----

local ERRORS_SHOWN = 10

local function first_line(text)
  return plain(text:match("^[^\n]*"))
end

local function error_lines(t, paint)
  local out = {}
  for i, e in ipairs(t.errors) do
    if i > ERRORS_SHOWN then
      out[#out + 1] = ("    … and %d more kinds\n"):format(#t.errors - ERRORS_SHOWN)
      break
    end
    out[#out + 1] = ("    %s x %s: %s\n"):format(format.count(e.count), paint("red", plain(e.class)), first_line(e.message))
  end
  return out
end

local STATUS_COLOURS = { failed = "red", interrupted = "yellow" }

local TROUBLES_SHOWN = 30

local function trouble_of(results, t, paint)
  local status = t.status == "ok" and "errors" or t.status
  local out = { ("  %s: %s\n"):format(plain(results.names:test(t)), paint(STATUS_COLOURS[status], status)) }
  for _, reason in ipairs(t.reasons) do
    out[#out + 1] = "    " .. first_line(reason) .. "\n"
  end
  return table.concat(out) .. table.concat(error_lines(t, paint))
end

local function trouble(results, paint)
  local out, n = {}, 0
  for _, t in ipairs(results.tests) do
    if t.status ~= "ok" or #t.errors > 0 then
      n = n + 1
      out[n] = n <= TROUBLES_SHOWN and trouble_of(results, t, paint) or nil
    end
  end
  if n > TROUBLES_SHOWN then
    out[TROUBLES_SHOWN + 1] = ("  … and %d more tests with failures\n"):format(n - TROUBLES_SHOWN)
  end
  return table.concat(out)
end

local VERDICTS = { VALID = "green", SUSPECT = "yellow", INVALID = "red" }

local function certificate(results, paint)
  local c = results.certificate
  local out = { "Certificate: " .. paint(VERDICTS[c.verdict], c.verdict) .. "\n" }
  for _, reason in ipairs(c.reasons) do
    out[#out + 1] = "  " .. plain(reason) .. "\n"
  end
  out[#out + 1] = plain(calibration.line(results.run.calibration, results.run.calibration_missing)) .. "\n"
  return table.concat(out)
end

local function overview(results, paint, room)
  if #results.cells > 1 then
    return compare.text(results, paint)
  elseif #results.tests == 0 then
    return "No round was started.\n"
  end
  local out = tables.of(SUMMARY, results.tests, paint, room)
  local times = time_rows(results.tests)
  if #times > 0 then
    out = out .. "\nResponse time counts from the instant the schedule wanted, service time from the first byte sent:\n"
      .. tables.of(TIMES, times, paint)
  end
  return out
end

function M:run(ctx, results)
  local paint = tables.painter(ctx.terminal)
  local parts = { overview(results, paint, ctx.terminal and process.columns(1)), all_findings(results, paint) }
  local wrong = trouble(results, paint)
  if wrong ~= "" then
    parts[#parts + 1] = "\nFailures:\n" .. wrong
  end
  parts[#parts + 1] = "\n" .. certificate(results, paint)
  ctx.write(table.concat(parts))
  return {}
end

return M
