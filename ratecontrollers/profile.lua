-- Any shape of load: a rate over time, as points {time, rate} or from a file. Run i is due when the integral of the rate is i.
--
-- Between two points the rate is that of the first (step) or changes evenly (linear); after the last it stays, or all begins
-- again (repeat).
local units = require("vernier.units")

local huge = math.huge

local function seconds(value)
  return type(value) == "string" and (units.seconds(value) or tonumber(value)) or tonumber(value)
end

-- Checks a point that follows `last`, or gives nil, reason.
local function point(time, rate, last)
  local t, r = seconds(time), tonumber(rate)
  if not t or t < 0 or t == huge then
    return nil, ("%s is no time"):format(tostring(time))
  elseif not r or r < 0 or r == huge or r ~= r then
    return nil, ("%s is no rate"):format(tostring(rate))
  elseif last and t < last[1] then
    return nil, ("%s comes before the time of the point before"):format(tostring(time))
  end
  return { t, r }
end

local function parse_points(list)
  local points = {}
  for i, entry in ipairs(list) do
    local made, reason = nil, "is not [time, rate]"
    if type(entry) == "table" and #entry == 2 then
      made, reason = point(entry[1], entry[2], points[i - 1])
    end
    if not made then
      return nil, ("point %d: %s"):format(i, reason)
    end
    points[i] = made
  end
  return points
end

local M = {
  schedule = "global",
  random_access = true,
  options = {
    points = { type = "list", convert = parse_points, doc = "[time, total rate in tx/s] pairs: [[0s, 100], [60s, 500]]" },
    file = { type = "string", doc = "CSV file with such lines (a first line of other words is a heading), in the workspace" },
    interpolation = { type = "enum", values = { "step", "linear" }, default = "linear", doc = "the rate between two points" },
    duration = { type = "duration", min = 0.001, doc = "from the first to the last point: times are stretched to this" },
    ["repeat"] = { type = "boolean", default = false, doc = "begin again after the last point" },
  },
}

local function read_file(path)
  local f, message = io.open(path)
  if not f then
    error("profile: " .. message, 0)
  end
  local points, n = {}, 0
  for line in f:lines() do
    n = n + 1
    local time, rate = line:match('^%s*"?([^,;"]-)"?%s*[,;]%s*"?([^,;"]-)"?%s*$')
    local made, reason = nil, "is not time, rate"
    if time then
      made, reason = point(time, rate, points[#points])
    end
    if made then
      points[#points + 1] = made
    elseif line:find("%S") and not (n == 1 and time and not time:find("%d")) then
      f:close()
      error(("profile: %s:%d: %s"):format(path, n, reason), 0)
    end
  end
  f:close()
  return points
end

-- Stretches the times so that the last one is `duration` after the first.
local function stretch(points, duration)
  local first, span = points[1][1], points[#points][1] - points[1][1]
  if span == 0 then
    error("profile: duration needs points at different times", 0)
  end
  for _, p in ipairs(points) do
    p[1] = first + (p[1] - first) * duration / span
  end
end

-- Segments {from (s), seconds, rate at the start, slope, runs before it}; and the time and the runs up to the last point.
local function segments_of(points, linear)
  local list, runs = {}, 0
  if points[1][1] > 0 then
    list[1] = { 0, points[1][1], 0, 0, 0 }
  end
  for i = 1, #points - 1 do
    local from, a, length = points[i][1], points[i][2], points[i + 1][1] - points[i][1]
    local slope = linear and length > 0 and (points[i + 1][2] - a) / length or 0
    if length > 0 then
      list[#list + 1] = { from, length, a, slope, runs }
      runs = runs + a * length + slope * length * length / 2
    end
  end
  return list, points[#points][1], runs
end

local function path_of(ctx, name)
  return name:sub(1, 1) == "/" and name or (ctx.workspace or ".") .. "/" .. name
end

function M:init(ctx)
  local o = self.options
  if (o.points == nil) == (o.file == nil) then
    error("profile needs one of points and file", 0)
  end
  local points = o.points or read_file(path_of(ctx, o.file))
  if #points == 0 then
    error("profile: there are no points", 0)
  end
  if o.duration then
    stretch(points, o.duration)
  end
  local list, last, runs = segments_of(points, o.interpolation == "linear")
  self._segments, self._at = list, 1
  if o["repeat"] then
    if runs == 0 then
      error("profile: what is repeated sends nothing", 0)
    end
    self._period, self._runs = last, runs
  else
    list[#list + 1] = { last, huge, points[#points][2], 0, runs }
  end
end

-- The segment in which run i of a period is due; indices mostly grow.
function M:_segment(i)
  local list, at = self._segments, self._at
  if i < list[at][5] then
    at = 1
  end
  while list[at + 1] and i >= list[at + 1][5] do
    at = at + 1
  end
  self._at = at
  return list[at]
end

function M:run(_, index)
  local base = 0
  if self._period then
    local periods = math.floor(index / self._runs)
    base, index = periods * self._period, index - periods * self._runs
  end
  local s = self:_segment(index)
  local left, a, slope = index - s[5], s[3], s[4]
  if a == 0 and slope == 0 then -- and it stays 0
    return nil
  elseif left == 0 then
    return (base + s[1]) * 1e9
  end
  return (base + s[1] + 2 * left / (a + math.sqrt(math.max(0, a * a + 2 * slope * left)))) * 1e9
end

return M
