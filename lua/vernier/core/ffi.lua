-- The core's C functions, with the version lock between the two halves. Only vernier.core.* may require this or "ffi".
local ffi = require("ffi")
require("vernier.cdef")

local C = ffi.C
if C.vn_abi() ~= C.VN_ABI then
  error(("vernier: the C core has ABI %d, its Lua half expects %d: rebuild"):format(C.vn_abi(), C.VN_ABI))
end

local M = { C = C, ffi = ffi }

-- nil, message, code for a negative return value of the core; the value itself otherwise.
function M.check(rc)
  if rc < 0 then
    local detail = ffi.string(C.vn_errmsg())
    return nil, detail ~= "" and detail or ffi.string(C.vn_strerror(rc)), tonumber(rc)
  end
  return rc
end

function M.strerror(code)
  return ffi.string(C.vn_strerror(code))
end

return M
