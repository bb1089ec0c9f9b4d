-- The contract ABI: what is refused and how it is said, overloads, names, reasons of reverts. Random values and damaged data:
-- ethereum_abi_data_spec.lua; that encodings are right: ethereum_abi_vectors_spec.lua.
local abi = require("vernier.ethereum.abi")
local bytes = require("vernier.core.bytes")
local word = require("spec.support.abi").word

local ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

-- "uint8 amount, (string name, bool[] b)[] items" as parameters of a JSON ABI.
local function parameters(text)
  local list, depth, from = {}, 0, 1
  for i = 1, #text + 1 do
    local c = text:sub(i, i)
    depth = depth + (c == "(" and 1 or c == ")" and -1 or 0)
    if depth == 0 and (c == "," or c == "") and i > from then
      local one = text:sub(from, i - 1):match("^%s*(.-)%s*$")
      local inner, suffix, name = one:match("^(%b())(%S*)%s*(%S*)$")
      if inner then
        list[#list + 1] = { type = "tuple" .. suffix, name = name, components = parameters(inner:sub(2, -2)) }
      else
        local kind, indexed, plain = one:match("^(%S+)%s*(i?n?d?e?x?e?d?)%s*(%S*)$")
        list[#list + 1] = { type = kind, name = plain, indexed = indexed == "indexed" }
      end
      from = i + 1
    end
  end
  return list
end

local function fn(name, inputs, outputs, more)
  local entry = { type = "function", name = name, inputs = parameters(inputs), outputs = parameters(outputs or "") }
  for key, value in pairs(more or {}) do
    entry[key] = value
  end
  return entry
end

local function message_of(...)
  local ok, message = pcall(...)
  assert.is_false(ok)
  return message
end

describe("arguments that do not fit", function()
  local CASES = {
    { "uint8", { 300 }, "[1]: 300 does not fit uint8" },
    { "uint8", { -1 }, "[1]: -1 does not fit uint8" },
    { "int8", { 128 }, "[1]: 128 does not fit int8" },
    { "uint256", { 1.5 }, "[1]: 1.5 is no integer" },
    { "uint256", { 2 ^ 53 }, "[1]: 9007199254740992 is beyond what Lua numbers hold exactly: write it as a text, decimal or 0x…" },
    { "uint256", { "1e18" }, '[1]: "1e18" is no integer: a whole number, a decimal or 0x… text, or an FFI 64-bit integer is one' },
    { "uint256", { true }, "[1]: a boolean is no integer: a whole number, a decimal or 0x… text, or an FFI 64-bit integer is one" },
    { "bool", { 1 }, "[1]: 1 is no bool: true or false are" },
    { "bool", { "true" }, '[1]: "true" is no bool: true or false are' },
    { "address", { "0x12" }, '[1]: "0x12" is no address: 0x and 40 hexadecimal digits are one' },
    { "address", { 5 }, "[1]: a number is no address: 0x and 40 hexadecimal digits are one" },
    { "address", { (ADDRESS:gsub("5aA", "5AA")) }, '[1]: "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" has a wrong checksum: is it mistyped?' },
    { "string", { 5 }, "[1]: 5 is no string" },
    { "bytes", { "abc" }, '[1]: "abc" is no bytes: 0x and pairs of hexadecimal digits are one (of a text: 0x and the digits of its bytes)' },
    { "bytes", { "0xabc" }, '[1]: "0xabc" is no bytes: 0x and pairs of hexadecimal digits are one' },
    { "bytes", { "0xzz" }, '[1]: "0xzz" is no bytes' },
    { "bytes4", { "0x010203" }, "[1]: 3 bytes where bytes4 has 4" },
    { "bytes4", { "0x0102030405" }, "[1]: 5 bytes where bytes4 has 4" },
    { "bytes2", { "0xzzzz" }, '[1]: "0xzzzz" is no bytes2' },
    { "bytes4", { 5 }, "[1]: 5 is no bytes4" },
    { "uint8[]", { 5 }, "[1]: 5 where uint8[] wants a list" },
    { "uint8[]", { { a = 1 } }, "[1]: a table by names where uint8[] wants a list" },
    { "uint8[]", { { 1, 2, 256 } }, "[1][3]: 256 does not fit uint8" },
    { "uint8[2]", { { 1 } }, "[1]: 1 items where uint8[2] has 2" },
    { "uint8[2]", { { 1, 2, 3 } }, "[1]: 3 items where uint8[2] has 2" },
    { "bytes[2][]", { { { "0x", "0x1" } } }, '[1][1][2]: "0x1" is no bytes' },
    { "(uint8 amount, string note) x", { { 5 } }, "[1]: 1 values where (uint8,string) has 2" },
    { "(uint8 amount, string note) x", { "a" }, '[1]: "a" where (uint8,string) wants a list or a table' },
    { "(uint8 amount, string note) x", { { amount = 300, note = "" } }, "[1].amount: 300 does not fit uint8" },
    { "(uint8 amount, string note) x", { { 1, 2 } }, "[1][2]: 2 is no string" },
    { "(uint8 amount, string note) x", { { Amount = 1, note = "" } }, '[1]: "amount" of (uint8,string) is missing (is it what you gave as Amount?)' },
    { "(uint8 amount, string note) x", { { note = "" } }, '[1]: "amount" of (uint8,string) is missing' },
    { "(uint8, string) x", { { a = 1, b = 2 } }, "[1]: 0 values where (uint8,string) has 2" },
    { "uint8 a, bool b", { 1 }, ": 1 values where (uint8,bool) has 2" },
    { "uint8 a, bool b", { 1, true, 3 }, ": 3 values where (uint8,bool) has 2" },
    { "uint8 a, (uint8 amount)[] b", { a = 1, b = { { amount = 1 }, { amount = 256 } } }, ".b[2].amount: 256 does not fit uint8" },
    { "", { 1 }, ": 1 values where () has 0" },
    { "uint8", nil, ": 0 values where (uint8) has 1" },
  }

  it("are told with their place, and leave the buffer as it was", function()
    local buffer = bytes.new()
    buffer:put("before")
    for _, case in ipairs(CASES) do
      local method = assert(assert(abi.new({ fn("f", case[1]) })):method("f"))
      local problem = method:try(buffer, case[2])
      local wanted = case[3]
      assert.are.equal(wanted, problem:sub(1, #wanted), case[1])
      assert.are.equal("before", buffer:text())
      assert.is_truthy(message_of(method.encode, method, buffer, case[2]):find(method.signature .. ": args" .. wanted, 1, true))
      assert.is_truthy(message_of(method.call_data, method, case[2]):find(": args" .. wanted, 1, true))
    end
  end)

  it("are the same ones by place and by name", function()
    local method = assert(assert(abi.new({ fn("f", "uint8 a, (string s, address[] who)[] b, bytes3 c") })):method("f"))
    local by_place = method:call_data({ 7, { { "x", { ADDRESS } }, { "y", {} } }, "0x010203" })
    local by_name = method:call_data({ a = 7, b = { { s = "x", who = { ADDRESS:lower() } }, { "y", {} } }, c = "0x010203" })
    assert.are.equal(by_place, by_name)
    local values = assert(method:arguments(by_place))
    assert.are.same({ 7, "x", ADDRESS, "y", "0x010203" },
      { values.a, values.b[1].s, values[2][1].who[1], values.b[2][1], values.c })
    assert.are.equal(by_place, method:call_data(values))
  end)
end)

describe("a function", function()
  it("without arguments takes none, an empty list or nil", function()
    local method = assert(assert(abi.new({ fn("f", "") })):method("f"))
    assert.are.equal("0x26121ff0", method:call_data())
    assert.are.equal("0x26121ff0", method:call_data({}))
    assert.are.equal(method.selector, method:call_data())
  end)

  it("tells whether it only reads, also in older ABIs", function()
    local contract = assert(abi.new({ fn("a", "", "", { stateMutability = "view" }), fn("b", "", "", { constant = true }),
      fn("c", "", "", { payable = true }), fn("d", ""), { name = "e", inputs = {} } }))
    local found = {}
    for _, name in ipairs({ "a", "b", "c", "d", "e" }) do
      local method = assert(contract:method(name))
      found[#found + 1] = name .. tostring(method.read_only) .. tostring(method.payable)
    end
    assert.are.same({ "atruefalse", "btruefalse", "cfalsetrue", "dfalsefalse", "efalsefalse" }, found)
  end)

  it("returns a value, or a list with names", function()
    local contract = assert(abi.new({ fn("one", "", "uint256"), fn("two", "", "uint8 a, bool b"), fn("none", "") }))
    assert.are.equal("5", contract:method("one"):decode("0x" .. word(5)))
    assert.are.same({ 5, true, a = 5, b = true }, contract:method("two"):decode("0x" .. word(5) .. word(1)))
    assert.are.same({}, contract:method("none"):decode("0x"))
  end)

  it("that returned something else says so", function()
    local method = assert(assert(abi.new({ fn("f", "", "uint8 a, string b") })):method("f"))
    for data, part in pairs({ ["0x"] = "f() returned nothing: is there such a contract", ["0x12"] = "there are 1",
      zz = "returned no hexadecimal text", ["0xzz"] = "no hexadecimal text", ["0x" .. word(256) .. word(64) .. word(0)] = "256 does not fit uint8",
      ["0x" .. word(1) .. word(4096)] = "the offset of 4096 points outside of the 64 bytes" }) do
      local value, message = method:decode(data)
      assert.is_nil(value)
      assert.is_truthy(message:find(part, 1, true), message)
    end
    assert.is_nil((method:decode(nil)))
  end)

  it("knows its own calls", function()
    local contract = assert(abi.new({ fn("f", "uint8 a"), fn("g", "uint8 a") }))
    local f, g = contract:method("f"), contract:method("g")
    assert.are.same({ 9, a = 9 }, f:arguments(f:call_data({ 9 })))
    for _, data in ipairs({ g:call_data({ 9 }), "0x", "0x123456", "9", "0x1234567" }) do
      local value, message = f:arguments(data)
      assert.is_nil(value)
      assert.is_truthy(message:find("no call of f(uint8)", 1, true))
    end
    assert.is_nil((f:arguments(f:call_data({ 9 }):sub(1, -3))))
  end)
end)

describe("overloads", function()
  local contract = assert(abi.new({ fn("f", "uint256 a"), fn("f", "uint256 a, uint256 b"), fn("f", "address a, string b"), fn("g", "uint256"),
    fn("g", "int256"), fn("alone", "bool b") }))

  local function chosen(name, args)
    local method, message = contract:method(name, args)
    return method and method.signature, message
  end

  it("are chosen by signature, by number and by types of arguments", function()
    assert.are.equal("f(uint256)", chosen("f(uint256)"))
    assert.are.equal("f(uint256)", chosen("f", { 1 }))
    assert.are.equal("f(uint256)", chosen("f", { a = 1 }))
    assert.are.equal("f(uint256,uint256)", chosen("f", { 1, 2 }))
    assert.are.equal("f(address,string)", chosen("f", { ADDRESS, "x" }))
    assert.are.equal("f(address,string)", chosen("f", { a = ADDRESS, b = "x" }))
    assert.are.equal("g(int256)", chosen("g", { -1 }))
    assert.are.equal("alone(bool)", chosen("alone"))
    assert.are.equal("alone(bool)", chosen("alone", { 1, 2, 3 })) -- and its arguments are refused when they are encoded
  end)

  it("that cannot be told apart have to be named", function()
    for _, case in ipairs({
      { "g", { 1 }, '"g" with these arguments may be g(int256), g(uint256): name it by its signature' },
      { "f", { 1, 2, 3 }, 'no "f" takes 3 arguments: there are f(address,string), f(uint256), f(uint256,uint256)' },
      { "f", nil, 'no "f" takes 0 arguments' },
      { "f", { 1, "x" }, 'no "f" takes these arguments: f(uint256,uint256): args[2]: "x" is no integer' },
      { "alon", { true }, 'no function "alon" (did you mean alone?)' },
      { "zzz", nil, 'no function "zzz" (known: alone, f, g)' },
      { "f(bool)", nil, 'no function "f(bool)" (did you mean f?)' },
    }) do
      local signature, message = chosen(case[1], case[2])
      assert.is_nil(signature)
      assert.are.equal(case[3], message:sub(1, #case[3]))
    end
  end)
end)

describe("a constructor", function()
  it("is there always, and has no selector", function()
    assert.are.equal("0x", assert(abi.new({})).constructor:call_data())
    local contract = assert(abi.new({ { type = "constructor", inputs = parameters("uint256 a, string b"), stateMutability = "payable" } }))
    assert.are.equal(abi.encode({ "uint256", "string" }, { 1, "x" }), contract.constructor:call_data({ 1, "x" }))
    assert.is_true(contract.constructor.payable)
    assert.is_truthy(message_of(contract.constructor.call_data, contract.constructor, { 1 }):find("constructor(uint256,string): args: 1 values", 1,
      true))
    assert.are.same({ "1", "x", a = "1", b = "x" }, contract.constructor:arguments(abi.encode({ "uint256", "string" }, { 1, "x" })))
  end)
end)

describe("an event", function()
  local TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
  local function event(inputs, more)
    local entry = { type = "event", name = "Transfer", inputs = parameters(inputs) }
    for key, value in pairs(more or {}) do
      entry[key] = value
    end
    return entry
  end
  local erc20, erc721 = event("address indexed from, address indexed to, uint256 value"),
    event("address indexed from, address indexed to, uint256 indexed id")
  local contract = assert(abi.new({ erc20, erc721, event("bytes32 indexed a", { anonymous = true, name = "Nameless" }) }))
  local who = "0x" .. ("0"):rep(24) .. ADDRESS:sub(3):lower()

  it("is found by its topics, and how many they are", function()
    assert.are.equal(TRANSFER, contract:event({ TRANSFER, who, who }).topic)
    assert.are.equal(2, contract:event({ TRANSFER, who, who }).indexed)
    assert.are.equal(3, contract:event({ TRANSFER, who, who, who }).indexed)
    assert.is_nil(contract:event({ TRANSFER, who }))
    assert.is_nil(contract:event({ who, who, who }))
    assert.is_nil(contract:event({}))
  end)

  it("has its values in their order and by name", function()
    local topics = { TRANSFER, who, who }
    assert.are.same({ ADDRESS, ADDRESS, "5", from = ADDRESS, to = ADDRESS, value = "5" }, contract:event(topics):decode(topics, "0x" .. word(5)))
    local nameless = contract.events.by_name.Nameless[1]
    assert.is_nil(nameless.topic)
    assert.are.same({ who, a = who }, nameless:decode({ who }, "0x"))
  end)

  it("of other topics or data is none", function()
    local one = contract:event({ TRANSFER, who, who })
    for _, case in ipairs({ { { TRANSFER, who }, "0x" .. word(5), "2 topics where it has 3" }, { { who, who, who }, "0x" .. word(5),
      "another event's" },
      { { TRANSFER, who, who }, "0x", "needs 32 bytes" }, { { TRANSFER, who, who }, "zz", "no hexadecimal text" },
      { { TRANSFER, who, who }, nil, "no hexadecimal text" }, { { TRANSFER, who, "0x12" }, "0x" .. word(5), "topic 3 is not of 32 bytes" },
      { { TRANSFER, who, "0x" .. ("f"):rep(64) }, "0x" .. word(5), "is no address" } }) do
      local values, message = one:decode(case[1], case[2])
      assert.is_nil(values)
      assert.is_truthy(message:find(case[3], 1, true), message)
      assert.are.equal(1, message:find("Transfer(address,address,uint256): ", 1, true))
    end
  end)
end)

describe("a revert", function()
  local contract = assert(abi.new({ { type = "error", name = "Insufficient",
    inputs = parameters("uint256 available, (address who, uint8[] n) need") } }))

  it("has the reason that the contract gave", function()
    local reason = contract:revert("0x08c379a0" .. abi.encode({ "string" }, { "not enough" }):sub(3))
    assert.are.same({ "not enough", "Error", "Error(string)", "not enough" }, { reason.message, reason.name, reason.signature, reason.args[1] })
    for code, text in pairs({ [0x01] = "panic 1: assertion failed", [0x11] = "panic 17: arithmetic overflow or underflow",
      [0x12] = "panic 18: division or modulo by zero", [0x32] = "panic 50: array index out of bounds",
        [0x99] = "panic 153: of a kind that is not known" }) do
      assert.are.equal(text, contract:revert("0x4e487b71" .. word(code)).message)
    end
  end)

  it("has an error of the contract's own, with its values", function()
    local data = assert(abi.new({ fn("Insufficient", "uint256 a, (address who, uint8[] n) b") })):method("Insufficient")
      :call_data({ 5, { ADDRESS, { 1, 2 } } })
    local reason = contract:revert(data)
    assert.are.equal("Insufficient(available: 5, need: [" .. ADDRESS .. ", [1, 2]])", reason.message)
    assert.are.same({ "Insufficient", "5", ADDRESS }, { reason.name, reason.args.available, reason.args.need.who })
  end)

  it("says when there is none that it knows", function()
    assert.are.same({ message = "reverted without a reason" }, contract:revert("0x"))
    assert.are.same({ message = "reverted without a reason" }, contract:revert(nil))
    assert.are.same({ message = "reverted without a reason" }, contract:revert("zz"))
    assert.are.same({ message = "reverted with data of no known error: 0x12345678" }, contract:revert("0x12345678"))
    assert.are.same({ message = "reverted with data of no known error: 0x1234" }, contract:revert("0x1234"))
    local damaged = contract:revert("0x08c379a0" .. word(32) .. word(1000) .. ("00"):rep(999))
    assert.is_truthy(damaged.message:find("no known error: 0x08c379a0", 1, true))
    assert.is_true(#damaged.message < 200)
  end)
end)

describe("a JSON ABI", function()
  it("that is none is refused with the entry", function()
    local deep = "uint8" .. ("[]"):rep(40)
    for _, case in ipairs({
      { "x", "an ABI is a list" }, { { a = 1 }, "an ABI is a list" }, { { "x" }, "ABI entry 1: no object" },
      { { { type = "function" } }, "ABI entry 1: a function without a name" }, { { { type = "struct", name = "S" } },
        'ABI entry 1 (S): unknown type "struct"' },
      { { fn("ok", ""), fn("f", "uint8, uint7 a") }, 'ABI entry 2 (f): parameter 2: unknown type "uint7"' },
      { { fn("f", "", "foo") }, 'parameter 1: unknown type "foo"' }, { { { type = "function", name = "f", inputs = { {} } } },
        "a parameter without a type" },
      { { { type = "function", name = "f", inputs = { { type = "tuple", components = {} } } } }, "a tuple of nothing" },
      { { { type = "function", name = "f", inputs = { { type = "tuple" } } } }, "without its components" },
      { { fn("f", deep) }, "nested deeper than 32" }, { { fn("f", "fixed128x18") }, "fixed-point numbers are not supported" },
    }) do
      local contract, message = abi.new(case[1])
      assert.is_nil(contract)
      assert.is_truthy(message:find(case[2], 1, true), message)
    end
  end)

  it("may have what needs no reading", function()
    assert.is_truthy(abi.new({ { type = "fallback", stateMutability = "payable" }, { type = "receive" } }))
  end)

  it("has selectors by another hash where that is wanted", function()
    local contract = assert(abi.new({ fn("f", "uint8") }, { hash = function(text)
      assert.is_truthy(text == "f(uint8)" or text == "Error(string)" or text == "Panic(uint256)")
      return text:sub(1, 4) .. ("\0"):rep(28)
    end }))
    assert.are.equal(bytes.to_hex("f(ui"), contract:method("f").selector)
    assert.are.equal("x", contract:revert(bytes.to_hex("Erro") .. abi.encode({ "string" }, { "x" }):sub(3)).message)
  end)
end)

describe("types", function()
  it("are written canonically", function()
    local contract = assert(abi.new({ fn("f", "uint a, int[] b, (byte c, function d)[2][] e") }))
    assert.are.equal("f(uint256,int256[],(bytes1,function)[2][])", contract:method("f").signature)
  end)

  it("are nothing else", function()
    for _, text in ipairs({ "", " ", "uint8 ", "uint 8", "uint0", "uint9", "uint264", "uint08", "int-8", "bytes0", "bytes33", "bytes01", "uint8[",
      "uint8]",
      "uint8[-1]", "uint8[0]", "uint8[1", "(uint8", "uint8)", "()", "(,)", "(uint8,)", "((uint8)", "tuple", "mapping(uint8 => uint8)", "uint8[1][0]",
      "Uint8", "string[]x", ("("):rep(50) .. "uint8" .. (")"):rep(50), "uint8[9999999999]", "uint8[524289]", "(uint8[300000],uint8[300000])",
        "fixed", "ufixed8x1" }) do
      assert.has_error(function() abi.encode({ text }, { 1 }) end)
    end
  end)
end)
