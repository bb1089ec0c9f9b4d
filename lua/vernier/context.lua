-- What plug-ins see of a run: ctx, with ctx.sut, ctx.random and the calls that wait.
local core = require("vernier.core.load")
local random = require("vernier.core.random")
local scheduler = require("vernier.scheduler")

-- OVER is thrown through a workload that still runs when its round has ended.
local M = { OVER = "the round is over", DEFAULT_OPERATION = "default" }

local SECOND = 1e9
local open_tx, close_tx = core.open_tx, core.close_tx

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
  self._open = false
  if load._closed then
    error(M.OVER, 0)
  end
  if result ~= nil and result ~= false then
    close_tx(load._handle, tx, -1)
    return result
  end
  close_tx(load._handle, tx, load:_failed(class or "check", message or "failed"))
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
  local tx = open_tx(handle, self._run, number)
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

-- Whether what is sent is several requests.
local function is_list(request)
  return type(request) == "table" and type(request[1]) == "table"
end

M.is_list = is_list

-- Sends a request, or a list of requests in parallel, as one transaction each of the operation {operation = "name"}.
-- Gives the connector's result; or nil, message, class, response. For a list: the list of results, with
-- {error, class, response} in the place of each that failed.
function Sut:send(request, options)
  local operation = options and options.operation or M.DEFAULT_OPERATION
  if is_list(request) then
    return send_parallel(self, request, operation)
  end
  return send_one(self, request, operation)
end

-- A list of what a connector has signed (vernier.ahead), in parallel.
function Sut:_send_all(texts, options)
  return send_parallel(self, texts, options.operation)
end

-- Closes the transaction that an error inside the connector left open.
function Sut:_abort(message)
  if self._open and self._load then
    close_tx(self._load._handle, self._open, self._load:_failed("workload", message))
    self._open = false
    return true
  end
end

-- The run of a load has ended by an error, and with it its runner.
function Sut:_failed(message)
  self._load:_runner_failed(self, message)
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
Random.__index = Random

-- Keyed by the run's index in the plan, and seeded when a run first asks for a number.
function Random:__call(a, b)
  local ctx = self._ctx
  local index = ctx.index or -1 - ctx.worker
  if self._seeded ~= index then
    self._seeded = index
    self._stream = self._stream or random.new(0)
    self._stream:seed(ctx._seed, ctx.round.index, index)
  end
  return self._stream(a, b)
end

function Random:exponential(mean)
  return -mean * math.log(1 - self())
end

function Random:normal(mean, stddev)
  return mean + stddev * math.sqrt(-2 * math.log(1 - self())) * math.cos(2 * math.pi * self())
end

-- ---- making them ----

-- What the contexts of one load, or of one service, have in common; each of them has its own index, sut and random. There is
-- one for every run in flight, so they are small.
local function shared_part(spec, shared)
  return setmetatable({
    worker = spec.worker, workers = spec.workers, arguments = spec.arguments, round = spec.round, _seed = spec.seed,
    workspace = spec.workspace, log = spec.log, shared = shared or {},
  }, { __index = Context })
end

-- Most runs draw no random number: what draws them is made when it is first asked for.
local function class_of(part)
  return { __index = function(ctx, key)
    local value = part[key]
    if value == nil and key == "random" then
      value = setmetatable({ _ctx = ctx }, Random)
      ctx.random = value
    end
    return value
  end }
end

-- A context of the spec (worker, workers, round, arguments, workspace, seed, connector, log). Its sends are neither timed
-- nor counted.
function M.new(spec, shared)
  local sut = setmetatable({ _connector = spec.connector }, Sut)
  return setmetatable({ sut = sut }, class_of(shared_part(spec, shared)))
end

local function no_wait()
  error("a run that is made ahead of its round (prepare: sign) cannot wait", 2)
end

-- A context of the runs that are made ahead of a load; what they send goes to the sut.
function M.ahead(spec, shared, sut)
  local part = shared_part(spec, shared)
  part.sleep, part.wait = no_wait, no_wait
  return setmetatable({ sut = sut }, class_of(part))
end

-- A function that makes contexts for the runners of a load: of the run with that number, or -1.
function M.of_load(spec, load, shared)
  local ctx_class = class_of(shared_part(spec, shared))
  local part = { _connector = spec.connector, _load = load }
  for name, method in pairs(Sut) do -- found at the first look, which compiled code does again for each request
    part[name] = method
  end
  local sut_class = { __index = part }
  return function(run)
    local sut = setmetatable({ _run = run, _open = false }, sut_class)
    return setmetatable({ sut = sut, index = nil, intended_ns = nil }, ctx_class)
  end
end

M.share = Context.share

return M
