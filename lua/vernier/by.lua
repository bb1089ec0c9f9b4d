-- by("name", "size"): a comparison for table.sort, by the first of these members in which two tables differ.
return function(...)
  local names = { ... }
  return function(a, b)
    for _, name in ipairs(names) do
      if a[name] ~= b[name] then
        return a[name] < b[name]
      end
    end
    return false
  end
end
