-- Buffers of bytes and their hexadecimal form.
local bytes = require("vernier.core.bytes")

describe("hexadecimal text", function()
  it("is written in small letters and read in both", function()
    local all = {}
    for i = 0, 255 do
      all[i + 1] = string.char(i)
    end
    all = table.concat(all)
    local text = bytes.to_hex(all)
    assert.are.equal(("%02x"):rep(4):format(0, 1, 2, 3), text:sub(3, 10))
    assert.are.equal("0x", text:sub(1, 2))
    assert.are.equal(all, bytes.from_hex(text))
    assert.are.equal(all, bytes.from_hex("0X" .. text:sub(3):upper()))
    assert.are.equal(all, bytes.from_hex(text:sub(3)))
    assert.are.same({ "0x", "" }, { bytes.to_hex(""), bytes.from_hex("0x") })
  end)

  it("is nothing else", function()
    for _, text in ipairs({ "0x1", "0xgg", "0x0 ", " 0x00", "0x0x00", "x00", "0x00\n", "-0x00", "0x0\0", "0x@0", "0x`0", "0x/0", "0x:0" }) do
      assert.is_nil(bytes.from_hex(text), text)
    end
  end)
end)

describe("base64", function()
  it("is that of RFC 4648, in its one form", function()
    for plain, text in pairs({ [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=", foobar = "Zm9vYmFy",
      ["\255\254\0"] = "//4A" }) do
      local b, c = bytes.new(1), bytes.new()
      b:put(plain)
      assert.are.equal(text, b:base64())
      c:put("x")
      assert.are.equal(#plain, c:put_base64(text))
      assert.are.equal("x" .. plain, c:text())
    end
    for _, text in ipairs({ "Zg=", "Zg", "Zh==", "Zg==Zg==", "Z===", "====", "Zm9v\n", "Zm9-", " Zm9v", "Zm9vY" }) do
      local b = bytes.new()
      b:put("x")
      assert.is_nil(b:put_base64(text), text)
      assert.are.equal("x", b:text())
    end
  end)
end)

describe("a buffer", function()
  it("grows, keeps what it has, gives zeros", function()
    local b = bytes.new(1)
    for i = 1, 300 do
      b:put_byte(i % 256)
      b:put("ab")
      assert.are.equal(b.len - 3, b:reserve(3) - 3)
    end
    assert.are.equal(1800, b.len)
    local text = b:text()
    for i = 1, 300 do
      assert.are.equal(string.char(i % 256) .. "ab\0\0\0", text:sub(6 * i - 5, 6 * i))
    end
  end)

  it("gives zeros again where there was something", function()
    local b = bytes.new()
    b:put("secret")
    b:clear()
    assert.are.equal(0, b:reserve(6))
    assert.are.equal(("\0"):rep(6), b:text())
  end)

  it("forgets what it held when it is wiped", function()
    local b = bytes.new(8)
    b:put("secret")
    b:wipe()
    assert.are.equal(0, b.len)
    for i = 0, 7 do
      assert.are.equal(0, b.data[i])
    end
  end)

  it("takes parts of others and hexadecimal text, whole or not at all", function()
    local a, b = bytes.new(), bytes.new()
    a:put("0123456789")
    b:put_part(a, 3, 6)
    b:put_part(a)
    assert.are.equal("3450123456789", b:text())
    assert.are.equal(2, b:put_hex("0x4142"))
    assert.is_nil(b:put_hex("0x4142zz"))
    assert.are.equal("3450123456789AB", b:text())
    b:cut(2)
    assert.are.equal("34", b:text())
    b:cut(100)
    assert.are.equal(2, b.len)
  end)

  it("has no part outside of itself", function()
    local a, b = bytes.new(), bytes.new()
    a:put("0123")
    for _, part in ipairs({ { -1, 2 }, { 0, 5 }, { 3, 2 }, { 5, 5 }, { 0 / 0, 1 }, { 0, math.huge } }) do
      assert.has_error(function() a:text(part[1], part[2]) end)
      assert.has_error(function() a:hex(part[1], part[2]) end)
      assert.has_error(function() b:put_part(a, part[1], part[2]) end)
      assert.has_error(function() b:put_keccak256(a, part[1], part[2]) end)
    end
    assert.are.same({ "", "0x" }, { a:text(4, 4), a:hex(2, 2) })
  end)

  it("makes texts longer than any before", function()
    local b = bytes.new()
    for _, n in ipairs({ 10, 1000, 100000, 5 }) do
      b:clear()
      b:put(("\171"):rep(n))
      assert.are.equal("0x" .. ("ab"):rep(n), b:hex())
    end
  end)
end)
