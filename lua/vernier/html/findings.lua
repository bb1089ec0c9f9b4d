-- What the rate controllers of a test have found out: the answer, and its curve as a chart and a table.
local charts = require("vernier.html.charts")
local findings = require("vernier.results.findings")
local format = require("vernier.format")
local svg = require("vernier.svg")
local template = require("vernier.html.template")

local M = {}

local fill, escape = template.fill, template.escape

local function value_text(value, unit)
  if type(value) ~= "number" then
    return value and tostring(value) or ""
  end
  return unit == "ns" and format.duration(value) or format.grouped(("%.4g"):format(value))
end

local function title_of(column)
  return column.unit and column.unit ~= "ns" and ("%s (%s)"):format(column.name, column.unit) or column.name
end

local function table_of(curve)
  local columns = {}
  for i, column in ipairs(curve.columns) do
    local function text(row)
      return value_text(row[column.name], column.unit)
    end
    columns[i] = { title = title_of(column), class = not column.unit and "text" or nil, cell = function(row)
      return escape(text(row))
    end, shows = function(row)
      return text(row) ~= ""
    end }
  end
  return template.table(columns, findings.sorted_rows(curve))
end

-- Those that are drawn: times over a first column of numbers.
local function times_of(curve)
  local list = {}
  for i = 2, #curve.columns do
    if curve.columns[i].unit == "ns" and #list < 8 then
      list[#list + 1] = { name = curve.columns[i].name, class = "s" .. #list + 1 }
    end
  end
  return list
end

-- The rows that have a place, what it is, and the range of the times; nil where there is nothing to draw.
local function range_of(curve, times)
  local first, rows, low, high = curve.columns[1].name, {}, math.huge, 0
  for _, row in ipairs(findings.sorted_rows(curve)) do
    if type(row[first]) == "number" then
      rows[#rows + 1] = row
      for _, time in ipairs(times) do
        local ns = row[time.name]
        if type(ns) == "number" then
          low, high = math.min(low, math.max(ns, 1)), math.max(high, ns)
        end
      end
    end
  end
  if high > 0 then
    return rows, low, high
  end
end

local function tooltip(curve, row)
  local lines = {}
  for _, column in ipairs(curve.columns) do
    local text = value_text(row[column.name], column.unit)
    lines[#lines + 1] = text ~= "" and ("%s %s"):format(title_of(column), text) or nil
  end
  return table.concat(lines, "\n")
end

-- A band around each row's place, half-way to its neighbours.
local function bands_of(curve, rows, first)
  local bands = {}
  for i, row in ipairs(rows) do
    local x, before, after = row[first], rows[i - 1], rows[i + 1]
    bands[i] = { from = before and (before[first] + x) / 2 or x, to = after and (after[first] + x) / 2 or x,
      text = tooltip(curve, row) }
  end
  return bands
end

local function chart_of(curve)
  local times, first = times_of(curve), curve.columns[1]
  local rows, low, high = range_of(curve, times)
  if not rows then
    return ""
  end
  local series = {}
  for i, time in ipairs(times) do
    local points = {}
    for k, row in ipairs(rows) do
      local ns = row[time.name]
      points[k] = { row[first.name], type(ns) == "number" and math.max(ns, 1) or nil }
    end
    series[i] = { class = time.class, points = points, dots = true }
  end
  local y, title = svg.auto(low, high), "Times by " .. first.name
  local note = title_of(first) .. (y.low > 0 and "; times logarithmic" or "")
  return '<div class="charts">' .. charts.figure(title, note, times, svg.chart({
    label = title,
    x = svg.linear(rows[#rows][first.name], 6),
    y = y,
    format_x = charts.axis_rate,
    format_y = charts.axis_duration,
    series = series,
    bands = bands_of(curve, rows, first.name),
  })) .. "</div>"
end

-- list: a test's findings.
function M.html(list)
  local out = {}
  for i, f in ipairs(list) do
    out[i] = fill('<h3>{name}{who}</h3><p class="finding"><b>{text}</b></p>{=chart}{=rows}', {
      name = f.name,
      who = findings.who(list, f),
      text = f.text,
      chart = f.curve and chart_of(f.curve) or "",
      rows = f.curve and table_of(f.curve) or "",
    })
  end
  return table.concat(out)
end

return M
