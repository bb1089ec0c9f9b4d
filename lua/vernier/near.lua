-- What a mistyped name was probably meant to be.
local M = {}

-- Edits between two texts (insert, delete, replace, swap of neighbours), or nil if there are more than `most`.
function M.distance(a, b, most)
  if math.abs(#a - #b) > most then
    return nil
  end
  local before, previous = nil, {}
  for j = 0, #b do
    previous[j] = j
  end
  for i = 1, #a do
    local row = { [0] = i }
    local best = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (same and 0 or 1))
      if before and not same and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
      best = math.min(best, row[j])
    end
    if best > most then
      return nil
    end
    before, previous = previous, row
  end
  return previous[#b] <= most and previous[#b] or nil
end

local function plain(name)
  return (name:lower():gsub("[%s_\"'%-]", ""))
end

-- The name of the list that is nearest, or nil if none is near. Case, quotes, "-" and "_" do not count.
function M.near(name, names)
  name = plain(tostring(name))
  local best, best_distance
  for _, candidate in ipairs(names) do
    local other = plain(candidate)
    local most = math.max(1, math.floor(math.max(#name, #other) / 3))
    local distance = #name > 0 and M.distance(name, other, most)
    if distance and distance < #other and (not best or distance < best_distance
        or distance == best_distance and candidate < best) then
      best, best_distance = candidate, distance
    end
  end
  return best
end

-- "did you mean startingTps?" or nil; prefix is put before the name.
function M.hint(name, names, prefix)
  local best = M.near(name, names)
  return best and ("did you mean %s%s?"):format(prefix or "", best) or nil
end

-- The same; where none is near, which there are: "known: a, b"; nil if there is none.
function M.hint_or_known(name, names)
  return M.hint(name, names) or names[1] and "known: " .. table.concat(names, ", ")
end

return M
