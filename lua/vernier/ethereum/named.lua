-- Things of a network file that have names: contracts, privacy groups.
local near = require("vernier.near")
local options = require("vernier.options")
local sorted = require("vernier.sorted")

local M = {}

-- Entries by name, checked by the declaration of their options and by lack(entry): what is missing, or nil. Or nil and which of
-- them, called `what`, cannot be used.
function M.check(what, entries, declaration, lack)
  local checked = {}
  for _, name in ipairs(sorted(entries)) do
    local entry, problems = options.check(declaration, entries[name])
    local message = not entry and options.describe_all(problems) or entry and lack(entry)
    if message then
      return nil, ('has %s "%s" that cannot be used: %s'):format(what, name, message)
    end
    checked[name] = entry
  end
  return checked
end

-- What is wrong with a name that none of the entries has.
function M.unknown(what, entries, name)
  local hint = near.hint_or_known(tostring(name), sorted(entries))
  return ('no %s "%s" in the network file%s'):format(what, tostring(name), hint and " (" .. hint .. ")" or "")
end

return M
