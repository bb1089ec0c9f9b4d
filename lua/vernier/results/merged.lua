-- A sum of encoded histograms that costs a table while it is at rest: it is opened to add, and closed to text again.
-- Open histograms come from a pool, because the collector does not see their size.
local histogram = require("vernier.core.histogram")

local M = {}
M.__index = M

local OPEN_MAX = 64 -- an open histogram of three digits is some 300 KiB

local pool = {}
local opened = {} -- the open ones, oldest first

local function take(digits)
  local free = pool[digits]
  if free and #free > 0 then
    return table.remove(free)
  end
  return assert(histogram.new(digits))
end

local function give(digits, h)
  h:reset()
  pool[digits] = pool[digits] or {}
  table.insert(pool[digits], h)
end

function M.new(digits)
  return setmetatable({ _digits = digits }, M)
end

function M:_open()
  if not self._h then
    if #opened >= OPEN_MAX then
      opened[1]:close()
    end
    self._h = take(self._digits)
    opened[#opened + 1] = self
    if self._text then
      assert(self._h:decode_add(self._text))
    end
  end
  return self._h
end

-- The sum of several, which go to rest; it is the only one that holds anything, where there is no other.
function M.sum(digits, list)
  local filled = {}
  for _, sum in ipairs(list) do
    if sum:text() then
      filled[#filled + 1] = sum
    end
  end
  if #filled == 1 then
    return filled[1]
  end
  local total = M.new(digits)
  for _, sum in ipairs(filled) do
    total:merge(sum)
  end
  total:close()
  return total
end

local function forget(sum)
  for i, other in ipairs(opened) do
    if other == sum then
      table.remove(opened, i)
      return
    end
  end
end

-- Adds an encoded histogram. Returns true, or nil, message when it is damaged or of other digits.
function M:add(text)
  local rc, message = self:_open():decode_add(text)
  if not rc then
    return nil, message
  end
  self._text = nil -- the open histogram knows more
  return true
end

function M:merge(other)
  local text = other:text()
  if text then
    return self:add(text)
  end
  return true
end

-- Back to text: gives the memory back.
function M:close()
  local h = self._h
  if h then
    self._text = self._text or (h:count() > 0 and h:encode() or nil)
    self._h = nil
    forget(self)
    give(self._digits, h)
  end
end

-- The encoded sum; nil when there is nothing in it.
function M:text()
  self:close()
  return self._text
end

-- Calls f(histogram) and returns what it returns. nil when there is nothing in it.
function M:with(f)
  if not self:text() then
    return nil
  end
  local result = f(self:_open())
  self:close()
  return result
end

local PERCENTILES = { p50 = 50, p90 = 90, p95 = 95, p99 = 99, p99_9 = 99.9, p99_99 = 99.99 }

local function figures(h)
  local out = { count = h:count(), min = h:min(), mean = h:mean(), max = h:max() }
  out.stddev = out.count > 1 and h:stddev() or nil
  for name, p in pairs(PERCENTILES) do
    out[name] = h:percentile(p)
  end
  return out
end

-- {count, min, mean, max, stddev, p50 … p99_99} in ns; nil when there is nothing in it.
function M:figures()
  return self:with(figures)
end

return M
