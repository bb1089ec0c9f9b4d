-- An account: a private key and its address. The key is kept in memory that is wiped when the account goes; a text that it
-- was made from is the caller's.
local address = require("vernier.core.address")
local bytes = require("vernier.core.bytes")
local k256 = require("vernier.core.k256")

local M = {}

local SECRET_DIGITS = 64
local work = bytes.new()

-- Of a key of vernier.core.k256: {address (with its checksum), key}.
function M.of_key(key)
  work:clear()
  key:put_address(work)
  return { address = address.read(work, 0), key = key }
end

-- Of 64 hexadecimal digits, with or without 0x; or nil, message, which does not hold them.
function M.new(private_key)
  local digits = type(private_key) == "string" and private_key:match("^0[xX](.*)$") or private_key
  if type(digits) ~= "string" or #digits ~= SECRET_DIGITS or digits:find("%X") then
    return nil, "a private key is 0x and 64 hexadecimal digits"
  end
  local secret = bytes.new(SECRET_DIGITS / 2)
  secret:put_hex(digits)
  local key, message = k256.key(secret, 0)
  secret:wipe()
  if not key then
    return nil, message
  end
  return M.of_key(key)
end

-- The address with its checksum; or nil and why it is none.
function M.checksum(text)
  work:clear()
  work:reserve(address.BYTES)
  local problem = address.write(work, 0, text)
  if problem then
    return nil, problem
  end
  return address.read(work, 0)
end

return M
