-- What a stage sees on the manager while it runs once: ctx.
local properties = require("vernier.properties")
local results = require("vernier.results")
local scheduler = require("vernier.scheduler")
local scope = require("vernier.scope")
local tests = require("vernier.manager.tests")

local M = {}
local StageContext = {}
StageContext.__index = StageContext

local SECOND = 1e9

-- A line for the user.
local function logger(manager)
  return function(text, level)
    manager:notify(level or "info", text)
  end
end

-- Suspends the stage; when it has to stop meanwhile, it ends here by an error.
function StageContext:sleep(seconds)
  if not self.stopped then
    scheduler.wait_key(self, scheduler.now() + seconds * SECOND)
  end
  if self.stopped then
    error("was stopped: " .. self.stopped, 0)
  end
end

-- Makes a sleeping stage end.
function StageContext:stop(reason)
  self.stopped = self.stopped or reason
  scheduler.wake_key(self)
end

local SCALARS = { number = true, string = true, boolean = true }
local VALUE_MAX = 65536 -- bytes: every later stage sends it to every worker

-- The bytes of a state variable's value; nil if it is none.
local function size_of(value)
  if SCALARS[type(value)] then
    return #tostring(value)
  elseif type(value) ~= "table" then
    return nil
  end
  local total, n = 0, 0
  for _, item in pairs(value) do
    if not SCALARS[type(item)] then
      return nil
    end
    total, n = total + #tostring(item), n + 1
  end
  return n == #value and total or nil
end

-- State variables: what is set here, every later stage of the cell sees as ${name}, on the manager and on all workers. value:
-- a number, a text, true, false, or a list of these; any other is an error, and one of more than 64 KiB.
function StageContext:set(name, value)
  local size = size_of(value)
  if type(name) ~= "string" or not size then
    error(("a state variable is a name and a number, a text, a boolean or a list of these, not %s = %s"):format(tostring(name),
      type(value)), 2)
  elseif size > VALUE_MAX then
    error(("the state variable %s has %d bytes, %d are the most"):format(name, size, VALUE_MAX), 2)
  end
  self.cell:set(name, value)
end

function StageContext:get(name)
  return self.scope:get(name)
end

-- For a stage's data(ctx): opens a test, given as a round of a benchmark file; see vernier.manager.tests.
function StageContext:new_test(round, identity)
  return tests.new(self, round, identity)
end

-- Adds a value of the user's own to the results: {test = name, iteration (the test's last one if nil), name, value, unit,
-- workers = {[tostring(index)] = value}}.
function StageContext:add_result(result)
  local cell = self.cell
  self.manager.run:record({ type = "result", cell = cell.index, attempt = cell.attempt, test = result.test,
    iteration = result.iteration or cell:iterations(result.test), name = result.name, value = result.value,
    unit = result.unit, workers = result.workers })
end

-- The results (vernier.results) of what these tests have measured so far; or nil, message. ids: list of numbers.
function StageContext:results(ids)
  local set = {}
  for _, id in ipairs(ids) do
    set[id] = true
  end
  return results.read(self.manager.run.dir, { tests = set })
end

-- The setup that the stage's workers share, as far as they do: that of the first.
function StageContext:setup()
  local index = self.executors[1]
  return index and self.cell:setup_of(self.cell:group_of(index).name) or {}
end

-- The options of that setup's connector, as they are known on the manager.
function StageContext:connector_options()
  local setup = self:setup()
  return properties.evaluate(nil, setup.options or {}, self.scope, { partial = true }) or {}
end

-- entry: of vernier.scenario; walk: the one it belongs to (vernier.manager.walk); loops: the counters of open repeats.
function M.new(walk, entry, loops)
  local manager, cell = walk.manager, walk.cell
  return setmetatable({
    manager = manager, entry = entry, cell = cell, section = walk.section, survivors = walk.survivors, loops = loops,
    scope = cell and cell:scope(loops) or scope.new(loops), settings = manager.settings, workspace = manager.workspace,
    stage_timeout = manager.stage_timeout, hook_timeout = manager.hook_timeout, executors = {}, tests = {},
    log = logger(manager),
  }, StageContext)
end

return M
