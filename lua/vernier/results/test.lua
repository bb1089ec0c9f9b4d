-- One test (a round, an iteration): what its workers journalled, added up, and the figures that follow from it.
--
-- Invariants of the figures, whatever was lost: submitted = ok + failed + unfinished; a rate is nil where one
-- transaction or none makes it meaningless; nothing is ever infinite or not a number.
local errors = require("vernier.results.errors")
local merged = require("vernier.results.merged")
local series = require("vernier.results.series")

local M = {}
M.__index = M

M.CLOCKS = { "response", "service", "lateness", "blocked" }
local LOAD_COUNTERS = { "runs", "empty", "dropped", "late" }
local OP_COUNTERS = { "submitted", "ok", "failed", "unfinished", "trimmed" }

local function number(value)
  value = tonumber(value)
  return value and value == value and math.abs(value) < math.huge and value or 0
end

local function zeros(names, into)
  for _, name in ipairs(names) do
    into[name] = 0
  end
  return into
end

local function clocks(digits, into)
  for _, clock in ipairs(M.CLOCKS) do
    into[clock] = merged.new(digits)
  end
  return into
end

-- spec: the manager's test record; a test that only its workers know of is made from {test = …}.
function M.new(spec)
  local digits = number(spec.digits)
  local self = setmetatable({
    spec = spec,
    id = spec.test,
    digits = digits >= 1 and digits <= 5 and digits or 3,
    total = zeros(OP_COUNTERS, zeros(LOAD_COUNTERS, {})),
    last_due_us = 0,
    first_us = nil,
    last_finish_us = 0,
    to_us = 0,
    reasons = {},
    _ops = {},
    _workers = {},
    _errors = errors.new(),
  }, M)
  self._series = series.new(self.digits)
  return self
end

-- ---- what the records say ----

function M:started(record)
  self.start_us = number(record.start_us)
end

function M:ended(record)
  self.end_us = number(record.end_us)
  self.end_status = record.status
  for _, reason in ipairs(record.reasons or {}) do
    self.reasons[#self.reasons + 1] = tostring(reason)
  end
end

function M:_operation(name)
  local op = self._ops[name]
  if not op then
    op = clocks(self.digits, zeros(OP_COUNTERS, { name = name }))
    self._ops[name] = op
  end
  return op
end

function M:_worker(index)
  local w = self._workers[index]
  if not w then
    w = zeros(OP_COUNTERS, zeros(LOAD_COUNTERS, { worker = index, cpu_us = 0, longest_stall_us = 0, open = 0 }))
    w.response = merged.new(self.digits)
    self._workers[index] = w
  end
  return w
end

function M:begun(record)
  local w = self:_worker(number(record.worker))
  w.pid = record.pid
  w.open = w.open + 1
end

function M:load_ended(record)
  local w = self:_worker(number(record.worker))
  w.open = w.open - 1
  w.cpu_us = w.cpu_us + number(record.cpu_us)
  w.longest_stall_us = math.max(w.longest_stall_us, number(record.longest_stall_us))
  if record.status == "failed" then
    w.failed_reason = w.failed_reason or tostring(record.reason or "failed")
  end
end

local function add_counters(names, record, ...)
  for i = 1, select("#", ...) do
    local into = select(i, ...)
    for _, name in ipairs(names) do
      into[name] = into[name] + number(record[name])
    end
  end
end

function M:_add_times(op, worker, h, texts)
  local damage
  for _, clock in ipairs(M.CLOCKS) do
    local text = type(h) == "table" and h[clock]
    if type(text) == "string" then
      local ok, message = op[clock]:add(text)
      if ok and texts[clock] then
        table.insert(texts[clock], text)
      end
      if ok and clock == "response" then
        worker.response:add(text)
      end
      damage = damage or not ok and message
    end
  end
  return damage
end

function M:_add_operation(record, worker, sums, texts, from_us, to_us)
  local op = self:_operation(tostring(record.name))
  add_counters(OP_COUNTERS, record, op, worker, sums, self.total)
  for class, count in pairs(type(record.classes) == "table" and record.classes or {}) do
    self._errors:count_class(tostring(class), number(count), from_us, to_us)
  end
  return self:_add_times(op, worker, record.h, texts)
end

function M:_add_window(record)
  local first = tonumber(record.first_us) or -1
  if first >= 0 then
    self.first_us = math.min(self.first_us or first, first)
  end
  self.last_due_us = math.max(self.last_due_us, number(record.last_due_us))
  self.last_finish_us = math.max(self.last_finish_us, number(record.last_finish_us))
  self.to_us = math.max(self.to_us, number(record.to_us), self.last_finish_us)
end

local function list(value)
  return type(value) == "table" and value or {}
end

-- Adds an interval. Returns a message if a histogram in it is damaged; everything else in it counts.
function M:add_interval(record)
  local worker = self:_worker(number(record.worker))
  local from_us = math.max(0, number(record.from_us))
  local to_us = math.max(from_us, number(record.to_us))
  local sums, texts, damage = zeros(OP_COUNTERS, {}), { response = {}, service = {} }, nil
  add_counters(LOAD_COUNTERS, record, worker, self.total)
  for _, name in ipairs(LOAD_COUNTERS) do
    sums[name] = number(record[name])
  end
  for _, op in ipairs(list(record.ops)) do
    damage = self:_add_operation(op, worker, sums, texts, from_us, to_us) or damage
  end
  for _, e in ipairs(list(record.errors)) do
    self._errors:add(e.class, e.message, number(e.count), number(e.first_us), number(e.last_us))
  end
  self:_add_window(record)
  self._series:add(from_us, to_us, sums, texts)
  self.measured = true
  return damage
end

-- No more records of this worker: histograms go to rest.
function M:worker_done()
  self._series:close()
  for _, op in pairs(self._ops) do
    for _, clock in ipairs(M.CLOCKS) do
      op[clock]:close()
    end
  end
  for _, w in pairs(self._workers) do
    w.response:close()
  end
end

-- ---- what follows from them ----

-- A killed worker's open transactions are unfinished. A lost record can have held their submission.
local function conserve(c)
  local finished = c.ok + c.failed
  c.submitted = math.max(c.submitted, finished)
  c.unfinished = c.submitted - finished
end

local function sorted(map, key)
  local out = {}
  for _, value in pairs(map) do
    out[#out + 1] = value
  end
  table.sort(out, function(a, b)
    return a[key] < b[key]
  end)
  return out
end

local function add_up(total, ops)
  zeros(OP_COUNTERS, total)
  for _, op in ipairs(ops) do
    conserve(op)
    add_counters(OP_COUNTERS, op, total)
  end
end

function M:_merge_operations()
  self.operations = sorted(self._ops, "name")
  add_up(self.total, self.operations)
  if #self.operations == 1 then
    for _, clock in ipairs(M.CLOCKS) do
      self[clock] = self.operations[1][clock]
    end
    return
  end
  clocks(self.digits, self)
  for _, op in ipairs(self.operations) do
    for _, clock in ipairs(M.CLOCKS) do
      self[clock]:merge(op[clock])
    end
  end
  for _, clock in ipairs(M.CLOCKS) do
    self[clock]:close()
  end
end

function M:_worker_status(w)
  if w.open > 0 then
    return self.status == "interrupted" and "interrupted" or "lost"
  end
  return w.failed_reason and "failed" or "ok"
end

function M:_judge()
  self.status = self.end_status or "interrupted"
  local t = self.total
  if t.submitted > 0 and t.ok == 0 and self.status ~= "interrupted" then
    local reason = ("none of %.0f transactions succeeded"):format(t.submitted)
    if (t.failed > 0 or self.status == "ok") and self.reasons[1] ~= reason then -- the manager may have said it, too
      table.insert(self.reasons, 1, reason)
    end
    self.status = "failed"
  end
  if not self.end_status then
    self.reasons[#self.reasons + 1] = self.start_us and "the run ended before this round did"
      or "the run ended before this round started"
  end
end

function M:_observed_us()
  if self.start_us and self.end_us then
    return self.end_us - self.start_us
  end
  return self.to_us
end

-- By number, the schedule ends one interval after the last due time.
local function schedule_us(self)
  local due = self.total.runs + self.total.dropped
  return due > 1 and self.last_due_us * due / (due - 1) or 0
end

-- A round that did not last as long as it was meant to is as long as it lasted.
function M:_length_us()
  local duration = tonumber(self.spec.duration)
  if not duration then
    return schedule_us(self)
  end
  return self.status == "ok" and duration * 1e6 or math.min(duration * 1e6, self:_observed_us())
end

local function per_second(n, us)
  return us > 0 and n * 1e6 / us or nil
end

-- Over the window of the transactions that were not trimmed: first intended to last finish.
function M:_trimmed_rates(c, ok)
  local window = self.first_us and self.last_finish_us - self.first_us or 0
  local kept = c.ok + c.failed - c.trimmed
  return {
    send_rate = kept + c.unfinished > 1 and per_second(kept + c.unfinished, window) or nil,
    throughput = kept > 1 and per_second(kept, window) or nil,
    goodput = kept > 1 and per_second(ok, window) or nil,
  }
end

-- {send_rate, throughput, goodput} of the counters c in transactions a second; ok: how many are in its response times.
function M:_rates(c, ok)
  if c.trimmed > 0 then
    return self:_trimmed_rates(c, ok)
  end
  local finished = c.ok + c.failed
  return {
    send_rate = c.submitted > 1 and per_second(c.submitted, self:_length_us()) or nil,
    throughput = finished > 1 and per_second(finished, self.last_finish_us) or nil,
    goodput = finished > 1 and per_second(c.ok, self.last_finish_us) or nil,
  }
end

local function with_figures(self, c, into)
  for _, clock in ipairs(M.CLOCKS) do
    into[clock .. "_time"] = c[clock]:figures()
  end
  local response = into.response_time
  for name, rate in pairs(self:_rates(into, response and response.count or 0)) do
    into[name] = rate
  end
  return into
end

local function copy(names, from, into)
  for _, name in ipairs(names) do
    into[name] = from[name]
  end
  return into
end

function M:_finish_worker(w)
  conserve(w)
  w.status = self:_worker_status(w)
  w.reason = w.failed_reason or w.status == "lost" and "its journal ends in the middle of the round" or nil
  w.response_time = w.response:figures()
end

-- Computes everything once all records are in.
function M:finish()
  self:worker_done()
  self:_merge_operations()
  self:_judge()
  self.workers = sorted(self._workers, "worker")
  for _, w in ipairs(self.workers) do
    self:_finish_worker(w)
  end
  self.errors = self._errors:list()
  self.seconds = self:_observed_us() / 1e6
  self.figures = with_figures(self, self, copy(OP_COUNTERS, self.total, copy(LOAD_COUNTERS, self.total, {})))
  self.operation_figures = {}
  for i, op in ipairs(self.operations) do
    self.operation_figures[i] = with_figures(self, op, copy(OP_COUNTERS, op, { name = op.name }))
  end
end

function M:operation(name)
  return self._ops[name]
end

function M:rows(limit)
  return self._series:rows(limit)
end

return M
