-- Charts (lines, bars, boxes) as inline SVG text: no script, no font, no colour of its own. Colours come from the page's
-- style by the classes of axes (grid, tick) and of series (whatever the caller names), so light and dark are the page's
-- business.
local json = require("vernier.json")

local M = {}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

-- Text for HTML and SVG, in content and in quoted attributes.
function M.escape(text)
  return (json.utf8(tostring(text)):gsub("[&<>\"']", ENTITIES):gsub("[%z\1-\8\11\12\14-\31\127]", "\239\191\189"))
end

-- ---- scales ----

local function nice_step(span, steps)
  local rough = span / steps
  local power = 10 ^ math.floor(math.log10(rough))
  for _, factor in ipairs({ 1, 2, 5 }) do
    if rough <= factor * power * 1.0000001 then
      return factor * power
    end
  end
  return 10 * power
end

local function ticks_every(step, low, high)
  local ticks = {}
  for i = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) do
    ticks[#ticks + 1] = { value = i * step + 0 } -- no negative zero
  end
  return ticks
end

-- From zero to a round number at or over the highest value.
function M.linear(high, steps)
  high = high > 0 and high or 1
  local step = nice_step(high, steps or 5)
  local top = math.ceil(high / step - 1e-9) * step
  return {
    low = 0,
    high = top,
    ticks = ticks_every(step, 0, top),
    place = function(v)
      return v / top
    end,
  }
end

local function log_ticks(low, high)
  local ticks, decades = {}, math.log10(high / low)
  local factors = decades > 4 and { 1 } or decades > 2 and { 1, 3 } or { 1, 2, 5 }
  for power = math.floor(math.log10(low)), math.ceil(math.log10(high)) do
    for _, factor in ipairs(factors) do
      local v = factor * 10 ^ power
      if v >= low * 0.999 and v <= high * 1.001 then
        ticks[#ticks + 1] = { value = v }
      end
    end
  end
  return ticks
end

local function round_log(v, up)
  local power = 10 ^ math.floor(math.log10(v))
  local steps = { 1, 2, 5, 10 }
  if up then
    for _, s in ipairs(steps) do
      if v <= s * power * 1.0001 then
        return s * power
      end
    end
  end
  for i = #steps, 1, -1 do
    if v >= steps[i] * power * 0.9999 then
      return steps[i] * power
    end
  end
  return power
end

function M.log(low, high)
  low, high = round_log(math.max(low, 1), false), round_log(math.max(high, 2), true)
  high = high > low and high or low * 10
  local span = math.log(high / low)
  return {
    low = low,
    high = high,
    ticks = log_ticks(low, high),
    place = function(v)
      return math.max(0, math.log(math.max(v, low) / low) / span)
    end,
  }
end

local LOG_RATIO = 25

-- Linear from zero, or logarithmic where the low values would lie on the axis.
function M.auto(low, high)
  if low > 0 and high / low > LOG_RATIO then
    return M.log(low, high)
  end
  return M.linear(high)
end

local TIME_STEPS = { 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400 }

-- Seconds since a start.
function M.time(low, high)
  local span = math.max(high - low, 1e-6)
  local step = nice_step(span, 8)
  for _, s in ipairs(TIME_STEPS) do
    if span >= 5 and span / s <= 8 then
      step = s
      break
    end
  end
  return {
    low = low,
    high = high,
    ticks = ticks_every(step, low, high),
    place = function(v)
      return (v - low) / span
    end,
  }
end

-- Any numbers, from low to high.
function M.range(low, high)
  high = high > low and high or low + 1
  return {
    low = low,
    high = high,
    ticks = ticks_every(nice_step(high - low, 6), low, high),
    place = function(v)
      return (v - low) / (high - low)
    end,
  }
end

-- Percentiles, the closer to 100 the wider; count says how many values there are, and so where the axis ends.
function M.percentile(count)
  local reach = math.log10(math.max(count, 10))
  local ticks = { { value = 0, label = "0 %" }, { value = 50, label = "50 %" }, { value = 90, label = "90 %" } }
  for nines = 2, math.floor(reach + 1e-9) do
    local label = nines == 2 and "99 %" or "99." .. ("9"):rep(nines - 2) .. " %"
    ticks[#ticks + 1] = { value = 100 - 10 ^ (2 - nines), label = label }
  end
  return {
    low = 0,
    high = 100,
    ticks = ticks,
    place = function(p)
      local rest = 1 - p / 100
      return rest <= 0 and 1 or math.min(1, -math.log10(rest) / reach)
    end,
  }
end

-- ---- drawing ----

local LEFT, RIGHT, TOP, BOTTOM = 62, 16, 12, 28

local function coordinate(v)
  return (("%.1f"):format(v):gsub("%.0$", ""))
end

local Chart = {}
Chart.__index = Chart

function Chart:x_of(v)
  return self.left + self.x.place(v) * (self.width - self.left - RIGHT)
end

function Chart:y_of(v)
  return self.height - BOTTOM - math.min(1, self.y.place(v)) * (self.height - TOP - BOTTOM)
end

function Chart:put(format, ...)
  self.out[#self.out + 1] = format:format(...)
end

function Chart:draw_y_axis()
  local right = coordinate(self.width - RIGHT)
  for _, tick in ipairs(self.y.ticks) do
    local y = coordinate(self:y_of(tick.value))
    self:put('<line class="grid" x1="%d" x2="%s" y1="%s" y2="%s"/>', self.left, right, y, y)
    self:put('<text class="tick" x="%d" y="%s" dy="0.32em" text-anchor="end">%s</text>', self.left - 8, y,
      M.escape(tick.label or self.format_y(tick.value)))
  end
end

-- up: how far the ticks' lines reach up from the axis; below it a short line where that is nothing.
function Chart:draw_x_axis(up)
  local right, bottom = coordinate(self.width - RIGHT), coordinate(self.height - BOTTOM)
  local from, to = self.height - BOTTOM - (up or 0), self.height - BOTTOM + (up and 0 or 4)
  for _, tick in ipairs(self.x.ticks) do
    local x = coordinate(self:x_of(tick.value))
    self:put('<line class="grid" x1="%s" x2="%s" y1="%s" y2="%s"/>', x, x, coordinate(from), coordinate(to))
    self:put('<text class="tick" x="%s" y="%s" text-anchor="middle">%s</text>', x, coordinate(self.height - 8),
      M.escape(tick.label or self.format_x(tick.value)))
  end
  self:put('<line class="axis" x1="%d" x2="%s" y1="%s" y2="%s"/>', self.left, right, bottom, bottom)
end

-- Unbroken stretches of a series as lists of {x, y} in pixels. points: {x, y} or {x, y, to} for a level from x to `to`.
function Chart:stretches(points)
  local list, current = {}, nil
  for _, p in ipairs(points) do
    if p[2] then
      if not current then
        current = {}
        list[#list + 1] = current
      end
      local y = self:y_of(p[2])
      current[#current + 1] = { self:x_of(p[1]), y }
      if p[3] then
        current[#current + 1] = { self:x_of(p[3]), y }
      end
    else
      current = nil
    end
  end
  return list
end

local function path_of(stretch)
  local parts = {}
  for i, p in ipairs(stretch) do
    parts[i] = (i == 1 and "M" or "L") .. coordinate(p[1]) .. " " .. coordinate(p[2])
  end
  return table.concat(parts)
end

function Chart:draw_series(series)
  local class = M.escape(series.class)
  for _, stretch in ipairs(self:stretches(series.points)) do
    local path = path_of(stretch)
    if #stretch == 1 then
      self:put('<circle class="dot %s" cx="%s" cy="%s" r="3"/>', class, coordinate(stretch[1][1]), coordinate(stretch[1][2]))
    else
      if series.area then
        local bottom = coordinate(self.height - BOTTOM)
        self:put('<path class="area %s" d="%sL%s %sL%s %sZ"/>', class, path, coordinate(stretch[#stretch][1]), bottom,
          coordinate(stretch[1][1]), bottom)
      end
      self:put('<path class="line %s" d="%s"/>', class, path)
    end
    for _, p in ipairs(series.dots and #stretch > 1 and stretch or {}) do
      self:put('<circle class="dot %s" cx="%s" cy="%s" r="2.6"/>', class, coordinate(p[1]), coordinate(p[2]))
    end
  end
end

-- Invisible bands that carry the text of a moment: a tooltip without any script.
function Chart:draw_bands(bands)
  local bottom = self.height - BOTTOM
  for _, band in ipairs(bands) do
    local from, to = self:x_of(band.from), self:x_of(band.to)
    self:put('<rect class="band" x="%s" y="%d" width="%s" height="%s"><title>%s</title></rect>', coordinate(from), TOP,
      coordinate(math.max(to - from, 0.5)), coordinate(bottom - TOP), M.escape(band.text))
  end
end

local function new_chart(options, height, left)
  local chart = setmetatable({
    x = options.x,
    y = options.y,
    format_x = options.format_x or tostring,
    format_y = options.format_y or tostring,
    width = options.width or 640,
    height = height or options.height or 240,
    left = left or LEFT,
    out = {},
  }, Chart)
  chart:put('<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">', chart.width, chart.height,
    M.escape(options.label))
  return chart
end

function Chart:text()
  self:put("</svg>")
  return table.concat(self.out)
end

-- Lines. options: label (for who cannot see it), x, y (scales), format_x, format_y, series = {{class, points, area, dots}…},
-- bands = {{from, to, text}…}, width, height. Returns an <svg> element.
function M.chart(options)
  local chart = new_chart(options)
  chart:draw_y_axis()
  chart:draw_x_axis()
  for _, series in ipairs(options.series) do
    chart:draw_series(series)
  end
  chart:draw_bands(options.bands or {})
  return chart:text()
end

-- ---- bars ----

local BAR_MAX, SLOT_SHARE = 56, 0.76 -- px of a bar; the part of a category's slot that its bars fill

function Chart:draw_bar(class, value, from, width)
  local bottom = self.height - BOTTOM
  local function rect(kind, v)
    local y = self:y_of(v)
    self:put('<rect class="bar %s %s" x="%s" y="%s" width="%s" height="%s"/>', kind, class, coordinate(from), coordinate(y),
      coordinate(width), coordinate(bottom - y))
  end
  if value.outer then
    rect("outer", value.outer)
  end
  rect("inner", value.mean)
  if value.max > value.min then
    local x = coordinate(from + width / 2)
    self:put('<line class="range" x1="%s" x2="%s" y1="%s" y2="%s"/>', x, x, coordinate(self:y_of(value.min)),
      coordinate(self:y_of(value.max)))
  end
end

-- Grouped bars from zero. options: label, y (scale), format_y, categories = {{name, text (of the tooltip)}…}, series =
-- {{class, values = {[number of the category] = {mean, min, max, outer}}}…}: a bar as high as mean with a line from min to
-- max, and a fainter one as high as outer behind it; where there is no value there is no bar.
function M.bars(options)
  local n, bands = #options.categories, {}
  local ticks = {}
  for i, category in ipairs(options.categories) do
    ticks[i] = { value = i - 0.5, label = category.name }
    bands[i] = { from = i - 1, to = i, text = category.text }
  end
  options.x = { low = 0, high = n, ticks = ticks, place = function(v)
    return v / n
  end }
  local chart = new_chart(options)
  chart:draw_y_axis()
  chart:draw_x_axis()
  local slot = (chart.width - LEFT - RIGHT) / n
  local bar = math.min(BAR_MAX, slot * SLOT_SHARE / #options.series)
  for s, series in ipairs(options.series) do
    for i = 1, n do
      local value = series.values[i]
      if value then
        local from = chart:x_of(i - 0.5) + (s - 1 - #options.series / 2) * bar
        chart:draw_bar(M.escape(series.class), value, from + 1, math.max(bar - 2, 1))
      end
    end
  end
  chart:draw_bands(bands)
  return chart:text()
end

-- ---- boxes ----

local ROW_HEIGHT, NAME_WIDTH, NAME_MAX = 24, 190, 30

local function shortened(text)
  local n, cut = 0, nil
  for at in text:gmatch("()[^\128-\191]") do
    n = n + 1
    if n == NAME_MAX then
      cut = at
    elseif n > NAME_MAX then
      return text:sub(1, cut - 1) .. "…"
    end
  end
  return text
end

function Chart:draw_box(row, middle)
  local box, class = row.box, M.escape(row.class)
  local function line(kind, a, b, half)
    self:put('<line class="%s %s" x1="%s" x2="%s" y1="%s" y2="%s"/>', kind, class, coordinate(self:x_of(a)),
      coordinate(self:x_of(b)), coordinate(middle - half), coordinate(middle + half))
  end
  line("whisker", box.whisker_low, box.q1, 0)
  line("whisker", box.q3, box.whisker_high, 0)
  line("whisker", box.whisker_low, box.whisker_low, 4)
  line("whisker", box.whisker_high, box.whisker_high, 4)
  local from, to = self:x_of(box.q1), self:x_of(box.q3)
  self:put('<rect class="box %s" x="%s" y="%s" width="%s" height="14"/>', class, coordinate(from), coordinate(middle - 7),
    coordinate(math.max(to - from, 1)))
  line("median", box.median, box.median, 7)
  self:put('<circle class="dot %s" cx="%s" cy="%s" r="1.8"/>', class, coordinate(self:x_of(box.max)), coordinate(middle))
end

-- Box plots, one below the other, with a dot at the highest value. options: label, x (scale), format_x, rows = {{name,
-- class, box (representation "box"), text (of the tooltip)}…}.
function M.boxes(options)
  local chart = new_chart(options, TOP + BOTTOM + ROW_HEIGHT * #options.rows, NAME_WIDTH)
  chart:draw_x_axis(ROW_HEIGHT * #options.rows)
  for i, row in ipairs(options.rows) do
    local middle = TOP + (i - 0.5) * ROW_HEIGHT
    chart:put('<text class="tick" x="%d" y="%s" dy="0.32em" text-anchor="end">%s</text>', NAME_WIDTH - 10, coordinate(middle),
      M.escape(shortened(row.name)))
    chart:draw_box(row, middle)
    chart:put('<rect class="band" x="0" y="%s" width="%d" height="%d"><title>%s</title></rect>',
      coordinate(middle - ROW_HEIGHT / 2), chart.width, ROW_HEIGHT, M.escape(row.text))
  end
  return chart:text()
end

-- A filled line without axes, from zero, for a table's cell.
function M.sparkline(values, width, height)
  local high, points = 0, {}
  for _, v in ipairs(values) do
    high = math.max(high, v)
  end
  if #values < 2 or high <= 0 then
    return ""
  end
  for i, v in ipairs(values) do
    points[i] = { (i - 1) / (#values - 1) * (width - 2) + 1, height - 1 - v / high * (height - 3) }
  end
  local path = path_of(points)
  local fill = ("%sL%d %dL1 %dZ"):format(path, width - 1, height - 1, height - 1)
  return ('<svg class="spark" viewBox="0 0 %d %d" width="%d" height="%d" aria-hidden="true">'
    .. '<path class="fill" d="%s"/><path d="%s"/></svg>'):format(width, height, width, height, fill, path)
end

return M
