-- SHA-256, HMAC-SHA512 and PBKDF2 by the vectors of the RFCs, of ethers and of BIP39.
local bytes = require("vernier.core.bytes")
local digest = require("vernier.core.digest")
local vectors = require("spec.support.vectors")

local hex = bytes.to_hex

local function buffer_of(text)
  local b = bytes.new()
  b:put(text)
  return b
end

local function hmac(key, text)
  local b = bytes.new(1)
  digest.put_hmac_sha512(b, buffer_of(key), buffer_of(text))
  return b:hex()
end

describe("SHA-256", function()
  it("gives all of ethers' hashes", function()
    for _, case in ipairs(vectors.ethers("hashes")) do
      assert.are.equal(case.sha256, hex(digest.sha256(bytes.from_hex(case.data))))
    end
  end)
end)

describe("HMAC-SHA512", function()
  -- RFC 4231, cases 1, 2 and 6: a key of a usual length, a short one, one longer than a block.
  local CASES = {
    { ("\11"):rep(20), "Hi There", "0x87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
      .. "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
    { "Jefe", "what do ya want for nothing?", "0x164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
      .. "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
    { ("\170"):rep(131), "Test Using Larger Than Block-Size Key - Hash Key First",
      "0x80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
      .. "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },
  }

  it("gives those of RFC 4231", function()
    for _, case in ipairs(CASES) do
      assert.are.equal(case[3], hmac(case[1], case[2]))
    end
  end)

  it("takes empty texts", function()
    assert.are.equal(2 + 2 * 64, #hmac("", ""))
    assert.are_not.equal(hmac("", ""), hmac("a", ""))
  end)
end)

describe("PBKDF2-HMAC-SHA512", function()
  it("makes the seed of a mnemonic", function()
    local seed = bytes.new()
    digest.put_pbkdf2_sha512(seed, "test test test test test test test test test test test junk", "mnemonic", 2048)
    assert.are.equal("0x9dfc3c64c2f8bede1533b6a79f8570e5943e0b8fd1cf77107adf7b72cef42185"
      .. "d564a3aee24cab43f80e3c4538087d70fc824eabbad596a23c97b6ee8322ccc0", seed:hex())
  end)

  it("refuses to iterate less than once", function()
    assert.has_error(function() digest.put_pbkdf2_sha512(bytes.new(), "a", "b", 0) end)
  end)
end)
