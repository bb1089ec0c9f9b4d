-- Digests. What may be secret goes from buffer to buffer and leaves no text behind; Bytes:put_keccak256 is for parts of
-- buffers.
local core = require("vernier.core.ffi")
local C, ffi = core.C, core.ffi

local M = {}

local out = ffi.new("uint8_t[32]")

-- Of raw bytes, in raw bytes: 32. As Ethereum has it, which is not SHA3-256.
function M.keccak256(text)
  C.vn_keccak256(out, text, #text)
  return ffi.string(out, C.VN_KECCAK_BYTES)
end

local function must(rc)
  if rc < 0 then
    error(ffi.string(C.vn_errmsg()), 3)
  end
end

-- The same: 32.
function M.sha256(text)
  must(C.vn_digest_sha256(out, text, #text))
  return ffi.string(out, C.VN_SHA256_BYTES)
end

-- Adds the 64 bytes for a buffer of data with a buffer as key to another.
function M.put_hmac_sha512(buffer, key, data)
  local at = buffer:reserve(C.VN_SHA512_BYTES)
  must(C.vn_digest_hmac_sha512(buffer.data + at, key.data, key.len, data.data, data.len))
end

-- Adds the 64 bytes for two texts to a buffer.
function M.put_pbkdf2_sha512(buffer, password, salt, iterations)
  local at = buffer:reserve(C.VN_SHA512_BYTES)
  must(C.vn_digest_pbkdf2_sha512(buffer.data + at, password, #password, salt, #salt, iterations))
end

return M
