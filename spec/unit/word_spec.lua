-- Words: from and to numbers, texts and 64-bit integers, at the ends of every type; against schoolbook arithmetic on
-- decimal digits.
local bytes = require("vernier.core.bytes")
local ffi = require("ffi")
local random = require("vernier.core.random")
local word = require("vernier.core.word")

local b = bytes.new()
b:reserve(96)

local function written(value, bits)
  local problem = word.write(b, 32, value, bits)
  return not problem and b:hex(32, 64) or nil, problem
end

-- The decimal digits of 2^n + add, by doubling.
local function power(n, add)
  local digits = { 1 }
  local function carry(value, from)
    local i, rest = from, value
    while rest ~= 0 or i == from do
      local sum = (digits[i] or 0) + rest
      digits[i], rest = sum % 10, math.floor(sum / 10)
      i = i + 1
    end
  end
  for _ = 1, n do
    local rest = 0
    for i = 1, #digits do
      local sum = 2 * digits[i] + rest
      digits[i], rest = sum % 10, math.floor(sum / 10)
    end
    if rest > 0 then
      digits[#digits + 1] = rest
    end
  end
  carry(add, 1)
  return (table.concat(digits):reverse():gsub("^0+(%d)", "%1"))
end

-- Decimal digits of a hexadecimal text.
local function decimal(hex)
  local digits = { 0 }
  for c in hex:gmatch("%x") do
    local rest = tonumber(c, 16)
    for i = 1, #digits do
      local sum = 16 * digits[i] + rest
      digits[i], rest = sum % 10, math.floor(sum / 10)
    end
    while rest > 0 do
      digits[#digits + 1], rest = rest % 10, math.floor(rest / 10)
    end
  end
  return (table.concat(digits):reverse():gsub("^0+(%d)", "%1"))
end

describe("a word", function()
  it("holds exactly the range of each type", function()
    for bits = 8, 256, 8 do
      local top, half = power(bits, -1), power(bits - 1, 0)
      assert.are.equal("0x" .. ("0"):rep(64 - bits / 4) .. ("f"):rep(bits / 4), written(top, bits))
      assert.are.equal(top, word.text(b, 32, bits))
      assert.is_truthy(written("-" .. half, -bits))
      assert.are.equal("-" .. half, word.text(b, 32, -bits))
      assert.is_truthy(written(power(bits - 1, -1), -bits))
      assert.are.equal(power(bits - 1, -1), word.text(b, 32, -bits))
      for value, kind in pairs({ [power(bits, 0)] = bits, ["-1"] = bits, [half] = -bits, ["-" .. power(bits - 1, 1)] = -bits }) do
        local text, problem = written(value, kind)
        assert.is_nil(text)
        assert.are.equal(("%s does not fit %s"):format(value, word.type_name(kind)), problem)
      end
    end
  end)

  it("has no value for a type that it does not fit", function()
    assert.is_truthy(written("256", 256))
    assert.are.same({ nil, nil }, { word.text(b, 32, 8), word.number(b, 32, 8) })
    assert.is_nil(word.text(b, 32, -8))
    assert.is_nil(word.read(b, 32, -8))
    assert.are.equal("256", word.text(b, 32, -16))
    assert.is_truthy(written("-129", -256))
    assert.is_nil(word.text(b, 32, -8))
    assert.are.equal("-129", word.text(b, 32, -16))
    assert.is_nil(word.text(b, 32, 128))
  end)

  it("is the same from decimal and hexadecimal text, and gives the decimal one", function()
    local next_value = random.new(11)
    for _ = 1, 500 do
      local hex = {}
      for i = 1, next_value(1, 64) do
        hex[i] = ("%x"):format(next_value(0, 15))
      end
      hex = table.concat(hex)
      local expected = decimal(hex)
      local from_hex = assert(written("0x" .. hex, 256))
      assert.are.equal(("0"):rep(64 - #hex) .. hex, from_hex:sub(3))
      assert.are.equal(expected, word.text(b, 32, 256))
      assert.are.equal(from_hex, written(expected, 256))
      assert.are.equal(from_hex, written("000" .. expected, 256))
      assert.are.equal(from_hex, written("0X000" .. hex:upper(), 256))
    end
  end)

  it("writes only its own 32 bytes", function()
    assert.is_truthy(written("-1", -256))
    assert.are.equal("0x" .. ("00"):rep(32), b:hex(0, 32))
    assert.are.equal("0x" .. ("00"):rep(32), b:hex(64, 96))
  end)
end)

describe("what stands for an integer", function()
  it("is a whole number below 2^53", function()
    for value, expected in pairs({ [0] = "0", [1] = "1", [2 ^ 53 - 1] = "9007199254740991", [1e15] = "1000000000000000" }) do
      assert.is_truthy(written(value, 256))
      assert.are.equal(expected, word.text(b, 32, 256))
      assert.are.equal(value, word.number(b, 32, 256))
    end
    assert.is_truthy(written(-(2 ^ 53 - 1), -256))
    assert.are.equal("-9007199254740991", word.text(b, 32, -256))
    assert.are.equal(-9007199254740991, word.number(b, 32, -256))
    assert.is_truthy(written(-0, 8))
    assert.are.equal("0", word.text(b, 32, 8))
  end)

  it("is no other number", function()
    for _, value in ipairs({ 2 ^ 53, -2 ^ 53, 2 ^ 64, 1e300 }) do
      local text, problem = written(value, -256)
      assert.is_nil(text)
      assert.is_truthy(problem:find("beyond what Lua numbers hold exactly: write it as a text", 1, true), problem)
    end
    for _, value in ipairs({ 0.5, -1.25, 2 ^ 51 + 0.5, 1e-300, 0 / 0, math.huge, -math.huge }) do
      local text, problem = written(value, -256)
      assert.is_nil(text)
      assert.is_truthy(problem:find("is no integer", 1, true), problem)
    end
  end)

  it("is an FFI 64-bit integer", function()
    assert.are.equal("0x" .. ("0"):rep(48) .. ("f"):rep(16), written(0xffffffffffffffffULL, 64))
    assert.are.equal("18446744073709551615", word.text(b, 32, 64))
    assert.is_truthy(written(ffi.new("int64_t", -2 ^ 63), -64))
    assert.are.equal("-9223372036854775808", word.text(b, 32, -64))
    assert.are.same({ nil, "-1 does not fit uint64" }, { written(-1LL, 64) })
    assert.are.same({ nil, "18446744073709551615 does not fit int64" }, { written(0xffffffffffffffffULL, -64) })
  end)

  it("is a text of digits and nothing else", function()
    for _, text in ipairs({ "", "-", "0x", "-0x", "+1", " 1", "1 ", "1e18", "1.0", "0b1", "12a", "0xg", "--1", "0x-1", "1_000", "1,000", "\0",
      "1\0" }) do
      local made, problem = written(text, -256)
      assert.is_nil(made, text)
      assert.is_truthy(problem:find("is no integer: a whole number, a decimal or 0x… text", 1, true), problem)
    end
  end)

  it("is nothing else, and messages stay short and printable", function()
    for _, value in ipairs({ true, {}, print, ffi.new("int32_t[1]"), ffi.new("double", 1) }) do
      assert.is_truthy(select(2, written(value, 256)):find("is no integer", 1, true))
    end
    local _, problem = written(("9"):rep(100000), 256)
    assert.is_true(#problem < 200)
    _, problem = written("\27[31m", 256)
    assert.is_nil(problem:find("%c"))
    _, problem = written(nil, 256)
    assert.is_truthy(problem:find("a nil is no integer", 1, true))
  end)
end)

describe("what users get", function()
  it("is a number for types of up to 40 bits and a text for wider ones", function()
    assert.is_truthy(written(5, 256))
    assert.are.same({ 5, 5, "5", "5" }, { word.read(b, 32, 8), word.read(b, 32, -40), word.read(b, 32, 48), word.read(b, 32, -256) })
  end)
end)

describe("the length of a word", function()
  it("is that without leading zeros", function()
    for value, len in pairs({ ["0"] = 0, ["1"] = 1, ["255"] = 1, ["256"] = 2, ["0x10000"] = 3, ["0x" .. ("f"):rep(64)] = 32 }) do
      assert.is_truthy(written(value, 256))
      assert.are.equal(len, word.len(b, 32))
    end
  end)
end)
