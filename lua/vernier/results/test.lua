-- One test (a round, an iteration): what its workers journalled, added up, and the figures that follow from it.
--
-- Invariants of the figures, whatever was lost: submitted = ok + failed + unfinished; a rate is nil where one
-- transaction or none makes it meaningless; nothing is ever infinite or not a number.
local errors = require("vernier.results.errors")
local findings = require("vernier.results.findings")
local part = require("vernier.results.part")
local series = require("vernier.results.series")
local sorted = require("vernier.sorted")

local M = {}
M.__index = M

local number = part.number
local SUSPECT_SHARE = 0.8 -- RadarGun's rule, applied to transactions

local function list(value)
  return type(value) == "table" and value or {}
end

-- The manager's map from worker index to group name; keys of JSON objects are texts.
local function groups_of(spec)
  local groups = {}
  for index, name in pairs(spec.group_of or {}) do
    groups[tonumber(index) or index] = name
  end
  return groups
end

-- spec: the manager's test record; a test that only its workers know of is made from {test = …}.
function M.new(spec)
  local digits = number(spec.digits)
  local self = setmetatable({
    spec = spec,
    id = spec.test,
    digits = digits >= 1 and digits <= 5 and digits or 3,
    last_due_us = 0,
    first_us = nil,
    last_finish_us = 0,
    to_us = 0,
    reasons = {},
    findings = {}, -- of rate controllers, see vernier.results.findings
    _groups = groups_of(spec),
    _parts = {}, -- by worker, then by thread (false: none)
    _threads = {}, -- of loads, by worker and name
    _sources = {}, -- the journals that hold it, see vernier.results.intervals
    _errors = errors.new(),
    _sums = {},
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

local function load_key(record)
  return number(record.worker) .. "\0" .. tostring(record.load)
end

-- The part that a worker's record belongs to: which thread a load is, its begin record has said.
function M:_part(record)
  local worker, thread = number(record.worker), self._threads[load_key(record)] or false
  local threads = self._parts[worker] or {}
  self._parts[worker] = threads
  if not threads[thread] then
    threads[thread] = part.new(self.digits, worker, thread or nil)
  end
  return threads[thread]
end

-- Where its records are: from the first of a journal on, for so many loads; what a live file held is kept.
function M:_source(path)
  local source = self._sources[path]
  if not source then
    source = { path = path, loads = 0, live = {} }
    self._sources[path] = source
  end
  return source
end

function M:begun(record, path, offset)
  local source = self:_source(path)
  source.offset, source.loads = source.offset or offset, source.loads + 1
  self._threads[load_key(record)] = tonumber(record.thread)
  local p = self:_part(record)
  p.pid = record.pid
  p.open = p.open + 1
end

-- Of the load so far: each record that has them knows more than the one before.
local function note_vitals(p, record)
  if type(record.vitals) == "table" then
    p.vitals = record.vitals
  end
end

function M:load_ended(record)
  local p = self:_part(record)
  p.open = p.open - 1
  note_vitals(p, record)
  if record.status == "failed" then
    p.failed_reason = p.failed_reason or tostring(record.reason or "failed")
  end
end

function M:found(record)
  self.findings[#self.findings + 1] = findings.read(record)
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

function M:_add_errors(record, from_us, to_us)
  for _, op in ipairs(list(record.ops)) do
    for class, count in pairs(list(op.classes)) do
      self._errors:count_class(tostring(class), number(count), from_us, to_us)
    end
  end
  for _, e in ipairs(list(record.errors)) do
    self._errors:add(e.class, e.message, number(e.count), number(e.first_us), number(e.last_us))
  end
end

-- Adds an interval. Returns a message if a histogram in it is damaged; everything else in it counts.
function M:add_interval(record, path, offset)
  local source = self:_source(path)
  source.offset = source.offset or offset
  if not offset then
    table.insert(source.live, record)
  end
  local p = self:_part(record)
  local from_us = math.max(0, number(record.from_us))
  local to_us = math.max(from_us, number(record.to_us))
  local counters, texts, damage = part.zeros(part.OP_COUNTERS, part.zeros(part.LOAD_COUNTERS, {})), {}, nil
  part.add_counters(part.LOAD_COUNTERS, record, p, counters)
  for _, op in ipairs(list(record.ops)) do
    local op_texts, op_damage = p:add_operation(op)
    part.add_counters(part.OP_COUNTERS, op, counters)
    texts[#texts + 1], damage = op_texts, op_damage or damage
  end
  note_vitals(p, record)
  self:_add_errors(record, from_us, to_us)
  self:_add_window(record)
  self._series:add(from_us, to_us, counters, texts)
  self.measured = true
  return damage
end

function M:_each_part(f)
  for _, threads in pairs(self._parts) do
    for _, p in pairs(threads) do
      f(p)
    end
  end
end

-- No more records of this worker: histograms go to rest.
function M:worker_done()
  self._series:close()
  self:_each_part(part.close)
end

-- ---- what follows from them ----

function M:_judge(running)
  self.status = self.end_status or running and "running" or "interrupted"
  local t = self.total
  if t.submitted > 0 and t.ok == 0 and (self.status == "ok" or self.status == "failed") then
    local reason = ("none of %.0f transactions succeeded"):format(t.submitted)
    if (t.failed > 0 or self.status == "ok") and self.reasons[1] ~= reason then -- the manager may have said it, too
      table.insert(self.reasons, 1, reason)
    end
    self.status = "failed"
  end
  if self.status == "interrupted" and not self.end_status then
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

-- A round that did not last as long as it was meant to, also because its controller was done, is as long as it lasted.
function M:_length_us()
  local duration = tonumber(self.spec.duration)
  if not duration then
    return schedule_us(self)
  end
  return math.min(duration * 1e6, self:_observed_us())
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
-- The window is that of the whole test, also for a part of it: so rates of parts add up.
function M:_rates(c, ok)
  if self.total.trimmed > 0 then
    return self:_trimmed_rates(c, ok)
  end
  local finished = c.ok + c.failed
  return {
    send_rate = c.submitted > 1 and per_second(c.submitted, self:_length_us()) or nil,
    throughput = finished > 1 and per_second(finished, self.last_finish_us) or nil,
    goodput = finished > 1 and per_second(c.ok, self.last_finish_us) or nil,
  }
end

local function copy(names, from, into)
  for _, name in ipairs(names) do
    into[name] = from[name]
  end
  return into
end

-- Adds the counters, rates and times (ns) of a sum.
function M:_figures(sum, into)
  copy(part.OP_COUNTERS, sum, into)
  for _, clock in ipairs(part.CLOCKS) do
    into[clock .. "_time"] = sum[clock]:figures()
  end
  local response = into.response_time
  for name, rate in pairs(self:_rates(into, response and response.count or 0)) do
    into[name] = rate
  end
  return into
end

-- ---- workers and their threads ----

function M:_part_status(p)
  if p.open > 0 then
    local same = self.status == "interrupted" or self.status == "running"
    return same and self.status or "lost"
  end
  return p.failed_reason and "failed" or "ok"
end

-- Vitals are of the whole process: of threads that run at the same time the greatest figures are those of all.
local function worst_vitals(into, vitals)
  for name, value in pairs(vitals) do
    if type(value) == "number" and (not into[name] or math.abs(value) > math.abs(into[name])) then
      into[name] = value
    end
  end
end

local WORST_FIRST = { "lost", "failed", "interrupted", "running", "ok" }

local function worst(statuses)
  for _, status in ipairs(WORST_FIRST) do
    if statuses[status] then
      return status
    end
  end
end

-- The figures of one thread or worker: the parts added up, and what their ends said.
function M:_row(parts, into)
  local sum = part.sum(self.digits, parts)
  copy(part.LOAD_COUNTERS, sum, into)
  self:_figures(sum, into)
  local statuses = {}
  into.vitals = {}
  for _, p in ipairs(parts) do
    statuses[self:_part_status(p)] = true
    into.pid = into.pid or p.pid
    into.reason = into.reason or p.failed_reason
    worst_vitals(into.vitals, p.vitals)
  end
  into.status = worst(statuses)
  into.reason = into.reason or into.status == "lost" and "its journal ends in the middle of the round" or nil
  return into
end

local function by_thread(a, b)
  return (a.thread or -1) < (b.thread or -1)
end

function M:_worker(index)
  local parts, threads = {}, {}
  for _, p in pairs(self._parts[index]) do
    parts[#parts + 1] = p
  end
  table.sort(parts, by_thread)
  for _, p in ipairs(parts) do
    if p.thread then
      threads[#threads + 1] = self:_row({ p }, { thread = p.thread })
    end
  end
  return self:_row(parts, { worker = index, group = self._groups[index], threads = threads })
end

-- Work done: transactions, or runs where none was sent.
local function work_of(row, total)
  return total.submitted > 0 and row.submitted or row.runs
end

local function mark_suspects(workers, total)
  local average = #workers > 0 and work_of(total, total) / #workers or 0
  for _, w in ipairs(workers) do
    w.suspect = work_of(w, total) < SUSPECT_SHARE * average
  end
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

-- The way of a transaction, as far as its marks tell.
local function comes_before(a, b)
  local x, y = a.response_time, b.response_time
  if x.p50 ~= y.p50 then
    return x.p50 < y.p50
  elseif x.mean ~= y.mean then
    return x.mean < y.mean
  end
  return a.name < b.name
end

-- {name, count, response_time, service_time} of each mark, by the median of its response time.
local function mark_figures(marks)
  local out = {}
  for _, mark in ipairs(marks) do
    local response, service = mark.response:figures(), mark.service:figures()
    if response then
      out[#out + 1] = { name = mark.name, count = response.count, response_time = response, service_time = service }
    end
  end
  table.sort(out, comes_before)
  return out
end

-- Computes everything once all records are in. running: whoever has not ended is still at it.
function M:finish(running)
  self:worker_done()
  self:_each_part(part.conserve)
  self.total = self:sum({})
  self:_judge(running)
  self.workers = {}
  for i, index in ipairs(sorted_keys(self._parts)) do
    self.workers[i] = self:_worker(index)
  end
  mark_suspects(self.workers, self.total)
  self.errors = self._errors:list()
  self.seconds = self:_observed_us() / 1e6
  self.figures = self:_figures(self.total, copy(part.LOAD_COUNTERS, self.total, {}))
  self.operation_figures = {}
  for i, op in ipairs(self.total.operations) do
    self.operation_figures[i] = self:_figures(op, { name = op.name, marks = mark_figures(op.marks) })
  end
end

-- ---- what is asked of it ----

function M:_select(selection)
  local parts, worker, thread = {}, selection.worker, selection.thread
  self:_each_part(function(p)
    if (worker == nil or p.worker == worker) and (thread == nil or p.thread == thread) then
      parts[#parts + 1] = p
    end
  end)
  return parts
end

-- What a part of the test adds up to (vernier.results.part.sum). selection: operation (name), worker (index), thread
-- (number); what is not given is not chosen by. nil where nothing was measured of that.
function M:sum(selection)
  local key = ("%s\0%s\0%s"):format(selection.operation or "", selection.worker or "", selection.thread or "")
  if self._sums[key] == nil then
    local parts = self:_select(selection)
    local sum = part.sum(self.digits, parts, selection.operation)
    local whole = next(selection) == nil
    self._sums[key] = (whole or #parts > 0 and (not selection.operation or #sum.operations > 0)) and sum or false
  end
  return self._sums[key] or nil
end

-- The counters, rates (1/s) and times (ns) of such a part; nil where nothing was measured of it.
function M:selected(selection)
  local sum = self:sum(selection)
  return sum and self:_figures(sum, {})
end

-- Its journals, as sorted by their names: {path, offset, loads, live}.
function M:sources()
  local sources = {}
  for i, path in ipairs(sorted(self._sources)) do
    sources[i] = self._sources[path]
  end
  return sources
end

function M:rows(limit)
  return self._series:rows(limit)
end

return M
