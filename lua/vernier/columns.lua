-- Columns of a report's table, whatever it is written in: {title, …, shows(row)}.
local M = {}

-- Those that have something to say: a column with shows appears if that is true for any row.
function M.visible(columns, rows)
  local out = {}
  for _, column in ipairs(columns) do
    local show = not column.shows
    for _, row in ipairs(rows) do
      show = show or column.shows(row)
    end
    if show then
      out[#out + 1] = column
    end
  end
  return out
end

return M
