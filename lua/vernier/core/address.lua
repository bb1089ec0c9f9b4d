-- Addresses of Ethereum, as 20 bytes in a buffer and as text with the checksum of EIP-55.
local core = require("vernier.core.ffi")
local C, ffi = core.C, core.ffi

local M = { BYTES = tonumber(C.VN_ADDRESS_BYTES) }

local CORRUPT = tonumber(C.VN_ECORRUPT)
local text = ffi.new("char[?]", C.VN_ADDRESS_TEXT)

-- The address at an offset of a buffer, as text.
function M.read(buffer, offset)
  C.vn_address_encode(text, buffer.data + offset)
  return ffi.string(text, C.VN_ADDRESS_TEXT)
end

-- Writes an address to the 20 bytes at an offset of a buffer. Nil; or what is wrong with it.
function M.write(buffer, offset, address)
  if type(address) ~= "string" then
    return ("a %s is no address: 0x and 40 hexadecimal digits are one"):format(type(address))
  end
  local code = C.vn_address_decode(buffer.data + offset, address, #address)
  if code == CORRUPT then
    return ('"%s" has a wrong checksum: is it mistyped? Without one it is all in small letters'):format(address)
  elseif code < 0 then
    return ('"%s" is no address: 0x and 40 hexadecimal digits are one'):format(address:sub(1, 80))
  end
end

return M
