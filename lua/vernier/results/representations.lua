-- The data of a test in named forms, so that who shows them need not know how they were gathered.
--
-- All take the test and arguments {operation = name, worker = index, thread = number, clock = "response" | "service" |
-- "lateness" | "blocked"}, which choose a part of its data (all operations, workers and threads, and the response time,
-- unless told), and give nil where the data cannot give it. Times are in ns, rates per second; those of response and
-- service are of transactions that were ok.
local merged = require("vernier.results.merged")

local M = {}

local REPRESENTATIONS = {}

local CLOCKS = { response = true, service = true, lateness = true, blocked = true }

-- The chosen part's figures, and those of its clock.
local function figures_of(t, arguments)
  local figures = t.measured and t:selected(arguments)
  if figures then
    return figures, figures[(arguments.clock or "response") .. "_time"]
  end
end

-- Calls f(histogram, …) with the chosen part's histogram of its clock.
local function with_histogram(t, arguments, f)
  local sum = t:sum(arguments)
  return sum and sum[arguments.clock or "response"]:with(f)
end

-- {requests (finished ones), errors (the failed of these), mean, max}: of transactions that were not trimmed.
function REPRESENTATIONS.outcome(t, arguments)
  local figures, times = figures_of(t, arguments)
  if not figures then
    return nil
  end
  local requests, errors = figures.ok + figures.failed - figures.trimmed, figures.failed
  if figures.trimmed > 0 then -- which of these failed is known by who has no response time
    errors = requests - (figures.response_time and figures.response_time.count or 0)
  end
  times = times or {}
  return { requests = requests, errors = errors, mean = times.mean, max = times.max }
end

-- {gross (of all that finished), net (of those that were ok)}.
function REPRESENTATIONS.throughput(t, arguments)
  local figures = figures_of(t, arguments)
  if figures and figures.throughput then
    return { gross = figures.throughput, net = figures.goodput }
  end
end

-- {mean, deviation}; a single value has no deviation.
REPRESENTATIONS["mean-and-deviation"] = function(t, arguments)
  local _, times = figures_of(t, arguments)
  return times and { mean = times.mean, deviation = times.stddev }
end

-- The time within which so many percent lie: arguments.percentile, above 0 and at most 100.
function REPRESENTATIONS.percentile(t, arguments)
  local p = tonumber(arguments.percentile)
  if not p or not (p > 0 and p <= 100) then
    error("a percentile is a number above 0 and at most 100, not " .. tostring(arguments.percentile), 0)
  end
  return with_histogram(t, arguments, function(h)
    return h:percentile(p)
  end)
end

-- Equal widths from the lowest value to that of a percentile; what lies above is in one more.
local function buckets_of(h, n, p)
  local low, high = h:min(), h:percentile(p)
  local width = math.max((high - low) / n, 1)
  local buckets = {}
  for i = 1, n do
    buckets[i] = { from_ns = low + (i - 1) * width, to_ns = low + i * width, count = 0 }
  end
  local rest = { from_ns = buckets[n].to_ns, to_ns = h:max(), count = 0 }
  for from, to, count in h:cells() do
    local place = math.max(low, math.min((from + to) / 2, h:max()))
    local i = math.floor((place - low) / width) + 1
    local bucket = buckets[place <= high and math.min(i, n) or i] or rest
    bucket.count = bucket.count + count
  end
  buckets[n + 1] = rest.count > 0 and rest or nil
  return { count = h:count(), buckets = buckets }
end

-- {count, buckets = {{from_ns, to_ns, count}…}}: arguments.buckets (40) of equal width up to arguments.percentile (99),
-- and one more for what lies above.
function REPRESENTATIONS.histogram(t, arguments)
  return with_histogram(t, arguments, function(h)
    return buckets_of(h, tonumber(arguments.buckets) or 40, tonumber(arguments.percentile) or 99)
  end)
end

local WHISKER = 1.5 -- interquartile ranges, as Tukey drew them

local function box_of(h)
  local box = { min = h:min(), q1 = h:percentile(25), median = h:percentile(50), q3 = h:percentile(75), max = h:max() }
  local reach = WHISKER * (box.q3 - box.q1)
  local low, high = box.q1, box.q3
  for from, to in h:cells() do
    if to >= box.q1 - reach then
      low = math.min(low, math.max(from, box.min))
    end
    local top = math.min(to, box.max)
    if top <= box.q3 + reach then
      high = math.max(high, top)
    end
  end
  box.whisker_low, box.whisker_high = low, high
  return box
end

-- {min, whisker_low, q1, median, q3, whisker_high, max}: the quartiles are those of the values, and a whisker ends at the
-- last value that is within 1.5 interquartile ranges of its quartile.
function REPRESENTATIONS.box(t, arguments)
  return with_histogram(t, arguments, box_of)
end

local function series_row(row)
  local seconds = (row.to_us - row.from_us) / 1e6
  return {
    from = row.from_us / 1e6,
    to = row.to_us / 1e6,
    submitted = row.submitted,
    ok = row.ok,
    failed = row.failed,
    dropped = row.dropped,
    late = row.late,
    send_rate = seconds > 0 and row.submitted / seconds or nil,
    throughput = seconds > 0 and (row.ok + row.failed) / seconds or nil,
    failure_rate = seconds > 0 and row.failed / seconds or nil,
    response = row.response:figures(),
    service = row.service:figures(),
  }
end

-- The test over time, of all its parts, in at most arguments.limit rows (600 unless told): {from, to (s since its start),
-- counters, rates, response, service (figures)}.
function REPRESENTATIONS.series(t, arguments)
  if arguments.operation or arguments.worker or arguments.thread then
    return nil -- it is kept of the whole test only
  end
  local rows = {}
  for i, row in ipairs(t:rows(arguments.limit)) do
    rows[i] = series_row(row)
  end
  return #rows > 0 and rows or nil
end

local STEPS_PER_HALVING = 8

-- Percentiles ever closer to 100, as far as the count has something to say.
local function percentile_points(h)
  local count, points = h:count(), {}
  local p = 0
  while true do
    points[#points + 1] = { percentile = p, ns = h:percentile(p) }
    local rest = (100 - p) / 100
    if rest * count <= 1 then
      break
    end
    local step = 0.5 ^ (math.floor(-math.log(rest) / math.log(2) + 1e-9) + 1) / STEPS_PER_HALVING
    p = p + 100 * step
  end
  points[#points + 1] = { percentile = 100, ns = h:max() }
  return { count = count, points = points }
end

-- {count, points = {{percentile, ns}…}}.
function REPRESENTATIONS.distribution(t, arguments)
  return with_histogram(t, arguments, percentile_points)
end

local Pool = {}
Pool.__index = Pool

function Pool:sum(selection)
  local sums = {}
  for i, t in ipairs(self.tests) do
    sums[i] = t:sum(selection)
  end
  local out = {}
  for clock in pairs(CLOCKS) do
    local list = {}
    for _, sum in pairs(sums) do
      list[#list + 1] = sum[clock]
    end
    out[clock] = merged.sum(self.tests[1].digits, list)
  end
  return out
end

-- Several tests as one, for the forms that are made of histograms only: percentile, histogram, box, distribution.
function M.pool(tests)
  return setmetatable({ tests = tests }, Pool)
end

-- nil where there is no form of that name, too.
function M.of(name, t, arguments)
  local f = REPRESENTATIONS[name]
  arguments = arguments or {}
  if arguments.clock and not CLOCKS[arguments.clock] then
    error(("clock %q is none of response, service, lateness, blocked"):format(tostring(arguments.clock)), 0)
  end
  return f and f(t, arguments)
end

return M
