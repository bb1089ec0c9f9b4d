-- Pairs in turn, medians, and the rows of the result: what was measured, beside what, and whether it holds.
local json = require("vernier.json")
local quiet = require("support.quiet")

local M = { rows = {} }

function M.median(values)
  local sorted = { unpack(values) }
  table.sort(sorted)
  local n = #sorted
  return n % 2 == 1 and sorted[(n + 1) / 2] or (sorted[n / 2] + sorted[n / 2 + 1]) / 2
end

-- candidates: list of {name, run}; each run() gives a table of numbers. They run in turns, A B A B …, so that what the
-- machine does meanwhile hits all, and on quiet cores where they can be had (support/quiet.lua); untimed: what is measured
-- is no time, and each turn counts as it comes. Returns {[name] = {[figure] = list of values}}.
function M.turns(repeats, candidates, untimed)
  local all = {}
  for _ = 1, repeats do
    for _, candidate in ipairs(candidates) do
      local name, run = candidate[1], candidate[2]
      all[name] = all[name] or {}
      for figure, value in pairs(untimed and run() or quiet.turn(run)) do
        all[name][figure] = all[name][figure] or {}
        table.insert(all[name][figure], value)
      end
    end
  end
  return all
end

local function grouped(n)
  local text = ("%.0f"):format(n)
  local rest
  repeat
    text, rest = text:gsub("^(-?%d+)(%d%d%d)", "%1,%2")
  until rest == 0
  return text
end

local DECIMALS = { us = "%.2f", ns = "%.1f", ms = "%.1f", MB = "%.1f", ["%"] = "%.1f", B = "%.0f", ["x"] = "%.2f" }

local function number(value, unit)
  local decimals = DECIMALS[unit]
  return decimals and decimals:format(value) or grouped(value)
end

local function with_unit(value, unit)
  return number(value, unit) .. (unit == "" and "" or " " .. unit)
end

local function side(values, worst)
  return values and { median = M.median(values), worst = worst and math.max(unpack(values)) or nil, values = values }
end

-- The figure that a side stands for.
local function shown(one)
  return one.worst or one.median
end

-- o: bench, what, unit, vernier (values); peer (name) and beside (values; nil: it is missing); at_most or at_least, which
-- the ratio to the peer has to keep where `ratio` is set, and vernier's median otherwise; worst: its greatest value instead.
function M.add(o)
  local row = { bench = o.bench, what = o.what, unit = o.unit, peer = o.peer }
  row.vernier, row.beside = side(o.vernier, o.worst), side(o.beside)
  row.ratio = row.beside and row.vernier.median / row.beside.median
  row.of = o.ratio and "ratio" or "value"
  row.at_most, row.at_least = o.at_most, o.at_least
  local judged = shown(row.vernier)
  if o.ratio then
    judged = row.ratio
  end
  if judged and (o.at_most or o.at_least) then
    row.met = (not o.at_most or judged <= o.at_most) and (not o.at_least or judged >= o.at_least)
  end
  M.rows[#M.rows + 1] = row
end

-- add(what, unit, more) for the rows of a benchmark.
function M.adder(bench)
  return function(what, unit, more)
    more.bench, more.what, more.unit = bench, what, unit
    M.add(more)
  end
end

local function target(row)
  local limit = row.at_most or row.at_least
  if not limit then
    return "-"
  end
  local unit = row.of == "ratio" and "x" or row.unit
  return (row.at_most and "<= " or ">= ") .. with_unit(limit, unit)
end

local function verdict(row)
  if row.met == nil then
    return "-"
  end
  return row.met and "met" or "MISSED"
end

local function cells(row)
  local peer = "-"
  if row.peer then
    peer = ("%s: %s"):format(row.peer, row.beside and number(row.beside.median, row.unit) or "missing")
  end
  return { row.what, with_unit(shown(row.vernier), row.unit), peer, row.ratio and ("%.2f"):format(row.ratio) or "-",
    target(row), verdict(row) }
end

local HEAD = { "what", "vernier", "peer", "ratio", "target", "met" }
local RIGHT = { [2] = true, [4] = true, [5] = true }

local function widths(lines)
  local width = {}
  for _, line in ipairs(lines) do
    for i, cell in ipairs(line) do
      width[i] = math.max(width[i] or 0, #cell)
    end
  end
  return width
end

local function rule(width)
  local line = {}
  for i, n in ipairs(width) do
    line[i] = RIGHT[i] and ("-"):rep(n - 1) .. ":" or ("-"):rep(n)
  end
  return line
end

local function padded(line, width)
  local out = {}
  for i, cell in ipairs(line) do
    local blanks = (" "):rep(width[i] - #cell)
    out[i] = RIGHT[i] and blanks .. cell or cell .. blanks
  end
  return "| " .. table.concat(out, " | ") .. " |\n"
end

-- The rows of a benchmark as a table that is Markdown, too.
function M.text(bench)
  local lines = { HEAD }
  for _, row in ipairs(M.rows) do
    if row.bench == bench then
      lines[#lines + 1] = cells(row)
    end
  end
  local width, out = widths(lines), {}
  table.insert(lines, 2, rule(width))
  for i, line in ipairs(lines) do
    out[i] = padded(line, width)
  end
  return table.concat(out)
end

-- How many targets were met and missed.
function M.count()
  local met, missed = 0, 0
  for _, row in ipairs(M.rows) do
    met = met + (row.met == true and 1 or 0)
    missed = missed + (row.met == false and 1 or 0)
  end
  return met, missed
end

-- The JSON text of everything. about: members of the document besides the rows.
function M.json(about)
  local document = { rows = json.array(M.rows) }
  for key, value in pairs(about) do
    document[key] = value
  end
  return json.encode(document)
end

return M
