local cjson = require("cjson")
local json = require("vernier.json")

local function encode(value, order)
  return (json.encode(value, order):gsub("\n$", ""))
end

describe("json.encode", function()
  it("writes the same text for the same data: declared keys first, the rest sorted", function()
    assert.are.equal('{"z": 1, "a": 2, "b": 3, "c": 4}', encode({ a = 2, b = 3, c = 4, z = 1 }, { "z", "a" }))
    assert.are.equal('{"1": "x", "k": "y"}', encode({ k = "y", ["1"] = "x" }))
  end)

  it("writes lists and empty tables as what they are", function()
    assert.are.equal("[1, 2, 3]", encode({ 1, 2, 3 }))
    assert.are.equal("{}", encode({}))
    assert.are.equal("[]", encode(json.array({})))
    assert.are.equal('{"a": [{"b": null}]}', encode({ a = { { b = json.null } } }))
  end)

  it("writes null for what is missing, infinite or not a number", function()
    assert.are.equal("null", encode(nil))
    assert.are.equal("[null, null, null, null]", encode({ json.null, 0 / 0, 1 / 0, -1 / 0 }))
  end)

  it("writes whole numbers without an exponent and others exactly", function()
    local cases = {
      [0] = "0", [42] = "42", [-7] = "-7", [2 ^ 53] = "9007199254740992", [1e15] = "1000000000000000",
      [1e20] = "100000000000000000000", [0.1] = "0.1", [1 / 3] = "0.3333333333333333", [1e-9] = "1e-09",
      [123456.789] = "123456.789", [1e300] = "1e+300",
    }
    for number, text in pairs(cases) do
      assert.are.equal(text, encode(number))
      assert.are.equal(number, cjson.decode("[" .. text .. "]")[1])
    end
    local state = 7
    for _ = 1, 2000 do
      state = (state * 48271) % 2147483647
      local number = (state - 1e9) / 3 ^ (state % 40)
      assert.are.equal(number, tonumber(encode(number)))
    end
    assert.are.equal("18446744073709551615", encode(18446744073709551615ULL))
    assert.are.equal("-9", encode(-9LL))
  end)

  it("escapes what JSON and HTML could take for something else", function()
    assert.are.equal('"a\\"b\\\\c\\n\\t\\u0001\\u007f"', encode('a"b\\c\n\t\1\127'))
    assert.are.equal('"<script><\\/script>"', encode("<script></script>"))
    assert.are.equal('"\\u0000"', encode("\0"))
    assert.are.equal('{"<\\/k": 1}', encode({ ["</k"] = 1 }))
    for byte = 0, 127 do
      local c = string.char(byte)
      local text, plain = encode(("a"):rep(50) .. c), '"' .. ("a"):rep(50) .. c .. '"'
      assert.are.equal(("a"):rep(50) .. c, cjson.decode(text))
      assert.are.equal(byte >= 32 and byte ~= 34 and byte ~= 92 and byte ~= 127, text == plain)
    end
  end)

  it("writes valid UTF-8 whatever comes in", function()
    for _, text in ipairs({ "é", "日本", "\240\159\152\128", "µs" }) do
      assert.are.equal('"' .. text .. '"', encode(text))
    end
    local bad = "\239\191\189"
    assert.are.equal('"' .. bad .. '"', encode("\255"))
    assert.are.equal('"a' .. bad .. 'b"', encode("a\195b"))
    assert.are.equal('"' .. bad .. bad .. '"', encode("\192\128")) -- overlong
    assert.are.equal('"' .. bad:rep(3) .. '"', encode("\237\160\128")) -- surrogate
    assert.are.equal('"' .. bad:rep(4) .. '"', encode("\244\144\128\128")) -- over U+10FFFF
    assert.are.equal('"' .. bad:rep(2) .. '"', encode("\226\130")) -- cut
  end)

  it("breaks lines where it must, and reads back the same", function()
    local value = { list = {}, name = ("x"):rep(80), nested = { deep = { deeper = { 1, 2, { a = "b" } } } } }
    for i = 1, 100 do
      value.list[i] = i * 1.5
    end
    local text = json.encode(value)
    assert.are.same(value, cjson.decode(text))
    assert.matches('\n  "list": %[\n    1.5,\n    3,\n', text)
    assert.are.equal("\n", text:sub(-1))
  end)

  it("refuses what has no JSON", function()
    local loop = {}
    loop.loop = loop
    assert.has_error(function()
      json.encode(loop)
    end)
    assert.has_error(function()
      json.encode({ f = print })
    end)
    local twice = { 1 }
    assert.are.equal("[[1], [1]]", encode({ twice, twice }))
  end)
end)

describe("json.line", function()
  it("writes one line without blanks", function()
    local value = { b = { 1, 2, { c = "x y\n" } }, a = ("y"):rep(200) }
    local text = json.line(value)
    assert.is_nil(text:find("[\n]"))
    assert.are.same(value, cjson.decode(text))
    assert.are.equal('{"a":1,"b":[2,3]}', json.line({ a = 1, b = { 2, 3 } }))
  end)
end)
