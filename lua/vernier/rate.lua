-- What a rate controller sees of its round and its load, and controllers inside of others.
local clock = require("vernier.core.clock")
local context = require("vernier.context")
local loop = require("vernier.core.loop")
local plugins = require("vernier.plugins")
local random = require("vernier.core.random")
local sleeping = require("vernier.rate.sleeping")
local window = require("vernier.window")

local M = {}

local Context = { share = context.share, sleep = sleeping.sleep }
Context.__index = Context

-- The number of the random streams that are the same in all workers.
local COMMON = -2 ^ 40

-- A controller {type, opts} of a round inside of this one: {number | duration (s)} and what else differs. It is instance.run
-- (instance, ctx, index, stats, now) as for any other, of times since that round's start. Gives the instance, with its init
-- called, and its ctx; raises an error that is meant for the user.
function Context:nested(controller, round)
  local instance, message = plugins.new("rate controller", controller.type, controller.opts, self.workspace)
  if not instance then
    error(message, 0)
  end
  round.index, round.label = self.round.index, self.round.label
  self._n_nested = (rawget(self, "_n_nested") or 0) + 1
  local inner = setmetatable({ round = round, _path = ("%s%d."):format(self._path, self._n_nested) }, { __index = self })
  M.init(instance, inner)
  return instance, inner
end

-- The end hook of a nested controller.
function Context:close(instance, inner)
  local hook = plugins.hook(instance, "end")
  if hook then
    hook(instance, inner)
  end
end

-- ---- what a controller asks of its load ----

-- Counts, from now on, what becomes of the runs that are due in [from_ns, to_ns) of its round, instead of what was counted
-- before. Those that have been started already are not among them.
function Context:watch(from_ns, to_ns)
  self._load.watch(self.offset_ns + from_ns, self.offset_ns + to_ns)
  self._cpu_from, self._spun_from, self._watched_at = clock.cpu_ns(), loop.state.spun_ns, clock.now()
end

-- What this worker has counted so far: {runs, late, dropped, limited (runs with which the in-flight limit was reached),
-- submitted, ok, failed; finished: transactions that ended in that time, whenever they were due; response (of ok ones) and
-- lateness: histograms as texts}. Lists of these, one of each worker, are added up by ctx.sum.
function Context:window()
  return self._load.window()
end

Context.sum = window.sum

-- The share of the time since watch in which this worker's process has computed, waiting for due times left out.
function Context:busy()
  local cpu = clock.cpu_ns() - self._cpu_from - (loop.state.spun_ns - self._spun_from)
  return math.max(0, cpu / math.max(1, clock.now() - self._watched_at))
end

-- From now on it is kept when each run sends its first transaction.
function Context:trace()
  self._load.trace()
end

-- When the runs that were due in this round sent their first transactions, in ns since its start and in that order; those of
-- this worker. nil, message where there were too many.
function Context:sent_times()
  local offset, seconds = self.offset_ns, self.round.duration
  local list, message = self._load.sent_times(offset, seconds and offset + seconds * 1e9 or math.huge)
  for i, ns in ipairs(list or {}) do
    list[i] = ns - offset
  end
  return list, message
end

-- Puts together what all workers know: gives nil until each of them has called it with a value (what JSON can hold), then
-- the list of all values, in the order of workers and the same in each, and an instant of the round, a little ahead, that is
-- the same in all. The controller is asked again when it is there. The call after that begins the next meeting.
function Context:meet(value)
  local meeting = rawget(self, "_meeting")
  if not meeting then
    meeting = {}
    self._meeting, self._n_meetings = meeting, (rawget(self, "_n_meetings") or 0) + 1
    self._load.meet(self._path .. self._n_meetings, value, function(list, at_ns)
      meeting.list, meeting.at_ns = list, at_ns
    end)
  end
  if meeting.list then
    self._meeting = nil
    return meeting.list, meeting.at_ns - self.offset_ns
  end
end

-- Tells what the controller has found: {name, text (one line, for people); value, unit, low, high: a number and between which
-- it lies; curve = {columns = {{name, unit}…}, rows = {{…}…}}: how something depends on what the first column has}. It is
-- logged, and is in the results.
function Context:found(finding)
  self._load.found(finding)
end

-- ---- making them ----

-- Calls the init of an instance. One that sleeps becomes one that is asked.
function M.init(instance, ctx)
  if instance.init then
    instance:init(ctx)
  end
  if instance.schedule == sleeping.SCHEDULE then
    sleeping.wake(instance)
  end
end

local function not_yet()
  error("a controller can ask its load only while the round runs, and not in init", 0)
end

local NO_LOAD = setmetatable({}, { __index = function()
  return not_yet
end })

-- From now on the ctx, and those inside of it, have a load: {watch(from_ns, to_ns), window(), trace(), sent_times(from_ns,
-- to_ns), meet(key, value, on_met(list, at_ns)), found(finding)}, with times since its start.
function M.attach(ctx, load)
  ctx._load = load
end

-- spec: that of a load (vernier.load): worker, workers, round, workspace, seed, log.
function M.context(spec)
  local round = spec.round.index
  return setmetatable({
    _load = NO_LOAD, _path = "", offset_ns = 0,
    worker = spec.worker, workers = spec.workers, round = spec.round, workspace = spec.workspace, log = spec.log,
    random = random.new(spec.seed, round, -1 - spec.workers - spec.worker),
    stream = function(seed)
      return random.new(seed or spec.seed, round, COMMON)
    end,
  }, Context)
end

return M
