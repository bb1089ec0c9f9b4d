-- The keys of a table as a list, sorted by their text: pairs() has no order, and what people read or compare needs one.
return function(t)
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return keys
end
