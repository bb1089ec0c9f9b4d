-- The results of a run, built from its directory alone, while it runs, when it has ended, or after anything was killed.
--
-- Read-only for its users: run (the manager's run record), tests (in order; see vernier.results.test), status, started,
-- seconds, exit, certificate, events, damages, and representation(name, …), which is nil where the data cannot give it.
local certificate = require("vernier.results.certificate")
local reader = require("vernier.results.reader")
local summary = require("vernier.results.summary")
local test = require("vernier.results.test")

local M = {}

local Results = {}
Results.__index = Results

local DAMAGES_MAX = 100

-- ---- reading ----

local Builder = {}
Builder.__index = Builder

function Builder:test(id)
  local t = self.tests[id]
  if not t then
    t = test.new({ test = id })
    self.tests[id] = t
  end
  return t
end

local MANAGER = {}

function MANAGER.run(self, record)
  self.run = record
end

function MANAGER.test(self, record)
  if record.test ~= nil then
    self.tests[record.test] = test.new(record)
  end
end

MANAGER["test-start"] = function(self, record)
  self:test(record.test):started(record)
end

MANAGER["test-end"] = function(self, record)
  self:test(record.test):ended(record)
end

function MANAGER.event(self, record)
  self.events[#self.events + 1] = record
end

MANAGER["run-end"] = function(self, record)
  self.run_end = record
end

local WORKER = { begin = test.begun, interval = test.add_interval, ["end"] = test.load_ended }

function Builder:damage(message)
  self.n_damages = self.n_damages + 1
  if self.n_damages <= DAMAGES_MAX then
    self.damages[#self.damages + 1] = message
  end
end

function Builder:on_worker(record)
  local handler = WORKER[record.type]
  if not handler or record.test == nil then
    return
  end
  local t = self:test(record.test)
  if self.current ~= t and self.current then
    self.current:worker_done()
  end
  self.current = t
  local damage = handler(t, record)
  if damage then
    self:damage(("worker %s, test %s: %s"):format(record.worker, record.test, damage))
  end
end

local function by_id(a, b)
  local na, nb = tonumber(a.id), tonumber(b.id)
  if na and nb then
    return na < nb
  end
  return tostring(a.id) < tostring(b.id)
end

local function ordered(tests)
  local list = {}
  for _, t in pairs(tests) do
    t:finish()
    list[#list + 1] = t
  end
  table.sort(list, by_id)
  return list
end

local EXITS = { interrupted = 130, failed = 3, ok = 0 }

local function judge(builder, tests)
  local status = builder.run_end and builder.run_end.status or "interrupted"
  for _, t in ipairs(tests) do
    if t.status == "failed" and status == "ok" then
      status = "failed"
    end
  end
  return status
end

local function seconds_of(builder, tests)
  if builder.run_end then
    return (tonumber(builder.run_end.at_us) or 0) / 1e6
  end
  local last = 0
  for _, t in ipairs(tests) do
    last = math.max(last, t.end_us or 0, (t.start_us or 0) + t.to_us)
  end
  return last / 1e6
end

local function finish(builder, dir)
  local tests = ordered(builder.tests)
  local started = tonumber(builder.run.started_wall_us)
  local status = judge(builder, tests)
  return setmetatable({
    dir = dir,
    run = builder.run,
    tests = tests,
    events = builder.events,
    damages = builder.damages,
    status = status,
    exit = builder.run_end and tonumber(builder.run_end.exit) or EXITS[status],
    started = started and os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(started / 1e6)) or nil,
    seconds = seconds_of(builder, tests),
    certificate = certificate.judge(tests, builder.damages, status),
  }, Results)
end

-- Returns the results; or nil, message when the folder holds no run.
function M.read(dir)
  dir = #dir > 1 and dir:gsub("/+$", "") or dir
  local builder = setmetatable({ run = {}, tests = {}, events = {}, damages = {}, n_damages = 0 }, Builder)
  local ok, message = reader.read(dir, {
    manager = function(record)
      local handler = MANAGER[record.type]
      if handler then
        handler(builder, record)
      end
    end,
    record = function(record)
      builder:on_worker(record)
    end,
    damage = function(text)
      builder:damage(text)
    end,
    worker_done = function()
      if builder.current then
        builder.current:worker_done()
      end
    end,
  })
  if not ok then
    return nil, message
  end
  return finish(builder, dir)
end

-- ---- representations ----

local REPRESENTATIONS = {}

function REPRESENTATIONS.summary(self)
  return summary.of(self)
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

-- The test over time, in at most `limit` rows (600 unless told): {from, to (s since its start), counters, rates,
-- response, service (figures in ns)}.
function REPRESENTATIONS.series(_, t, limit)
  local rows = {}
  for i, row in ipairs(t:rows(limit)) do
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

-- Of a clock (response, service, lateness, blocked) of a test, or of one of its operations: {count, points =
-- {{percentile, ns}…}}.
function REPRESENTATIONS.distribution(_, t, clock, operation)
  local of = t
  if operation then
    of = t:operation(operation)
  end
  local sum = of and of[clock or "response"]
  return sum and sum:with(percentile_points) or nil
end

function Results:representation(name, ...)
  local f = REPRESENTATIONS[name]
  if f then
    return f(self, ...)
  end
  return nil
end

return M
