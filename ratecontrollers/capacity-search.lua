-- Finds the highest rate that the system sustains under an objective for its service: doubles the rate from `from` on until a
-- step fails, then halves the interval between the highest that passed and the lowest that failed until it is narrow enough.
--
-- A step sends evenly at one rate: first until things have settled, then for the time that is measured; then it waits for
-- all answers, so that no step inherits the queue of the one before. All workers then put together what they have counted
-- (ctx:meet), and each comes to the same verdict:
--   passed     the objective holds for the runs that were due in the measured time: response times, errors, and completions
--              that keep up with what is sent
--   failed     it does not: the system gave up
--   generator  it does not either, but the workers were late, dropped runs or had no CPU time left: nothing is known of the
--              system at this rate, and what is above is not asked for
-- A verdict counts when it has come `confirm` times at a rate. When the answer is known the round is over.
local SECOND = 1e9
local AHEAD_NS = 50e6 -- so far ahead of their due times runs are permitted
local RUNS_MIN = 20 -- that are measured in a step, however low the rate
local SETTLE_S, SETTLE_LIMITS = 1, 2 -- the least, and in longest durations of the objective
local MEASURE_S, MEASURE_LIMITS = 5, 20
local LATE_SHARE, LATE_MIN_NS = 0.1, 0.5e6 -- of the objective's shortest duration: so late a generator may be (p99)
local BUSY = 0.95 -- share of a core from which a worker has no more to give
local BEHIND_MIN = 3 -- completions that may be missing of any number

-- Those of response times, in the order in which they are told; the name of a histogram's figure, or a percentile.
local LIMITS = { { "mean" }, { "p50", 50 }, { "p75", 75 }, { "p90", 90 }, { "p95", 95 }, { "p99", 99 }, { "p99.9", 99.9 },
  { "p99.99", 99.99 }, { "max", 100 } }

-- 0.1 or "0.1 %".
local function read_percent(value)
  local number = tonumber(type(value) == "string" and value:match("^%s*([%d.]+)%s*%%?%s*$") or value)
  if type(value) == "table" or not number or not (number >= 0 and number <= 100) then
    return nil, 'must be a percentage from 0 to 100, such as 0.1 or "0.1 %"'
  end
  return number
end

local function slo_fields()
  local fields = {
    errors = { type = "any", default = 1, unit = "%", convert = read_percent,
      doc = "transactions that may fail, or be without an answer" },
    throughput = { type = "any", default = 5, unit = "%", convert = read_percent,
      doc = "how far completions may stay behind what is sent" },
  }
  for _, limit in ipairs(LIMITS) do
    local name = limit[1]
    fields[name] = { type = "duration", min = 0, unit = "s", doc = "longest response time allowed: " .. name,
      aliases = name:find(".", 1, true) and { (name:gsub("%.", "_")) } or nil }
  end
  return fields
end

local M = {
  schedule = "worker",
  options = {
    slo = { type = "table", required = true, fields = slo_fields(),
      doc = "what has to hold: {p99: 50ms, errors: 0.1 %}; response times count from the intended start" },
    from = { type = "number", default = 10, min = 0.001, unit = "tx/s", doc = "total rate of the first step" },
    to = { type = "number", default = 1000000, min = 0.001, unit = "tx/s", doc = "highest total rate that is tried" },
    precision = { type = "any", default = 2, unit = "%", convert = read_percent,
      doc = "width of the interval at which the search ends, of the rate" },
    confirm = { type = "integer", default = 2, min = 1, max = 10, doc = "how often a rate has to get a verdict until it counts" },
    settle = { type = "duration", unit = "s", min = 0,
      doc = "time of a step that is not measured; 1 s and twice the longest duration of slo at least, unless told" },
    measure = { type = "duration", unit = "s", min = 0.01,
      doc = "time of a step that is measured; 5 s and 20 times that duration at least, unless told" },
    drain = { type = "duration", unit = "s", default = 30, min = 0, doc = "how long answers are awaited after a step" },
  },
}

-- The shortest and the longest duration of an objective in seconds; nil where it has none.
local function durations_of(slo)
  local shortest, longest
  for _, limit in ipairs(LIMITS) do
    local seconds = slo[limit[1]]
    if seconds then
      shortest, longest = math.min(shortest or seconds, seconds), math.max(longest or seconds, seconds)
    end
  end
  return shortest, longest
end

function M:init()
  local o = self.options
  if o.from > o.to then
    error(("capacity-search: from of %g is above to of %g"):format(o.from, o.to), 0)
  elseif o.precision < 0.01 then
    error("capacity-search: a precision below 0.01 % would be searched for without end", 0)
  end
  local shortest, longest = durations_of(o.slo)
  self._settle_ns = (o.settle or math.max(SETTLE_S, SETTLE_LIMITS * (longest or 0))) * SECOND
  self._measure_ns = (o.measure or math.max(MEASURE_S, MEASURE_LIMITS * (longest or 0))) * SECOND
  self._late_ns = math.max(LATE_MIN_NS, LATE_SHARE * (shortest or 0) * SECOND)
  self._rate, self._votes, self._rows, self._why = o.from, {}, {}, {}
end

-- ---- the verdict on a step ----

-- The response time within which a percentile is, where `open` more have not been answered at all.
local function percentile(response, p, open)
  local answered = response:count()
  local of_answered = answered > 0 and p * (answered + open) / answered or math.huge
  return of_answered <= 100 + 1e-9 and response:percentile(math.min(of_answered, 100)) or math.huge
end

local function ms(ns)
  return ns == math.huge and "without an answer" or ("%.4g ms"):format(ns / 1e6)
end

-- Which response time is too long, or nil.
local function slow(slo, sum, open)
  for _, limit in ipairs(LIMITS) do
    local name, most = limit[1], slo[limit[1]]
    local ns = most and (limit[2] and percentile(sum.response, limit[2], open) or open > 0 and math.huge or sum.response:mean())
    if most and ns > most * SECOND then
      return ("%s %s > %s"):format(name, ms(ns), ms(most * SECOND))
    end
  end
end

-- Why the objective does not hold, or nil. sum: of all workers' windows; unsent: runs that were due and never started.
local function system_trouble(slo, sum, unsent)
  local open = sum.submitted - sum.ok - sum.failed
  local errors = 100 * (sum.failed + open) / sum.submitted
  local behind = sum.submitted - sum.finished
  if errors > slo.errors then
    return ("errors %.3g %% > %.3g %%"):format(errors, slo.errors)
  end
  local too_slow = slow(slo, sum, open)
  if too_slow then
    return too_slow
  elseif behind > math.max(slo.throughput / 100 * sum.submitted, BEHIND_MIN) then
    return ("completions fall behind: %.0f of %.0f"):format(sum.finished, sum.submitted)
  elseif unsent > 0 and sum.limited > 0 then
    return ("%.0f runs found no place: the limit of runs in flight was reached"):format(unsent)
  end
end

-- What the workers themselves could not do, or nil.
local function generator_trouble(self, sum, unsent, busy)
  local late = sum.runs > 0 and sum.lateness:percentile(99) or 0
  if busy > BUSY then
    return ("a worker was busy for %.0f %% of the time"):format(100 * busy)
  elseif late > self._late_ns then
    return ("runs were late: p99 %s > %s"):format(ms(late), ms(self._late_ns))
  elseif unsent > 0 and sum.limited == 0 then
    return ("%.0f runs were not sent"):format(unsent)
  end
end

-- The verdict, and why where it has not passed. With what was sent late but answered in time the objective holds.
function M:_judge(sum, unsent, busy)
  if sum.submitted == 0 then
    return "generator", "the workload sent nothing"
  end
  local system, own = system_trouble(self.options.slo, sum, unsent), generator_trouble(self, sum, unsent, busy)
  if own and (system or unsent > 0) then
    return "generator", own
  elseif system then
    return "failed", system
  end
  return "passed"
end

-- ---- the search ----

-- The rate of the next step; nil where the answer is known.
function M:_next(verdict, reason)
  local o, rate = self.options, self._rate
  self._votes[verdict] = (self._votes[verdict] or 0) + 1
  if self._votes[verdict] < o.confirm then
    return rate
  end
  self._votes, self._why[verdict] = {}, reason
  if verdict == "passed" then
    self._low = rate
  elseif verdict == "failed" then
    self._high = rate
  else
    self._ceiling = rate
  end
  local bound = math.min(self._high or math.huge, self._ceiling or math.huge)
  if not self._low or self._low >= o.to or bound - self._low <= o.precision / 100 * self._low then
    return nil
  end
  return bound < math.huge and (self._low + bound) / 2 or math.min(2 * rate, o.to)
end

local function figures(sum, seconds)
  local row = { throughput = sum.finished / seconds, errors = sum.submitted > 0 and 100 * sum.failed / sum.submitted or nil }
  if sum.ok > 0 then
    row.p50, row.p90, row.p99 = sum.response:percentile(50), sum.response:percentile(90), sum.response:percentile(99)
    row.max = sum.response:max()
  end
  row.lateness = sum.runs > 0 and sum.lateness:percentile(99) or nil
  return row
end

-- All workers have said what they have seen of the step: begins the next one, or ends the search.
function M:_decide(ctx, said, at_ns)
  local windows, unsent, open, busy = {}, 0, 0, 0
  for i, one in ipairs(said) do
    windows[i], unsent, open = one.window, unsent + one.held + one.window.dropped, open + one.open
    busy = math.max(busy, one.busy)
  end
  local sum, step = ctx.sum(windows), self._step
  local verdict, reason = self:_judge(sum, unsent, busy)
  local row = figures(sum, (step.to - step.from) / SECOND)
  row.rate, row.verdict, row.reason = self._rate, verdict, reason
  table.insert(self._rows, row)
  local rate = self:_next(verdict, reason)
  if open > 0 then
    self._stuck = self._rate
  end
  self._step, self._rate = nil, rate or self._rate
  self._over = rate == nil or open > 0
  if not self._over then
    self:_begin(ctx, at_ns)
  end
end

-- ---- a step ----

function M:_begin(ctx, at_ns)
  local interval = SECOND / self._rate
  local from = at_ns + self._settle_ns
  local to = from + math.max(self._measure_ns, RUNS_MIN * interval)
  self._step = { first = at_ns + ctx.worker * interval, interval = ctx.workers * interval, sent = 0, from = from, to = to }
  ctx:watch(from, to)
end

-- The step's next run of this worker; or nil and when to ask again.
function M:_send(step, now)
  local due = step.first + step.sent * step.interval
  if due >= step.to or now >= step.to then
    step.held = math.max(0, math.ceil((step.to - due) / step.interval))
    return nil, step.to
  elseif due - now > AHEAD_NS then
    return nil, due - AHEAD_NS / 2
  end
  step.sent = step.sent + 1
  return due
end

-- Waits for the end of the step, its answers and the other workers.
function M:_finish_step(ctx, step, stats, now)
  if now < step.to then
    return nil, step.to
  end
  step.busy = step.busy or ctx:busy()
  local open, until_ns = stats.permitted - stats.dropped - stats.runs_finished, step.to + self.options.drain * SECOND
  if open > 0 and now < until_ns then
    return nil, until_ns
  end
  step.said = step.said or { window = ctx:window(), held = step.held, open = open, busy = step.busy }
  local said, at_ns = ctx:meet(step.said)
  if said then
    self:_decide(ctx, said, at_ns)
  end
end

function M:run(ctx, _, stats, now)
  if not self._step and not self._over then
    self:_begin(ctx, 0)
  end
  local step = self._step
  if step and not step.held then
    local due, again = self:_send(step, now)
    if due or not step.held then
      return due, again
    end
  end
  if step then
    local _, again = self:_finish_step(ctx, step, stats, now)
    if step == self._step then
      return nil, again
    end
  end
  if self._over then
    return false
  end
  return nil, now -- another step has begun
end

-- ---- what came of it ----

local function tps(rate)
  return ("%.4g tx/s"):format(rate)
end

-- How it ended, as a word and in words.
function M:_outcome()
  local low, high, ceiling, why = self._low, self._high, self._ceiling, self._why
  local known = low and tps(low) .. " passed" or "no rate has passed"
  if self._stuck then
    return "stuck", ("%s; after %s some transactions got no answer for %g s"):format(known, tps(self._stuck), self.options.drain)
  elseif not self._over then
    local failed = high and ", " .. tps(high) .. " failed" or ""
    return "unfinished", ("%s%s; the round was too short for the search"):format(known, failed)
  elseif ceiling and ceiling <= (high or math.huge) then
    return "generator", ("%s; at %s the generator could not keep up: %s"):format(low and "at least " .. tps(low) or known,
      tps(ceiling), why.generator)
  elseif not low then
    return "below", ("less than %s: %s"):format(tps(high), why.failed)
  elseif not high then
    return "at least", ("at least %s, which is as far as it was to go"):format(tps(low))
  end
  return "found", ("%s; %s failed: %s"):format(tps(low), tps(high), why.failed)
end

local COLUMNS = {
  { name = "rate", unit = "tx/s" }, { name = "throughput", unit = "tx/s" }, { name = "p50", unit = "ns" },
  { name = "p90", unit = "ns" }, { name = "p99", unit = "ns" }, { name = "max", unit = "ns" },
  { name = "errors", unit = "%" }, { name = "lateness", unit = "ns" }, { name = "verdict" }, { name = "reason" },
}

-- All workers have found the same: one of them tells it.
function M:finish(ctx)
  if ctx.worker ~= 0 then
    return
  end
  local outcome, text = self:_outcome()
  ctx:found({ name = "capacity-search", outcome = outcome, text = text, value = self._low, unit = "tx/s", low = self._low,
    high = self._high, curve = #self._rows > 0 and { columns = COLUMNS, rows = self._rows } or nil })
end

return M
