-- The charts of one test: rates over time, latency percentiles over time, latency distribution.
local format = require("vernier.format")
local svg = require("vernier.svg")
local template = require("vernier.html.template")

local M = {}

local LEVELS_MAX = 12 -- so many rows are drawn as levels, more as a line through their middles

local function clock_text(s)
  if s < 60 then
    return (("%.3f"):format(s):gsub("%.?0+$", "")) .. " s"
  elseif s < 3600 then
    return ("%d:%02d"):format(math.floor(s / 60), math.floor(s % 60 + 0.5))
  end
  return ("%d:%02d:%02d"):format(math.floor(s / 3600), math.floor(s % 3600 / 60), math.floor(s % 60 + 0.5))
end

local function axis_clock(s)
  if s < 60 or s % 1 ~= 0 then
    return (("%.3f"):format(s):gsub("%.?0+$", "")) .. " s"
  end
  return clock_text(s)
end

function M.axis_rate(v)
  if v >= 1e6 then
    return (("%.2f"):format(v / 1e6):gsub("%.?0+$", "")) .. " M"
  elseif v >= 1e4 then
    return (("%.1f"):format(v / 1e3):gsub("%.?0+$", "")) .. " k"
  end
  return (("%.2f"):format(v):gsub("%.?0+$", ""))
end

function M.axis_duration(ns)
  return (format.duration(ns):gsub("(%.%d-)0+ ", "%1 "):gsub("%. ", " "):gsub("^0 ns$", "0"))
end

-- value(row) at the row's time, as levels when there are few rows.
local function points_of(rows, value)
  local points = {}
  for i, row in ipairs(rows) do
    if #rows <= LEVELS_MAX then
      points[i] = { row.from, value(row), row.to }
    else
      points[i] = { (row.from + row.to) / 2, value(row) }
    end
  end
  return points
end

local function legend(entries)
  local out = {}
  for i, entry in ipairs(entries) do
    out[i] = template.fill('<span><i class="{class}"></i>{name}</span>', entry)
  end
  return '<div class="legend">' .. table.concat(out) .. "</div>"
end

-- A chart with its heading; entries: {{name, class}…} of the legend.
function M.figure(title, note, entries, chart)
  return template.fill('<figure><figcaption><h4>{title}</h4><p>{note}</p></figcaption>{=legend}{=chart}</figure>', {
    title = title, note = note, legend = legend(entries), chart = chart,
  })
end

local function highest(rows, ...)
  local high = 0
  for _, row in ipairs(rows) do
    for i = 1, select("#", ...) do
      high = math.max(high, (select(i, ...))(row) or 0)
    end
  end
  return high
end

local function bands_of(rows, text)
  local bands = {}
  for i, row in ipairs(rows) do
    bands[i] = { from = row.from, to = row.to, text = clock_text(row.from) .. " – " .. clock_text(row.to) .. "\n" .. text(row) }
  end
  return bands
end

-- ---- rates over time ----

local RATES = {
  { name = "sent", class = "sent", member = "send_rate" },
  { name = "finished", class = "finished", member = "throughput", area = true },
  { name = "failed", class = "failed", member = "failure_rate" },
}

local function rates_text(row)
  return ("sent %s/s\nfinished %s/s\nfailed %s/s"):format(format.rate(row.send_rate), format.rate(row.throughput),
    format.rate(row.failure_rate))
end

function M.rates(rows)
  local series, entries, values = {}, {}, {}
  for _, rate in ipairs(RATES) do
    local function value(row)
      return row[rate.member]
    end
    if rate.class ~= "failed" or highest(rows, value) > 0 then
      series[#series + 1] = { class = rate.class, points = points_of(rows, value), area = rate.area }
      entries[#entries + 1] = rate
      values[#values + 1] = value
    end
  end
  return M.figure("Rate over time", "transactions a second", entries, svg.chart({
    label = "Sent, finished and failed transactions a second over time",
    x = svg.time(rows[1].from, rows[#rows].to),
    y = svg.linear(highest(rows, unpack(values)) * 1.04, 4),
    format_x = axis_clock,
    format_y = M.axis_rate,
    series = series,
    bands = bands_of(rows, rates_text),
  }))
end

-- ---- latency percentiles over time ----

local PERCENTILES = {
  { name = "max", class = "max", member = "max" },
  { name = "p99", class = "p99", member = "p99" },
  { name = "p90", class = "p90", member = "p90" },
  { name = "p50", class = "p50", member = "p50" },
}

local function percentile_text(figures)
  if not figures then
    return "no transaction finished"
  end
  local lines = {}
  for i, p in ipairs(PERCENTILES) do
    lines[i] = p.name .. " " .. format.duration(figures[p.member])
  end
  return table.concat(lines, "\n")
end

local function range_of(rows, clock)
  local low, high = math.huge, 0
  for _, row in ipairs(rows) do
    local figures = row[clock]
    if figures then
      low, high = math.min(low, math.max(figures.p50, 1)), math.max(high, figures.max)
    end
  end
  return low, high
end

-- clock: "response" or "service". Both are drawn to the same scale, so that they can be compared. nil without times.
function M.latency(rows, clock, title, note)
  if select(2, range_of(rows, clock)) == 0 then
    return nil
  end
  local low, high = range_of(rows, "response")
  local low_service, high_service = range_of(rows, "service")
  low, high = math.min(low, low_service), math.max(high, high_service)
  local series, entries = {}, {}
  for i, p in ipairs(PERCENTILES) do
    series[i] = {
      class = p.class,
      points = points_of(rows, function(row)
        return row[clock] and row[clock][p.member]
      end),
    }
    entries[#PERCENTILES + 1 - i] = p
  end
  local y = svg.auto(low, high)
  return M.figure(title, note .. (y.low > 0 and ", logarithmic" or ""), entries, svg.chart({
    label = title .. ": percentiles over time",
    x = svg.time(rows[1].from, rows[#rows].to),
    y = y,
    format_x = axis_clock,
    format_y = M.axis_duration,
    series = series,
    bands = bands_of(rows, function(row)
      return percentile_text(row[clock])
    end),
  }))
end

-- ---- latency distribution ----

local DISTRIBUTIONS = {
  { name = "response time", class = "response" },
  { name = "service time", class = "service" },
}

local function curve(points)
  local out = {}
  for i, p in ipairs(points) do
    out[i] = { p.percentile, math.max(p.ns, 1) }
  end
  return out
end

local function percentile_name(p)
  return (("%.4f"):format(p):gsub("%.?0+$", "")) .. " %"
end

local function distribution_bands(response, service)
  local bands = {}
  for i = 1, #response.points - 1 do
    local a, b, s = response.points[i], response.points[i + 1], service and service.points[i + 1]
    local text = ("%s within\nresponse %s"):format(percentile_name(b.percentile), format.duration(b.ns))
    if s and s.percentile == b.percentile then
      text = text .. "\nservice " .. format.duration(s.ns)
    end
    bands[i] = { from = a.percentile, to = b.percentile, text = text }
  end
  return bands
end

-- response, service: representations "distribution"; nil without response times.
function M.distribution(response, service)
  if not response then
    return nil
  end
  local low, high, series, entries = math.huge, 0, {}, {}
  for i, data in ipairs({ response, service }) do
    low = math.min(low, math.max(data.points[1].ns, 1))
    high = math.max(high, data.points[#data.points].ns)
    series[i] = { class = DISTRIBUTIONS[i].class, points = curve(data.points) }
    entries[i] = DISTRIBUTIONS[i]
  end
  local y = svg.auto(low, high)
  return M.figure("Latency distribution", "time within which a share of the transactions succeeded", entries, svg.chart({
    label = "Latency by percentile",
    x = svg.percentile(response.count),
    y = y,
    format_y = M.axis_duration,
    series = series,
    bands = distribution_bands(response, service),
  }))
end

return M
