-- The contract ABI's data: values of random types there and back, damaged data, and data that means harm.
local abi = require("vernier.ethereum.abi")
local bytes = require("vernier.core.bytes")
local random = require("vernier.core.random")
local word = require("spec.support.abi").word

local next_value = random.new(31)
local R = {}

function R.text(n)
  local out = {}
  for i = 1, n do
    out[i] = string.char(next_value(0, 255))
  end
  return table.concat(out)
end

local function hex_digits(n)
  return bytes.to_hex(R.text(math.ceil(n / 2))):sub(3, n + 2)
end

-- type text, generator of values in the form in which they come back
local LEAVES = {
  function()
    local bits = 8 * next_value(1, 5)
    return "uint" .. bits, function() return next_value(0, 2 ^ bits - 1) end
  end,
  function()
    local bits = 8 * next_value(1, 5)
    return "int" .. bits, function() return next_value(-2 ^ (bits - 1), 2 ^ (bits - 1) - 1) end
  end,
  function()
    local bits = 8 * next_value(6, 32)
    return "uint" .. bits, function()
      return abi.decode({ "uint256" }, "0x" .. ("0"):rep(64 - bits / 4) .. hex_digits(bits / 4))[1]
    end
  end,
  function()
    return "int256", function() return abi.decode({ "int256" }, "0x" .. hex_digits(64))[1] end
  end,
  function() return "bool", function() return next_value(0, 1) == 1 end end,
  function()
    return "address", function() return abi.decode({ "address" }, "0x" .. ("0"):rep(24) .. hex_digits(40))[1] end
  end,
  function()
    local n = next_value(1, 32)
    return "bytes" .. n, function() return "0x" .. hex_digits(2 * n) end
  end,
  function() return "bytes", function() return "0x" .. hex_digits(2 * next_value(0, 70)) end end,
  function() return "string", function() return R.text(next_value(0, 70)) end end,
}

local function random_type(depth)
  local pick = next_value(1, depth > 3 and 3 or 6)
  if pick <= 3 then
    return LEAVES[next_value(1, #LEAVES)]()
  elseif pick <= 5 then
    local name, make = random_type(depth + 1)
    local n = next_value(0, 3)
    return name .. (n > 0 and "[" .. n .. "]" or "[]"), function()
      local list = {}
      for i = 1, n > 0 and n or next_value(0, 4) do
        list[i] = make()
      end
      return list
    end
  end
  local names, makers = {}, {}
  for i = 1, next_value(1, 4) do
    names[i], makers[i] = random_type(depth + 1)
  end
  return "(" .. table.concat(names, ",") .. ")", function()
    local list = {}
    for i, make in ipairs(makers) do
      list[i] = make()
    end
    return list
  end
end

local function random_case()
  local names, values = {}, {}
  for i = 1, next_value(1, 4) do
    local make
    names[i], make = random_type(1)
    values[i] = make()
  end
  return names, values
end

describe("values of random types", function()
  it("come back as they were", function()
    for _ = 1, 1500 do
      local names, values = random_case()
      local data = abi.encode(names, values)
      local back = assert(abi.decode(names, data))
      assert.are.same(values, back, table.concat(names, " "))
      assert.are.equal(data, abi.encode(names, back))
      if #data > 2 then
        assert.is_nil((abi.decode(names, data:sub(1, -65))))
      end
    end
  end)

  it("that are damaged are values or a message, soon", function()
    local good, bad = 0, 0
    local STRANGE = { 0, 1, 31, 32, 33, 64, "0x7fffffff", "0xffffffff", 2 ^ 53 - 1, "0x20000000000000", "0xffffffffffffffff", "0x" .. ("f"):rep(64) }
    for _ = 1, 1500 do
      local names, values = random_case()
      local data = abi.encode(names, values)
      local words = (#data - 2) / 64
      for _ = 1, next_value(1, 3) do
        local at = next_value(0, words - 1)
        data = data:sub(1, 2 + 64 * at) .. word(STRANGE[next_value(1, #STRANGE)]) .. data:sub(67 + 64 * at)
      end
      local back, message = abi.decode(names, data)
      if back then
        good = good + 1
      else
        bad = bad + 1
        assert.is_truthy(message:find("^byte %d+: "), message)
      end
    end
    assert.is_true(good > 50 and bad > 300, good .. " " .. bad)
  end)
end)

describe("data that means harm", function()
  local function refused(kind, data, part)
    local before = collectgarbage("count")
    local values, message = abi.decode({ kind }, "0x" .. data)
    assert.is_nil(values)
    assert.is_truthy(message:find(part, 1, true), message)
    assert.is_true(collectgarbage("count") - before < 20000)
  end

  it("promises more than there is", function()
    for _, n in ipairs({ 1, 2 ^ 31, 2 ^ 53 - 1 }) do
      refused("uint8[]", word(32) .. word(n), n == 1 and "1 items of uint8[] need 32 bytes" or "points outside")
      refused("bytes", word(32) .. word(n), n == 1 and "bytes needs 1 bytes" or "points outside")
      refused("string", word(n), n == 1 and "1" or "points outside")
    end
    refused("string[]", word(32) .. word(2) .. word(0), "2 items of string[] need 64 bytes, and there are 32")
    refused("uint8[]", word("0x" .. ("f"):rep(64)) .. word(1), "the offset of 1157920892")
    refused("uint256[4][]", word(32) .. word(3) .. word(1):rep(11), "3 items of uint256[4][] need 384 bytes, and there are 352")
  end)

  it("points all offsets at the same", function()
    local n = 2000
    refused("string[]", word(32) .. word(n) .. word(32 * n):rep(n) .. word(32 * n) .. ("00"):rep(32 * n), "read more than 16 times")
    refused("uint8[][][][][][][][][][]", word(32) .. (word(10) .. word(320):rep(10)):rep(9) .. word(10) .. word(0):rep(10), "read more than 16 times")
  end)

  it("points back at itself, and ends as its type does", function()
    assert.are.same({ { "", "" } }, abi.decode({ "string[]" }, "0x" .. word(32) .. word(2) .. word(0) .. word(0)))
    assert.are.same({ { {} } }, abi.decode({ "uint8[][]" }, "0x" .. word(32) .. word(1) .. word(0)))
    assert.are.same({ "" }, abi.decode({ "string" }, "0x" .. word(0)))
  end)

  it("has what is no value of its type", function()
    refused("bool", word(2), "2 is no bool")
    refused("bool", word("0x100"), "256 is no bool")
    refused("address", word("0x1" .. ("0"):rep(40)), "is no address")
    refused("bytes4", ("0"):rep(63) .. "1", "is no bytes4")
    refused("uint8", word(256), "256 does not fit uint8")
    refused("int8", word(128), "128 does not fit int8")
    refused("int8", ("f"):rep(62) .. "7f", "does not fit int8")
  end)

  it("does not matter where nothing is read: padding, and what follows", function()
    assert.are.same({ "0xaa" }, abi.decode({ "bytes" }, "0x" .. word(32) .. word(1) .. "aa" .. ("ff"):rep(31)))
    assert.are.same({ "0xaa" }, abi.decode({ "bytes" }, "0x" .. word(32) .. word(1) .. "aa"))
    assert.are.same({ 1 }, abi.decode({ "uint8" }, "0x" .. word(1) .. "ffff"))
    assert.are.same({ nil, "no hexadecimal text" }, { abi.decode({ "uint8" }, "0x0") })
  end)
end)
