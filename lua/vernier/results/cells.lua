-- The cells of a run: what was planned (configuration, cluster size, repetition), and what became of each. Of a cell
-- that was begun several times (resumed runs) the last attempt counts, and what earlier ones measured does not.
local M = {}
M.__index = M

function M.new()
  return setmetatable({ _by_index = {}, _order = {} }, M)
end

function M:_cell(record)
  local index = record.cell
  local cell = self._by_index[index]
  if not cell then
    cell = { cell = index, status = "not run", reasons = {}, attempt = 0 }
    self._by_index[index] = cell
    table.insert(self._order, cell)
  end
  cell.configuration, cell.size = record.configuration, record.size
  cell.repetition = record.repetition or cell.repetition
  cell.groups = record.groups or cell.groups
  return cell
end

-- matrix: the plan of the run record.
function M:planned(matrix)
  for _, entry in ipairs(matrix) do
    self:_cell(entry)
  end
end

function M:began(record)
  local cell = self:_cell(record)
  cell.attempt = record.attempt or cell.attempt + 1
  cell.from_us, cell.to_us = record.at_us, nil
  cell.status, cell.reasons = "interrupted", {}
end

function M:ended(record)
  local cell = self._by_index[record.cell]
  if cell and (record.attempt or cell.attempt) == cell.attempt then
    cell.to_us = record.at_us
    cell.status = record.status or cell.status
    for _, reason in ipairs(record.reasons or {}) do
      table.insert(cell.reasons, tostring(reason))
    end
  end
end

-- The attempt of a cell that was begun last; nil for a cell that was not.
function M:attempt(index)
  local cell = self._by_index[index]
  return cell and cell.attempt > 0 and cell.attempt or nil
end

-- Whether a record's cell has begun anew since. What belongs to no cell stays.
function M:superseded(index, attempt)
  return index ~= nil and (attempt or 1) < (self:attempt(index) or 0)
end

local function by_index(a, b)
  return a.cell < b.cell
end

-- {cell, configuration, size, repetition, groups, attempt (0: never begun), status (ok, failed, interrupted, running,
-- "not run"), reasons, from_us, to_us, seconds}, in the order of the run.
function M:list(running)
  table.sort(self._order, by_index)
  for _, cell in ipairs(self._order) do
    if cell.from_us and cell.to_us then
      cell.seconds = (cell.to_us - cell.from_us) / 1e6
    elseif running and cell.status == "interrupted" then
      cell.status = "running"
    end
  end
  return self._order
end

return M
