-- The tests of one name side by side: a row per configuration, cluster size and iteration, repetitions folded into it.
local by = require("vernier.by")

local M = {}

local FIGURES = {
  throughput = function(figures)
    return figures.throughput
  end,
  failed = function(figures)
    return figures.failed
  end,
}
for _, member in ipairs({ "mean", "p50", "p95", "p99", "max" }) do
  FIGURES[member] = function(figures)
    local times = figures.response_time
    return times and times[member]
  end
end

-- {mean, min, max, n} over the repetitions that have that figure; nil where none has it.
local function fold(list, figure)
  local out
  for _, figures in ipairs(list) do
    local value = figure(figures)
    if value then
      out = out or { sum = 0, min = math.huge, max = -math.huge, n = 0 }
      out.sum, out.n = out.sum + value, out.n + 1
      out.min, out.max = math.min(out.min, value), math.max(out.max, value)
    end
  end
  if out then
    out.mean = out.sum / out.n
  end
  return out
end

local function fold_all(list, into)
  for member, figure in pairs(FIGURES) do
    into[member] = fold(list, figure)
  end
  return into
end

local WORST_FIRST = { "failed", "interrupted", "running", "not run", "no data" }

local function worst(statuses)
  for _, status in ipairs(WORST_FIRST) do
    if statuses[status] then
      return status
    end
  end
  return "ok"
end

-- A cell that ran and has no such test simply did not come to it.
local function status_of(row)
  local statuses, seen, ok = {}, {}, 0
  for _, t in ipairs(row.tests) do
    statuses[t.status] = true
    seen[t.spec.cell or false] = true
    ok = ok + (t.status == "ok" and 1 or 0)
  end
  for _, cell in ipairs(row.cells) do
    if not seen[cell.cell] then
      statuses[cell.status == "ok" and "no data" or cell.status] = true
    end
  end
  local status = worst(statuses)
  return status, status ~= "ok" and ok > 0 and ("%s, %d of %d ok"):format(status, ok, #row.cells) or status
end

local function name_of(t)
  local name = t.spec.name or t.spec.label
  return name and name ~= "" and tostring(name) or "unknown"
end

local function place_key(of)
  return tostring(of.configuration) .. "\0" .. tostring(of.size)
end

-- The place of each configuration's name in the file, whatever the order of the run is; {} if it was not recorded.
local function ranks_of(run)
  local benchmark, rank = run.benchmark, {}
  local list = type(benchmark) == "table" and benchmark.configurations
  for i, configuration in ipairs(type(list) == "table" and list or {}) do
    if type(configuration) == "table" and configuration.name ~= nil then
      rank[tostring(configuration.name)] = i - #list
    end
  end
  return rank
end

-- The (configuration, size) pairs of the plan, configurations in the order of the file, sizes rising: {configuration, size,
-- cells}…
local function places_of(cells, rank)
  local by_key, list = {}, {}
  for _, cell in ipairs(cells) do
    local key, name = place_key(cell), tostring(cell.configuration)
    rank[name] = rank[name] or cell.cell
    if not by_key[key] then
      by_key[key] = { configuration = cell.configuration, size = cell.size, cells = {}, rank = rank[name] }
      list[#list + 1] = by_key[key]
    end
    table.insert(by_key[key].cells, cell)
  end
  table.sort(list, by("rank", "size"))
  return list
end

local function finish(row)
  local list = {}
  for i, t in ipairs(row.tests) do
    list[i] = t.figures
  end
  fold_all(list, row)
  row.status, row.status_text = status_of(row)
  return row
end

-- The rows of one place: one per iteration, or an empty one that says why there is none.
local function rows_of(place, tests)
  local by_number, rows = {}, {}
  local function add(iteration, spec)
    local row = { configuration = place.configuration, size = place.size, cells = place.cells, tests = {},
      iteration = iteration, iteration_value = spec.iteration_value, iteration_name = spec.iteration_name }
    by_number[iteration], rows[#rows + 1] = row, row
  end
  for _, t in ipairs(tests) do
    local iteration = t.spec.iteration or 1
    if not by_number[iteration] then
      add(iteration, t.spec)
    end
    table.insert(by_number[iteration].tests, t)
  end
  if #rows == 0 then
    add(1, {})
  end
  table.sort(rows, by("iteration"))
  for _, row in ipairs(rows) do
    finish(row)
  end
  return rows
end

local function grouped(tests)
  local names, by_name = {}, {}
  for _, t in ipairs(tests) do
    local name = name_of(t)
    if not by_name[name] then
      by_name[name], names[#names + 1] = {}, name
    end
    local at, key = by_name[name], place_key(t.spec)
    at[key] = at[key] or {}
    table.insert(at[key], t)
  end
  return names, by_name
end

-- {name, iterations (whether there are several), repetitions (the most of a row), rows}… in the order of the run; rows:
-- {configuration, size, iteration, iteration_value, iteration_name, cells, tests, status (also "no data": the cell never
-- came to the test), status_text (with how many are ok, where not all are), throughput, failed, mean, p50, p95, p99, max:
-- each {mean, min, max, n} over repetitions, or nil}.
function M.of(results)
  local places = places_of(results.cells, ranks_of(results.run))
  local names, by_name = grouped(results.tests)
  local out = {}
  for i, name in ipairs(names) do
    local entry = { name = name, rows = {}, iterations = false, repetitions = 1 }
    for _, place in ipairs(places) do
      for _, row in ipairs(rows_of(place, by_name[name][place_key(place.cells[1])] or {})) do
        table.insert(entry.rows, row)
        entry.iterations = entry.iterations or row.iteration > 1
        entry.repetitions = math.max(entry.repetitions, #row.tests)
      end
    end
    out[i] = entry
  end
  return out
end

local function by_operation(tests)
  local lists, order = {}, {}
  for _, t in ipairs(tests) do
    for _, figures in ipairs(t.operation_figures) do
      if not lists[figures.name] then
        lists[figures.name], order[#order + 1] = {}, figures.name
      end
      table.insert(lists[figures.name], figures)
    end
  end
  return lists, order
end

-- The same figures per operation, sorted by its name: a list of {operation, row (the one that it is of), throughput …}.
-- Empty where no test has more than one operation.
function M.operations(entry)
  local out, several = {}, false
  for i, row in ipairs(entry.rows) do
    local lists, order = by_operation(row.tests)
    several = several or #order > 1
    for _, name in ipairs(order) do
      out[#out + 1] = fold_all(lists[name], { operation = name, row = row, at = i })
    end
  end
  table.sort(out, by("operation", "at"))
  return several and out or {}
end

return M
