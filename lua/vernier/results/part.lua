-- What one thread of load journalled (or one worker, where loads have no threads): counters, and per operation counters,
-- histograms and those of its marks. Parts add up to workers, workers to tests: counts exactly, times by merging histograms.
local merged = require("vernier.results.merged")
local sorted = require("vernier.sorted")

local M = {}
M.__index = M

M.CLOCKS = { "response", "service", "lateness", "blocked" }
M.MARK_CLOCKS = { "response", "service" }
M.LOAD_COUNTERS = { "runs", "empty", "dropped", "late" }
M.OP_COUNTERS = { "submitted", "ok", "failed", "unfinished", "trimmed" }

-- A journal may hold anything: what is no finite number counts as 0.
function M.number(value)
  value = tonumber(value)
  return value and value == value and math.abs(value) < math.huge and value or 0
end

local number = M.number

local function zeros(names, into)
  for _, name in ipairs(names) do
    into[name] = 0
  end
  return into
end

M.zeros = zeros

-- Adds the named counters of a record, or of another sum, to each that follows.
function M.add_counters(names, record, ...)
  for i = 1, select("#", ...) do
    local into = select(i, ...)
    for _, name in ipairs(names) do
      into[name] = into[name] + number(record[name])
    end
  end
end

-- worker: its index; thread: 0-based number, or nil.
function M.new(digits, worker, thread)
  local self = setmetatable({ worker = worker, thread = thread, open = 0, vitals = {} }, M)
  self._digits, self._ops = digits, {}
  return zeros(M.LOAD_COUNTERS, self)
end

-- into: what gets a sum for each of the clocks.
local function with_clocks(digits, clocks, into)
  for _, clock in ipairs(clocks) do
    into[clock] = merged.new(digits)
  end
  return into
end

local function close(clocks, of)
  for _, clock in ipairs(clocks) do
    of[clock]:close()
  end
end

function M:_operation(name)
  local op = self._ops[name]
  if not op then
    op = with_clocks(self._digits, M.CLOCKS, zeros(M.OP_COUNTERS, { name = name, marks = {} }))
    self._ops[name] = op
  end
  return op
end

-- Adds the histograms of a record to those of the same clocks. Returns the sound ones as texts by clock, and a message if
-- one is damaged.
local function add_histograms(clocks, record, into)
  local texts, damage = {}, nil
  for _, clock in ipairs(clocks) do
    local text = type(record.h) == "table" and record.h[clock]
    if type(text) == "string" then
      local ok, message = into[clock]:add(text)
      texts[clock] = ok and text or nil
      damage = damage or not ok and message
    end
  end
  return texts, damage
end

-- Returns a message if a histogram is damaged.
function M:_add_mark(op, record)
  local name = tostring(record.name)
  local mark = op.marks[name] or with_clocks(self._digits, M.MARK_CLOCKS, { name = name })
  op.marks[name] = mark
  local _, damage = add_histograms(M.MARK_CLOCKS, record, mark)
  return damage
end

-- Adds an operation of an interval. Returns its sound histograms as texts by clock, and a message if one of it or of its
-- marks is damaged: everything else counts.
function M:add_operation(record)
  local op = self:_operation(tostring(record.name))
  M.add_counters(M.OP_COUNTERS, record, op)
  local texts, damage = add_histograms(M.CLOCKS, record, op)
  for _, mark in ipairs(type(record.marks) == "table" and record.marks or {}) do
    if type(mark) == "table" then
      damage = self:_add_mark(op, mark) or damage
    end
  end
  return texts, damage
end

-- No more records for now: histograms go to rest.
function M:close()
  for _, op in pairs(self._ops) do
    close(M.CLOCKS, op)
    for _, mark in pairs(op.marks) do
      close(M.MARK_CLOCKS, mark)
    end
  end
end

-- A killed worker's open transactions are unfinished. A lost record can have held their submission.
function M:conserve()
  for _, op in pairs(self._ops) do
    local finished = op.ok + op.failed
    op.submitted = math.max(op.submitted, finished)
    op.unfinished = op.submitted - finished
  end
end

-- ---- adding up ----

-- into: what gets the sum of each of the clocks over a list.
local function sum_clocks(digits, clocks, list, into)
  for _, clock in ipairs(clocks) do
    local sums = {}
    for i, of in ipairs(list) do
      sums[i] = of[clock]
    end
    into[clock] = merged.sum(digits, sums)
  end
  return into
end

-- Counters and clocks of several operations as one.
local function sum_of(digits, ops, into)
  zeros(M.OP_COUNTERS, into)
  for _, op in ipairs(ops) do
    M.add_counters(M.OP_COUNTERS, op, into)
  end
  return sum_clocks(digits, M.CLOCKS, ops, into)
end

-- The marks of an operation's parts, sorted by name.
local function marks_of(digits, ops)
  local by_name = {}
  for _, op in ipairs(ops) do
    for name, mark in pairs(op.marks) do
      by_name[name] = by_name[name] or {}
      table.insert(by_name[name], mark)
    end
  end
  local out = {}
  for i, name in ipairs(sorted(by_name)) do
    out[i] = sum_clocks(digits, M.MARK_CLOCKS, by_name[name], { name = name })
  end
  return out
end

local function operations_of(parts, only)
  local by_name, names = {}, {}
  for _, part in ipairs(parts) do
    for name, op in pairs(part._ops) do
      if not by_name[name] and (not only or only == name) then
        by_name[name], names[#names + 1] = {}, name
      end
      table.insert(by_name[name] or {}, op)
    end
  end
  table.sort(names)
  return by_name, names
end

-- The sum of some parts, of all operations or of `only` one: counters, the clocks (vernier.results.merged), and
-- operations, sorted by name, with the same members and marks: {name, response, service}, sorted by name.
function M.sum(digits, parts, only)
  local sum = zeros(M.LOAD_COUNTERS, { operations = {} })
  for _, part in ipairs(parts) do
    M.add_counters(M.LOAD_COUNTERS, part, sum)
  end
  local by_name, names = operations_of(parts, only)
  for i, name in ipairs(names) do
    sum.operations[i] = sum_of(digits, by_name[name], { name = name, marks = marks_of(digits, by_name[name]) })
  end
  return sum_of(digits, sum.operations, sum)
end

return M
