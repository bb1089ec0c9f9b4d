-- The manager: runs the cells of a program one after the other, answers interrupts, and gives the verdict. It generates no
-- load.
local calibration = require("vernier.calibration")
local cells = require("vernier.manager.cell")
local certificate = require("vernier.results.certificate")
local child = require("vernier.child")
local clock = require("vernier.core.clock")
local inputs = require("vernier.inputs")
local machine = require("vernier.machine")
local process = require("vernier.core.process")
local results = require("vernier.results")
local run = require("vernier.run")
local scenario = require("vernier.scenario")
local scheduler = require("vernier.scheduler")
local sorted = require("vernier.sorted")
local suite = require("vernier.manager.suite")
local walk = require("vernier.manager.walk")
local watchdog = require("vernier.manager.watchdog")
local worker_pool = require("vernier.manager.worker_pool")

local M = {}
local Manager = {}
Manager.__index = Manager

local SECOND = 1e9
local ORPHANS_NS, ORPHANS_CHECK_NS = 5e9, 10e6

-- ---- commands ----

-- Runs a shell command in the workspace under the supervisor; its output goes to <name>.log in the run folder, and what it
-- leaves behind goes on. True, or nil and why it failed. section: the one it is run for.
function Manager:command(name, text, section)
  local running, message = child.start({ command = text, cwd = self.workspace, output = self.run.dir .. "/" .. name .. ".log",
    leave = true })
  if not running then
    return nil, message
  end
  self._command, self._command_section = running, section
  if self:stops(section) then -- interrupted while it was starting
    running:interrupt()
  end
  local ok, reason = running:finish(self.settings:get("vernier-command-timeout"))
  self._command = nil
  return ok, reason
end

-- ---- interrupts ----

-- Reports, the end command and what cleans up are left to do after an interrupt: they are not stopped.
local STOPPED = { before = true, init = true, scenario = true }

-- Whether a section is not begun, or not gone on with.
function Manager:stops(section)
  return self.interrupted and STOPPED[section]
end

-- Whether a failure there is only what an interrupt has brought about.
function Manager:excuses(section)
  return self.interrupted and section ~= "after"
end

function Manager:_stop_stages()
  if self._command then -- its stage ends when it has
    if STOPPED[self._command_section] then
      self._command:interrupt()
    end
    return
  end
  local list = {}
  for step, section in pairs(self.steps) do
    if STOPPED[section] then
      list[#list + 1] = step
    end
  end
  for _, step in ipairs(list) do
    step:stop("interrupted")
  end
end

-- The first Ctrl-C: stop sending, drain, clean up, end command, report. The second: at once.
function Manager:_interrupt()
  if self.interrupted then
    self.run:record({ type = "run-end", status = "interrupted", exit = 130, at_us = clock.now() / 1e3 })
    self.pool:kill()
    io.stderr:write("\nvernier: interrupted twice: stopped at once\n")
    process.exit(130)
  end
  self.interrupted = true
  self:notify("warning", "interrupted: sending stops, answers are awaited (again: stop at once)")
  self.run:event("interrupted", "interrupted by the user")
  self:_stop_stages()
  self.pool:cancel("was not needed: interrupted")
end

function Manager:_watch_signals()
  local loop = require("vernier.core.loop")
  local tag = scheduler.on(function()
    self:_interrupt()
  end)
  loop.signal(tag, process.SIGINT)
  loop.signal(tag, process.SIGTERM)
end

-- ---- what everybody hears ----

-- Calls an event of all observers: event(observer, manager, …).
function Manager:observe(event, ...)
  for _, observer in ipairs(self.observers) do
    if observer[event] then
      observer[event](observer, self, ...)
    end
  end
end

function Manager:notify(level, text)
  self:observe("message", level, text)
end

function Manager:worker_log(index, level, text)
  self.run:event(level, text, index)
  if level == "error" then
    self.damage = self.damage or text
  end
  self:notify(level, ("worker %d: %s"):format(index, text))
end

-- A stage has failed. opened: those that it has opened, if any.
function Manager:failed(entry, reason, opened)
  local name = entry.label or entry.stage or "repeat"
  if entry.stage == "test" and opened[1] then
    name = "test " .. opened[1].round.label
  end
  local text = ("%s: %s"):format(name, reason)
  self.failures[#self.failures + 1] = text
  self.run:event("stage-failed", text)
  self:notify("error", ("%s %s failed: %s"):format(entry.stage == "round" and "round" or "stage", name, reason))
end

function Manager:next_stage_id()
  self._stage_id = self._stage_id + 1
  return self._stage_id
end

function Manager:next_test_id()
  self._test_id = self._test_id + 1
  return self._test_id
end

-- ---- cells ----

local function groups_of(cell)
  local groups = {}
  for i, group in ipairs(cell.cluster.groups) do
    groups[i] = { name = group.name, size = group.size }
  end
  return groups
end

local function plan_of(specs)
  local list = {}
  for i, cell in ipairs(specs) do
    list[i] = { cell = cell.index, configuration = cell.configuration.name, size = cell.cluster.size,
      repetition = cell.repetition, groups = groups_of(cell) }
  end
  return list
end

-- Whether this cell wants processes of its own.
function Manager:_wants_fresh_workers(cell)
  local last = self._last_cell
  local restart = self.benchmark.restart or "cell"
  return last ~= nil and (restart == "cell" or restart == "configuration" and last.configuration ~= cell.configuration)
end

-- Tests that still go on in the background end before what they use is taken away: so their results are complete.
function Manager:_stop_tests(cell)
  local section = walk.new(self, "destroy", cell)
  for _, name in ipairs(sorted(cell.background)) do
    cell.stopped_tests[name] = true
    section:stage({ stage = "stop-test", properties = { ["test-name"] = name }, literal = true }, {})
  end
end

-- The sections of a cell; "interrupted", "exit", "failed" or "ok", and the reasons of failures.
function Manager:_walk_cell(cell, sections)
  local n_before = #self.failures
  local signal = walk.NEXT
  for _, name in ipairs({ "init", "scenario" }) do
    if signal == walk.NEXT or signal == walk.BREAK or signal == walk.CONTINUE then
      signal = self:_walk_section(walk.new(self, name, cell), sections[name])
    end
  end
  self:_stop_tests(cell)
  for _, name in ipairs({ "destroy", "cleanup" }) do
    self:_walk_section(walk.new(self, name, cell), sections[name])
  end
  local reasons = {}
  for i = n_before + 1, #self.failures do
    reasons[#reasons + 1] = self.failures[i]
  end
  return signal, reasons
end

-- A section is a list of entries, or a suite's function.
function Manager:_walk_section(section, entries)
  if type(entries) == "function" then
    return suite.run(section, entries)
  end
  return section:list(entries)
end

-- Which scripts a program uses may turn out while it runs.
function Manager:_record_inputs()
  local hashes, message = inputs.hashes()
  if not hashes then
    self:notify("warning", ("cannot say what the run is made of: %s"):format(message))
  end
  local new = {}
  for path, hash in pairs(hashes or {}) do
    if not self.inputs[path] then
      self.inputs[path], new[path] = hash, hash
    end
  end
  if next(new) ~= nil then
    self.run:record({ type = "inputs", inputs = new })
  end
end

function Manager:_run_cell(spec, sections)
  local cell = cells.new(self, spec, self.attempts[spec.index])
  self.pool:enter(cell, self:_wants_fresh_workers(cell))
  self._last_cell = cell
  local header = { type = "cell", cell = cell.index, attempt = cell.attempt, configuration = cell.configuration.name,
    size = cell.cluster.size, repetition = cell.repetition, groups = groups_of(cell), at_us = clock.now() / 1e3 }
  self.run:record(header)
  self:observe("cell_start", cell)
  local signal, reasons = self:_walk_cell(cell, sections)
  cell:close_connectors()
  self:_record_inputs()
  local status = self.interrupted and "interrupted" or #reasons > 0 and "failed" or "ok"
  self.run:record({ type = "cell-end", cell = cell.index, attempt = cell.attempt, status = status, reasons = reasons,
    at_us = clock.now() / 1e3 })
  self:observe("cell_end", cell, status, reasons)
  return signal
end

-- ---- the run ----

-- The calibration of this machine; nil and why there is none, where somebody should be told.
function Manager:_calibration()
  local named = self.settings:get("vernier-calibration")
  local found, message = calibration.of_this_machine(calibration.path(named), named ~= nil)
  if message then
    self:notify("warning", message)
  end
  return found, message
end

function Manager:_record_run()
  local benchmark = self.benchmark
  local calibrated, missing = self:_calibration()
  self.run:record({
    type = "run", format = run.FORMAT, name = benchmark.name, description = benchmark.description, version = self.version,
    command = self.command_line, seed = self.seed, started_wall_us = self.run.started_wall_us, workspace = self.workspace,
    benchmark = self.benchmark_stored, network_info = self.network and self.network.info, pacing = self.pacing,
    connector = self.network and self.network.connector, machine = machine.describe(), settings = self.settings_stored,
    calibration = calibrated, calibration_missing = missing,
    limits = certificate.limits(function(name)
      return self.settings:get(name)
    end),
    workers = self.n_workers, matrix = plan_of(self.cells), repetitions = benchmark.repetitions or 1,
    order = benchmark.order, restart = benchmark.restart, caliper = benchmark.scenario == nil or nil,
    inputs = self.inputs, files = self.files,
  })
end

function Manager:status()
  if self.interrupted then
    return "interrupted", 130
  elseif #self.failures > 0 then
    return "failed", 3
  elseif self.invalid then
    return "failed", 5
  elseif self.run.damage or self.damage then
    return "failed", 1
  end
  return "ok", 0
end

-- The report stage's own work: the run's verdict goes into the journal first, so that reports can show it. Afterwards
-- only another verdict is written: what is reported later must be what was reported first.
function Manager:record_end()
  local status, exit = self:status()
  if exit == self._recorded_exit then
    return
  end
  self._recorded_exit = exit
  self.run:record({ type = "run-end", status = status, exit = exit, at_us = clock.now() / 1e3 })
  if self.settings:get("vernier-strict") and not self.invalid and self:_is_invalid() then
    self.invalid = true
    self:record_end()
  end
end

function Manager:_is_invalid()
  local read = results.read(self.run.dir)
  return read ~= nil and read.certificate.verdict == "INVALID"
end

-- The supervisors of workers that were killed end what these had started: before that, the run is not over.
function Manager:_await_supervisors()
  local deadline = scheduler.now() + ORPHANS_NS
  while process.supervising() and scheduler.now() < deadline do
    scheduler.sleep(ORPHANS_CHECK_NS)
  end
end

-- The cells, unless a start command has failed; then what always comes after them. All but the report is watched: hooks
-- of the user's run here.
function Manager:_walk_all()
  local sections = scenario.expand(self.benchmark, self.network, self.phases)
  watchdog.start(self.limits.hook_ns)
  local signal = walk.new(self, "before"):list(sections.before)
  for _, spec in ipairs(self.cells) do
    if signal ~= walk.EXIT and (signal ~= walk.LEAVE or self._last_cell) and not self.done[spec.index]
      and not self.interrupted then
      signal = self:_run_cell(spec, sections)
    end
  end
  watchdog.stop()
  self.pool:close()
  self:_await_supervisors()
  walk.new(self, "after"):list(sections.after)
end

-- Runs the scenario; returns the exit status.
function Manager:walk()
  self:_watch_signals()
  process.adopt()
  self:observe("init")
  if self.resumed then
    self.run:record({ type = "resumed", at_us = clock.now() / 1e3, command = self.command_line })
  else
    self:_record_run()
  end
  self:_walk_all()
  self:record_end()
  self.run:close()
  local _, exit = self:status()
  return exit
end

-- config: run, settings, benchmark, network (or nil), cells (of vernier.matrix), workspace, phases, pacing, seed, observers,
-- version, command_line, benchmark_stored, settings_stored, inputs (hashes by path), files (paths of benchmark and network),
-- report_path, terminal; of a run that is resumed: resumed = true, done (set of cells), attempts (by cell), starts (of
-- workers), last_test, failures (reasons of cells that are done).
function M.new(config)
  local self = setmetatable({ steps = {}, failures = {}, done = {}, attempts = {}, _stage_id = 0 }, Manager)
  for key, value in pairs(config) do
    self[key] = value
  end
  local settings = self.settings
  self._test_id, self.n_cells = self.last_test or 0, #self.cells
  self.n_missing = 0 -- cells that are run now
  for _, spec in ipairs(self.cells) do
    self.n_missing = self.n_missing + (self.done[spec.index] and 0 or 1)
  end
  self.n_workers = self.benchmark.workers
  self.stage_timeout, self.hook_timeout = settings:get("vernier-stage-timeout"), settings:get("vernier-hook-timeout")
  self.limits = {
    silence_ns = settings:get("vernier-worker-timeout") * SECOND,
    hook_ns = self.hook_timeout * SECOND,
    stage_ns = self.stage_timeout * SECOND,
  }
  local scenario_of = self.benchmark.scenario
  self.pool = worker_pool.new(self, scenario_of == nil or type(scenario_of) == "function", self.starts)
  return self
end

return M
