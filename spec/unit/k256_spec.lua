-- Keys and signatures on secp256k1: the library is another's, so what is tested is how it is used: forms, ranges, what is
-- refused, and that no secret stays. ethers' transactions are the vectors: ethereum_transaction_spec.lua.
local address = require("vernier.core.address")
local bytes = require("vernier.core.bytes")
local ffi = require("ffi")
local k256 = require("vernier.core.k256")
local random = require("vernier.core.random")
local vectors = require("spec.support.vectors")

local ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
local HALF = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
local EINVAL = -2

local function buffer_of(hex)
  local b = bytes.new()
  assert(b:put_hex(hex), hex)
  return b
end

local function key_of(hex)
  return k256.key(buffer_of(hex), 0)
end

local function address_of(key)
  local b = bytes.new()
  key:put_address(b)
  return address.read(b, 0)
end

local function random_hex(next_value, n)
  local out = {}
  for i = 1, n do
    out[i] = ("%02x"):format(next_value(0, 255))
  end
  return table.concat(out)
end

describe("a key", function()
  it("has the address that ethers knows, which has its checksum", function()
    local n = 0
    for _, case in ipairs(vectors.ethers("accounts")) do
      if case.privateKey then
        assert.are.equal(case.checksumAddress, address_of(assert(key_of(case.privateKey))))
        n = n + 1
      end
    end
    assert.is_true(n >= 1000, n)
  end)

  it("has the shared vectors' forms", function()
    local shared = vectors.shared("eth.json")
    if not shared then
      return pending("the shared vectors are not here")
    end
    local key, b = assert(key_of(shared.key.priv)), bytes.new()
    key:put_compressed(b)
    assert.are.equal(shared.key.pub_compressed, b:hex())
    b:clear()
    key:put_secret(b)
    assert.are.equal(shared.key.priv, b:hex())
    assert.are.equal(shared.key.address, address_of(key))
  end)

  it("is between 1 and the order of the curve", function()
    assert.is_truthy(key_of(("0"):rep(63) .. "1"))
    assert.is_truthy(key_of(ORDER:sub(1, -2) .. "0"))
    for _, hex in ipairs({ ("0"):rep(64), ORDER, ("f"):rep(64) }) do
      local key, message, code = key_of(hex)
      assert.is_nil(key)
      assert.is_truthy(message:find("not a private key", 1, true))
      assert.are.equal(EINVAL, code)
    end
  end)

  it("is added to modulo the order", function()
    local one, last = assert(key_of(("0"):rep(63) .. "1")), buffer_of(ORDER:sub(1, -2) .. "0")
    local sum, message, code = k256.sum(one, last, 0) -- 1 + (n - 1) = 0
    assert.are.same({ nil, EINVAL }, { sum, code })
    assert.is_truthy(message:find("the sum", 1, true))
    local b = bytes.new()
    assert(k256.sum(assert(key_of(("0"):rep(63) .. "2")), last, 0)):put_secret(b)
    assert.are.equal("0x" .. ("0"):rep(63) .. "1", b:hex())
    b:clear()
    one:put_secret(b)
    assert.are.equal("0x" .. ("0"):rep(63) .. "1", b:hex()) -- the operand is what it was
  end)

  it("is wiped when it goes", function()
    local key = assert(key_of(("1"):rep(64)))
    ffi.C.vn_k256_wipe(key)
    for i = 0, 31 do
      assert.are.equal(0, key.secret[i])
    end
    local b = buffer_of(("2"):rep(64))
    local _, message = pcall(key.sign, key, bytes.new(), b, 0)
    assert.is_truthy(message:find("never set, or wiped", 1, true))
  end)

  it("is read only from where there are 32 bytes", function()
    local b = buffer_of(("1"):rep(64))
    assert.has_error(function() k256.key(b, 1) end)
    assert.has_error(function() k256.key(b, -1) end)
    assert.has_error(function() assert(k256.key(b, 0)):sign(bytes.new(), b, 1) end)
  end)
end)

describe("a signature", function()
  local next_value = random.new(3)

  it("tells who signed, has s in the lower half, and is always the same", function()
    local odd = 0
    for _ = 1, 100 do
      local key, digest = assert(key_of(random_hex(next_value, 32))), buffer_of(random_hex(next_value, 32))
      local signature, again, signer = bytes.new(), bytes.new(), bytes.new()
      key:sign(signature, digest, 0)
      key:sign(again, digest, 0)
      assert.are.equal(65, signature.len)
      assert.are.equal(signature:hex(), again:hex())
      assert.is_true(signature:hex(32, 64):sub(3) <= HALF)
      assert.is_true(k256.put_signer(signer, signature, 0, digest, 0))
      assert.are.equal(address_of(key), address.read(signer, 0))
      odd = odd + signature.data[64]
    end
    assert.is_true(odd > 20 and odd < 80, odd)
  end)

  it("of another digest or another parity is another's", function()
    local key, digest = assert(key_of(("1"):rep(64))), buffer_of(("2"):rep(64))
    local signature, signer = bytes.new(), bytes.new()
    key:sign(signature, digest, 0)
    digest.data[31] = 0
    assert(k256.put_signer(signer, signature, 0, digest, 0))
    assert.are_not.equal(address_of(key), address.read(signer, 0))
    digest.data[31] = 0x22
    signature.data[64] = 1 - signature.data[64]
    signer:clear()
    assert(k256.put_signer(signer, signature, 0, digest, 0))
    assert.are_not.equal(address_of(key), address.read(signer, 0))
  end)

  it("out of range is none", function()
    local one, digest = ("0"):rep(63) .. "1", buffer_of(("2"):rep(64))
    local high = HALF:sub(1, -2) .. "1"
    local X_OF_NO_POINT = ("0"):rep(63) .. "5"
    for _, hex in ipairs({ ("0"):rep(64) .. one .. "00", one .. ("0"):rep(64) .. "00", ORDER .. one .. "00", one .. ORDER .. "00",
      one .. high .. "00", one .. one .. "02", one .. one .. "1b", X_OF_NO_POINT .. one .. "00" }) do
      local signer = bytes.new()
      local ok, message, code = k256.put_signer(signer, buffer_of(hex), 0, digest, 0)
      assert.are.same({ nil, EINVAL }, { ok, code }, hex)
      assert.is_truthy(message:find("not a signature", 1, true))
      assert.are.equal(0, signer.len)
    end
    assert.is_true(k256.put_signer(bytes.new(), buffer_of(one .. HALF .. "00"), 0, digest, 0))
  end)
end)
