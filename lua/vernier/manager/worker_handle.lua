-- The manager's handle of one worker: calls that read like functions, with the process, link and messages behind them.
--
-- A worker is lost when it exits, when its heartbeat falls silent (dead or stopped), when its loop does not turn for
-- the hook timeout (a hook that hangs), or when it misses a deadline. A lost worker is killed, its pending call returns
-- nil and the reason, and the handle says so from then on.
local cjson = require("cjson")
local clock = require("vernier.core.clock")
local json = require("vernier.json")
local link = require("vernier.core.link")
local process = require("vernier.core.process")
local scheduler = require("vernier.scheduler")

local M = {}
local Handle = {}
Handle.__index = Handle

local SECOND = 1e9
local CHECK_NS = 100e6
local CLOSED_GRACE_NS = 500e6 -- between the end of the link and the exit status that explains it
local EXIT_GRACE_NS = 3e9

local SIGNALS = { [2] = "SIGINT", [4] = "SIGILL", [6] = "SIGABRT", [7] = "SIGBUS", [9] = "SIGKILL", [11] = "SIGSEGV",
  [15] = "SIGTERM" }

-- nil, message where it cannot be written, or is too large for the link.
function Handle:_send(message)
  local ok, text = pcall(json.line, message)
  if not ok then
    return nil, text
  end
  return self._link:send(text)
end

-- ---- watching ----

function Handle:_lose(reason)
  if self.lost or self._ended then
    return
  end
  self.lost, self._killed = reason, true
  self._process:signal(process.SIGKILL)
  self._on.lost(self, reason)
  self._on.ready(self)
  for _, call in pairs(self._calls) do
    scheduler.wake_key(call)
  end
end

local function exit_reason(event)
  if event.status ~= 0 then
    return ("was killed by signal %d (%s)"):format(event.status, SIGNALS[event.status] or "?")
  end
  return ("exited with status %d"):format(event.n)
end

function Handle:_check()
  local now = scheduler.now()
  if now - self._heard_ns > self._limits.silence_ns then
    return self:_lose(("sent no heartbeat for %.1f s: it is stopped or its machine is"):format((now - self._heard_ns) / SECOND))
  end
  if now - self._turned_ns > self._limits.hook_ns then
    return self:_lose(("did not return from a hook for %.1f s (an endless loop?)"):format((now - self._turned_ns) / SECOND))
  end
  for _, call in pairs(self._calls) do
    if call.deadline_ns and now > call.deadline_ns then
      return self:_lose(call.deadline_text)
    end
  end
end

function Handle:_watch()
  self._timer = scheduler.at(scheduler.now() + CHECK_NS, function()
    if not self.lost and not self._ended then
      self:_check()
      self:_watch()
    end
  end)
end

local on_message = {}

function on_message.ready(self, message)
  self.failed, self._answered = message.error, true
  self._on.ready(self)
end

function on_message.ack(self, message)
  local call = self._calls[message.id]
  if call then
    call.ack = message
    scheduler.wake_key(call)
  end
end

function on_message.barrier(self, message)
  local call = self._calls[message.id]
  if call then
    call.spec.on_barrier(self)
  end
end

function on_message.meet(self, message)
  self._on.meet(self, message)
end

function on_message.update(self, message)
  self._on.update(self, message.record)
end

function on_message.log(self, message)
  self._on.log(self, message.level, message.message)
end

function Handle:_on_link_event(event)
  self._heard_ns = scheduler.now()
  if event.kind == link.HEARTBEAT then
    local waiting = event.value % 2 == 1
    if waiting or event.value ~= self._turns then
      self._turned_ns = self._heard_ns
    end
    self._turns = event.value
  elseif event.kind == link.MESSAGE then
    local ok, message = pcall(cjson.decode, link.text(event))
    if ok and on_message[message.type] then
      on_message[message.type](self, message)
    else
      self:_lose("sent a message that cannot be read")
    end
  elseif event.kind == link.CLOSED then
    scheduler.at(scheduler.now() + CLOSED_GRACE_NS, function()
      self:_lose("closed its link")
    end)
  end
end

function Handle:_on_exit(event)
  self.exited = true
  self:_lose(exit_reason(event))
  scheduler.wake_key(self._process, "exit")
end

-- ---- calls ----

-- Tells the worker which cell it belongs to and what it drives there, unless it knows: make(cell, index) gives the message.
function Handle:cell(cell, make)
  if self._cell ~= cell and not self.lost then
    self._cell, self._answered, self.failed = cell, false, nil
    local message = make(cell, self.index)
    message.type = "cell"
    local ok, why = self:_send(message)
    if not ok then
      self:_lose("cannot be told of its cell: " .. why)
    end
  end
end

-- Whether it is ready for its cell: true; false, as long as it is not; or nil and why this worker cannot be used.
function Handle:ready()
  if self.lost or self.failed then
    return nil, self.lost or self.failed
  end
  return self._answered == true
end

-- It was not ready in time.
function Handle:overdue()
  self:_lose(("was not ready within %.4g s"):format(self._limits.stage_ns / SECOND))
end

function Handle:kill()
  self._process:signal(process.SIGKILL)
end

-- Gives up a worker that is not ready yet: nobody needs it any more.
function Handle:cancel(reason)
  if not self._answered and not self.lost then
    self.lost, self._killed = reason, true
    self._process:signal(process.SIGKILL)
    self._on.ready(self)
  end
end

-- Runs a stage: {id, stage, properties, literal, scope, rank, ranks, data, deadline_s, on_barrier(handle)}; several may run at
-- once. Gives the worker's answer {payload, error, stopped, problems}; or nil and why the worker was lost.
function Handle:stage(spec)
  if self.lost then
    return nil, self.lost
  end
  local call = { spec = spec }
  self._calls[spec.id] = call
  self:deadline(spec.id, spec.deadline_s, "did not finish its part")
  local ok, message = self:_send({ type = "stage", id = spec.id, stage = spec.stage, properties = spec.properties,
    literal = spec.literal, scope = spec.scope, rank = spec.rank, ranks = spec.ranks, data = spec.data })
  if not ok then
    self:_lose("cannot be told of its stage: " .. message)
  elseif not self.lost then
    scheduler.wait_key(call, math.huge)
  end
  self._calls[spec.id] = nil
  if self.lost or not call.ack then
    return nil, self.lost
  end
  return call.ack
end

-- From now on the running stage has so many seconds; nil: as long as the worker turns its loop.
function Handle:deadline(id, seconds, what)
  local call = self._calls[id]
  if call then
    call.deadline_ns = seconds and scheduler.now() + seconds * SECOND
    call.deadline_text = seconds and ("%s within %.4g s"):format(what, seconds)
  end
end

function Handle:go(id, at_ns)
  return self:_send({ type = "go", id = id, at_us = at_ns / 1e3 })
end

-- What all have said in a meeting, and the instant that they agree on.
function Handle:met(key, values, at_ns)
  return self:_send({ type = "met", key = key, values = values, at_us = at_ns / 1e3 })
end

function Handle:stop(id, reason)
  if not self.lost then
    self:_send({ type = "stop", id = id, reason = reason })
  end
end

-- Asks the worker to end, waits for it (bounded), frees everything.
function Handle:close()
  if not self._killed and not self.exited then
    self._ended = true
    self:_send({ type = "exit" })
    if not self.exited and not scheduler.wait_key(self._process, scheduler.now() + EXIT_GRACE_NS) then
      self._process:signal(process.SIGKILL)
    end
  end
  if not self.exited then
    scheduler.wait_key(self._process, scheduler.now() + EXIT_GRACE_NS)
  end
  scheduler.forget(self._timer)
  scheduler.forget(self._link_tag)
  scheduler.forget(self._process_tag)
  self._link:close()
  self._process:close()
end

-- Starts the worker's process, with these variables in its environment, and says hello. on: {ready(handle) when ready() has
-- news, lost(handle, reason), meet(handle, message), update(handle, record), log(handle, level, text)}; limits:
-- {silence_ns, hook_ns, stage_ns}.
-- Returns the handle, or nil, message.
function M.start(index, hello, environment, on, limits)
  local mine, theirs = link.pair()
  if not mine then
    return nil, theirs
  end
  local now = scheduler.now()
  local self = setmetatable({ index = index, _on = on, _limits = limits, _heard_ns = now, _turned_ns = now, _calls = {} },
    Handle)
  self._process_tag = scheduler.on(function(event)
    self:_on_exit(event)
  end)
  local message
  self._process, message = process.spawn(self._process_tag, {
    process.executable, "launch", "worker", "--link-fd", "3", "--parent", tostring(process.pid()),
    "--clock-base", clock.base(), "--index", tostring(index),
  }, { link_fd = theirs, env = environment })
  link.close_fd(theirs)
  if not self._process then
    link.close_fd(mine)
    return nil, message
  end
  self.pid = self._process.pid
  self._link_tag = scheduler.on(function(event)
    self:_on_link_event(event)
  end)
  self._link = link.open(self._link_tag, mine)
  self:_watch()
  hello.type = "hello"
  self:_send(hello)
  return self
end

return M
