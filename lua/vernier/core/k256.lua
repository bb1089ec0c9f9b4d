-- Keys and signatures on the curve secp256k1. A key's secret stays in memory of its own, which is wiped when it goes.
local core = require("vernier.core.ffi")
local C, ffi, check = core.C, core.ffi, core.check

local M = { SIGNATURE_BYTES = tonumber(C.VN_K256_SIGNATURE_BYTES) }

local SECRET, COMPRESSED, DIGEST = 32, tonumber(C.VN_K256_COMPRESSED_BYTES), 32
local public_key = ffi.new("uint8_t[?]", C.VN_K256_PUBLIC_BYTES)

local function need(buffer, offset, len)
  if not (offset >= 0 and offset + len <= buffer.len) then
    error(("a buffer of %d bytes has no %d at %s"):format(buffer.len, len, offset), 3)
  end
end

local Key = {}

-- Adds the signature of the 32 bytes at an offset of a buffer to another: r, s and the parity, 0 or 1; 65 bytes.
function Key:sign(signature, buffer, offset)
  need(buffer, offset, DIGEST)
  local at = signature:reserve(M.SIGNATURE_BYTES)
  if C.vn_k256_sign(self, signature.data + at, buffer.data + offset) < 0 then
    error(ffi.string(C.vn_errmsg()), 2)
  end
end

-- Puts the 20 bytes of its address at the end of a buffer.
function Key:put_address(buffer)
  local at = buffer:reserve(C.VN_ADDRESS_BYTES)
  C.vn_address_of(buffer.data + at, self.public_key)
end

function Key:put_secret(buffer)
  local at = buffer:reserve(SECRET)
  ffi.copy(buffer.data + at, self.secret, SECRET)
end

-- The public key in 33 bytes.
function Key:put_compressed(buffer)
  local at = buffer:reserve(COMPRESSED)
  C.vn_k256_compress(buffer.data + at, self.public_key)
end

ffi.metatype("vn_k256_key", { __index = Key, __gc = C.vn_k256_wipe })

-- The key whose secret is the 32 bytes at an offset of a buffer; or nil, message, code.
function M.key(buffer, offset)
  need(buffer, offset, SECRET)
  local key = ffi.new("vn_k256_key")
  local rc, message, code = check(C.vn_k256_init(key, buffer.data + offset))
  if not rc then
    return nil, message, code
  end
  return key
end

-- The key whose secret is that of another plus the 32 bytes at an offset of a buffer; or nil, message, code.
function M.sum(other, buffer, offset)
  need(buffer, offset, SECRET)
  local key = ffi.new("vn_k256_key", other)
  local rc, message, code = check(C.vn_k256_add(key, buffer.data + offset))
  if not rc then
    return nil, message, code
  end
  return key
end

-- Puts the address of the key that made a signature (65 bytes at an offset) of a digest (32 bytes) at the end of a
-- buffer. True; or nil, message, code.
function M.put_signer(out, signature, signature_offset, digest, digest_offset)
  need(signature, signature_offset, M.SIGNATURE_BYTES)
  need(digest, digest_offset, DIGEST)
  local rc, message, code = check(C.vn_k256_recover(public_key, signature.data + signature_offset, digest.data + digest_offset))
  if not rc then
    return nil, message, code
  end
  local at = out:reserve(C.VN_ADDRESS_BYTES)
  C.vn_address_of(out.data + at, public_key)
  return true
end

return M
