-- The errors of a load by class and message, counted until they are taken.
local M = {}

local MESSAGES_MAX = 100 -- distinct ones that are kept; those beyond are counted by class

local Counts = {}
Counts.__index = Counts

function M.new()
  return setmetatable({ _entries = {}, _n = 0 }, Counts)
end

local function entry_of(self, class, message)
  local key = class .. "\0" .. message
  local entry = self._entries[key]
  if entry then
    return entry
  elseif self._n >= MESSAGES_MAX then
    message = "(other messages)"
    key = class .. "\0" .. message
    entry = self._entries[key]
  end
  if not entry then
    entry = { class = class, message = message, count = 0 }
    self._entries[key], self._n = entry, self._n + 1
  end
  return entry
end

-- at_us: since the load's start.
function Counts:count(class, message, at_us)
  local entry = entry_of(self, class, message)
  entry.first_us = entry.first_us or at_us
  entry.last_us = at_us
  entry.count = entry.count + 1
end

local function is_earlier(a, b)
  return a.first_us < b.first_us
end

-- {class, message, count, first_us, last_us} of those that came since the last call, the earliest first.
function Counts:take()
  local list = {}
  for _, entry in pairs(self._entries) do
    if entry.count > 0 then
      list[#list + 1] = { class = entry.class, message = entry.message, count = entry.count, first_us = entry.first_us,
        last_us = entry.last_us }
      entry.count, entry.first_us = 0, nil
    end
  end
  table.sort(list, is_earlier)
  return list
end

return M
