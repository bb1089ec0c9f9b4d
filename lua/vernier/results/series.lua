-- A test over time in a bounded number of rows: when there are too many, neighbours are added pairwise. Rows keep their
-- response and service times as encoded histograms, so percentiles stay exact however often that happens.
local merged = require("vernier.results.merged")

local M = {}
M.__index = M

local ROWS_MAX = 600
local FIRST_WIDTH_US = 1e6
local COUNTERS = { "runs", "submitted", "ok", "failed", "dropped", "late" }

function M.new(digits)
  return setmetatable({ _digits = digits, _width = FIRST_WIDTH_US, _rows = {}, _last = -1 }, M)
end

local function new_row(digits, from_us, to_us)
  local row = { from_us = from_us, to_us = to_us, response = merged.new(digits), service = merged.new(digits) }
  for _, name in ipairs(COUNTERS) do
    row[name] = 0
  end
  return row
end

local function close(row)
  row.response:close()
  row.service:close()
end

local function add_row(into, row)
  into.from_us, into.to_us = math.min(into.from_us, row.from_us), math.max(into.to_us, row.to_us)
  for _, name in ipairs(COUNTERS) do
    into[name] = into[name] + row[name]
  end
  into.response:merge(row.response)
  into.service:merge(row.service)
  close(into)
end

function M:_halve()
  local rows = {}
  for i = 0, self._last do
    local row, half = self._rows[i], math.floor(i / 2)
    if row and rows[half] then
      add_row(rows[half], row)
    elseif row then
      rows[half] = row
    end
  end
  self._rows, self._width, self._last = rows, self._width * 2, math.floor(self._last / 2)
  self._open = nil
end

function M:_row(from_us, to_us)
  local middle = math.max(0, (from_us + to_us) / 2)
  while middle / self._width >= ROWS_MAX do
    if self._open then
      close(self._open)
    end
    self:_halve()
  end
  local i = math.floor(middle / self._width)
  local row = self._rows[i]
  if not row then
    row = new_row(self._digits, from_us, to_us)
    self._rows[i], self._last = row, math.max(self._last, i)
  end
  row.from_us, row.to_us = math.min(row.from_us, from_us), math.max(row.to_us, to_us)
  if self._open and self._open ~= row then
    close(self._open)
  end
  self._open = row
  return row
end

-- Adds an interval: from and to in us since the round's start, its counters, and of each of its operations the encoded
-- histograms by clock.
function M:add(from_us, to_us, counters, texts)
  local row = self:_row(from_us, to_us)
  for _, name in ipairs(COUNTERS) do
    row[name] = row[name] + (counters[name] or 0)
  end
  for _, by_clock in ipairs(texts) do
    for _, clock in ipairs({ "response", "service" }) do
      if by_clock[clock] then
        row[clock]:add(by_clock[clock])
      end
    end
  end
end

-- No more intervals of this worker: gives memory back.
function M:close()
  if self._open then
    close(self._open)
    self._open = nil
  end
end

-- A last row much shorter than the others would show a rate of its own: it joins its neighbour.
local function join_last(rows)
  local last, before = rows[#rows], rows[#rows - 1]
  if before and last.to_us - last.from_us < (before.to_us - before.from_us) / 2 then
    add_row(before, last)
    rows[#rows] = nil
  end
end

-- Neighbours added up until there are at most `limit` rows.
function M:_coarser(limit)
  local group, rows = math.ceil(#self._list / limit), {}
  for i, row in ipairs(self._list) do
    local at = math.ceil(i / group)
    if not rows[at] then
      rows[at] = new_row(self._digits, row.from_us, row.to_us)
    end
    add_row(rows[at], row)
  end
  return rows
end

-- The rows in order of time, at most `limit` if that is given. They are the series' own: the caller only reads them.
function M:rows(limit)
  self:close()
  if not self._list then
    self._list = {}
    for i = 0, self._last do
      self._list[#self._list + 1] = self._rows[i]
    end
    join_last(self._list)
  end
  if limit and #self._list > limit then
    return self:_coarser(limit)
  end
  return self._list
end

return M
