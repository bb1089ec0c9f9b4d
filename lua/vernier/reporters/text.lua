-- Prints the summary: Caliper's table, the times side by side, and what went wrong.
local columns_of = require("vernier.columns")
local format = require("vernier.format")
local json = require("vernier.json")
local process = require("vernier.core.process")

local M = { options = {} }

local COLOURS = { red = "\27[31m", green = "\27[32m", yellow = "\27[33m", bold = "\27[1m", faint = "\27[2m" }

local function painter(terminal)
  return function(colour, text)
    return terminal and colour and COLOURS[colour] .. text .. "\27[0m" or text
  end
end

-- Text of others must not steer the terminal.
local function plain(text)
  return (json.utf8(tostring(text)):gsub("%c+", " "):gsub("\194[\128-\159]", " "))
end

local function width(text)
  local _, characters = text:gsub("[^\128-\191]", "")
  return characters
end

local function pad(text, to, left)
  local space = (" "):rep(to - width(text))
  return left and text .. space or space .. text
end

-- ---- tables ----

local function rule(widths)
  local parts = {}
  for i, w in ipairs(widths) do
    parts[i] = ("-"):rep(w + 2)
  end
  return "+" .. table.concat(parts, "+") .. "+\n"
end

local function line(cells, widths, columns, paint)
  local parts = {}
  for i, cell in ipairs(cells) do
    parts[i] = paint(cell.colour, pad(cell.text, widths[i], columns[i].left))
  end
  return "| " .. table.concat(parts, " | ") .. " |\n"
end

local function measure(columns, lines)
  local widths = {}
  for i in ipairs(columns) do
    widths[i] = 0
    for _, cells in ipairs(lines) do
      widths[i] = math.max(widths[i], width(cells[i].text))
    end
  end
  return widths
end

local function lines_of(columns, rows)
  local lines = { {} }
  for i, column in ipairs(columns) do
    lines[1][i] = { text = column.title, colour = "bold" }
  end
  for r, row in ipairs(rows) do
    lines[r + 1] = {}
    for i, column in ipairs(columns) do
      local text, colour = column.value(row)
      lines[r + 1][i] = { text = text, colour = colour }
    end
  end
  return lines
end

local function without_spare(columns)
  local out = {}
  for _, column in ipairs(columns) do
    if not column.spare then
      out[#out + 1] = column
    end
  end
  return out
end

-- columns: {title, value(row) -> text, colour; left: aligned to the left; spare; shows (vernier.columns)}.
local function table_of(columns, rows, paint, room)
  columns = columns_of.visible(columns, rows)
  local lines = lines_of(columns, rows)
  local widths = measure(columns, lines)
  if room and #rule(widths) > room + 1 then
    columns = without_spare(columns)
    lines = lines_of(columns, rows)
    widths = measure(columns, lines)
  end
  local out = { rule(widths), line(lines[1], widths, columns, paint), rule(widths) }
  for i = 2, #lines do
    out[#out + 1] = line(lines[i], widths, columns, paint)
  end
  out[#out + 1] = rule(widths)
  return table.concat(out)
end

-- ---- the summary ----

local function label(t)
  local text = t.spec.label
  return plain(text and text ~= "" and text or "unknown")
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
    if #t.operation_figures > 1 then
      for _, op in ipairs(t.operation_figures) do
        add_times(rows, "  " .. plain(op.name), op)
      end
    end
  end
  return rows
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

local function trouble(results, paint)
  local out = {}
  for _, t in ipairs(results.tests) do
    if t.status ~= "ok" or #t.errors > 0 then
      local status = t.status == "ok" and "errors" or t.status
      out[#out + 1] = ("  round %s (%s): %s\n"):format(t.spec.round or t.id, label(t), paint(STATUS_COLOURS[status], status))
      for _, reason in ipairs(t.reasons) do
        out[#out + 1] = "    " .. first_line(reason) .. "\n"
      end
      for _, text in ipairs(error_lines(t, paint)) do
        out[#out + 1] = text
      end
    end
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
  return table.concat(out)
end

function M:run(ctx, results)
  local paint = painter(ctx.terminal)
  local parts = {}
  if #results.tests == 0 then
    parts[1] = "No round was started.\n"
  else
    parts[1] = table_of(SUMMARY, results.tests, paint, ctx.terminal and process.columns(1))
  end
  local times = time_rows(results.tests)
  if #times > 0 then
    parts[#parts + 1] = "\nResponse time counts from the instant the schedule wanted, service time from the first byte sent:\n"
      .. table_of(TIMES, times, paint)
  end
  local wrong = trouble(results, paint)
  if wrong ~= "" then
    parts[#parts + 1] = "\nFailures:\n" .. wrong
  end
  parts[#parts + 1] = "\n" .. certificate(results, paint)
  ctx.write(table.concat(parts))
  return {}
end

return M
