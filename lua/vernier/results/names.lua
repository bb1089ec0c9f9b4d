-- How reports call tests and cells: by what tells them apart in this run, and no more.
local M = {}
M.__index = M

local function differ(cells, member)
  for _, cell in ipairs(cells) do
    if cell[member] ~= cells[1][member] then
      return true
    end
  end
  return false
end

function M.new(cells)
  return setmetatable({
    _configuration = differ(cells, "configuration"), _size = differ(cells, "size"), _repetition = differ(cells, "repetition"),
  }, M)
end

-- Of a cell, or of a test's record: "A, size 3, repetition 2"; "" where the run has one cell.
function M:place(of)
  local parts = {}
  if self._configuration and of.configuration then
    parts[1] = tostring(of.configuration)
  end
  if self._size and of.size then
    parts[#parts + 1] = ("size %d"):format(of.size)
  end
  if self._repetition and of.repetition then
    parts[#parts + 1] = ("repetition %d"):format(of.repetition)
  end
  return table.concat(parts, ", ")
end

-- The value of an iteration as text: "total-threads 20"; nil for one without.
function M.iteration_value(spec)
  if spec.iteration_value == nil then
    return nil
  end
  local value = spec.iteration_value
  local text = type(value) == "number" and ("%.14g"):format(value) or tostring(value)
  return spec.iteration_name and spec.iteration_name .. " " .. text or text
end

function M.label(t)
  local label = t.spec.label
  return label and label ~= "" and tostring(label) or "unknown"
end

-- The label, and which iteration where there are several.
function M.title(t)
  local value, iteration = M.iteration_value(t.spec), t.spec.iteration or 1
  if value or iteration > 1 then
    return ("%s, iteration %d"):format(M.label(t), iteration) .. (value and ": " .. value or "")
  end
  return M.label(t)
end

-- The same where there is little room: "stress · 20".
function M.short(t)
  local value, iteration = t.spec.iteration_value, t.spec.iteration or 1
  if value == nil and iteration <= 1 then
    return M.label(t)
  end
  return M.label(t) .. " · " .. tostring(value ~= nil and value or iteration)
end

-- For a sentence: "round 3 (open)", "test 7 (stress, iteration 2: total-threads 20; A, size 3)".
function M:test(t)
  local place, kind = self:place(t.spec), t.spec.round and "round" or "test"
  return ("%s %s (%s%s)"):format(kind, t.spec.round or t.id, M.title(t), place ~= "" and "; " .. place or "")
end

return M
