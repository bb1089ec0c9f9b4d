-- The results of a run, built from its directory alone, while it runs, when it has ended, or after anything was killed.
--
-- Read-only for its users:
--   run        the manager's run record
--   tests      in order; see vernier.results.test. Warm-up tests, and those of attempts at a cell that was begun anew, are
--              not among them
--   cells      the planned (configuration, cluster size, repetition); see vernier.results.cells
--   names      how tests and cells are called in a report; see vernier.results.names
--   stages     the manager's stage records up to the reports, in order
--   results    the manager's result records (custom results of stages), in order
--   resumed    records of the times when the run was resumed
--   status, started, seconds, exit, certificate, events, damages
-- and representation(), value(), intervals() and test_summary().
local calibration = require("vernier.calibration")
local cells = require("vernier.results.cells")
local certificate = require("vernier.results.certificate")
local intervals = require("vernier.results.intervals")
local names = require("vernier.results.names")
local reader = require("vernier.results.reader")
local records = require("vernier.results.records")
local representations = require("vernier.results.representations")
local summary = require("vernier.results.summary")
local test = require("vernier.results.test")
local values = require("vernier.results.values")

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
  record.calibration = calibration.checked(record.calibration)
  self.run = record
  self.cells:planned(record.matrix)
end

function MANAGER.cell(self, record)
  self.cells:began(record)
end

MANAGER["cell-end"] = function(self, record)
  self.cells:ended(record)
end

-- Reporting and what comes after it is no part of what is reported: a later report must be the same.
function MANAGER.stage(self, record)
  if record.section ~= "after" then
    table.insert(self.stages, record)
  end
end

function MANAGER.result(self, record)
  table.insert(self.results, record)
end

-- What has been resumed has not ended with what its first part said at its end.
function MANAGER.resumed(self, record)
  self.run_end = nil
  table.insert(self.resumed, record)
end

function MANAGER.test(self, record)
  self.tests[record.test] = test.new(record)
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

local WORKER = { begin = test.begun, interval = test.add_interval, finding = test.found, ["end"] = test.load_ended }

function Builder:damage(message)
  self.n_damages = self.n_damages + 1
  if self.n_damages <= DAMAGES_MAX then
    self.damages[#self.damages + 1] = message
  end
end

function Builder:on_worker(record, path, offset)
  local handler = WORKER[record.type]
  if not handler or record.test == nil or not self:wants(record.test) then
    return
  end
  local t = self:test(record.test)
  if self.current ~= t and self.current then
    self.current:worker_done()
  end
  self.current = t
  local damage = handler(t, record, path, offset)
  if damage then
    self:damage(("worker %s, test %s: %s"):format(record.worker, record.test, damage))
  end
end

-- Tests that nobody wants to see: warm-ups, those of superseded attempts, and all but the `only` ones.
function Builder:leave_out()
  for id, t in pairs(self.tests) do
    local spec = t.spec
    if spec.warmup or self.cells:superseded(spec.cell, spec.attempt) then
      self.left_out[id] = true
    end
  end
  for id in pairs(self.tests) do
    if not self:wants(id) then
      self.tests[id] = nil
    end
  end
end

function Builder:wants(id)
  return not self.left_out[id] and (not self.only or self.only[id] == true)
end

local function current(list, all_cells)
  local out = {}
  for _, record in ipairs(list) do
    if not all_cells:superseded(record.cell, record.attempt) then
      out[#out + 1] = record
    end
  end
  return out
end

local function by_id(a, b)
  local na, nb = tonumber(a.id), tonumber(b.id)
  if na and nb then
    return na < nb
  end
  return tostring(a.id) < tostring(b.id)
end

local function ordered(tests, running)
  local list = {}
  for _, t in pairs(tests) do
    t:finish(running)
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
  local tests = ordered(builder.tests, builder.only ~= nil)
  local started = tonumber(builder.run.started_wall_us)
  local status = judge(builder, tests)
  local cell_list = builder.cells:list(builder.only ~= nil)
  local called = names.new(cell_list)
  return setmetatable({
    dir = dir,
    run = builder.run,
    tests = tests,
    cells = cell_list,
    names = called,
    stages = current(builder.stages, builder.cells),
    results = current(builder.results, builder.cells),
    resumed = builder.resumed,
    events = builder.events,
    damages = builder.damages,
    status = status,
    exit = builder.run_end and tonumber(builder.run_end.exit) or EXITS[status],
    started = started and os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(started / 1e6)) or nil,
    seconds = seconds_of(builder, tests),
    certificate = certificate.judge(tests, called, builder.damages, status, builder.run.limits),
  }, Results)
end

local function handlers_of(builder)
  local handlers = {}
  function handlers.manager(record)
    local handler = MANAGER[record.type]
    local checked = handler and records.checked(record)
    if checked then
      handler(builder, checked)
    end
  end
  function handlers.manager_done()
    builder:leave_out()
    if builder.only or next(builder.left_out) ~= nil then
      handlers.wants = function(id)
        return builder:wants(id)
      end
    end
  end
  function handlers.record(record, path, offset)
    builder:on_worker(record, path, offset)
  end
  function handlers.damage(text)
    builder:damage(text)
  end
  function handlers.worker_done()
    if builder.current then
      builder.current:worker_done()
    end
  end
  return handlers
end

-- options.tests: a set {[test id] = true}, for who looks at some tests while the run goes on: the intervals of others are
-- not even decoded, and what has not ended is "running" instead of "interrupted".
-- Returns the results; or nil, message when the folder holds no run.
function M.read(dir, options)
  dir = #dir > 1 and dir:gsub("/+$", "") or dir
  local builder = setmetatable({
    run = {}, cells = cells.new(), tests = {}, stages = {}, results = {}, resumed = {}, events = {}, damages = {},
    n_damages = 0, left_out = {}, only = options and options.tests,
  }, Builder)
  local ok, message = reader.read(dir, handlers_of(builder))
  if not ok then
    return nil, message
  end
  return finish(builder, dir)
end

-- ---- what is asked of them ----

-- The test with this number; nil when there is none.
function Results:test(id)
  for _, t in ipairs(self.tests) do
    if t.id == id then
      return t
    end
  end
end

-- The data of a test in the form that is named (vernier.results.representations); "summary" is of the whole run.
-- nil where the data cannot give it.
function Results:representation(name, ...)
  if name == "summary" then
    return summary.of(self)
  end
  return representations.of(name, ...)
end

-- A figure of a test by its name, as number and unit, or nil (vernier.results.values).
function Results:value(t, name, selection)
  return values.of(t, name, selection)
end

-- for interval in results:intervals(test) do … in order of time, of all workers together (vernier.results.intervals).
function Results:intervals(t)
  return intervals.of(t)
end

-- A test as summary.json has it in `tests`.
function Results:test_summary(t)
  return summary.test(t)
end

return M
