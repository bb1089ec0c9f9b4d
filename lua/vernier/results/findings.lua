-- What rate controllers have found out (vernier.rate), as journals hold it. A journal may be of another version, or damaged:
-- what is not of its type is left out, and a curve has only rows and columns that can be shown.
local part = require("vernier.results.part")

local M = {}

local TEXTS, NUMBERS = { "name", "outcome", "text", "unit" }, { "value", "low", "high" }

local function text(value)
  return (type(value) == "string" or type(value) == "number") and tostring(value) or nil
end

-- A finite number, or nil.
local function number(value)
  return type(value) == "number" and part.number(value) == value and value or nil
end

local function columns_of(list)
  local columns = {}
  for _, column in ipairs(type(list) == "table" and list or {}) do
    local name = type(column) == "table" and text(column.name)
    if name then
      columns[#columns + 1] = { name = name, unit = text(column.unit) }
    end
  end
  return columns
end

local function row_of(row, columns)
  local out = {}
  for _, column in ipairs(columns) do
    local value = row[column.name]
    out[column.name] = number(value) or type(value) == "string" and value or nil
  end
  return out
end

local function curve_of(curve)
  local columns, rows = columns_of(curve.columns), {}
  for _, row in ipairs(type(curve.rows) == "table" and curve.rows or {}) do
    if type(row) == "table" and #columns > 0 then
      rows[#rows + 1] = row_of(row, columns)
    end
  end
  return #rows > 0 and { columns = columns, rows = rows } or nil
end

-- A worker's finding record as {worker, name, outcome, text, value, unit, low, high, curve = {columns = {{name, unit}…},
-- rows = {{[name] = number or text}…}}}.
function M.read(record)
  local out = { worker = number(record.worker) }
  for _, name in ipairs(TEXTS) do
    out[name] = text(record[name])
  end
  for _, name in ipairs(NUMBERS) do
    out[name] = number(record[name])
  end
  out.name, out.text = out.name or "finding", out.text or ""
  out.curve = type(record.curve) == "table" and curve_of(record.curve) or nil
  return out
end

-- Whose it is, as " of worker 1", where several workers of a test have found something of that name; else "".
function M.who(list, finding)
  local n = 0
  for _, other in ipairs(list) do
    n = n + (other.name == finding.name and 1 or 0)
  end
  return n > 1 and finding.worker and (" of worker %d"):format(finding.worker) or ""
end

-- The rows of a curve in the order of its first column, which is what the others depend on.
function M.sorted_rows(curve)
  local first, rows = curve.columns[1].name, {}
  for i, row in ipairs(curve.rows) do
    rows[i] = { row = row, at = i, key = type(row[first]) == "number" and row[first] or math.huge }
  end
  table.sort(rows, function(a, b)
    return a.key < b.key or a.key == b.key and a.at < b.at
  end)
  for i, entry in ipairs(rows) do
    rows[i] = entry.row
  end
  return rows
end

return M
