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

function M.remove(path)
  for _, name in ipairs(file.list(path) or {}) do
    local child = path .. "/" .. name
    if file.kind(child) == "folder" then
      M.remove(child)
    else
      file.remove(child)
    end
  end
  file.remove(path)
end

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

-- A round that was announced and started at 1 s of the run.
function M:test(record)
  record.type = "test"
  record.test, record.round = record.test or 1, record.round or record.test or 1
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

function M:begin(stem, worker, test)
  self:append(stem, { type = "begin", worker = worker, test = test, load = "default", pid = 4711, digits = 3 })
  self._seq[stem] = 0
end

function M:finish(stem, worker, test, status, reason)
  self:append(stem, {
    type = "end", worker = worker, test = test, load = "default", status = status or "ok", reason = reason,
    cpu_us = 250000, longest_stall_us = 120,
  })
end

-- An encoded histogram of a list of ns.
function M.encode(values, digits)
  local h = assert(histogram.new(digits or 3))
  for _, ns in ipairs(values) do
    h:record(ns)
  end
  return h:encode()
end

-- op: name and counters; response and service: lists of ns, or encoded text.
function M.operation(op)
  local h = {}
  for _, clock in ipairs({ "response", "service", "lateness", "blocked" }) do
    local values = op[clock]
    op[clock] = nil
    if values then
      h[clock] = type(values) == "table" and M.encode(values) or values
    end
  end
  op.name = op.name or "default"
  op.h = h
  return op
end

-- interval: from, to in s since the round's start; runs and other counters; ops as for M.operation.
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

return M
