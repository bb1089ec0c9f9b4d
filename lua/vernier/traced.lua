-- The handler for xpcall: adds the traceback to an error (of the coroutine, for one that has ended by it), but not to a
-- message without a place in a file, which is meant for the user.
return function(err, co)
  if type(err) ~= "string" or not err:find("^[^\n]-:%d+: ") then
    return err
  elseif co then
    return debug.traceback(co, err)
  end
  return debug.traceback(err, 2)
end
