-- A run of several cells as text: what became of each cell, and per test its figures over configurations and sizes.
local comparison = require("vernier.results.comparison")
local format = require("vernier.format")
local names = require("vernier.results.names")
local tables = require("vernier.text.table")

local M = {}

local plain = tables.plain
local COLOURS = { failed = "red", interrupted = "yellow", ["not run"] = "yellow", ["no data"] = "faint" }

local function text_column(title, member)
  return {
    title = title,
    left = true,
    value = function(row)
      return plain(row[member] or "-")
    end,
  }
end

local function number_column(title, member)
  return {
    title = title,
    value = function(row)
      return row[member] and ("%d"):format(row[member]) or "-"
    end,
  }
end

local STATUS = {
  title = "Status",
  left = true,
  value = function(row)
    return row.status_text or row.status, COLOURS[row.status]
  end,
}

-- Only where there is a second one.
local REPETITION = number_column("Repetition", "repetition")
function REPETITION.shows(cell)
  return cell.repetition and cell.repetition > 1
end

local CELLS = {
  text_column("Configuration", "configuration"),
  number_column("Size", "size"),
  REPETITION,
  STATUS,
  {
    title = "Took",
    value = function(cell)
      return format.span(cell.seconds)
    end,
  },
  {
    title = "Reason",
    left = true,
    value = function(cell)
      return plain((cell.reasons[1] or ""):match("^[^\n]*"))
    end,
    shows = function(cell)
      return #cell.reasons > 0
    end,
  },
}

-- Of several repetitions: the mean, and how far the farthest is from it.
local function spread(value, show)
  if not value then
    return "-"
  elseif value.n < 2 then
    return show(value.mean)
  end
  return show(value.mean) .. " ± " .. show(math.max(value.max - value.mean, value.mean - value.min))
end

local function figure(title, member, show, colour)
  return {
    title = title,
    value = function(row)
      local value = row[member]
      return spread(value, show), value and value.max > 0 and colour or nil
    end,
  }
end

local ITERATION = {
  title = "Iteration",
  left = true,
  value = function(row)
    local value = names.iteration_value(row)
    return plain(value and ("%d: %s"):format(row.iteration, value) or ("%d"):format(row.iteration))
  end,
}

local COMPARISON = {
  text_column("Configuration", "configuration"),
  number_column("Size", "size"),
  STATUS,
  figure("Throughput (TPS)", "throughput", format.rate),
  figure("p50", "p50", format.duration),
  figure("p99", "p99", format.duration),
  figure("Failed", "failed", format.count, "red"),
}

local function columns_for(entry)
  local columns = {}
  for _, column in ipairs(COMPARISON) do
    if column == STATUS and entry.iterations then
      columns[#columns + 1] = ITERATION
    end
    columns[#columns + 1] = column
  end
  return columns
end

function M.text(results, paint)
  local parts = { "Cells:\n", tables.of(CELLS, results.cells, paint) }
  for _, entry in ipairs(comparison.of(results)) do
    parts[#parts + 1] = ("\n%s:%s\n"):format(plain(entry.name),
      entry.repetitions > 1 and (" mean of %d repetitions ± the largest difference from it"):format(entry.repetitions) or "")
    parts[#parts + 1] = tables.of(columns_for(entry), entry.rows, paint)
  end
  return table.concat(parts)
end

return M
