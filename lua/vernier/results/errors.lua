-- The errors of a test, merged over workers by class and message, in bounded memory.
local M = {}
M.__index = M

local KINDS_MAX = 1000
local OTHER = "(other messages)"
local LOST = "(message not recorded)"

function M.new()
  return setmetatable({ _entries = {}, _kinds = 0, _classes = {} }, M)
end

function M:_entry(class, message)
  local key = class .. "\0" .. message
  local entry = self._entries[key]
  if entry then
    return entry
  elseif self._kinds >= KINDS_MAX and message ~= OTHER then
    return self:_entry(class, OTHER)
  end
  entry = { class = class, message = message, count = 0 }
  self._entries[key], self._kinds = entry, self._kinds + 1
  return entry
end

-- first_us, last_us: since the round's start.
function M:add(class, message, count, first_us, last_us)
  local entry = self:_entry(tostring(class), tostring(message or ""))
  entry.count = entry.count + count
  entry.first_us = math.min(entry.first_us or math.huge, first_us)
  entry.last_us = math.max(entry.last_us or 0, last_us)
end

-- Failures by class as the operations counted them: a killed worker leaves counts without messages.
function M:count_class(class, count, from_us, to_us)
  local c = self._classes[class] or { count = 0, from_us = math.huge, to_us = 0 }
  self._classes[class] = c
  c.count, c.from_us, c.to_us = c.count + count, math.min(c.from_us, from_us), math.max(c.to_us, to_us)
end

-- {class, message, count, first_us, last_us}…, most frequent first.
function M:list()
  local list, known = {}, {}
  for _, e in pairs(self._entries) do
    list[#list + 1] = e
    known[e.class] = (known[e.class] or 0) + e.count
  end
  for class, c in pairs(self._classes) do
    local lost = c.count - (known[class] or 0)
    if lost > 0 then
      list[#list + 1] = { class = class, message = LOST, count = lost, first_us = c.from_us, last_us = c.to_us }
    end
  end
  table.sort(list, function(a, b)
    if a.count ~= b.count then
      return a.count > b.count
    end
    return a.class .. "\0" .. a.message < b.class .. "\0" .. b.message
  end)
  return list
end

return M
