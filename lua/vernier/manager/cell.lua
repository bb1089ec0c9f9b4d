-- A cell while it runs: one configuration at one cluster size, once. It holds what its stages share: state variables, the
-- manager's connectors, the names of its tests, and what goes on in the background (`background`: tests by name, of
-- vernier.manager.tests; `stopped_tests`: set of those that the end of the scenario has stopped).
local contains = require("vernier.contains")
local context = require("vernier.context")
local matrix = require("vernier.matrix")
local options = require("vernier.options")
local plugins = require("vernier.plugins")
local properties = require("vernier.properties")
local scheduler = require("vernier.scheduler")
local scope = require("vernier.scope")
local sorted = require("vernier.sorted")
local traced = require("vernier.traced")

local M = {}

local SECOND = 1e9

local Cell = {}
Cell.__index = Cell

-- ---- who is who ----

-- The group of a worker: {name, size, first}.
function Cell:group_of(index)
  for _, group in ipairs(self.cluster.groups) do
    if index >= group.first and index < group.first + group.size then
      return group
    end
  end
end

local function same_setup(a, b)
  return a.connector == b.connector and a.service == b.service and a.options == b.options
    and a.environment == b.environment
end

-- What a group's workers drive: {connector, service, options, environment} as in the file; {} where nothing says. Groups
-- that are set up alike have the same table.
function Cell:setup_of(group_name)
  local setup = self._setups[group_name]
  if not setup then
    setup = matrix.setup(self.configuration, group_name, self._manager.network) or {}
    for _, other in pairs(self._setups) do
      setup = same_setup(setup, other) and other or setup
    end
    self._setups[group_name] = setup
  end
  return setup
end

-- The distinct setups of these workers, in their order.
function Cell:setups(indices)
  local list, seen = {}, {}
  for _, index in ipairs(indices) do
    local setup = self:setup_of(self:group_of(index).name)
    if setup.connector and not seen[setup] then
      seen[setup] = true
      list[#list + 1] = setup
    end
  end
  return list
end

local function in_role(cluster, names, index)
  for _, name in ipairs(names) do
    for _, member in ipairs(cluster.roles and cluster.roles[name] or {}) do
      if member == index then
        return true
      end
    end
  end
  return false
end

-- The workers that a stage's common properties choose, in order: those in all of `workers`, `groups` and `roles`.
function Cell:chosen(common)
  local list = {}
  for index = 0, self.cluster.size - 1 do
    if (not common.workers or contains(common.workers, index))
      and (not common.groups or contains(common.groups, self:group_of(index).name))
      and (not common.roles or in_role(self.cluster, common.roles, index)) then
      list[#list + 1] = index
    end
  end
  return list
end

-- ---- variables ----

-- Sets a state variable: stages see it as ${name}, on the manager and on every worker.
function Cell:set(name, value)
  self.state[name] = value
end

-- What an expression sees on the manager (index -1) or will see on a worker; loops: the counters of open repeats.
function Cell:values(index, loops)
  local values = scope.of_cell(self, self._manager.benchmark)
  for name, value in pairs(scope.of_worker(self, index)) do
    values[name] = value
  end
  for _, more in ipairs({ self.state, loops or {} }) do
    for name, value in pairs(more) do
      values[name] = value
    end
  end
  return values
end

function Cell:scope(loops)
  return scope.new(self:values(-1, loops))
end

-- The environment of a worker's process as its setup wants it; or nil, message.
function Cell:environment(index)
  local setup = self:setup_of(self:group_of(index).name)
  local values, problems = properties.evaluate(nil, setup.environment or {}, scope.new(self:values(index)))
  if not values then
    return nil, "environment: " .. options.describe_all(problems)
  end
  for name, value in pairs(values) do
    values[name] = tostring(value)
  end
  return values
end

-- ---- connectors in the manager ----

function Cell:_open_connector(setup)
  local manager = self._manager
  local connector, message = plugins.service(setup.connector, setup.service, setup.options, manager.workspace, self:scope())
  if not connector then
    return { failure = message }
  end
  local ctx = context.new({ worker = -1, workers = self.cluster.size, round = { index = 0 }, seed = manager.seed,
    workspace = manager.workspace, connector = connector, log = function(text, level)
      manager:notify(level or "info", text)
    end })
  ctx.network, ctx.where = manager.network and manager.network.value, "manager"
  local open = { connector = connector, ctx = ctx } -- its end hook also ends what a failed init has begun
  if connector.init then
    local ok, err = xpcall(connector.init, traced, connector, ctx)
    open.failure = not ok and "cannot reach the SUT: " .. tostring(err) or nil
  end
  return open
end

-- The connector of a setup and its context, opened when first asked for; or nil, message.
function Cell:connector(setup)
  local open = self._open[setup]
  if not open then
    open = self:_open_connector(setup)
    self._open[setup] = open
    self._order[#self._order + 1] = open
  end
  if open.failure then
    return nil, open.failure
  end
  return open.connector, open.ctx
end

-- What each of n workers gets from the connector's prepare(n), made once; or nil, message.
function Cell:prepared(setup, n)
  if not setup.connector then
    return {}
  end
  local connector, message = self:connector(setup)
  if not connector then
    return nil, message
  end
  local open = self._open[setup]
  open.prepared = open.prepared or {}
  open.prepared[n] = open.prepared[n] or connector.prepare and connector:prepare(n) or {}
  return open.prepared[n]
end

-- Calls fn, which may wait, for so many seconds at most. True; or nil and what it raised, or that it goes on.
local function bounded(seconds, fn, ...)
  local done, over, ok, err = {}, false, nil, nil
  local function finish(...)
    ok, err = pcall(...)
    over = true
    scheduler.wake_key(done)
  end
  scheduler.spawn(finish, fn, ...)
  if not over then
    scheduler.wait_key(done, scheduler.now() + seconds * SECOND)
  end
  if over then
    return ok or nil, err
  end
  return nil, ("did not end within %g s"):format(seconds)
end

-- Calls their end hooks, each for the hook timeout at most.
function Cell:close_connectors()
  local manager = self._manager
  for _, open in ipairs(self._order) do
    local hook = open.connector and plugins.hook(open.connector, "end")
    if hook then
      local ok, err = bounded(manager.hook_timeout, hook, open.connector, open.ctx)
      if not ok then
        manager:notify("warning", "end of the connector: " .. tostring(err))
      end
    end
  end
  self._open, self._order = {}, {}
end

-- ---- tests ----

-- Takes a name for a test; gives the number of its iteration, or nil, message. amend: a name that is taken gets its next
-- iteration.
function Cell:claim_test(name, amend)
  local ids = self._tests[name]
  if ids and not amend then
    return nil, ('there is a test "%s" already (amend-test: true makes this its next iteration)'):format(name)
  end
  return ids and #ids + 1 or 1
end

-- Each test of the cell, under its name; a name that is used again (a round's label) collects them all.
function Cell:add_test(name, id)
  self._tests[name] = self._tests[name] or {}
  table.insert(self._tests[name], id)
end

-- The numbers of the tests of a name, one per iteration; nil if there is none. And all names.
function Cell:tests(name)
  return self._tests[name], sorted(self._tests)
end

-- How many iterations the test of that name has had; 1 if there is none.
function Cell:iterations(name)
  return #(self._tests[name] or { 1 })
end

-- The number of a test within the cell, which keys its random numbers: the same in every cell.
function Cell:next_test()
  self._n_tests = self._n_tests + 1
  return self._n_tests
end

-- spec: one of vernier.matrix, {index, configuration, cluster, repetition}.
function M.new(manager, spec, attempt)
  return setmetatable({
    index = spec.index, configuration = spec.configuration, cluster = spec.cluster, repetition = spec.repetition,
    label = spec.label, attempt = attempt or 1, state = {}, background = {}, stopped_tests = {},
    _manager = manager, _open = {}, _order = {}, _tests = {}, _n_tests = 0, _setups = {},
  }, Cell)
end

return M
