-- A resolved benchmark as text for people: its matrix, and one line for each stage in the order of the run. What is known
-- only when the stage runs (state variables, the worker, the environment, random numbers) stays as it is written.
local counter = require("vernier.properties.counter")
local matrix = require("vernier.matrix")
local plugins = require("vernier.plugins")
local redact = require("vernier.config.redact")
local scenario = require("vernier.scenario")
local scope = require("vernier.scope")
local sorted = require("vernier.sorted")
local values = require("vernier.config.values")
local yaml = require("vernier.core.yaml")

local M = {}

local function plain(value)
  if type(value) == "number" then
    return ("%.14g"):format(value)
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  return #value > 0 and ("[%d entries]"):format(#value) or "{…}"
end

-- tps=50 sleepTime=100
local function properties(t)
  local parts = {}
  for key, value in pairs(t or {}) do
    parts[#parts + 1] = ("%s=%s"):format(key, plain(value))
  end
  table.sort(parts)
  return table.concat(parts, " ")
end

local LIST_MAX = 16 -- entries of a list that are shown

-- A value of a rate controller's options: with the controllers inside, fixed-rate(tps=50), and short lists of these.
local function rate_value(value)
  if type(value) ~= "table" then
    return plain(value)
  elseif type(value.type) == "string" then
    local parts = {}
    for _, key in ipairs(sorted(type(value.opts) == "table" and value.opts or {})) do
      parts[#parts + 1] = ("%s=%s"):format(key, rate_value(value.opts[key]))
    end
    return value.type .. (#parts > 0 and "(" .. table.concat(parts, " ") .. ")" or "")
  elseif #value == 0 or #value > LIST_MAX then
    return plain(value)
  end
  local parts = {}
  for i, entry in ipairs(value) do
    parts[i] = rate_value(entry)
  end
  return "[" .. table.concat(parts, ", ") .. "]"
end

-- fixed-rate tps=50
local function rate_text(rate)
  local parts = { rate.type }
  for _, key in ipairs(sorted(rate.opts or {})) do
    parts[#parts + 1] = ("%s=%s"):format(key, rate_value(rate.opts[key]))
  end
  return table.concat(parts, " ")
end

local EXTRA = { "workers", "maxInFlight", "catchUp", "lateAfter", "drain", "prepare", "timeout", "histogramDigits", "onError",
  "onFailure" }

local function round_row(round, index)
  local amount = round.number and ("%.14g runs"):format(round.number) or ("%.14g s"):format(round.duration)
  local extra = {}
  if round.trim > 0 then
    extra[1] = ("trim=%.14g"):format(round.trim)
  end
  for _, name in ipairs(EXTRA) do
    if round[name] ~= nil then
      extra[#extra + 1] = ("%s=%s"):format(name, plain(round[name]))
    end
  end
  return { ("round %d"):format(index), round.label, amount, rate_text(round.rate), round.workload.module,
    table.concat(extra, " ") }
end

local FROM_NETWORK = { command = { start = "of the network file", ["end"] = "of the network file" } }

local function rows_of(benchmark, network)
  local rows, sections = {}, scenario.expand(benchmark, network or FROM_NETWORK)
  for _, name in ipairs({ "before", "scenario", "after" }) do
    for _, entry in ipairs(sections[name]) do
      local index = entry.stage == "round" and entry.properties.index
      rows[#rows + 1] = index and round_row(benchmark.rounds[index], index)
        or { entry.stage, entry.properties.command or properties(entry.properties) }
    end
  end
  return rows
end

-- Columns of rounds are aligned; the text of other stages takes what room it needs.
local function layout(rows)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      local counts = i == 1 or #row > 2
      widths[i] = math.max(widths[i] or 0, counts and #cell or 0)
    end
  end
  for n, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      cells[i] = cell .. (" "):rep(widths[i] - #cell)
    end
    lines[n] = ("  " .. table.concat(cells, "  ")):gsub("%s+$", "")
  end
  return table.concat(lines, "\n")
end

local function count(n, noun)
  return ("%.14g %s%s"):format(n, noun, n == 1 and "" or "s")
end

-- ---- scenarios ----

local function shown(value)
  if type(value) == "table" then
    local parts, is_list = {}, #value > 0
    for i, key in ipairs(yaml.keys(value)) do
      local text = shown(value[key])
      parts[i] = is_list and text or ("%s=%s"):format(tostring(key), text)
    end
    return (is_list and "[%s]" or "{%s}"):format(table.concat(parts, ", "))
  end
  return plain(value)
end

-- In the order of the file. declaration: of a built-in stage; users' plug-ins are not run in order to look at a file.
local function shown_properties(given, known, declaration)
  local parts, safe = {}, redact.declared(declaration, values.known(given, scope.new(known)))
  for _, key in ipairs(yaml.keys(given)) do
    parts[#parts + 1] = ("%s=%s"):format(tostring(key), shown(safe[key]))
  end
  return table.concat(parts, " ")
end

local ROWS_MAX = 10000
local add_entries

-- A repeat is unrolled where its counter is known; else what is in it is shown once. known: name -> value.
local function add_repeat(rows, section, entry, known)
  local given = entry["repeat"]
  local range, title = counter.range(given, scope.new(known)), "repeat" .. (given.name and " " .. given.name or "")
  if not range then
    local counts = {}
    for _, key in ipairs(counter.KEYS) do
      counts[key] = given[key]
    end
    rows[#rows + 1] = { section, title, shown_properties(counts, known) }
    return add_entries(rows, section, entry.entries, counter.inside(known, given.name, nil))
  end
  for i = 1, range.n do
    local at = range.first + (i - 1) * range.inc
    if #rows > ROWS_MAX then
      rows[#rows + 1] = { section, title, ("… %.14g more times"):format(range.n - i + 1) }
      return
    end
    rows[#rows + 1] = { section, title, ("counter=%.14g"):format(at) }
    add_entries(rows, section, entry.entries, counter.inside(known, given.name, at))
  end
end

function add_entries(rows, section, entries, known)
  for _, entry in ipairs(entries) do
    if entry.entries then
      add_repeat(rows, section, entry, known)
    else
      local module = plugins.is_built_in("stage", entry.stage) and plugins.load("stage", entry.stage)
      rows[#rows + 1] = { section, entry.stage, shown_properties(entry.properties, known, module and module.options) }
    end
  end
end

local function scenario_rows(benchmark, known)
  local rows = {}
  for _, section in ipairs({ "init", "scenario", "destroy", "cleanup" }) do
    if type(benchmark[section]) == "function" then
      rows[#rows + 1] = { section, "(what the script decides)", "" }
    else
      add_entries(rows, section, benchmark[section], known)
    end
  end
  return rows
end

local function groups_text(groups, each)
  local parts = {}
  for i, group in ipairs(groups) do
    parts[i] = group.name .. " " .. each(group)
  end
  return table.concat(parts, ", ")
end

local function service_of(cell, network)
  return function(group)
    local setup = matrix.setup(cell.configuration, group.name, network)
    if not setup or not setup.connector then
      return network and "-" or "(of the network)"
    end
    return setup.service == "default" and setup.connector or setup.connector .. "/" .. setup.service
  end
end

local function matrix_rows(cells, network)
  local rows = { { "cell", "configuration", "size", "repetition", "groups", "services" } }
  for _, cell in ipairs(cells) do
    local groups = cell.cluster.groups
    rows[#rows + 1] = { tostring(cell.index), cell.configuration.name, tostring(cell.cluster.size), tostring(cell.repetition),
      groups_text(groups, function(group) return tostring(group.size) end), groups_text(groups, service_of(cell, network)) }
  end
  return rows
end

-- The stages of each configuration and size, once for all repetitions.
local function scenario_text(benchmark, cells, network)
  local parts = { layout(matrix_rows(cells, network)) }
  local seen = {}
  for _, cell in ipairs(cells) do
    local key = cell.configuration.name .. "\0" .. cell.cluster.size
    if not seen[key] then
      seen[key] = true
      parts[#parts + 1] = ("%s, size %d"):format(cell.configuration.name, cell.cluster.size)
      parts[#parts + 1] = layout(scenario_rows(benchmark, scope.of_cell(cell, benchmark)))
    end
  end
  return table.concat(parts, "\n")
end

-- Without a network the commands are named, not shown. options: only (a filter of vernier.matrix), seed (of a random order;
-- without it the order is the sequential one).
function M.text(benchmark, network, options)
  if not benchmark.scenario then
    return ("%s: %s, %s\n%s"):format(benchmark.name, count(benchmark.workers, "worker"),
      count(#benchmark.rounds, "round"), layout(rows_of(benchmark, network)))
  end
  local cells = matrix.cells(benchmark, options)
  return ("%s: %s, %s, %s, %s, %s order%s\n%s"):format(benchmark.name, count(#cells, "cell"),
    count(#benchmark.configurations, "configuration"), count(#benchmark.clusters, "size"),
    count(benchmark.repetitions, "repetition"), benchmark.order,
    benchmark.order == "random" and not options.seed and " (not shuffled here: no --seed)" or "",
    scenario_text(benchmark, cells, network))
end

return M
