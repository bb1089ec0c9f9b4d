-- Whether a list holds a value; nil is an empty list.
return function(list, value)
  for _, item in ipairs(list or {}) do
    if item == value then
      return true
    end
  end
  return false
end
