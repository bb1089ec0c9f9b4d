-- What plug-ins see of a run: ctx, with ctx.sut, ctx.random and the calls that wait.
local core = require("vernier.core.load")
local random = require("vernier.core.random")
local scheduler = require("vernier.scheduler")

-- OVER is thrown through a workload that still runs when its round has ended.
local M = { OVER = "the round is over", DEFAULT_OPERATION = "default" }

local SECOND = 1e9

-- ---- ctx.sut ----

local Sut = {}
Sut.__index = Sut

-- Hands one request to the connector outside any measurement.
local function send_untimed(self, request)
  local connector = self._connector
  return connector.run(connector, request, core.untimed_tx())
end

-- What follows an answer is a function of its own: it is compiled also where it is called behind a wait.
local function close(self, load, tx, result, message, class, response)
  self._open = nil
  if load._closed then
    error(M.OVER, 0)
  end
  if result ~= nil and result ~= false then
    core.close_tx(load._handle, tx, -1)
    return result
  end
  core.close_tx(load._handle, tx, load:_failed(class or "check", message or "failed"))
  return nil, message, class, response
end

local function send_one(self, request, operation)
  local load = self._load
  if not load then
    return send_untimed(self, request)
  end
  if load._closed then
    error(M.OVER, 0)
  end
  local handle, connector = load._handle, self._connector
  local number = load._operations[operation] or load:_operation(operation)
  local tx = core.open_tx(handle, self._run, number)
  local record = load._txs[tx] or load:_tx(tx)
  self._open = tx
  return close(self, load, tx, connector.run(connector, request, record))
end

local function send_parallel(self, requests, operation)
  local results, left, co = {}, #requests, scheduler.current()
  local waiting = false
  for i = 1, #requests do
    scheduler.spawn(function()
      local branch = setmetatable({ _load = self._load, _connector = self._connector, _run = self._run }, Sut)
      local ok, result, message, class, response = pcall(send_one, branch, requests[i], operation)
      if not ok then
        message, class, result = result, "workload", nil
        branch:_abort(message)
      end
      results[i] = result or { error = message, class = class, response = response }
      left = left - 1
      if left == 0 and waiting then
        scheduler.resume_later(co)
      end
    end)
  end
  if left > 0 then
    waiting = true
    coroutine.yield()
  end
  return results
end

-- Sends a request, or a list of requests in parallel, as one transaction each of the operation {operation = "name"}.
-- Gives the connector's result; or nil, message, class, response. For a list: the list of results, with
-- {error, class, response} in the place of each that failed.
function Sut:send(request, options)
  local operation = options and options.operation or M.DEFAULT_OPERATION
  if type(request) == "table" and type(request[1]) == "table" then
    return send_parallel(self, request, operation)
  end
  return send_one(self, request, operation)
end

-- Closes the transaction that an error inside the connector left open.
function Sut:_abort(message)
  if self._open and self._load then
    core.close_tx(self._load._handle, self._open, self._load:_failed("workload", message))
    self._open = nil
    return true
  end
end

-- ---- ctx ----

local Context = {}

function Context:sleep(seconds)
  scheduler.sleep(seconds * SECOND)
end

-- Suspends this run until wake(key); gives value, at (ns); or nil after `timeout` seconds (default 60).
function Context:wait(key, timeout)
  return scheduler.wait_key(key, scheduler.now() + (timeout or 60) * SECOND)
end

function Context:wake(key, value, at_ns)
  return scheduler.wake_key(key, value, at_ns)
end

-- This worker's part of a total; the parts of all workers add up exactly.
function Context:share(total)
  return math.floor((total + self.workers - 1 - self.worker) / self.workers)
end

-- ---- ctx.random ----

local Random = {}

-- The stream is keyed by the run's index in the plan, and seeded when a run first asks for a number.
local function keyed_random(ctx, seed, round)
  local stream = random.new(seed, round, -1 - ctx.worker)
  local seeded
  return setmetatable({}, {
    __index = Random,
    __call = function(_, a, b)
      if seeded ~= ctx.index then
        seeded = ctx.index
        stream:seed(seed, round, seeded or -1 - ctx.worker)
      end
      return stream(a, b)
    end,
  }), stream
end

function Random:exponential(mean)
  return -mean * math.log(1 - self())
end

function Random:normal(mean, stddev)
  return mean + stddev * math.sqrt(-2 * math.log(1 - self())) * math.cos(2 * math.pi * self())
end

-- A context of the spec (worker, workers, round, arguments, workspace, seed, connector, log). Its sends are neither timed
-- nor counted until its sut is given a load.
function M.new(spec, shared)
  local ctx = setmetatable({
    worker = spec.worker,
    workers = spec.workers,
    arguments = spec.arguments,
    round = spec.round,
    workspace = spec.workspace,
    log = spec.log,
    shared = shared or {},
  }, { __index = Context })
  ctx.random = keyed_random(ctx, spec.seed, spec.round.index)
  ctx.sut = setmetatable({ _connector = spec.connector }, Sut)
  return ctx
end

M.share = Context.share

return M
