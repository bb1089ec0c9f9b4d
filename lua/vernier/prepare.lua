-- The option `prepare` of rounds and tests, whose runs are made ahead (vernier.ahead): how it is written, how many runs there
-- will be, and whether nobody can know that, which is told before anything starts.
local context = require("vernier.context")
local options = require("vernier.options")
local plugins = require("vernier.plugins")
local rate = require("vernier.rate")

local M = {}

local SECOND = 1e9
local RUNS_MAX = 2 ^ 40 -- where a plan has no end before that it has none
local UNKNOWN = "needs a number: how many runs there will be is not known before"

-- ---- how it is written ----

local FIELDS = {
  sign = { type = "enum", values = { "memory", "file" }, required = true },
  number = { type = "integer", min = 1 },
}

-- {sign = "memory" | "file", number = most runs over all workers, or nil}; nil and why not.
local function read(value)
  if value == "sign" then
    return { sign = "memory" }
  elseif type(value) ~= "table" or #value > 0 then
    return nil, 'must be "sign", or {sign: memory or file, number: N}'
  end
  local own, problems = options.check(FIELDS, value)
  return own, problems and "has what cannot be used: " .. options.describe_all(problems)
end

M.OPTION = { type = "any", convert = read,
  doc = "sign: runs are made and signed before the first is sent; {sign: memory or file, number: most runs over all workers}" }

-- ---- how many runs there will be ----

-- A function that tells whether this worker's k-th run is due in the round; nil where that is no function of k. It asks another
-- instance of the controller, whose own init has been called: to be asked may be noted down.
local function plan_of(spec)
  local controller, ends_ns = spec.controller, spec.round.duration * SECOND
  if controller.schedule ~= "global" or not controller.random_access then
    return nil
  end
  local instance, ctx = setmetatable({ options = controller.options }, getmetatable(controller)), rate.context(spec)
  rate.init(instance, ctx)
  return function(k)
    local due = instance:run(ctx, k * spec.workers + spec.worker)
    return due and due < ends_ns
  end
end

-- How many of this worker's runs are due in a round by duration; nil where only time will tell.
local function planned(spec)
  local is_due = plan_of(spec)
  if not is_due then
    return nil
  end
  local low, high = -1, 0 -- the last that is known to be due, the first that is not
  while is_due(high) do
    low, high = high, 2 * high + 1
    if high > RUNS_MAX then
      return nil
    end
  end
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if is_due(middle) then
      low = middle
    else
      high = middle
    end
  end
  return high
end

-- Of an option as it was read: why there must be a number in it, and a hint.
local function needs_number(prepare)
  return UNKNOWN, ("write prepare: {sign: %s, number: N}"):format(prepare.sign)
end

-- How many runs the worker of a load (spec: see vernier.load) makes ahead; or nil, and why it cannot be known.
function M.count(spec)
  local most = spec.prepare.number and context.share(spec, spec.prepare.number) or math.huge
  if spec.round.number then
    return math.min(most, context.share(spec, spec.round.number))
  end
  local ok, number = pcall(planned, spec) -- a controller may want the load itself
  local count = math.min(most, ok and number or most)
  if count == math.huge then
    return nil, ("prepare: %s (%s)"):format(needs_number(spec.prepare))
  end
  return count
end

-- ---- before anything starts ----

-- Whether the controller and those inside of it are built in, so that they may be asked while a file is looked at.
local function is_built_in(controller)
  if not plugins.is_built_in("rate controller", controller.type) then
    return false
  end
  local module = plugins.load("rate controller", controller.type)
  for _, part in ipairs(module.parts and module.parts(controller.opts) or {}) do
    if not is_built_in(part) then
      return false
    end
  end
  return true
end

-- Whether a built-in controller is known to have no plan by index, or one without an end.
local function has_no_plan(controller, round, workspace)
  local instance = assert(plugins.new("rate controller", controller.type, controller.opts, workspace))
  local spec = { worker = 0, workers = 1, round = { index = 1, label = round.label, duration = round.duration }, seed = 0,
    workspace = workspace, controller = instance, log = function() end }
  rate.init(instance, rate.context(spec))
  return planned(spec) == nil
end

-- The same of a user's controller, as far as its module says so: its hooks are called in workers alone.
local function declares_no_plan(module)
  return not module.init and (module.schedule ~= "global" or not module.random_access)
end

-- Why a round {number, duration (s), label, rate {type, opts}, prepare} must say how many runs are made ahead, and a hint; nil
-- where it says so, where that is known, and where only the workers can find out. module: of the rate controller, where users'
-- may be loaded.
function M.problem(round, workspace, module)
  if not round.prepare or round.prepare.number or round.number then
    return nil
  elseif not round.duration or module and declares_no_plan(module) then
    return needs_number(round.prepare)
  end
  -- What else is wrong with the controller is told by whoever checks it.
  local ok, unknown = pcall(function()
    return is_built_in(round.rate) and has_no_plan(round.rate, round, workspace)
  end)
  if ok and unknown then
    return needs_number(round.prepare)
  end
end

return M
