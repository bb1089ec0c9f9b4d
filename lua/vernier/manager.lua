-- The manager: walks the scenario, keeps the workers, answers interrupts, and gives the verdict. It generates no load.
local clock = require("vernier.core.clock")
local context = require("vernier.context")
local machine = require("vernier.machine")
local plugins = require("vernier.plugins")
local process = require("vernier.core.process")
local scenario = require("vernier.scenario")
local scheduler = require("vernier.scheduler")
local stage_runner = require("vernier.stage_runner")
local tests = require("vernier.tests")
local watchdog = require("vernier.watchdog")
local worker_handle = require("vernier.worker_handle")

local M = {}
local Manager = {}
Manager.__index = Manager

local SECOND = 1e9

-- ---- workers ----

function Manager:_hello(index)
  local n = self._starts[index]
  self._starts[index] = (n or 0) + 1
  return {
    worker = index, workers = self.n_workers, run = self.run.id, run_dir = self.run.dir, seed = self.seed,
    journal = n and ("worker-%d.%d"):format(index, n) or ("worker-%d"):format(index),
    workspace = self.workspace, network = self.network and self.network.value, pacing = self.pacing,
    connector = self.connector_name, options = self.connector_options,
    interval_ms = self.settings:get("caliper-observer-internal-interval"),
  }
end

function Manager:_worker_events()
  return {
    ready = function()
      scheduler.wake_key(self._key_ready)
    end,
    lost = function(handle, reason)
      self.run:event("worker-lost", "worker " .. handle.index .. " " .. reason, handle.index)
      self:notify("warning", ("worker %d %s"):format(handle.index, reason))
    end,
    update = function(handle, record)
      for _, observer in ipairs(self.observers) do
        observer:run(self, record, handle.index)
      end
    end,
    log = function(handle, level, text)
      self.run:event(level, text, handle.index)
      if level == "error" then
        self.damage = self.damage or text
      end
      self:notify(level, ("worker %d: %s"):format(handle.index, text))
    end,
  }
end

-- Starts what is missing; nil, message, index of the worker that could not be started.
function Manager:_start_workers()
  for index = 0, self.n_workers - 1 do
    local old = self._handles[index + 1]
    if not old or old.lost or old.failed then
      if old then
        old:close()
      end
      local handle, message = worker_handle.start(index, self:_hello(index), self:_worker_events(), self.limits)
      if not handle then
        self._handles[index + 1] = nil
        return nil, message, index
      end
      self._handles[index + 1] = handle
    end
  end
  return true
end

-- Those that have not answered hello yet; or nil, message and the index of one that cannot be used.
function Manager:_unready_workers()
  local list = {}
  for index = 0, self.n_workers - 1 do
    local handle = self._handles[index + 1]
    local ready, reason = handle:ready()
    if reason then
      return nil, reason, index
    elseif not ready then
      list[#list + 1] = handle
    end
  end
  return list
end

-- All workers, started or replaced where they are missing; or nil, message and the index of the first that failed.
function Manager:workers()
  local ok, message, culprit = self:_start_workers()
  local deadline = scheduler.now() + self.limits.stage_ns
  while ok do
    local unready
    unready, message, culprit = self:_unready_workers()
    if not unready then
      break
    elseif #unready == 0 then
      return self._handles
    elseif scheduler.now() >= deadline then
      unready[1]:overdue()
    else
      scheduler.wait_key(self._key_ready, deadline)
    end
  end
  return nil, message, culprit
end

function Manager:_close_workers()
  local left, done = 0, {}
  for i, handle in pairs(self._handles) do
    self._handles[i] = nil
    left = left + 1
    scheduler.spawn(function()
      handle:close()
      left = left - 1
      if left == 0 then
        scheduler.wake_key(done)
      end
    end)
  end
  if left > 0 then
    scheduler.wait_key(done, scheduler.now() + 10 * SECOND)
  end
end

-- For a stage's data(ctx): opens a test, given as a round of a benchmark file; see vernier.tests.
function Manager:new_test(round)
  return tests.new(self, round)
end

function Manager:next_stage_id()
  self._stage_id = (self._stage_id or 0) + 1
  return self._stage_id
end

-- ---- the SUT's connector in this process ----

-- How a connector's init failed: of a message without a place in a file, which is meant for the user, nothing is added.
local function init_error(err)
  if type(err) ~= "string" or not err:find("^[^\n]-:%d+: ") then
    return err
  end
  return debug.traceback(err, 2)
end

function Manager:_open_connector()
  local connector, message = plugins.new("connector", self.connector_name, self.connector_options, self.workspace)
  if not connector then
    return nil, message
  end
  local ctx = context.new({ worker = -1, workers = self.n_workers, round = { index = 0 }, seed = self.seed,
    workspace = self.workspace, connector = connector })
  ctx.network, ctx.where = self.network.value, "manager"
  self._connector, self._connector_ctx = connector, ctx -- its end hook also ends what a failed init has begun
  if connector.init then
    local ok, err = xpcall(connector.init, init_error, connector, ctx)
    if not ok then
      return nil, "cannot reach the SUT: " .. tostring(err)
    end
  end
  return true
end

-- The connector and its context, opened when first asked for; or nil, message.
function Manager:connector()
  if not self._connector then
    local ok, message = self:_open_connector()
    self._connector_failure = not ok and message or nil
  end
  if self._connector_failure then
    return nil, self._connector_failure
  end
  return self._connector, self._connector_ctx
end

function Manager:_close_connector()
  local hook = self._connector and plugins.hook(self._connector, "end")
  if hook then
    watchdog.start(self.limits.hook_ns)
    local ok, err = pcall(hook, self._connector, self._connector_ctx)
    watchdog.stop()
    if not ok then
      self:notify("warning", "end of the connector: " .. tostring(err))
    end
  end
end

-- What each worker gets from the connector's prepare(n); made once per run.
function Manager:prepared()
  if not self._prepared and self.connector_name then
    local connector, ctx = self:connector()
    if not connector then
      return nil, ctx
    end
    self._prepared = connector.prepare and connector:prepare(self.n_workers) or {}
  end
  return self._prepared or {}
end

-- ---- commands ----

local function tail_of(path)
  local f = io.open(path)
  if not f then
    return ""
  end
  f:seek("end", -math.min(2000, f:seek("end")))
  local lines = {}
  for line in f:lines() do
    lines[#lines + 1] = line
  end
  f:close()
  return table.concat(lines, "\n", math.max(1, #lines - 4))
end

-- Runs a shell command in the workspace under the supervisor; its output goes to <name>.log in the run folder.
-- True, or nil and why it failed.
function Manager:command(name, text)
  local log = self.run.dir .. "/" .. name .. ".log"
  local tag = scheduler.tag()
  local child, message = process.spawn(tag, { process.executable, "launch", "supervisor", "--", "/bin/sh", "-c", text },
    { cwd = self.workspace, output = log })
  if not child then
    return nil, message
  end
  self._command = child
  local timeout = self.settings:get("vernier-command-timeout")
  local event = scheduler.wait_until(tag, scheduler.now() + timeout * SECOND)
  local reason
  if not event then
    child:signal(process.SIGTERM)
    reason = ("did not end within %g s"):format(timeout)
  elseif event.status ~= 0 then
    reason = ("was ended by signal %d"):format(event.status)
  elseif event.n ~= 0 then
    local tail, signal = tail_of(log), event.n > 128 and (" (signal %d)"):format(event.n - 128) or ""
    reason = ("exited with status %d%s%s"):format(event.n, signal, tail ~= "" and ":\n" .. tail or "")
  end
  child:close()
  self._command = nil
  if reason then
    return nil, ('command "%s" %s'):format(text, reason)
  end
  return true
end

-- ---- interrupts ----

-- Reports and the end command are what is left to do after an interrupt: they are not stopped.
function Manager:_stop_stage()
  if self._command then
    self._command:signal(process.SIGTERM)
  elseif self.step then
    self.step:stop("interrupted")
  end
end

-- The first Ctrl-C: stop sending, drain, end command, report. The second: at once.
function Manager:_interrupt()
  if self.interrupted then
    self.run:record({ type = "run-end", status = "interrupted", exit = 130, at_us = clock.now() / 1e3 })
    for _, handle in pairs(self._handles) do
      handle._process:signal(process.SIGKILL)
    end
    io.stderr:write("\nvernier: interrupted twice: stopped at once\n")
    process.exit(130)
  end
  self.interrupted = true
  self:notify("warning", "interrupted: sending stops, answers are awaited (again: stop at once)")
  self.run:event("interrupted", "interrupted by the user")
  if not (self.entry and self.entry.always) then
    self:_stop_stage()
  end
  for _, handle in pairs(self._handles) do
    handle:cancel("was not needed: interrupted")
  end
end

function Manager:_watch_signals()
  local loop = require("vernier.core.loop")
  local tag = scheduler.on(function()
    self:_interrupt()
  end)
  loop.signal(tag, process.SIGINT)
  loop.signal(tag, process.SIGTERM)
end

-- ---- the walk ----

function Manager:notify(level, text)
  for _, observer in ipairs(self.observers) do
    if observer.message then
      observer:message(self, level, text)
    end
  end
end

function Manager:_record_run()
  local benchmark = self.benchmark
  self.run:record({
    type = "run", format = 1, name = benchmark.name, description = benchmark.description, version = self.version,
    command = self.command_line, seed = self.seed, started_wall_us = self.run.started_wall_us, workspace = self.workspace,
    benchmark = self.benchmark_stored, network_info = self.network and self.network.info, pacing = self.pacing,
    connector = self.connector_name, machine = machine.describe(), settings = self.settings_stored,
    workers = self.n_workers,
  })
end

local function skips(self, entry)
  if entry.always then
    return false
  end
  return self.interrupted or self._aborted or self._left_phase == entry.phase
end

function Manager:_fail(entry, reason)
  self.failures[#self.failures + 1] = reason
  self.run:event("stage-failed", ("%s: %s"):format(entry.label or entry.stage, reason))
  if entry.stage ~= "round" then
    self:notify("error", ("stage %s failed: %s"):format(entry.stage, reason))
  end
  local policy = entry.round and entry.round.onFailure or self.benchmark.onFailure
  if entry.phase ~= "test" or policy == "stop" then
    self._aborted = true
  end
end

-- Everything but the report is watched: hooks of the user's run here.
function Manager:_run_stage(entry)
  if entry.stage ~= "report" then
    watchdog.start(self.limits.hook_ns)
  end
  local verdict, reason = stage_runner.run(entry.stage, entry.properties or { index = entry.index }, self)
  watchdog.stop()
  return verdict, reason
end

function Manager:_run_entry(entry)
  self.entry = entry
  local verdict, reason = self:_run_stage(entry)
  if verdict == "fail" or verdict == "exit" then
    if self.interrupted and entry.stage ~= "end-command" then
      return
    end
    self:_fail(entry, reason or "failed")
    if verdict == "exit" then
      self._aborted = true
    end
  elseif verdict == "break" then
    self._left_phase = entry.phase
  end
end

function Manager:status()
  if self.interrupted then
    return "interrupted", 130
  elseif #self.failures > 0 then
    return "failed", 3
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
end

-- Runs the scenario; returns the exit status.
function Manager:walk()
  self:_watch_signals()
  self:_record_run()
  for _, observer in ipairs(self.observers) do
    if observer.init then
      observer:init(self)
    end
  end
  for _, entry in ipairs(scenario.expand(self.benchmark, self.network, self.phases)) do
    if not skips(self, entry) then
      self:_run_entry(entry)
    end
  end
  self:_close_workers()
  self:_close_connector()
  self:record_end()
  self.run:close()
  local _, exit = self:status()
  return exit
end

-- config: run, settings, benchmark, network (or nil), connector_name, connector_options, workspace, phases, pacing, seed,
-- n_workers, observers, version, command_line, benchmark_stored, settings_stored.
function M.new(config)
  local self = setmetatable({ _handles = {}, _starts = {}, failures = {}, tests = 0, open_tests = {}, _key_ready = {} }, Manager)
  for key, value in pairs(config) do
    self[key] = value
  end
  self.manager = self
  local settings = self.settings
  self.stage_timeout, self.hook_timeout = settings:get("vernier-stage-timeout"), settings:get("vernier-hook-timeout")
  self.limits = {
    silence_ns = settings:get("vernier-worker-timeout") * SECOND,
    hook_ns = self.hook_timeout * SECOND,
    stage_ns = self.stage_timeout * SECOND,
  }
  return self
end

return M
