-- What the manager's records are made of. A run's folder may be of another version, or not of vernier at all: a member of
-- another type is as if it were not there, so that who reads the records need not ask again.
local M = {}

local CELL = { cell = "number", attempt = "number", configuration = "string", size = "number", repetition = "number",
  groups = "table", at_us = "number" }

local function with(shape, more)
  for name, kind in pairs(shape) do
    more[name] = more[name] or kind
  end
  return more
end

local MEMBERS = {
  run = { matrix = "table", repetitions = "number", order = "string", restart = "string",
    calibration_missing = "string" },
  cell = CELL,
  ["cell-end"] = with(CELL, { status = "string", reasons = "table" }),
  stage = { cell = "number", attempt = "number", section = "string", stage = "string", label = "string",
    properties = "table", from_us = "number", to_us = "number", status = "string", reason = "string", workers = "table" },
  test = with(CELL, { test = "number", name = "string", iteration = "number", iteration_name = "string", warmup = "boolean",
    group_of = "table", rate = "table", workload = "table" }),
  ["test-start"] = { test = "number" },
  ["test-end"] = { test = "number", status = "string", reasons = "table" },
  result = { cell = "number", attempt = "number", test = "string", name = "string", unit = "string", iteration = "number",
    workers = "table" },
}

-- A name may look like a number where it was written without quotes.
local function keep(record, members)
  for name, kind in pairs(members) do
    local value = record[name]
    if kind == "string" and type(value) == "number" then
      record[name] = ("%.14g"):format(value)
    elseif type(value) ~= kind then
      record[name] = nil
    end
  end
end

local function is_group(group)
  return type(group) == "table" and type(group.name) == "string" and type(group.size) == "number"
end

local function only(list, holds)
  local out = {}
  for _, entry in ipairs(list or {}) do
    if holds(entry) then
      out[#out + 1] = entry
    end
  end
  return out
end

-- Which one it is, nobody knows of a cell without its number, configuration or size.
local function is_cell(entry)
  if type(entry) ~= "table" then
    return false
  end
  keep(entry, CELL)
  entry.groups = entry.groups and only(entry.groups, is_group)
  return entry.cell ~= nil and entry.configuration ~= nil and entry.size ~= nil
end

-- Returns the record with what it may hold; nil for one that tells nothing without the member that it lacks.
function M.checked(record)
  local kind = record.type
  keep(record, MEMBERS[kind] or {})
  if kind == "run" then
    record.matrix = only(record.matrix, is_cell)
  elseif kind == "cell" then
    return is_cell(record) and record
  elseif kind == "cell-end" then
    return record.cell and record
  elseif kind == "test" or kind == "test-start" or kind == "test-end" then
    return record.test and record
  end
  return record
end

return M
