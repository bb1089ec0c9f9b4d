-- One test over configurations, cluster sizes, iterations and repetitions: charts and a table.
local charts = require("vernier.html.charts")
local comparison = require("vernier.results.comparison")
local format = require("vernier.format")
local names = require("vernier.results.names")
local representations = require("vernier.results.representations")
local round = require("vernier.html.round")
local svg = require("vernier.svg")
local template = require("vernier.html.template")

local M = {}

local fill, escape = template.fill, template.escape

local COLOURS, DASHES = 8, 4 -- classes of the style sheet: s1…, dash1…
local BOXES_MAX = 48 -- more are no picture any more

function M.anchor(i)
  return "compare-" .. i
end

-- Whether there is anything to compare.
function M.wanted(results, entries)
  if #results.cells > 1 then
    return #entries > 0
  end
  for _, entry in ipairs(entries) do
    if entry.iterations then
      return true
    end
  end
  return false
end

-- ---- rows, sorted into series ----

local function distinct(rows, member)
  local list, rank = {}, {}
  for _, row in ipairs(rows) do
    local value = row[member]
    if value ~= nil and not rank[value] then
      list[#list + 1], rank[value] = value, true
    end
  end
  return list
end

local function numbered(list)
  local rank = {}
  for i, value in ipairs(list) do
    rank[value] = i
  end
  return rank
end

-- What tells the rows of an entry apart: sizes, configurations, and their numbers.
local function axes_of(entry)
  local axes = { configurations = distinct(entry.rows, "configuration"), sizes = distinct(entry.rows, "size") }
  table.sort(axes.sizes)
  axes.configuration, axes.size = numbered(axes.configurations), numbered(axes.sizes)
  return axes
end

local function colour(axes, row)
  return "s" .. (axes.configuration[row.configuration] - 1) % COLOURS + 1
end

local function dash(axes, row)
  return "dash" .. (axes.size[row.size] - 1) % DASHES + 1
end

local function place(axes, row)
  local parts = {}
  if #axes.configurations > 1 then
    parts[1] = row.configuration
  end
  if #axes.sizes > 1 then
    parts[#parts + 1] = "size " .. row.size
  end
  return #parts > 0 and table.concat(parts, ", ") or row.configuration
end

local function spread_text(value, show)
  if not value then
    return "-"
  end
  local text = show(value.mean)
  return value.n > 1 and ("%s (%s – %s)"):format(text, show(value.min), show(value.max)) or text
end

-- ---- bars over cluster sizes ----

-- figures: {{member, name, show}…}, of which the first is the bar and the second, if any, the one behind it.
local function bars(entry, axes, title, note, figures, y_format)
  local series, categories, high, entries = {}, {}, 0, {}
  for i, configuration in ipairs(axes.configurations) do
    series[i] = { class = "s" .. (i - 1) % COLOURS + 1, values = {} }
    entries[i] = { name = configuration, class = series[i].class }
  end
  for i, size in ipairs(axes.sizes) do
    categories[i] = { name = "size " .. size, text = "cluster size " .. size }
  end
  for _, row in ipairs(entry.rows) do
    local value, outer = row[figures[1].member], figures[2] and row[figures[2].member]
    local category, lines = categories[axes.size[row.size]], {}
    for i, f in ipairs(figures) do
      lines[i] = f.name .. " " .. spread_text(row[f.member], f.show)
    end
    category.text = ("%s\n%s: %s"):format(category.text, row.configuration, table.concat(lines, ", "))
    if value then
      local bar = { mean = value.mean, min = value.min, max = value.max, outer = outer and outer.mean }
      series[axes.configuration[row.configuration]].values[axes.size[row.size]] = bar
      high = math.max(high, bar.max, bar.outer or 0)
    end
  end
  return high > 0 and charts.figure(title, note, entries, svg.bars({
    label = title .. " per configuration over cluster sizes",
    y = svg.linear(high * 1.04, 4), format_y = y_format, categories = categories, series = series,
  })) or ""
end

-- ---- lines over iterations ----

-- Where an iteration lies: at its value, if all have a number of their own, else at its number.
local function iteration_axis(rows)
  local by_value, seen, name = true, {}, nil
  for _, row in ipairs(rows) do
    if #row.tests > 0 then
      local value = row.iteration_value
      by_value = by_value and type(value) == "number" and (seen[value] == nil or seen[value] == row.iteration)
      if by_value then
        seen[value], name = row.iteration, row.iteration_name
      end
    end
  end
  return by_value and "iteration_value" or "iteration", by_value and name or "iteration"
end

local TIP_LINES_MAX = 16

local function line_bands(points, lines, show)
  local bands = {}
  for i, x in ipairs(points) do
    local before, after = points[i - 1] or x, points[i + 1] or x
    local text = { ("%.14g"):format(x) }
    for _, line in ipairs(lines) do
      local value = line.by_x[x]
      if value and #text <= TIP_LINES_MAX then
        text[#text + 1] = line.name .. ": " .. spread_text(value, show)
      end
    end
    bands[i] = { from = (x + before) / 2, to = (x + after) / 2, text = table.concat(text, "\n") }
  end
  return bands
end

local function lines_of(entry, axes, member, x_member)
  local lines, by_name, xs, high = {}, {}, {}, 0
  for _, row in ipairs(entry.rows) do
    local value, x = row[member], row[x_member]
    if value then
      local name = place(axes, row)
      local line = by_name[name]
      if not line then
        line = { name = name, class = colour(axes, row) .. " " .. dash(axes, row), points = {}, by_x = {}, dots = true }
        by_name[name], lines[#lines + 1] = line, line
      end
      table.insert(line.points, { x, value.mean })
      line.by_x[x], xs[x], high = value, true, math.max(high, value.mean)
    end
  end
  for _, line in ipairs(lines) do
    table.sort(line.points, function(a, b)
      return a[1] < b[1]
    end)
  end
  return lines, xs, high
end

local function lines(entry, axes, title, member, show, y_format)
  local x_member, x_name = iteration_axis(entry.rows)
  local series, xs, high = lines_of(entry, axes, member, x_member)
  local points = {}
  for x in pairs(xs) do
    points[#points + 1] = x
  end
  table.sort(points)
  if #points == 0 then
    return ""
  end
  return charts.figure(title, "over " .. x_name, series, svg.chart({
    label = title .. " over " .. x_name,
    x = svg.range(points[1], points[#points]),
    y = svg.linear(high * 1.04, 4),
    format_x = function(v)
      return ("%.14g"):format(v)
    end,
    format_y = y_format,
    series = series,
    bands = line_bands(points, series, show),
  }))
end

-- ---- boxes ----

local function box_text(name, box)
  local out = { name }
  for _, member in ipairs({ "max", "whisker_high", "q3", "median", "q1", "whisker_low", "min" }) do
    out[#out + 1] = member:gsub("_", " ") .. " " .. format.duration(box[member])
  end
  return table.concat(out, "\n")
end

local function boxes(entry, axes)
  local rows, low, high, x_member = {}, math.huge, 0, iteration_axis(entry.rows)
  for _, row in ipairs(entry.rows) do
    local box = #row.tests > 0 and representations.of("box", representations.pool(row.tests))
    if box then
      local name = place(axes, row) .. (entry.iterations and " · " .. tostring(row[x_member]) or "")
      rows[#rows + 1] = { name = name, class = colour(axes, row), box = box, text = box_text(name, box) }
      low, high = math.min(low, math.max(box.whisker_low, 1)), math.max(high, box.max)
    end
  end
  if #rows == 0 or #rows > BOXES_MAX then
    return ""
  end
  local x = svg.auto(low, high)
  return charts.figure("Response times", "quartiles, whiskers at 1.5 interquartile ranges, the slowest as a dot"
    .. (x.low > 0 and "; logarithmic" or ""), {}, svg.boxes({
    label = "Box plots of response times", x = x, format_x = charts.axis_duration, rows = rows,
  }))
end

-- ---- the table ----

local function spread(title, member, show, class, group)
  return {
    title = title,
    class = class,
    group = group,
    cell = function(row)
      local value = row[member]
      if not value then
        return round.duration(nil)
      end
      local range = value.n > 1 and fill('<br><small class="none">{min} – {max}</small>', {
        min = show(value.min), max = show(value.max),
      }) or ""
      return escape(show(value.mean)) .. range
    end,
  }
end

local function shown_count(n)
  return format.grouped(format.count(n))
end

local function shown_rate(n)
  return format.grouped(format.rate(n))
end

local function links(row)
  local out = {}
  for i, t in ipairs(row.tests) do
    out[i] = fill('<a href="#{anchor}">{name}</a>', { anchor = round.anchor(t), name = #row.tests > 1 and i or "show" })
  end
  return #out > 0 and table.concat(out, " ") or round.duration(nil)
end

local PLACE = {
  {
    title = "Configuration",
    class = "text name",
    cell = function(row)
      return fill('<i class="key {class}"></i>{name}', { class = row.class, name = row.configuration })
    end,
  },
  {
    title = "Size",
    cell = function(row)
      return escape(row.size)
    end,
  },
  {
    title = "Iteration",
    class = "text",
    cell = function(row)
      local value = names.iteration_value(row)
      return #row.tests == 0 and round.duration(nil)
        or escape(value and ("%d: %s"):format(row.iteration, value) or ("%d"):format(row.iteration))
    end,
    shows = function(row)
      return row.iteration > 1 or row.iteration_value ~= nil
    end,
  },
}

local STATUS = {
  title = "Status",
  class = "text",
  cell = function(row)
    return round.badge(row.status, row.status_text)
  end,
}

local FIGURES = {
  spread("Throughput", "throughput", shown_rate, "strong"),
  spread("mean", "mean", format.duration, nil, "Response time"),
  spread("p50", "p50", format.duration, nil, "Response time"),
  spread("p95", "p95", format.duration, nil, "Response time"),
  spread("p99", "p99", format.duration, "strong", "Response time"),
  spread("max", "max", format.duration, nil, "Response time"),
  spread("Failed", "failed", shown_count),
}

local LINKS = { title = "Tests", class = "text", cell = links }

local function joined(...)
  local out = {}
  for i = 1, select("#", ...) do
    for _, column in ipairs((select(i, ...))) do
      out[#out + 1] = column
    end
  end
  return out
end

local TABLE = joined(PLACE, { STATUS }, FIGURES, { LINKS })

-- A column of a row, for one that is a part of it.
local function of_row(column)
  return {
    title = column.title,
    class = column.class,
    cell = function(part)
      return column.cell(part.row)
    end,
    shows = column.shows and function(part)
      return column.shows(part.row)
    end,
  }
end

local OPERATION = {
  title = "Operation",
  class = "text name",
  cell = function(part)
    return escape(part.operation)
  end,
}

local OPERATIONS = joined({ OPERATION, of_row(PLACE[1]), of_row(PLACE[2]), of_row(PLACE[3]) }, FIGURES)

local function operations(entry)
  local rows = comparison.operations(entry)
  return #rows > 0 and "<details><summary>Per operation</summary>" .. template.table(OPERATIONS, rows) .. "</details>" or ""
end

local TIMES = {
  { member = "mean", name = "mean", show = format.duration },
  { member = "p99", name = "p99", show = format.duration },
}
local THROUGHPUT = { { member = "throughput", name = "throughput", show = shown_rate } }

local function all_charts(entry, axes)
  if entry.iterations then
    return lines(entry, axes, "Throughput, transactions a second", "throughput", shown_rate, charts.axis_rate)
      .. lines(entry, axes, "Mean response time", "mean", format.duration, charts.axis_duration)
      .. lines(entry, axes, "p99 response time", "p99", format.duration, charts.axis_duration) .. boxes(entry, axes)
  end
  return bars(entry, axes, "Throughput", "transactions a second", THROUGHPUT, charts.axis_rate)
    .. bars(entry, axes, "Response time", "mean, and p99 behind it", TIMES, charts.axis_duration) .. boxes(entry, axes)
end

-- entry: of vernier.results.comparison; i: its number there.
function M.html(entry, i)
  local axes = axes_of(entry)
  for _, row in ipairs(entry.rows) do
    row.class = colour(axes, row)
  end
  return fill([[
<section class="card" id="{anchor}"><div class="round-head"><div><h2><small>Comparison</small>{name}</h2><p>{lead}</p></div></div>
<div class="charts">{=charts}</div>{=table}{=operations}</section>
]], {
    anchor = M.anchor(i),
    name = entry.name,
    lead = entry.repetitions > 1 and ("mean of %d repetitions, and their range"):format(entry.repetitions) or "",
    charts = all_charts(entry, axes),
    table = template.table(TABLE, entry.rows),
    operations = operations(entry),
  })
end

return M
