-- The command line's entry: finds the command and returns the exit status.
local ffi = require("vernier.core.ffi")
return function(...)
  print(ffi.ffi.string(ffi.C.vn_version()), ...)
  return 0
end
