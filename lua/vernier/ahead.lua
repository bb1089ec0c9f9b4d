-- Runs of a workload that are made ahead of their round, by a connector that can sign: it turns each request into a text that
-- is kept, and in the round each run slot sends what the next run had to send.
--
-- The workload needs no change, but it is run before anything is sent: a run may send once (a request, or a list of them in
-- parallel), use no result, and wait for nothing. Runs have the index and the random numbers that they would have in the
-- round. When all are used up the round goes on with the workload itself, and that is told.
local clock = require("vernier.core.clock")
local context = require("vernier.context")
local file = require("vernier.core.file")
local prepare = require("vernier.prepare")
local scheduler = require("vernier.scheduler")
local spool = require("vernier.spool")
local traced = require("vernier.traced")

local M = {}

local SECOND = 1e9
local TURN_NS = 10e6 -- after so long the loop has a turn
local TELL_NS = 5e9 -- between two lines of progress
local OPERATIONS_MAX = 2 ^ 15 - 1

-- ---- what a run sees ----

local Unknown = {}

function Unknown.__index()
  error("a run that is made ahead of its round (prepare: sign) cannot use the result of what it sends", 2)
end

Unknown.__newindex = Unknown.__index

local UNKNOWN = setmetatable({}, Unknown)

local Sut = {}
Sut.__index = Sut

function Sut:send(request, options)
  if self.sent then
    error("a run that is made ahead of its round (prepare: sign) can send once: one request, or a list of them", 0)
  end
  self.sent = true
  local number = self._ahead:_operation(options and options.operation or context.DEFAULT_OPERATION)
  if not context.is_list(request) then
    self._ahead:_keep(request, number, false)
    return UNKNOWN
  end
  local results = {}
  for i, one in ipairs(request) do
    self._ahead:_keep(one, number, i < #request)
    results[i] = UNKNOWN
  end
  return results
end

-- ---- before the round ----

local Ahead = {}
Ahead.__index = Ahead

function Ahead:_operation(name)
  local number = self._numbers[name]
  if not number then
    number = #self._options + 1
    if number > OPERATIONS_MAX then
      error("there are too many operations", 0)
    end
    self._numbers[name], self._options[number] = number, { operation = name }
  end
  return number
end

-- A tag is twice the number of the operation (0: the run sends nothing), and 1 where the run has more texts.
function Ahead:_keep(request, operation, more)
  local text, message = self._connector:sign(request)
  if type(text) ~= "string" then
    error(("cannot be signed: %s"):format(message or "sign of the connector gave no text"), 0)
  end
  self:_put(text, 2 * operation + (more and 1 or 0))
  self.transactions = self.transactions + 1
end

function Ahead:_put(text, tag)
  local ok, message = self._spool:put(text, tag)
  if not ok then
    error("cannot be kept: " .. message, 0)
  end
end

local function index_of(spec, k)
  return k * spec.workers + spec.worker
end

-- spec: of the load, with prepare = {sign = "memory" | "file", number = most runs over all workers, or nil, path = of that
-- file}. Or nil, message.
function M.new(spec, load)
  if not spec.connector.sign then
    return nil, ("prepare: sign: connector %s cannot sign ahead: it has no sign hook"):format(spec.connector.name)
  end
  local number, message = prepare.count(spec)
  if not number then
    return nil, message
  end
  return setmetatable({ runs = number, transactions = 0, beyond = 0, _left = 0, _spec = spec, _connector = spec.connector,
    _load = load, _numbers = {}, _options = {} }, Ahead)
end

-- A file without a name ends with whoever has it open, however that ends.
local function open_file(path)
  local handle, message = io.open(path, "w+b")
  local removed = handle and file.remove(path)
  if not removed then
    return nil, message or ("%s cannot be removed again"):format(path)
  end
  return handle
end

local function open_spool(where)
  if where.sign == "memory" then
    return spool.in_memory()
  end
  local handle, message = open_file(where.path)
  return handle and spool.in_file(handle), message
end

local function size(bytes)
  return ("%.1f MB"):format(bytes / 1e6)
end

-- The loop has a turn now and then; nil, and why it ends here.
local function breathe(self, made)
  local now = clock.now()
  if now < self._turn_ns then
    return true
  elseif now > self._tell_ns then
    self._tell_ns = now + TELL_NS
    self._spec.log(("prepare: %.0f of %.0f runs are made, %s"):format(made, self.runs, size(self._spool.bytes)))
  end
  scheduler.sleep(0)
  self._turn_ns = clock.now() + TURN_NS
  local reason = self._stopping()
  return not reason or nil, reason and "was stopped: " .. reason
end

local function make(self, ctx, sut, k)
  ctx.index, sut.sent = index_of(self._spec, k), false
  self._spec.workload:run(ctx)
  if not sut.sent then
    self:_put("", 0)
  end
end

local function make_all(self)
  local sut = setmetatable({ _ahead = self }, Sut)
  local ctx = context.ahead(self._spec, self._load._shared, sut)
  for k = 0, self.runs - 1 do
    local ok, message = xpcall(make, traced, self, ctx, sut, k)
    if not ok then
      return nil, ("prepare: run %.0f: %s"):format(ctx.index, message)
    end
    ok, message = breathe(self, k + 1)
    if not ok then
      return nil, message
    end
  end
  local ok, message = self._spool:finish()
  return ok, message and "prepare: cannot be kept: " .. message
end

-- Makes the runs, inside a task, unless stopping() gives a reason to stop. True; or nil, message.
function Ahead:make(stopping)
  self._stopping = stopping
  local from_ns = clock.now()
  local kept, message = open_spool(self._spec.prepare)
  if not kept then
    return nil, "prepare: cannot be kept: " .. message
  end
  self._spool, self._turn_ns, self._tell_ns = kept, from_ns + TURN_NS, from_ns + TELL_NS
  local ok, why = make_all(self)
  if not ok then
    return nil, why
  end
  self._left = self.runs
  self._spec.log(("prepare: made %.0f runs with %.0f transactions in %.3g s, %s in %s"):format(self.runs, self.transactions,
    (clock.now() - from_ns) / SECOND, size(self._spool.bytes), self._spec.prepare.sign == "file" and "a file" or "memory"))
  return true
end

-- ---- in the round ----

-- The texts of a run that has several; or nil, message.
local function take_list(self, first)
  local list = { first }
  repeat
    local text, tag = self._spool:take()
    if not text then
      return nil, tag
    end
    list[#list + 1] = text
  until tag % 2 == 0
  return list
end

local function fail(self, message)
  self._left = 0
  self._load:fail("what was signed ahead cannot be read: " .. message)
end

local function run_list(self, ctx, first, options)
  local list, message = take_list(self, first)
  if not list then
    return fail(self, message)
  end
  ctx.sut:_send_all(list, options)
end

-- Of a run slot; the run hook that the load calls in the place of the workload's.
function Ahead:run(ctx)
  local left = self._left
  if left == 0 then
    self:_run_workload(ctx)
    return
  end
  self._left = left - 1
  local text, tag = self._spool:take()
  if not text then
    return fail(self, tag)
  elseif tag % 2 == 1 then
    run_list(self, ctx, text, self._options[(tag - 1) / 2])
  elseif tag > 0 then
    ctx.sut:send(text, self._options[tag / 2])
  end
end

function Ahead:_run_workload(ctx)
  if self.beyond == 0 then
    self._spec.log(("prepare: the %.0f runs that were made ahead are used up: further ones are signed when they are sent"):format(
      self.runs))
  end
  self.beyond = self.beyond + 1
  self._spec.workload:run(ctx)
end

-- Nothing is sent any more. A finding (vernier.rate) where more was needed than was made; else nil.
function Ahead:close()
  if self._spool then
    self._spool:close()
  end
  if self._connector.discard then
    self._connector:discard()
  end
  if self._left > 0 then
    self._spec.log(("prepare: %.0f of the %.0f runs that were made ahead were not needed"):format(self._left, self.runs))
  end
  return self.beyond > 0 and { name = "prepare", outcome = "used up", value = self.beyond, unit = "runs",
    text = ("the %.0f runs that were signed ahead were used up; %.0f more were signed when they were sent"):format(self.runs,
      self.beyond) } or nil
end

return M
