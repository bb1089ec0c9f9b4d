-- Tables for a terminal or a file: aligned, framed, coloured where that is wanted.
local columns_of = require("vernier.columns")
local json = require("vernier.json")

local M = {}

local COLOURS = { red = "\27[31m", green = "\27[32m", yellow = "\27[33m", bold = "\27[1m", faint = "\27[2m" }

-- paint(colour or nil, text): in colour on a terminal only.
function M.painter(terminal)
  return function(colour, text)
    return terminal and colour and COLOURS[colour] .. text .. "\27[0m" or text
  end
end

-- Text of others must not steer the terminal.
function M.plain(text)
  return (json.utf8(tostring(text)):gsub("%c+", " "):gsub("\194[\128-\159]", " "))
end

local function width(text)
  local _, characters = text:gsub("[^\128-\191]", "")
  return characters
end

local function pad(text, to, left)
  local space = (" "):rep(to - width(text))
  return left and text .. space or space .. text
end

local function rule(widths)
  local parts = {}
  for i, w in ipairs(widths) do
    parts[i] = ("-"):rep(w + 2)
  end
  return "+" .. table.concat(parts, "+") .. "+\n"
end

local function line(cells, widths, columns, paint)
  local parts = {}
  for i, cell in ipairs(cells) do
    parts[i] = paint(cell.colour, pad(cell.text, widths[i], columns[i].left))
  end
  return "| " .. table.concat(parts, " | ") .. " |\n"
end

local function measure(columns, lines)
  local widths = {}
  for i in ipairs(columns) do
    widths[i] = 0
    for _, cells in ipairs(lines) do
      widths[i] = math.max(widths[i], width(cells[i].text))
    end
  end
  return widths
end

local function lines_of(columns, rows)
  local lines = { {} }
  for i, column in ipairs(columns) do
    lines[1][i] = { text = column.title, colour = "bold" }
  end
  for r, row in ipairs(rows) do
    lines[r + 1] = {}
    for i, column in ipairs(columns) do
      local text, colour = column.value(row)
      lines[r + 1][i] = { text = text, colour = colour }
    end
  end
  return lines
end

local function without_spare(columns)
  local out = {}
  for _, column in ipairs(columns) do
    if not column.spare then
      out[#out + 1] = column
    end
  end
  return out
end

-- A framed, aligned table. columns: {title, value(row) -> text, colour; left: aligned to the left; spare: left out where
-- the whole does not fit into `room` characters; shows (vernier.columns)}.
function M.of(columns, rows, paint, room)
  columns = columns_of.visible(columns, rows)
  local lines = lines_of(columns, rows)
  local widths = measure(columns, lines)
  if room and #rule(widths) > room + 1 then
    columns = without_spare(columns)
    lines = lines_of(columns, rows)
    widths = measure(columns, lines)
  end
  local out = { rule(widths), line(lines[1], widths, columns, paint), rule(widths) }
  for i = 2, #lines do
    out[#out + 1] = line(lines[i], widths, columns, paint)
  end
  out[#out + 1] = rule(widths)
  return table.concat(out)
end

return M
