-- JSON-RPC over one connection that carries messages both ways: a WebSocket, or the unix socket of a node (ipc). Calls go
-- out in the order in which they are made; answers come in any order and find their call by its id.
--
-- Model: a call takes a slot; its id is generation * 2^20 + slot, so that an answer that comes too late is known as such.
-- The slots are a few flat lists: a call makes no garbage but its texts. One timer looks for calls whose time is over.
-- When the connection is lost all calls fail at once, and it is opened again after a pause that doubles up to a limit.
local core = require("vernier.core.channel")
local http = require("vernier.http")
local message = require("vernier.json_rpc.message")
local rpc = require("vernier.core.json_rpc")
local scheduler = require("vernier.scheduler")

local M = {}

local Endpoint = {}
Endpoint.__index = Endpoint

local yield = coroutine.yield
local SPAN = core.SLOTS
local GENERATIONS = 2 ^ 26 -- ids stay below 10^14
local SWEEPS, SWEEP_MIN_NS, SWEEP_MAX_NS = 20, 1e6, 50e6 -- looks at the deadlines so often per timeout
local SLACK_NS = 5e9 -- the core's own deadlines come first; this is for a core that fails to tell
local huge = math.huge

-- ---- slots ----

-- A slot, 0-based; nil where 2^20 calls are in flight.
local function take_slot(self, deadline_ns)
  local slot
  if self._n_free > 0 then
    slot = self._free[self._n_free]
    self._n_free = self._n_free - 1
  elseif self._n_slots < SPAN then
    slot = self._n_slots
    self._n_slots = slot + 1
    self._generation[slot] = 0
  else
    return nil
  end
  self._deadline[slot] = deadline_ns
  self._id[slot] = self._generation[slot] * SPAN + slot
  self._tx[slot], self._batch[slot], self._read[slot] = false, false, false
  return slot
end

local function free_slot(self, slot)
  self._generation[slot] = (self._generation[slot] + 1) % GENERATIONS
  self._id[slot], self._deadline[slot] = -1, huge
  self._co[slot], self._tx[slot], self._batch[slot] = false, false, false
  self._n_free = self._n_free + 1
  self._free[self._n_free] = slot
end

-- ---- the end of calls ----

local function set_stamps(self, slot, at_ns)
  local tx = self._tx[slot]
  if tx then
    tx.sent_ns, tx.finished_ns = core.sent_ns(self._handle, slot), at_ns
  end
end

local function settle_batch(batch, slot, result, failure)
  batch.outcomes[batch.index[slot]] = { result = result, error = failure }
  batch.index[slot] = nil
  batch.left = batch.left - 1
end

-- Ends the call of a slot; resume: scheduler.resume, or resume_later from where other calls are still to be ended.
local function settle(self, slot, resume, result, failure)
  local co, batch = self._co[slot], self._batch[slot]
  free_slot(self, slot)
  if batch then
    settle_batch(batch, slot, result, failure)
    if batch.left > 0 then
      return
    end
    self._n_calls = self._n_calls - 1
    return resume(batch.co, true)
  end
  self._n_calls = self._n_calls - 1
  return resume(co, result, failure)
end

local function fail_all(self, failure)
  local now = scheduler.now()
  for slot = 0, self._n_slots - 1 do
    if self._id[slot] >= 0 then
      set_stamps(self, slot, now)
      settle(self, slot, scheduler.resume_later, nil, failure)
    end
  end
end

local arm

local function sweep(self)
  local now = scheduler.now()
  self._sweep = nil
  for slot = 0, self._n_slots - 1 do
    if self._deadline[slot] <= now then
      set_stamps(self, slot, now)
      settle(self, slot, scheduler.resume_later, nil, message.failure("timeout", self.url .. ": no answer in time"))
    end
  end
  if self._n_calls > 0 then
    arm(self, self._sweep_ns)
  end
end

function arm(self, interval_ns)
  self._sweep_ns = interval_ns
  self._sweep = scheduler.at(scheduler.now() + interval_ns, self._on_sweep)
end

local function watch(self, timeout_ns)
  local interval = math.min(math.max(timeout_ns / SWEEPS, SWEEP_MIN_NS), SWEEP_MAX_NS)
  if not self._sweep then
    arm(self, interval)
  elseif interval < self._sweep_ns then
    scheduler.forget(self._sweep)
    arm(self, interval)
  end
end

-- ---- the connection ----

local open

local function release(self)
  if self._handle then
    core.free(self._handle)
    self._handle = nil
  end
  self._open = false
end

local function reconnect(self)
  self._retry = scheduler.at(scheduler.now() + self._pause_ns, function()
    self._retry = nil
    open(self)
  end)
  self._pause_ns = math.min(self._pause_ns * 2, self._options.reconnect_max_ns)
end

-- The connection is gone, or not to be used any more.
local function lose(self, why, class, failure)
  local was_open = self._open
  self._why, self._class, self._open = why, class, false
  fail_all(self, failure)
  release(self)
  scheduler.wake_key(self, true)
  if was_open and self._options.on_lost then
    self._options.on_lost(self, why, class)
  end
  if self._keep and not self._closed and not self._retry then
    reconnect(self)
  end
end

-- What cannot be understood cannot be told apart: whose answer it was is not known, and no call may wait for it.
local function distrust(self, why)
  lose(self, why, "protocol", message.failure("protocol", self.url .. ": " .. why))
end

-- ---- what comes in ----

local function notify(self, method, at_ns)
  local params, failure = message.decode()
  if failure then
    distrust(self, failure.message)
  elseif self._options.on_notification then
    self._options.on_notification(method, params, at_ns, self)
  end
end

local function end_batch(self, batch, failure)
  for slot in pairs(batch.index) do
    settle(self, slot, scheduler.resume_later, nil, failure)
  end
end

-- The batch in flight; nil where there is none, or more than one.
local function only_batch(self)
  local only
  for slot = 0, self._n_slots - 1 do
    local batch = self._batch[slot]
    if batch and only and batch ~= only then
      return nil
    end
    only = batch or only
  end
  return only
end

-- An error without an id: that of the only call, or of the only batch, since what refuses a batch as a whole has no id to name.
local function take_anonymous(self)
  local failure = message.error_of()
  local batch = only_batch(self)
  if self._n_calls == 1 then
    return fail_all(self, failure)
  elseif not batch then
    return distrust(self, "an error for no call: " .. tostring(failure))
  end
  end_batch(self, batch, failure)
end

local function take_answer(self, kind, id, at_ns)
  local slot = id % SPAN
  if id < 0 and kind == rpc.ERROR then
    return take_anonymous(self)
  elseif self._id[slot] ~= id then
    self._n_stale = self._n_stale + 1
    return
  end
  local batch = self._batch[slot]
  set_stamps(self, slot, at_ns)
  settle(self, slot, scheduler.resume, message.outcome(kind, self._read[slot]))
  return batch
end

local BRACKET = ("["):byte()

local function take_message(self, data, len, at_ns)
  local handle = self._handle
  local at, kind, id, method = rpc.next(data, len, 0)
  local batch
  while at and kind > 0 do
    if kind == rpc.NOTIFICATION then
      notify(self, method, at_ns)
    else
      batch = take_answer(self, kind, id, at_ns) or batch
    end
    if self._handle ~= handle then -- closed by who was resumed
      return
    end
    at, kind, id, method = rpc.next(data, len, at)
  end
  if not at then
    distrust(self, kind)
  elseif batch and data[0] == BRACKET then
    -- The answer to a batch is one array: what is not in it does not come.
    end_batch(self, batch, message.failure("protocol", "no answer to it in the batch's answer"))
  end
end

local on = {}

on[core.OPEN] = function(self)
  self._open, self._why = true, nil
  self._pause_ns = self._options.reconnect_min_ns
  self._n_connects = self._n_connects + 1
  scheduler.wake_key(self, true)
  if self._options.on_connected then
    self._options.on_connected(self)
  end
end

on[core.MESSAGE] = function(self, event)
  take_message(self, event.data, event.len, event.at_ns)
end

on[core.DRAINED] = function() end

on[core.CLOSED] = function(self, event)
  local why, class, code = core.closed(event)
  if class == "closed" then
    why = ("closed by the peer%s%s"):format(code > 0 and " with code " .. code or "", why ~= "" and ": " .. why or "")
  end
  lose(self, why, class, message.failure(class == "protocol" and class or "connection",
    self.url .. ": the connection was lost: " .. why))
end

-- Events of a channel that has been freed are no longer ours.
function open(self)
  if self._tag then
    scheduler.forget(self._tag)
  end
  self._tag = scheduler.on(function(event)
    if self._handle then
      on[event.kind](self, event)
    end
  end)
  local why, class
  self._handle, why, class = core.open(self._tag, self._core)
  if not self._handle then
    lose(self, why, class)
  end
end

local function core_options(parts, options)
  local o = { framing = parts.transport == "ipc" and "json" or "websocket", host = parts.host, path = parts.path,
    port = parts.port, tls = parts.tls, target = parts.target, ca = options.ca, verify = options.verify,
    headers = options.headers and http.encode_headers(options.headers) }
  for name in pairs(core.DEFAULTS) do
    o[name] = options[name]
  end
  return o
end

-- parts: of vernier.url.rpc; options: of vernier.json_rpc. Inside a task. The endpoint, once it is connected; or nil,
-- message, class.
function M.open(parts, options)
  local self = setmetatable({ url = parts.text, _options = options, _core = core_options(parts, options), _open = false,
    _pause_ns = options.reconnect_min_ns, _n_calls = 0, _n_stale = 0, _n_connects = 0,
    _free = {}, _n_free = 0, _n_slots = 0, _generation = {}, _id = {}, _deadline = {}, _co = {}, _tx = {},
    _batch = {}, _read = {} }, Endpoint)
  self._on_sweep = function()
    sweep(self)
  end
  open(self)
  if self._handle then
    scheduler.wait_key(self, scheduler.now() + options.connect_timeout_ns + SLACK_NS)
  end
  if not self._open then
    self:close()
    return nil, self._why or "no connection in time", self._class or "timeout"
  end
  self._keep = options.reconnect ~= false
  return self
end

function Endpoint:is_open()
  return self._open
end

-- What calls of this connection do not wait behind: itself, because they do not wait for each other.
function Endpoint:aside()
  return self
end

-- ---- calls ----

local function not_open(self)
  return message.failure("connection", ("%s: not connected%s"):format(self.url, self._why and ": " .. self._why or ""))
end

-- Never a tail call of yield: see vernier.scheduler.
local function wait(self, slot)
  self._co[slot] = scheduler.current()
  local result, failure = yield()
  return result, failure
end

local function send(self, text, slot)
  local ok, why, class = core.send(self._handle, core.TEXT, slot, text)
  if not ok then
    return message.failure(class == "closed" and "connection" or class, why)
  end
end

-- params: a JSON text or a table or nil; timeout_ns: nil = the client's; tx: the transaction whose stamps are set, or nil;
-- read: see vernier.json_rpc. The result (vernier.json.null for null); or nil and a failure {class, message, code, data}.
function Endpoint:call(method, params, timeout_ns, tx, read)
  if not self._open then
    return nil, not_open(self)
  end
  timeout_ns = timeout_ns or self._options.timeout_ns
  local slot = take_slot(self, scheduler.now() + timeout_ns)
  if not slot then
    return nil, message.failure("limit", self.url .. ": too many calls in flight")
  end
  local failure = send(self, message.request(method, params, self._id[slot]), slot)
  if failure then
    free_slot(self, slot)
    return nil, failure
  end
  self._tx[slot], self._read[slot] = tx or false, read or false
  self._n_calls = self._n_calls + 1
  watch(self, timeout_ns)
  return wait(self, slot)
end

local function forget_batch(self, batch)
  for slot in pairs(batch.index) do
    free_slot(self, slot)
  end
end

-- Takes a slot for each request; the texts, and the first slot; or nil.
local function prepare_batch(self, batch, requests, deadline_ns, read)
  local texts, first = {}, nil
  for i, request in ipairs(requests) do
    local slot = take_slot(self, deadline_ns)
    if not slot then
      return nil
    end
    batch.index[slot], self._batch[slot], self._read[slot] = i, batch, read or false
    texts[i] = message.request(request[1], request[2], self._id[slot])
    first = first or slot
  end
  return texts, first
end

-- requests: a list of {method, params}, not empty. A list of {result =} or {error =}, in its order; or nil and a failure
-- of all.
function Endpoint:batch(requests, timeout_ns, tx, read)
  if not self._open then
    return nil, not_open(self)
  end
  timeout_ns = timeout_ns or self._options.timeout_ns
  local batch = { outcomes = {}, index = {}, left = #requests, co = scheduler.current() }
  local texts, first = prepare_batch(self, batch, requests, scheduler.now() + timeout_ns, read)
  local failure = texts and send(self, "[" .. table.concat(texts, ",") .. "]", first)
    or not texts and message.failure("limit", self.url .. ": too many calls in flight")
  if failure then
    forget_batch(self, batch)
    return nil, failure
  end
  self._tx[first] = tx or false
  self._n_calls = self._n_calls + 1
  watch(self, timeout_ns)
  yield()
  return batch.outcomes
end

-- {in_flight (calls and batches), stale (answers that came too late), connects (so far)}
function Endpoint:stats()
  return { in_flight = self._n_calls, stale = self._n_stale, connects = self._n_connects }
end

-- Calls in flight fail with class connection; the peer is not told more than that the connection ends.
function Endpoint:close()
  self._closed = true
  for _, name in ipairs({ "_retry", "_sweep" }) do
    if self[name] then
      scheduler.forget(self[name])
      self[name] = nil
    end
  end
  if self._handle then
    fail_all(self, message.failure("connection", self.url .. ": the client was closed"))
    release(self)
  end
  if self._tag then
    scheduler.forget(self._tag)
    self._tag = nil
  end
end

return M
