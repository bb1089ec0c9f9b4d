-- One round of the report: what was asked, what happened, tables and charts.
local charts = require("vernier.html.charts")
local findings = require("vernier.html.findings")
local format = require("vernier.format")
local json = require("vernier.json")
local names = require("vernier.results.names")
local template = require("vernier.html.template")

local M = {}

local fill, escape = template.fill, template.escape

local BADGES = { ok = "ok", failed = "bad", fail = "bad", exit = "bad", interrupted = "warn", lost = "bad", ["not run"] = "warn" }

-- text: what it says, the status itself unless told.
function M.badge(status, text)
  return fill('<span class="badge {class}">{text}</span>', { class = BADGES[status] or "plain", text = text or status })
end

function M.anchor(t)
  return "round-" .. tostring(t.id):gsub("[^%w]", "-")
end

-- ---- cells ----

local function none()
  return '<span class="none">–</span>'
end

function M.count(n, class)
  local text = format.grouped(format.count(n or 0))
  return n and n > 0 and class and fill('<span class="{class}">{text}</span>', { class = class, text = text }) or escape(text)
end

function M.rate(n)
  return n and escape(format.grouped(format.rate(n))) or none()
end

function M.duration(ns)
  return ns and escape(format.duration(ns)) or none()
end

local function counter(title, member, class, optional)
  return {
    title = title,
    cell = function(row)
      return M.count(row[member], class)
    end,
    shows = optional and function(row)
      return (row[member] or 0) > 0
    end,
  }
end

M.counter = counter

-- ---- what was asked ----

local function options_text(opts)
  if type(opts) ~= "table" or not next(opts) then
    return ""
  end
  local parts = {}
  for key, value in pairs(opts) do
    local text = type(value) == "table" and json.line(value) or tostring(value)
    parts[#parts + 1] = key .. " " .. text
  end
  table.sort(parts)
  return " (" .. table.concat(parts, ", ") .. ")"
end

local function seconds_text(s)
  return s and ("%.14g s"):format(s)
end

local function runs_text(n)
  return n and format.grouped(format.count(n)) .. (n == 1 and " run" or " runs")
end

local function trim_text(trim, by_number)
  trim = tonumber(trim)
  return trim and trim > 0 and ("%.14g %s at each end"):format(trim, by_number and "runs" or "s") or nil
end

local function ask(t)
  local spec = t.spec
  local rate, workload = spec.rate or {}, spec.workload or {}
  local by_number = spec.number ~= nil
  return template.facts({
    { "Rate", rate.type and rate.type .. options_text(rate.opts) },
    { "Length", by_number and runs_text(tonumber(spec.number)) or seconds_text(tonumber(spec.duration)) },
    { "Took", t.seconds > 0 and format.span(t.seconds) or nil },
    { "Workers", spec.workers and tostring(spec.workers) },
    { "Model", spec.model },
    { "Workload", workload.module },
    { "Trim", trim_text(spec.trim, by_number) },
    { "Threads", spec.threads },
    { "Ramp-up", (tonumber(spec.ramp) or 0) > 0 and seconds_text(tonumber(spec.ramp)) or nil },
    { "Configuration", spec.configuration ~= "default" and spec.configuration or nil },
    { "Iteration", names.iteration_value(spec) },
  })
end

-- ---- what happened ----

local function tile(name, value, more)
  return fill([[
<div class="tile"><div class="name">{name}</div><div class="value">{=value}</div><div class="more">{more}</div></div>
]], { name = name, value = value, more = more })
end

local function with_unit(text)
  local number, unit = text:match("^(%S+) (%S+)$")
  return number and fill("{number}<small>{unit}</small>", { number = number, unit = unit }) or escape(text)
end

local function share(part, whole)
  if whole == 0 then
    return "-"
  end
  local percent = 100 * part / whole
  if percent < 100 and percent > 99.99 then
    return "> 99.99 %"
  end
  return (("%.2f"):format(percent):gsub("%.?0+$", "")) .. " %"
end

local function tiles(f)
  local response, service = f.response_time or {}, f.service_time or {}
  local finished = f.ok + f.failed
  local out = {
    tile("Throughput", f.throughput and with_unit(format.grouped(format.rate(f.throughput)) .. " TPS") or none(),
      f.send_rate and "sent at " .. format.grouped(format.rate(f.send_rate)) .. " TPS" or "a rate needs two transactions"),
    tile("Succeeded", with_unit(share(f.ok, f.submitted)),
      ("%s of %s"):format(format.grouped(format.count(f.ok)), format.grouped(format.count(f.submitted)))),
  }
  for _, p in ipairs({ { "p50", "Median response" }, { "p99", "p99 response" }, { "max", "Slowest response" } }) do
    out[#out + 1] = tile(p[2], response[p[1]] and with_unit(format.duration(response[p[1]])) or none(),
      service[p[1]] and "service " .. format.duration(service[p[1]]) or finished > 0 and "none succeeded" or "none finished")
  end
  return '<div class="tiles">' .. table.concat(out) .. "</div>"
end

local function list_html(list)
  local out = {}
  for _, text in ipairs(list) do
    out[#out + 1] = "<p>" .. escape(text) .. "</p>"
  end
  return table.concat(out)
end

local function reasons(t)
  if #t.reasons == 0 then
    return ""
  end
  return fill('<div class="reasons {class}">{=list}</div>', { class = BADGES[t.status] or "plain", list = list_html(t.reasons) })
end

-- ---- tables ----

local CLOCKS = {
  { "response", "Response", "intended start to answer" },
  { "service", "Service", "first byte sent to answer" },
  { "lateness", "Lateness", "intended to actual start" },
  { "blocked", "Blocked", "start to first byte sent" },
}

local function time_column(title, member, class)
  return {
    title = title,
    class = class,
    cell = function(row)
      return M.duration(row.figures[member])
    end,
  }
end

local TIMES = {
  {
    title = "Time",
    class = "text",
    cell = function(row)
      return fill('<b>{name}</b> <span class="none">{note}</span>', row)
    end,
  },
  time_column("min", "min"),
  time_column("mean", "mean"),
  time_column("σ", "stddev"),
  time_column("p50", "p50"),
  time_column("p90", "p90"),
  time_column("p95", "p95"),
  time_column("p99", "p99"),
  time_column("p99.9", "p99_9"),
  time_column("p99.99", "p99_99"),
  time_column("max", "max"),
}

local function times(t)
  local rows = {}
  for _, clock in ipairs(CLOCKS) do
    local figures = t.figures[clock[1] .. "_time"]
    if figures then
      rows[#rows + 1] = { name = clock[2], note = clock[3], figures = figures }
    end
  end
  return #rows > 0 and "<h3>Times</h3>" .. template.table(TIMES, rows) or ""
end

local function clock_column(clock, group)
  return function(title, member)
    return {
      title = title,
      group = group,
      cell = function(row)
        return M.duration(row[clock] and row[clock][member])
      end,
    }
  end
end

local response, service = clock_column("response_time", "Response time"), clock_column("service_time", "Service time")

local OPERATIONS = {
  {
    title = "Operation",
    class = "text name",
    cell = function(row)
      return escape(row.name)
    end,
  },
  counter("Succ", "ok"),
  counter("Fail", "failed", "bad-text"),
  counter("Unfinished", "unfinished", "bad-text", true),
  {
    title = "Throughput",
    cell = function(row)
      return M.rate(row.throughput)
    end,
  },
  response("min", "min"),
  response("mean", "mean"),
  response("p50", "p50"),
  response("p95", "p95"),
  response("p99", "p99"),
  response("p99.9", "p99_9"),
  response("max", "max"),
}

local function operations(t)
  local only = t.operation_figures[1]
  if #t.operation_figures == 0 or (#t.operation_figures == 1 and (only.name == "default" or only.name == names.label(t))) then
    return ""
  end
  return "<h3>Operations</h3>" .. template.table(OPERATIONS, t.operation_figures)
end

local MARKS = {
  {
    title = "Operation",
    class = "text name",
    cell = function(row)
      return escape(row.operation)
    end,
  },
  {
    title = "Mark",
    class = "text name",
    cell = function(row)
      return escape(row.name)
    end,
  },
  counter("Count", "count"),
  response("min", "min"),
  response("mean", "mean"),
  response("p50", "p50"),
  response("p95", "p95"),
  response("p99", "p99"),
  response("max", "max"),
  service("p50", "p50"),
  service("p99", "p99"),
}

-- The times to the points that transactions came to on their way.
local function marks(t)
  local rows = {}
  for _, op in ipairs(t.operation_figures) do
    for _, mark in ipairs(op.marks) do
      rows[#rows + 1] = { operation = op.name, name = mark.name, count = mark.count, response_time = mark.response_time,
        service_time = mark.service_time }
    end
  end
  return #rows > 0 and "<h3>Marks</h3>" .. template.table(MARKS, rows) or ""
end

local ERRORS_SHOWN = 50

local ERRORS = {
  {
    title = "Class",
    class = "text",
    cell = function(e)
      return escape(e.class)
    end,
  },
  {
    title = "Message",
    class = "text wrap",
    cell = function(e)
      return escape(e.message)
    end,
  },
  counter("Count", "count", "bad-text"),
  {
    title = "First",
    cell = function(e)
      return escape(("%.2f s"):format(e.first_us / 1e6))
    end,
  },
  {
    title = "Last",
    cell = function(e)
      return escape(("%.2f s"):format(e.last_us / 1e6))
    end,
  },
}

local function errors(t)
  if #t.errors == 0 then
    return ""
  end
  local shown, more = {}, ""
  for i = 1, math.min(#t.errors, ERRORS_SHOWN) do
    shown[i] = t.errors[i]
  end
  if #t.errors > ERRORS_SHOWN then
    more = fill('<p class="none">{n} more kinds are in summary.json</p>', { n = #t.errors - ERRORS_SHOWN })
  end
  return "<h3>Errors</h3>" .. template.table(ERRORS, shown) .. more
end

local WORKERS = {
  {
    title = "Worker",
    class = "text",
    cell = function(w)
      return fill('<span class="dot-status is-{status}"></span>{worker}', w)
    end,
  },
  {
    title = "Group",
    class = "text",
    cell = function(w)
      return w.group and escape(w.group) or none()
    end,
    shows = function(w)
      return w.group ~= nil and w.group ~= "default"
    end,
  },
  {
    title = "Status",
    class = "text",
    cell = function(w)
      local suspect = w.suspect and ' <span class="badge warn" title="less than 80 % of the average">suspect</span>' or ""
      return escape(w.reason and w.status .. ": " .. w.reason or w.status) .. suspect
    end,
  },
  counter("Runs", "runs"),
  counter("Succ", "ok"),
  counter("Fail", "failed", "bad-text"),
  counter("Unfinished", "unfinished", "bad-text", true),
  counter("Empty", "empty", nil, true),
  counter("Late", "late", "warn-text", true),
  counter("Dropped", "dropped", "warn-text", true),
  {
    title = "Throughput",
    cell = function(w)
      return M.rate(w.throughput)
    end,
  },
  response("p50", "p50"),
  response("p99", "p99"),
  response("max", "max"),
  {
    title = "CPU",
    cell = function(w)
      return w.vitals.cpu_us and escape(format.duration(w.vitals.cpu_us * 1e3)) or none()
    end,
  },
  {
    title = "Longest stall",
    cell = function(w)
      return (w.vitals.longest_stall_us or 0) > 0 and escape(format.duration(w.vitals.longest_stall_us * 1e3)) or none()
    end,
  },
}

-- A thread is shown like a worker, without what only a process has.
local function threads(w)
  if #w.threads == 0 then
    return ""
  end
  local columns = { {
    title = "Thread",
    class = "text",
    cell = function(row)
      return escape(row.thread)
    end,
  } }
  for _, column in ipairs(WORKERS) do
    if column.title ~= "Worker" and column.title ~= "Group" then
      columns[#columns + 1] = column
    end
  end
  return fill("<details><summary>{n} threads of worker {worker}</summary>{=table}</details>", {
    n = #w.threads, worker = w.worker, table = template.table(columns, w.threads),
  })
end

local function workers(t)
  local out = {}
  for i, w in ipairs(t.workers) do
    out[i] = threads(w)
  end
  return #t.workers > 0 and "<h3>Workers</h3>" .. template.table(WORKERS, t.workers) .. table.concat(out) or ""
end

local function all_charts(results, t, rows)
  local out = {}
  if rows then
    out[#out + 1] = charts.rates(rows)
  end
  out[#out + 1] = charts.distribution(results:representation("distribution", t, { clock = "response" }),
    results:representation("distribution", t, { clock = "service" }))
  if rows then
    out[#out + 1] = charts.latency(rows, "response", "Response time over time", "percentiles, from the intended start")
    out[#out + 1] = charts.latency(rows, "service", "Service time over time", "percentiles, from the first byte sent")
  end
  return #out > 0 and '<div class="charts">' .. table.concat(out) .. "</div>" or ""
end

-- rows: the representation "series" of the test, or nil.
function M.html(results, t, rows)
  local place = results.names:place(t.spec)
  return fill([[
<section class="card" id="{anchor}">
<div class="round-head"><div><h2><small>{kind} {round}{place}</small>{label}</h2><p>{description}</p></div>
{=badge}</div>
{=reasons}{=ask}{=findings}{=tiles}{=charts}{=times}{=operations}{=marks}{=errors}{=workers}
</section>
]], {
    anchor = M.anchor(t),
    kind = t.spec.round and "Round" or "Test",
    round = t.spec.round or t.id,
    place = place ~= "" and " · " .. place or "",
    label = names.title(t),
    description = t.spec.description or "",
    badge = M.badge(t.status),
    reasons = reasons(t),
    ask = ask(t),
    findings = findings.html(t.findings),
    tiles = t.measured and tiles(t.figures) or "",
    charts = t.measured and all_charts(results, t, rows) or "",
    times = times(t),
    operations = operations(t),
    marks = marks(t),
    errors = errors(t),
    workers = workers(t),
  })
end

return M
