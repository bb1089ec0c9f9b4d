-- Fills text into HTML: escaped unless the template says that it is HTML already.
local columns_of = require("vernier.columns")
local svg = require("vernier.svg")

local M = { escape = svg.escape }

-- {name} is replaced by the escaped value of that name, {=name} by the value as it is; a missing one by nothing.
function M.fill(template, values)
  return (template:gsub("{(=?)([%w_]+)}", function(raw, name)
    local value = values[name]
    if value == nil then
      return ""
    end
    return raw == "=" and tostring(value) or M.escape(value)
  end))
end

-- Neighbours of one group get a common heading over theirs.
local function group_row(columns)
  local cells, grouped, i = {}, false, 1
  while i <= #columns do
    local group, span = columns[i].group, 1
    while group and columns[i + span] and columns[i + span].group == group do
      span = span + 1
    end
    grouped = grouped or group
    cells[#cells + 1] = M.fill('<th class="{class}" colspan="{span}" scope="colgroup">{group}</th>',
      { class = group and "group" or "", span = span, group = group or "" })
    i = i + span
  end
  return grouped and "<tr>" .. table.concat(cells) .. "</tr>" or ""
end

-- columns: {title, cell(row) -> HTML, class, group, shows (vernier.columns)}.
function M.table(columns, rows)
  columns = columns_of.visible(columns, rows)
  local out = { '<div class="scroll"><table><thead>', group_row(columns), "<tr>" }
  for _, column in ipairs(columns) do
    out[#out + 1] = M.fill('<th class="{class}" scope="col">{title}</th>', column)
  end
  out[#out + 1] = "</tr></thead><tbody>"
  for _, row in ipairs(rows) do
    out[#out + 1] = "<tr>"
    for _, column in ipairs(columns) do
      out[#out + 1] = M.fill('<td class="{class}">{=cell}</td>', { class = column.class, cell = column.cell(row) })
    end
    out[#out + 1] = "</tr>"
  end
  out[#out + 1] = "</tbody></table></div>"
  return table.concat(out)
end

-- A list of names and values: {{name, value}…}; those without a value are left out.
function M.facts(pairs_)
  local out = {}
  for _, pair in ipairs(pairs_) do
    if pair[2] ~= nil and pair[2] ~= "" then
      out[#out + 1] = M.fill("<div><dt>{name}</dt><dd>{value}</dd></div>", { name = pair[1], value = pair[2] })
    end
  end
  return #out > 0 and '<dl class="facts">' .. table.concat(out) .. "</dl>" or ""
end

return M
