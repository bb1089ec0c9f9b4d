-- RLP against ethers' vectors; every other form of the same value is refused; hostile lengths cost nothing.
local bytes = require("vernier.core.bytes")
local ffi = require("ffi")
local random = require("vernier.core.random")
local rlp = require("vernier.ethereum.rlp")
local vectors = require("spec.support.vectors")

local function raw(hex)
  return assert(bytes.from_hex(hex), hex)
end

-- Vectors have texts as 0x….
local function raw_of(item)
  if type(item) == "string" then
    return raw(item)
  end
  local list = {}
  for i, one in ipairs(item) do
    list[i] = raw_of(one)
  end
  return list
end

local function encoded(item)
  return bytes.to_hex(rlp.encode(item))
end

describe("RLP", function()
  it("gives all of ethers' vectors, both ways", function()
    local list = vectors.ethers("rlp-coder")
    for _, case in ipairs(list) do
      local item = raw_of(case.decoded)
      assert.are.equal(case.encoded, encoded(item), case.name)
      assert.are.same(item, (assert(rlp.decode(raw(case.encoded)))), case.name)
    end
    assert.are.equal(61, #list)
  end)

  it("writes integers without leading zeros", function()
    for _, case in ipairs({ { 0, "0x80" }, { 1, "0x01" }, { 127, "0x7f" }, { 128, "0x8180" }, { 256, "0x820100" },
      { 2 ^ 53 - 1, "0x871fffffffffffff" }, { 0xffffffffffffffffULL, "0x88ffffffffffffffff" }, { ffi.new("int64_t", 5), "0x05" },
      { { 0, 1, {} }, "0xc38001c0" } }) do
      assert.are.equal(case[2], encoded(case[1]))
    end
  end)

  it("refuses what has no form, and leaves the buffer as it was", function()
    local deep = {}
    for _ = 1, 101 do
      deep = { deep }
    end
    local buffer = bytes.new()
    buffer:put("before")
    for _, case in ipairs({ { { "a", { true } }, "a boolean is no integer" }, { { 1.5 }, "1.5 is no integer" }, { { -1 }, "-1 does not fit" },
      { { 2 ^ 60 }, "write it as a text" }, { { print }, "a function" }, { deep, "nested deeper than 100" } }) do
      local ok, message = pcall(rlp.put, buffer, case[1])
      assert.is_false(ok)
      assert.is_truthy(message:find(case[2], 1, true), message)
      assert.are.equal("before", buffer:text())
    end
    local circle = {}
    circle[1] = circle
    assert.has_error(function() rlp.encode(circle) end)
    assert.are.equal("0xc0", encoded({}))
  end)

  it("comes back, whatever is written: random items", function()
    local next_value = random.new(21)
    local LENGTHS = { 0, 1, 1, 2, 54, 55, 56, 57, 255, 256, 300 }
    local function item(depth)
      if depth < 5 and next_value(1, 3) > 1 then
        local list = {}
        for i = 1, next_value(0, 5) do
          list[i] = item(depth + 1)
        end
        return list
      end
      local out = {}
      for i = 1, LENGTHS[next_value(1, #LENGTHS)] do
        out[i] = string.char(next_value(0, 255))
      end
      return table.concat(out)
    end
    for _ = 1, 500 do
      local one = item(1)
      local text = rlp.encode(one)
      assert.are.same(one, (assert(rlp.decode(text))))
      assert.is_nil((rlp.decode(text .. "\0")))
      if #text > 1 then
        assert.is_nil((rlp.decode(text:sub(1, -2))))
      end
    end
  end)
end)

describe("decoding RLP", function()
  local CASES = {
    { "0x", "there is nothing" }, { "0x8100", "the long form of a single byte" }, { "0x817f", "the long form of a single byte" },
    { "0x81", "1 bytes are promised, and there are 0" }, { "0x83aabb", "3 bytes are promised, and there are 2" },
    { "0xb800", "a length with a leading zero" }, { "0xb837" .. ("aa"):rep(55), "the long form of a length of 55" },
    { "0xb90038" .. ("aa"):rep(56), "a length with a leading zero" }, { "0xb8", "ends within a length" }, { "0xb9ff", "ends within a length" },
    { "0xb838aa", "56 bytes are promised, and there are 1" }, { "0xc1", "1 bytes are promised" }, { "0xc28100", "the long form of a single byte" },
    { "0xc3820102", false }, { "0xc2820102", "byte 1: 2 bytes are promised, and there are 1" }, { "0xf800", "leading zero" },
    { "0xf837" .. ("80"):rep(55), "the long form of a length of 55" }, { "0xf8", "ends within a length" }, { "0x0000", "byte 1: 1 bytes follow" },
    { "0xc080", "1 bytes follow" }, { "0xbfffffffffffffffff00", "bytes are promised" }, { "0xffffffffffffffffff00", "bytes are promised" },
    { "0xbf7fffffffffffffff00", "bytes are promised" }, { "0xc1b8", "byte 1: the text ends within a length" },
  }

  it("takes one form of each value only, and says where it is not", function()
    for _, case in ipairs(CASES) do
      local item, message = rlp.decode(raw(case[1]))
      if case[2] then
        assert.is_nil(item, case[1])
        assert.is_truthy(message:find(case[2], 1, true), case[1] .. " " .. tostring(message))
      else
        assert.is_truthy(item)
      end
    end
  end)

  it("is bounded in depth", function()
    local text = "\192"
    for _ = 1, 99 do
      text = rlp.encode({}) == text and "\193\192" or (#text <= 55 and string.char(192 + #text) or "\248" .. string.char(#text)) .. text
    end
    assert.is_truthy(rlp.decode(text))
    text = "\248" .. string.char(#text) .. text
    local item, message = rlp.decode(text)
    assert.is_nil(item)
    assert.is_truthy(message:find("nested deeper than 100", 1, true))
  end)

  it("of garbage is an item that is written back as the same bytes, or an error", function()
    local next_value, good = random.new(22), 0
    for _ = 1, 20000 do
      local out = {}
      for i = 1, next_value(1, 40) do
        local special = next_value(1, 3) == 1
        out[i] = string.char(special and ({ 0x80, 0x81, 0xb7, 0xb8, 0xbf, 0xc0, 0xc1, 0xf7, 0xf8, 0xff, 0x00 })[next_value(1, 11)]
          or next_value(0, 255))
      end
      if next_value(1, 2) == 1 then
        out[1] = string.char(0xc0 + #out - 1)
      end
      local text = table.concat(out)
      local item, message = rlp.decode(text)
      if item then
        good = good + 1
        assert.are.equal(text, rlp.encode(item))
      else
        assert.is_truthy(message:find("^RLP: "))
      end
    end
    assert.is_true(good > 200, good)
  end)
end)
