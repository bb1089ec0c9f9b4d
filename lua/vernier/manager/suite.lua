-- A suite: a scenario written as a Lua function, `return function(run) … end`. Each call runs on all nodes and returns its
-- result, so that the next step can depend on it. The stages go through the same walk as those of a file.
--
-- What a call gets wrong (a stage, property or group that is not there) is an error at the script's line, before anything
-- of the call has begun. What the world gets wrong is a result with the status failed, and the suite goes on.
local findings = require("vernier.config.findings")
local json = require("vernier.json")
local plugins = require("vernier.plugins")
local results = require("vernier.results")
local rounds = require("vernier.config.rounds")
local scenario = require("vernier.config.scenario")
local scheduler = require("vernier.scheduler")
local scope = require("vernier.scope")
local stage = require("vernier.stage")
local stage_context = require("vernier.manager.stage_context")
local values = require("vernier.config.values")
local walk = require("vernier.manager.walk")

local M = {}
local Run = {}
Run.__index = Run

local SECOND = 1e9
local DEPTH_MAX = 64
local WRITABLE = { string = true, number = true, boolean = true, ["nil"] = true }
local STATUS = { ok = "ok", continue = "ok", ["break"] = "ok" }

-- Thrown through a suite that cannot go on: interrupted, or a stage gave the verdict exit.
local OVER = setmetatable({}, { __tostring = function()
  return "the run is over"
end })

-- An error with its traceback, which is taken where it was raised: later the stack is gone.
local Traced = { __tostring = function(err)
  return err.text
end }

local function traced(err)
  if err == OVER or getmetatable(err) == Traced then
    return err
  end
  local text = debug.traceback(tostring(err), 2):gsub("\n%s*%[C%]: in function 'xpcall'.*$", "") -- what called the suite
  return setmetatable({ text = text }, Traced)
end

-- ---- what a call gets wrong ----

-- What cannot be sent to a worker, as a message, or nil.
local function unwritable(value, path, depth)
  if type(value) ~= "table" then
    return not WRITABLE[type(value)] and ("%s: a %s cannot be the value of a property"):format(path, type(value)) or nil
  elseif depth > DEPTH_MAX then
    return path:match("^[^.]*") .. ": is nested too deep, or contains itself"
  end
  for key, entry in pairs(value) do
    local message = unwritable(entry, ("%s.%s"):format(path, tostring(key)), depth + 1)
    if message then
      return message
    end
  end
end

local function text_of(found)
  local lines = {}
  for _, finding in ipairs(found) do
    if finding.severity == "error" then
      lines[#lines + 1] = finding.message:gsub("^Round 1: ", "round: ")
        .. (finding.hint and (" (%s)"):format(finding.hint) or "")
    end
  end
  return #lines > 0 and table.concat(lines, "; ") or nil
end

-- What is wrong with a stage's name or properties; nil if nothing is.
local function stage_mistake(manager, names, name, properties)
  if type(name) ~= "string" or type(properties) ~= "table" then
    return "needs the name of a stage and a table of its properties"
  end
  local module, message = plugins.load("stage", name, manager.workspace)
  message = message or unwritable(properties, "stage " .. name, 1)
  if message then
    return message
  end
  local ok, declaration = pcall(stage.declaration, module)
  if not ok then
    return ("stage %s: %s"):format(name, (tostring(declaration):gsub("^[^\n]-:%d+: ", "")))
  end
  local found = findings.new(name, true)
  values.check_properties({ findings = found, names = names, mode = "run" }, module.options and declaration, properties,
    ("stage %s: "):format(name))
  return text_of(found)
end

local function round_mistake(manager, round)
  if type(round) ~= "table" then
    return "needs a round: {label, txNumber or txDuration, rateControl, workload}"
  end
  local message = unwritable(round, "round", 1)
  if message then
    return message
  end
  if round.onFailure ~= nil then
    return "round: onFailure is for files: a suite looks at the status of the result"
  end
  local found = findings.new("round", true)
  rounds.read({ findings = found, mode = "run", workspace = manager.workspace }, { round })
  return text_of(found)
end

-- Raises a mistake of a method's caller; to be called by the method.
local function refuse(self, message)
  if getmetatable(self) ~= Run then
    error("a method of run is called with a colon, as in run:stage(…)", 3)
  elseif message then
    error(message, 3)
  end
end

-- ---- what a call gives ----

-- As summary.json would have it, but that nil stands for what there is not.
local function without_nulls(value)
  if type(value) ~= "table" then
    return value
  end
  local copy = {}
  for key, entry in pairs(value) do
    if entry ~= json.null and (type(entry) ~= "number" or entry - entry == 0) then
      copy[key] = without_nulls(entry)
    end
  end
  return copy
end

-- What the tests have measured, in the shape of summary.json's tests[].
local function measured(manager, tests)
  local set = {}
  for _, test in ipairs(tests) do
    set[test.id] = true
  end
  local read = next(set) and assert(results.read(manager.run.dir, { tests = set }))
  local list = {}
  for i, test in ipairs(read and read.tests or {}) do
    list[i] = without_nulls(read:test_summary(test))
  end
  return list
end

local function result_of(verdict, reason, list)
  local result = { status = STATUS[verdict] or "failed" }
  if #list == 1 then
    for key, value in pairs(list[1]) do
      result[key] = value
    end
  end
  result.reason, result.verdict, result.tests = reason, verdict, list
  return result
end

-- Raised when the run goes on without the suite: it was interrupted, or a stage gave the verdict exit.
local function end_if_over(self)
  local section = self._walk
  if self._over or section.manager:stops(section.section) then
    error(OVER, 0)
  end
end

local function run_entry(self, entry)
  end_if_over(self)
  local signal, verdict, reason, tests = self._walk:stage(entry, {})
  if signal == walk.EXIT then
    self._over = true
    error(OVER, 0)
  end
  end_if_over(self)
  return result_of(verdict, reason, measured(self._walk.manager, tests))
end

-- ---- what a suite calls ----

-- Runs the stage of that name with its properties, as in a scenario file. Gives {status = ok | failed, reason, verdict,
-- tests = {…}}; of a stage with one test also the members of that test, in the shape of summary.json (and its status, which
-- is "running" of one that goes on in the background). A failed stage counts as a failure of the run; the suite goes on.
function Run:stage(name, properties)
  properties = properties or {}
  refuse(self)
  refuse(self, stage_mistake(self._walk.manager, self._names, name, properties))
  return run_entry(self, { stage = name, properties = properties })
end

-- Runs a round, written as in a benchmark file: {label, txNumber | txDuration, rateControl, workload, …}. Nothing in it is
-- an expression.
function Run:round(round)
  refuse(self)
  refuse(self, round_mistake(self._walk.manager, round))
  return run_entry(self, { stage = "round", label = round.label, properties = { round = round }, literal = true })
end

-- Runs the test stage with its properties: {test_name, workload, duration | num_operations, …}.
function Run:test(properties)
  refuse(self)
  refuse(self, stage_mistake(self._walk.manager, self._names, "test", properties))
  return run_entry(self, { stage = "test", properties = properties })
end

local function call_all(fns)
  local list, left, done, failure = {}, #fns, {}, nil
  for i, fn in ipairs(fns) do
    scheduler.spawn(function()
      local ok, value = xpcall(fn, traced)
      if ok then
        list[i] = value
      elseif not failure or failure == OVER then
        failure = value
      end
      left = left - 1
      if left == 0 then
        scheduler.wake_key(done)
      end
    end)
  end
  if left > 0 then
    scheduler.wait_key(done, math.huge)
  end
  return list, failure
end

-- Runs functions at the same time, each of which may run stages; gives the first value that each returns, in order. An
-- error in one is raised when all have returned.
function Run:parallel(...)
  local fns = { ... }
  refuse(self)
  for i = 1, select("#", ...) do
    refuse(self, type(fns[i]) ~= "function" and ("parallel needs functions: number %d is a %s"):format(i, type(fns[i])) or nil)
  end
  local list, failure = call_all(fns)
  if failure then
    error(failure, 0)
  end
  return unpack(list, 1, #fns)
end

-- Suspends the suite; an interrupt ends it.
function Run:sleep(seconds)
  refuse(self, (type(seconds) ~= "number" or seconds < 0) and "sleep needs a number of seconds" or nil)
  end_if_over(self)
  local manager, key = self._walk.manager, {}
  local step = { stop = function()
    scheduler.wake_key(key)
  end }
  manager.steps[step] = self._walk.section
  scheduler.wait_key(key, scheduler.now() + seconds * SECOND)
  manager.steps[step] = nil
  end_if_over(self)
end

-- A state variable: stages see it as ${name}, on the manager and on every worker. A number, a text, a boolean, or a list of
-- these.
function Run:set(name, value)
  refuse(self, type(name) ~= "string" and "set needs the name of a variable" or nil)
  local known, message = scope.variable(name)
  refuse(self, not known and ("set: the name of the variable " .. message) or nil)
  local ctx = stage_context.new(self._walk, {}, {})
  local ok, why = pcall(ctx.set, ctx, name, value)
  refuse(self, not ok and why or nil)
end

-- The value of ${name} as the manager sees it now: cluster.size, group.NAME.INDEX.KEY, a state variable…; nil if there is none.
function Run:get(name)
  refuse(self, type(name) ~= "string" and "get needs the name of a variable" or nil)
  return self._walk.cell:scope():get(name)
end

-- A line for the user.
function Run:log(text)
  refuse(self)
  self._walk.manager:notify("info", tostring(text))
end

-- ---- the suite itself ----

M.Run = Run

-- Runs the function as a section of a walk; gives the walk's signal.
function M.run(section, fn)
  local cell, manager = section.cell, section.manager
  local run = setmetatable({
    _walk = section, _names = scenario.names(manager.benchmark),
    configuration = cell.configuration.name, size = cell.cluster.size, repetition = cell.repetition,
    dir = manager.run.dir, workspace = manager.workspace, seed = manager.seed,
  }, Run)
  local ok, err = xpcall(fn, traced, run)
  if ok then
    return walk.NEXT
  elseif err == OVER then
    return walk.EXIT
  end
  if not manager:excuses(section.section) then
    manager:failed({ stage = "suite", label = "suite" }, tostring(err))
  end
  return walk.LEAVE
end

return M
