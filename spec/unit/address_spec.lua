-- Addresses and their checksum, against ethers'.
local address = require("vernier.core.address")
local bytes = require("vernier.core.bytes")
local vectors = require("spec.support.vectors")

local b = bytes.new()
b:reserve(20)

describe("an address", function()
  it("has the checksum that ethers gives it, and is read with and without", function()
    local list = vectors.ethers("accounts")
    for _, case in ipairs(list) do
      for _, text in ipairs({ case.checksumAddress, case.checksumAddress:lower(), "0x" .. case.checksumAddress:sub(3):upper() }) do
        assert.is_nil(address.write(b, 0, text))
        assert.are.equal(case.checksumAddress:lower(), b:hex(0, 20))
        assert.are.equal(case.checksumAddress, address.read(b, 0))
      end
    end
    assert.are.equal(1038, #list)
  end)

  it("with one letter of the wrong kind is mistyped", function()
    local right, n = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", 0
    assert.is_nil(address.write(b, 0, right))
    for i = 3, #right do
      local c = right:sub(i, i)
      if c:find("%a") then
        local other = c == c:lower() and c:upper() or c:lower()
        local problem = address.write(b, 0, right:sub(1, i - 1) .. other .. right:sub(i + 1))
        assert.is_truthy(problem:find("has a wrong checksum", 1, true))
        n = n + 1
      end
    end
    assert.is_true(n > 15, n)
  end)

  it("is 0x and 40 digits", function()
    local digits = ("0"):rep(40)
    for _, value in ipairs({ "", "0x", digits, "0x" .. digits .. "0", "0x" .. digits:sub(2), "0X" .. digits, "0x" .. ("g"):rep(40), 0, {}, true,
      ("\0"):rep(20), ("0x"):rep(21) }) do
      assert.is_truthy(address.write(b, 0, value):find("is no address: 0x and 40 hexadecimal digits", 1, true))
    end
  end)
end)
