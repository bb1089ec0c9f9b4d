-- Writes run directories as a manager and its workers would, for specs of what reads them.
local cjson = require("cjson")
local file = require("vernier.core.file")
local histogram = require("vernier.core.histogram")
local journal = require("vernier.core.journal")

local M = {}
M.__index = M

-- A new folder under the system's temporary one.
function M.temporary()
  local path = os.tmpname()
  os.remove(path)
  assert(file.mkdir(path .. "/live"))
  return path
end

M.remove = file.remove_tree

function M.new()
  return setmetatable({ path = M.temporary(), _journals = {}, _seq = {} }, M)
end

function M:append(stem, record)
  local j = self._journals[stem]
  if not j then
    j = assert(journal.create(self.path .. "/" .. stem .. ".journal"))
    self._journals[stem] = j
  end
  assert(j:append(cjson.encode(record)))
end

function M:run(record)
  record = record or {}
  record.type, record.format = "run", 1
  record.name = record.name or "bench"
  record.started_wall_us = record.started_wall_us or 1700000000000000
  self:append("manager", record)
end

-- A round, or with a name a scenario's test, that was announced and started at 1 s of the run.
function M:test(record)
  record.type = "test"
  record.test = record.test or 1
  record.round = record.round or not record.name and record.test or nil
  record.digits = record.digits or 3
  self:append("manager", record)
  self:append("manager", { type = "test-start", test = record.test, start_us = 1e6 })
end

function M:test_end(test, seconds, status, reasons)
  self:append("manager", {
    type = "test-end", test = test, status = status or "ok", end_us = 1e6 + seconds * 1e6, reasons = reasons,
  })
end

function M:run_end(status, exit, at_us)
  self:append("manager", { type = "run-end", status = status or "ok", exit = exit or 0, at_us = at_us or 2e7 })
end

-- A cell of the plan begins: {cell, configuration, size, repetition, attempt, at_us}.
function M:cell(record)
  record.type, record.attempt, record.repetition = "cell", record.attempt or 1, record.repetition or 1
  record.at_us = record.at_us or 1e6
  self:append("manager", record)
end

function M:cell_end(cell, status, record)
  record = record or {}
  record.type, record.cell, record.status = "cell-end", cell, status or "ok"
  record.attempt, record.at_us = record.attempt or 1, record.at_us or 5e6
  self:append("manager", record)
end

-- The plan of a run over configurations and sizes, as the run record has it.
function M.matrix(configurations, sizes, repetitions)
  local matrix = {}
  for _, configuration in ipairs(configurations) do
    for _, size in ipairs(sizes) do
      for repetition = 1, repetitions or 1 do
        matrix[#matrix + 1] = { cell = #matrix + 1, configuration = configuration, size = size, repetition = repetition,
          groups = { { name = "default", size = size } } }
      end
    end
  end
  return matrix
end

-- load: {load = its name, thread = its number}; the default one when left out.
function M:begin(stem, worker, test, load)
  load = load or {}
  self:append(stem, { type = "begin", worker = worker, test = test, load = load.load or "default", thread = load.thread,
    pid = 4711, digits = 3 })
  self._seq[stem] = 0
end

-- vitals: what the worker has measured of itself beyond the usual (vernier.worker.vitals).
function M:finish(stem, worker, test, status, reason, load, vitals)
  local all = { wall_us = 1e6, cpu_us = 250000, spun_us = 0, longest_stall_us = 120 }
  for name, value in pairs(vitals or {}) do
    all[name] = value
  end
  self:append(stem, {
    type = "end", worker = worker, test = test, load = load or "default", status = status or "ok", reason = reason,
    vitals = all,
  })
end

-- A list of n times the same.
function M.constant(n, ns)
  local list = {}
  for i = 1, n do
    list[i] = ns
  end
  return list
end

-- An encoded histogram of a list of ns.
function M.encode(values, digits)
  local h = assert(histogram.new(digits or 3))
  for _, ns in ipairs(values) do
    h:record(ns)
  end
  return h:encode()
end

-- of: response, service …: lists of ns, or encoded text, which become its histograms.
local function with_histograms(of)
  of.h = {}
  for _, clock in ipairs({ "response", "service", "lateness", "blocked" }) do
    local values = of[clock]
    of[clock] = nil
    if values then
      of.h[clock] = type(values) == "table" and M.encode(values) or values
    end
  end
  return of
end

-- op: name and counters; response and service; marks: a list of {name, response, service}.
function M.operation(op)
  op.name = op.name or "default"
  for _, mark in ipairs(op.marks or {}) do
    with_histograms(mark)
  end
  return with_histograms(op)
end

-- interval: from, to in s since the round's start; runs and other counters; load; ops as for M.operation.
function M:interval(stem, worker, test, interval)
  local seq = (self._seq[stem] or 0) + 1
  self._seq[stem] = seq
  local record = {
    type = "interval", worker = worker, test = test, load = "default", seq = interval.seq or seq,
    from_us = interval.from * 1e6, to_us = interval.to * 1e6,
    runs = 0, empty = 0, dropped = 0, late = 0, last_due_us = 0, first_us = -1, last_finish_us = 0, ops = {},
  }
  for key, value in pairs(interval) do
    if key ~= "from" and key ~= "to" and key ~= "ops" and key ~= "seq" then
      record[key] = value
    end
  end
  for i, op in ipairs(interval.ops or {}) do
    record.ops[i] = M.operation(op)
  end
  self:append(stem, record)
end

function M:close()
  for _, j in pairs(self._journals) do
    j:close()
  end
  self._journals = {}
  return self.path
end

-- A whole test of one operation: n transactions of so many ns on each of its workers, in one second.
-- spec: the test record, with workers = {{index, n, ns, journal}…} in place of a number.
function M:whole_test(spec)
  local workers = spec.workers
  spec.workers, spec.duration = #workers, spec.duration or 1
  self:test(spec)
  for _, w in ipairs(workers) do
    local index, n, ns = unpack(w)
    local stem, times = w.journal or "worker-" .. index, M.constant(n, ns)
    self:begin(stem, index, spec.test)
    self:interval(stem, index, spec.test, { from = 0, to = 1, runs = n, last_finish_us = 1e6,
      ops = { { submitted = n, ok = n, failed = 0, unfinished = 0, trimmed = 0, response = times, service = times } } })
    self:finish(stem, index, spec.test)
  end
  self:test_end(spec.test, 1)
end

return M
