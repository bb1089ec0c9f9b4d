-- Collects what is wrong with configuration files, so that all of it is told in one go.
local yaml = require("vernier.core.yaml")

local M = {}
M.__index = M

-- strict: whether keys that nobody knows are errors.
function M.new(file, strict)
  return setmetatable({ file = file, errors = 0, strict = strict }, M)
end

-- place is nil, {line, column} or {table, key[, "value"]}: the key's place, the value's, or the table's own without key.
local function locate(place)
  if not place then
    return nil
  elseif type(place[1]) ~= "table" then
    return place[1], place[2]
  elseif place[3] == "value" then
    return yaml.value_position(place[1], place[2])
  end
  return yaml.position(place[1], place[2])
end

function M:add(severity, place, message, hint, file)
  local line, column = locate(place)
  self[#self + 1] = { file = file or self.file, line = line, column = column, message = message, hint = hint,
    severity = severity, order = #self + 1 }
  if severity == "error" then
    self.errors = self.errors + 1
  end
end

function M:error(place, message, hint) self:add("error", place, message, hint) end

function M:warning(place, message, hint) self:add("warning", place, message, hint) end

-- Takes over a list of errors as vernier.core.yaml and the settings give it.
function M:add_all(list)
  for _, e in ipairs(list) do
    self:add(e.severity or "error", { e.line, e.column }, e.message, e.hint, e.file)
  end
end

-- In the order of the file; those of other files follow.
function M:sort()
  table.sort(self, function(a, b)
    if a.file ~= b.file then
      return a.file == self.file or b.file ~= self.file and tostring(a.file) < tostring(b.file)
    end
    local line_a, line_b = a.line or 0, b.line or 0
    if line_a ~= line_b then
      return line_a < line_b
    elseif (a.column or 0) ~= (b.column or 0) then
      return (a.column or 0) < (b.column or 0)
    end
    return a.order < b.order
  end)
  return self
end

-- FILE:LINE:COLUMN: message (hint)
function M.format(finding)
  local place = finding.file or "?"
  if finding.line then
    place = ("%s:%d:%d"):format(place, finding.line, finding.column or 1)
  end
  return ("%s: %s%s%s"):format(place, finding.severity == "warning" and "warning: " or "", finding.message,
    finding.hint and (" (%s)"):format(finding.hint) or "")
end

-- All findings as lines of text.
function M:text()
  local lines = {}
  for i, finding in ipairs(self) do
    lines[i] = M.format(finding)
  end
  return table.concat(lines, "\n")
end

return M
