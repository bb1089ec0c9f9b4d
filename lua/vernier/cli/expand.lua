-- A resolved benchmark as text for people: one line for each stage in the order of the run.
local scenario = require("vernier.scenario")

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

local EXTRA = { "workers", "maxInFlight", "catchUp", "lateAfter", "drain", "timeout", "onError", "onFailure" }

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
  local rate = round.rate.type .. " " .. properties(round.rate.opts)
  return { ("round %d"):format(index), round.label, amount, rate, round.workload.module, table.concat(extra, " ") }
end

local FROM_NETWORK = { command = { start = "of the network file", ["end"] = "of the network file" } }

local function rows_of(benchmark, network)
  local rows = {}
  for _, entry in ipairs(scenario.expand(benchmark, network or FROM_NETWORK)) do
    if entry.round then
      rows[#rows + 1] = round_row(entry.round, entry.index)
    else
      rows[#rows + 1] = { entry.stage, entry.properties and entry.properties.command or properties(entry.properties) }
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

-- Without a network the commands are named, not shown.
function M.text(benchmark, network)
  return ("%s: %s, %s\n%s"):format(benchmark.name, count(benchmark.workers, "worker"),
    count(#benchmark.rounds, "round"), layout(rows_of(benchmark, network)))
end

return M
