-- Quantities of JSON-RPC.
local quantity = require("vernier.ethereum.quantity")

describe("a quantity", function()
  local CASES = {
    { 0, "0x0" }, { 1, "0x1" }, { 16, "0x10" }, { 255, "0xff" }, { 4096, "0x1000" }, { 2 ^ 53 - 1, "0x1fffffffffffff" }, { "0", "0x0" },
    { "9007199254740993", "0x20000000000001" }, { "0x00ff", "0xff" }, { "0x0f00", "0xf00" }, { 0xffffffffffffffffULL, "0xffffffffffffffff" },
    { 5LL, "0x5" }, { "1000000000000000000", "0xde0b6b3a7640000" }, { "0x" .. ("f"):rep(64), "0x" .. ("f"):rep(64) },
  }

  it("has no leading zeros", function()
    for _, case in ipairs(CASES) do
      assert.are.equal(case[2], quantity.encode(case[1]))
    end
  end)

  it("is never rounded, negative, or of more than 256 bits", function()
    for value, part in pairs({ [1.5] = "is no integer", [-1] = "does not fit uint256", [2 ^ 53] = "write it as a text", ["-1"] = "does not fit",
      ["1e18"] = "is no integer", ["0x1" .. ("0"):rep(64)] = "does not fit uint256", [true] = "is no integer", [-1LL] = "does not fit" }) do
      local ok, message = pcall(quantity.encode, value)
      assert.is_false(ok)
      assert.is_truthy(message:find(part, 1, true), message)
    end
  end)

  it("is counted in numbers where that is exact", function()
    for _, value in ipairs({ 100000, "100000", "0x186a0", 100000LL, 100000ULL }) do
      assert.are.equal(100000, quantity.count(value))
    end
    assert.are.equal(2 ^ 53 - 1, quantity.count("9007199254740991"))
    for value, part in pairs({ [1.5] = "is no integer", [-1] = "does not fit", [2 ^ 53] = "write it as a text", ["x"] = "is no integer",
      ["9007199254740992"] = "does not fit uint53", ["0x20000000000000"] = "does not fit", [true] = "is no integer" }) do
      local ok, message = pcall(quantity.count, value)
      assert.is_false(ok)
      assert.is_truthy(message:find(part, 1, true), message)
    end
  end)

  it("is read as a number where that is exact, and as decimal text always", function()
    for _, case in ipairs(CASES) do
      local number, message = quantity.number(case[2])
      assert.are.equal(case[2], quantity.encode(assert(quantity.decimal(case[2]))))
      assert.is_true(number and quantity.encode(number) == case[2] or message:find("beyond what Lua numbers hold", 1, true) ~= nil)
    end
    assert.are.same({ 16, "16" }, { quantity.number("0x10"), quantity.decimal("0x10") })
    assert.are.equal(2 ^ 53 - 1, quantity.number("0x1fffffffffffff"))
    assert.is_nil(quantity.number("0x20000000000000"))
    assert.are.equal("9007199254740992", quantity.decimal("0x20000000000000"))
    assert.are.equal(0, quantity.number("0x00")) -- which some nodes write
  end)

  it("is nothing else", function()
    for _, text in ipairs({ "", "0x", "10", "0xg", "0x-1", "-0x1", " 0x1", "0x1" .. ("0"):rep(64), 16, {}, true }) do
      for _, read in ipairs({ quantity.number, quantity.decimal }) do
        local value, message = read(text)
        assert.is_nil(value)
        assert.is_truthy(message:find("is no quantity", 1, true), message)
      end
    end
    assert.is_nil((quantity.number(nil)))
  end)
end)
