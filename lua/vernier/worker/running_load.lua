-- A load in a worker: what the test is, as it came from the manager, becomes a load with a recorder.
local load = require("vernier.load")
local plugins = require("vernier.plugins")
local process = require("vernier.core.process")
local recorder = require("vernier.worker.recorder")
local scheduler = require("vernier.scheduler")

local M = {}

local SECOND = 1e9
local LATE_AFTER_S = { precise = 0.001, economical = 0.001, batched = 0.002 } -- by pacing: batched runs wait for a tick of 1 ms

-- ---- while it runs ----

local RunningLoad = {}
RunningLoad.__index = RunningLoad

function RunningLoad:start(at_ns)
  self._started = true
  self._recorder:start(self._load, at_ns)
  self._load:start(at_ns)
  if self._timeout then
    self._timer = scheduler.at(at_ns + self._timeout * SECOND, function()
      self._timer = nil
      self._load:fail(("did not end within %g s"):format(self._timeout))
    end)
  end
  if self._stop_reason then
    self._load:stop(self._stop_reason)
  end
end

function RunningLoad:_close_hooks()
  for _, text in ipairs(self._load:close_hooks()) do
    self._worker:log("warning", "end of " .. self._name .. ": " .. text)
  end
end

function RunningLoad:_finish()
  local ok, reason = self._load:join()
  if self._timer then
    scheduler.forget(self._timer)
    self._timer = nil
  end
  self:_close_hooks()
  local stats = self._load._stats
  local totals = {
    runs = stats.runs, submitted = stats.submitted, ok = stats.ok, failed = stats.failed, dropped = stats.dropped,
    late = stats.late, unfinished = stats.submitted - stats.finished, ended_us = scheduler.now() / 1e3,
  }
  local keep = self._recorder:finish(ok and "ok" or "failed", reason)
  totals.damage = self._recorder.damage
  self._load:free(keep)
  self._totals, self._failure = totals, not ok and reason or nil
end

-- Waits for the load's end; gives its totals, or nil, reason, totals. Several may wait.
function RunningLoad:join()
  if not self._joined then
    self._joined = true
    self:_finish()
    self._over = true
    scheduler.wake_key(self)
  elseif not self._over then
    scheduler.wait_key(self, math.huge)
  end
  self._owner[self] = nil
  if self._failure then
    return nil, self._failure, self._totals
  end
  return self._totals
end

-- From now on it belongs to that set of loads.
function RunningLoad:belongs_to(owner)
  if self._owner then
    self._owner[self] = nil
  end
  self._owner = owner
  owner[self] = true
end

-- Ends a load that was never started.
function RunningLoad:cancel()
  self._load:cancel()
  self:_close_hooks()
  self._recorder:cancel()
  self._load:free()
  self._over = true
  self._owner[self] = nil
end

-- Ends it as soon as may be, however far it is.
function RunningLoad:finish(reason)
  if self._started then
    self:stop(reason)
    self:join()
  else
    self:cancel()
  end
end

-- A stop may come with the barrier's instant, before its stage has had its turn: the load then ends where it starts.
function RunningLoad:stop(reason)
  self._stop_reason = reason
  if self._started and not self._over then
    self._load:stop(reason)
  end
end

-- ---- making it ----

-- What a round has made ahead is signed for the order in which it is sent: two loads would send in turns.
local function prepare(running, worker)
  if worker.prepared and not worker.prepared._over then
    return nil, ("prepare: sign: the load %s of this worker was prepared, too, and is not over"):format(worker.prepared._name)
  end
  worker.prepared = running
  return running._load:prepare(function()
    return running._stop_reason
  end)
end

-- The workload's instance and its arguments, which are checked where the workload declares options.
local function new_workload(spec, workspace)
  local module, arguments = spec.workload.module, spec.workload.arguments or {}
  local loaded, message = plugins.load("workload", module, workspace)
  if not loaded then
    return nil, message
  elseif not loaded.run then
    return nil, ("workload %s has no run hook"):format(module)
  end
  local workload
  workload, message = plugins.new("workload", module, loaded.options and arguments, workspace)
  return workload, workload and (loaded.options and workload.options or arguments) or message
end

-- The rank's exact part of the limit of a round; the benchmark file was refused if that is none.
local function in_flight_limit(spec)
  local total = spec.maxInFlight
  return total and math.floor((total + spec.ranks - 1 - spec.rank) / spec.ranks)
end

-- Threads that are loads of their own are parts of one whole; other loads of a test have nothing to do with each other.
local function meeting_key(spec, key)
  return ("%d/%s/%s"):format(spec.test, not spec.thread and spec.name or "", key)
end

-- What the load is made from (see vernier.load), but for the place of its live interval; or nil, message.
local function load_spec(worker, spec)
  local hello = worker.hello
  if not worker.service or not worker.service.run then
    return nil, worker.service and ("connector %s takes no requests: it has no run hook"):format(worker.service.name)
      or "there is no connector to send by"
  end
  local workload, arguments = new_workload(spec, hello.workspace)
  if not workload then
    return nil, arguments
  end
  local controller, message = plugins.new("rate controller", spec.rate.type, spec.rate.opts, hello.workspace)
  if not controller then
    return nil, message
  end
  return {
    worker = spec.rank, workers = spec.ranks, round = spec.round, arguments = arguments,
    workload = workload, controller = controller, connector = worker.service, seed = hello.seed,
    workspace = hello.workspace, trim = spec.trim, ramp_ns = (spec.ramp or 0) * SECOND,
    log = function(text)
      worker:log("info", text)
    end,
    late_after_ns = (spec.lateAfter or LATE_AFTER_S[hello.pacing]) * SECOND, max_in_flight = in_flight_limit(spec),
    catch_up = spec.catchUp or "all", on_error = spec.onError or "continue",
    drain_ns = (spec.drain or 30) * SECOND, digits = spec.digits or 3,
    meet = function(key, value, on_met)
      worker:meet(meeting_key(spec, key), { rank = spec.rank, ranks = spec.ranks, value = value }, on_met)
    end,
  }
end

local function open_recorder(worker, spec, name)
  local hello = worker.hello
  return recorder.open({
    worker = hello.worker, test = spec.test, name = name, thread = spec.thread, live = worker.n_loads,
    journal = worker.journal, pid = process.pid(), digits = spec.digits or 3, interval_ns = hello.interval_ms * 1e6,
    send = function(text)
      return worker:send_text('{"type":"update","record":' .. text .. "}")
    end,
    warn = function(text)
      worker:log("error", text)
    end,
  })
end

-- A load of that name in that test has its own place in the results: two of the same name would be mixed up.
local function claim(worker, test, name)
  if type(test) ~= "number" then
    return nil, "a load needs a test: data(ctx) on the manager makes it by ctx:new_test(round)"
  end
  local key = test .. "/" .. name
  if worker.claimed[key] then
    return nil, ('there is a load "%s" in this test already: give each its own name'):format(name)
  end
  worker.claimed[key] = true
  return true
end

-- What the test is, as ctx:new_test(round) gave it on the manager: {test, round {index, label, number | duration},
-- workload {module, arguments}, rate {type, opts}, trim, ramp (s), timeout (s, from the start), maxInFlight, catchUp,
-- lateAfter (s), drain (s), onError, prepare {sign, number}}; its part of it: rank, ranks; and name (thread, where it is one),
-- which tells apart several loads of one test. owner: the set of loads it belongs to. Calls the init hooks, and makes runs ahead
-- where the test wants it, which takes its time; gives the load, or nil, message.
function M.new(worker, spec, owner)
  local name = spec.name or "load"
  local ok, message = claim(worker, spec.test, name)
  if not ok then
    return nil, message
  end
  local made
  made, message = load_spec(worker, spec)
  if not made then
    return nil, message
  end
  worker.n_loads = worker.n_loads + 1
  made.live_path = ("%s/live/%s-%d.live"):format(worker.hello.run_dir, worker.hello.journal, worker.n_loads)
  made.prepare = spec.prepare and { sign = spec.prepare.sign, number = spec.prepare.number,
    path = ("%s/%s-%d.signed"):format(worker.hello.run_dir, worker.hello.journal, worker.n_loads) }
  local running = setmetatable({ _worker = worker, _name = name, _timeout = spec.timeout }, RunningLoad)
  running._recorder, message = open_recorder(worker, spec, name)
  if not running._recorder then
    return nil, message
  end
  function made.found(finding)
    worker:log("info", ("%s: %s"):format(finding.name, finding.text))
    running._recorder:found(finding)
  end
  running._load, message = load.new(made)
  if not running._load then
    running._recorder:cancel()
    return nil, message
  end
  running:belongs_to(owner)
  if spec.prepare then
    ok, message = prepare(running, worker)
    if not ok then
      running:cancel()
      return nil, message
    end
  end
  return running
end

return M
