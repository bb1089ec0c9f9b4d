-- Transactions against those that ethers signed, both ways: the same fields and key give the same bytes, and these bytes give
-- the fields and the sender.
local account = require("vernier.ethereum.account")
local bytes = require("vernier.core.bytes")
local random = require("vernier.core.random")
local raw_transaction = require("vernier.ethereum.raw_transaction")
local rlp = require("vernier.ethereum.rlp")
local transaction = require("vernier.ethereum.transaction")
local vectors = require("spec.support.vectors")
local word = require("vernier.core.word")

local KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
local TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
local me = assert(account.new(KEY))

local scratch = bytes.new()
scratch:reserve(32)

local function decimal(value)
  assert(not word.write(scratch, 0, value, 256))
  return word.text(scratch, 0, 256)
end

local INTEGERS = { "nonce", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "value" }

-- ethers leaves out what is 0, or writes "0x".
local function or_zero(value)
  return value ~= nil and value ~= "0x" and value or 0
end

local FEES = { [0] = { "gasPrice" }, { "gasPrice" }, { "maxFeePerGas", "maxPriorityFeePerGas" } }

-- ethers' fields as ours.
local function fields_of(case, kind)
  local tx = { type = kind, nonce = or_zero(case.nonce), gas = or_zero(case.gasLimit), value = or_zero(case.value), data = case.data,
    accessList = case.accessList, chainId = kind > 0 and or_zero(case.chainId) or nil }
  tx.to = case.to ~= "0x" and case.to or nil
  for _, name in ipairs(FEES[kind]) do
    tx[name] = or_zero(case[name])
  end
  return tx
end

local function lower(list)
  local copy = {}
  for i, entry in ipairs(list or {}) do
    copy[i] = { address = entry.address:lower(), storageKeys = entry.storageKeys }
  end
  return copy
end

-- Signs, compares, reads, compares.
local function check(tx, key, from, signed, name)
  local who = assert(account.new(key))
  assert.are.equal(from, who.address:lower(), name)
  local raw, hash = transaction.sign(tx, who)
  assert.are.equal(signed, raw, name)
  local back = assert(raw_transaction.decode(raw))
  assert.are.equal(hash, back.hash)
  assert.are.equal(from, back.from:lower(), name)
  assert.are.equal(tx.type, back.type)
  assert.are.equal(tx.to and tx.to:lower(), back.to and back.to:lower())
  assert.are.equal(tx.data and tx.data:lower() or "0x", back.data)
  assert.are.equal(tx.chainId and decimal(tx.chainId), back.chainId)
  for _, field in ipairs(INTEGERS) do
    assert.are.equal(tx[field] ~= nil and decimal(tx[field]) or nil, back[field], field)
  end
  if tx.type > 0 then
    assert.are.same(lower(tx.accessList), lower(back.accessList))
  end
end

describe("transactions of ethers", function()
  it("without a type are the same, on all chains and on chain 5", function()
    local list = vectors.ethers("transactions")
    for _, case in ipairs(list) do
      local tx = fields_of(case, 0)
      check(tx, case.privateKey, case.accountAddress, case.signedTransaction, case.name)
      tx.chainId = 5
      check(tx, case.privateKey, case.accountAddress, case.signedTransactionChainId5, case.name)
    end
    assert.are.equal(1067, #list)
  end)

  it("of types 1 and 2 are the same", function()
    local list, kinds = vectors.ethers("typed-transactions"), {}
    for _, case in ipairs(list) do
      local kind = case.tx.type
      kinds[kind] = (kinds[kind] or 0) + 1
      check(fields_of(case.tx, kind), case.key, case.address, case.signed, case.name)
    end
    assert.are.equal(1792, kinds[1] + kinds[2])
    assert.is_true(kinds[1] > 500 and kinds[2] > 500)
  end)

  it("of version 6 are the same", function()
    local shared = vectors.shared("eth.json")
    if not shared then
      return pending("the shared vectors are not here")
    end
    local n = 0
    for name, case in pairs(shared.tx) do
      if case.fields then
        local tx = fields_of(case.fields, case.fields.type)
        tx.chainId = case.fields.chainId ~= 0 and case.fields.chainId or nil -- which is how ethers says "all chains"
        local raw, hash = transaction.sign(tx, assert(account.new(shared.key.priv)))
        assert.are.same({ case.raw, case.hash }, { raw, hash }, name)
        n = n + 1
      end
    end
    assert.is_true(n >= 6, n)
    for _, case in ipairs(shared.create_address) do
      assert.are.equal(case.address, transaction.created(case.from, case.nonce))
    end
  end)
end)

local function with(changes)
  local tx = { nonce = 1, gas = 21000, gasPrice = 7, chainId = 1337, to = TO, value = "1000000000000000000" }
  for key, value in pairs(changes or {}) do
    if value == "none" then
      value = nil
    end
    tx[key] = value
  end
  return tx
end

describe("a transaction", function()
  it("has the type of its fields, unless it tells", function()
    local DYNAMIC_FEES = { gasPrice = "none", maxFeePerGas = 7, maxPriorityFeePerGas = 1 }
    assert.are.equal("0xf8", transaction.sign(with(), me):sub(1, 4))
    assert.are.equal("0x02", transaction.sign(with(DYNAMIC_FEES), me):sub(1, 4))
    assert.are.equal("0x01", transaction.sign(with({ accessList = {} }), me):sub(1, 4))
    assert.are.equal("0x01", transaction.sign(with({ type = 1 }), me):sub(1, 4))
  end)

  it("takes its data from a buffer as from text, and makes contracts", function()
    local buffer = bytes.new()
    buffer:put("\1\2\255")
    assert.are.equal(transaction.sign(with({ data = "0x0102ff" }), me), (transaction.sign(with({ data = buffer }), me)))
    local back = assert(raw_transaction.decode(transaction.sign(with({ to = "none", data = "0x00" }), me)))
    assert.is_nil(back.to)
    assert.are.equal("0x00", back.data)
    for _, n in ipairs({ 0, 1, 55, 56, 255, 256, 5000, 70000 }) do
      local data = "0x" .. ("ab"):rep(n)
      assert.are.equal(data, raw_transaction.decode(transaction.sign(with({ data = data }), me)).data)
    end
  end)

  it("with a wrong field is an error that names it", function()
    for _, case in ipairs({
      { { nonce = "none" }, "nonce is missing" }, { { gas = "none", Gas = 5 }, "gas is missing (is it what you gave as Gas?)" },
      { { gasPrice = "none" }, "gasPrice is missing" }, { { nonce = -1 }, "nonce: -1 does not fit uint64" },
      { { nonce = "18446744073709551616" }, "nonce: 18446744073709551616 does not fit uint64" }, { { value = 1.5 }, "value: 1.5 is no integer" },
      { { value = 1e18 }, "value: 1000000000000000000 is beyond what Lua numbers hold exactly" }, { { to = "0x12" }, 'to: "0x12" is no address' },
      { { to = TO:gsub("C5", "c5") }, "to: " }, { { data = "12" }, 'data: "12" is no data' }, { { data = "0x1" }, 'data: "0x1" is no data' },
      { { data = {} }, "data: a table is no data" }, { { type = 3 }, "unknown type 3: there are 0, 1 and 2" }, { { type = "legacy" },
        'unknown type "legacy"' },
      { { type = 2 }, "gasPrice: transactions of type 2 have none" }, { { type = 0, accessList = {} },
        "accessList: transactions of type 0 have none" },
      { { type = 1, maxFeePerGas = 1 }, "maxFeePerGas: transactions of type 1 have none" }, { { type = 1, chainId = "none" }, "chainId is missing" },
      { { maxFeePerGas = 1, gasPrice = "none" }, "maxPriorityFeePerGas is missing" }, { { chainId = "0x20000000000000" }, "chainId: beyond 2^52" },
      { { chainId = 2 ^ 52 }, "chainId: beyond 2^52" }, { { chainId = 1.5 }, "chainId: 1.5 is no integer" }, { { chainId = -1 },
        "chainId: -1 does not fit" },
      { { accessList = { { address = "0x1" } } }, 'accessList[1].address: "0x1" is no address' },
      { { accessList = { { address = TO, storageKeys = { "0x12" } } } }, 'accessList[1].storageKeys[1]: "0x12" is no key' },
      { { accessList = { 5 } }, "accessList[1].address: a number is no address" },
    }) do
      local tx = with(case[1])
      local ok, message = pcall(transaction.sign, tx, me)
      assert.is_false(ok, case[2])
      assert.is_truthy(message:find("transaction: " .. case[2], 1, true), message)
    end
    assert.is_truthy(transaction.sign(with(), me)) -- and the next one is right
  end)

  it("has r and s without leading zeros, as one in 128 needs it", function()
    local short = 0
    for nonce = 1, 1000 do
      local raw = transaction.sign(with({ nonce = nonce }), me)
      local items = rlp.decode(bytes.from_hex(raw))
      for i = 8, 9 do
        assert.are_not.equal(0, items[i]:byte())
        short = short + (#items[i] < 32 and 1 or 0)
      end
      assert.are.equal(me.address, raw_transaction.decode(raw).from)
    end
    assert.is_true(short > 0)
  end)

  it("on a chain with a great number is for that one only", function()
    for _, id in ipairs({ 0, 1, 2 ^ 31, 2 ^ 52 - 19, "4503599627370477" }) do
      local back = assert(raw_transaction.decode(transaction.sign(with({ chainId = id }), me)))
      assert.are.same({ decimal(id), me.address }, { back.chainId, back.from })
    end
  end)
end)

describe("reading a transaction", function()
  local N = { [0] = 9, 11, 12 }

  -- A signed transaction of a type with one of its items replaced.
  local function changed(kind, i, item)
    local fields = { type = kind, accessList = kind > 0 and { { address = TO, storageKeys = { "0x" .. ("01"):rep(32) } } } or nil }
    if kind == 2 then
      fields.gasPrice, fields.maxFeePerGas, fields.maxPriorityFeePerGas = "none", 7, 1
    end
    local raw = bytes.from_hex((transaction.sign(with(fields), me)))
    local items = rlp.decode(kind > 0 and raw:sub(2) or raw)
    if i then
      items[i] = item
    end
    return bytes.to_hex((kind > 0 and string.char(kind) or "") .. rlp.encode(items))
  end

  it("of each type works", function()
    for kind, n in pairs(N) do
      assert.are.equal(me.address, assert(raw_transaction.decode(changed(kind))).from)
      local tx, message = raw_transaction.decode(changed(kind, n + 1, "x"))
      assert.is_nil(tx)
      assert.is_truthy(message:find(("a transaction of type %d has %d fields"):format(kind, n), 1, true))
    end
  end)

  it("takes one form only", function()
    local high = bytes.from_hex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1")
    for _, case in ipairs({
      { changed(0, 1, "\0"), "nonce is no integer" }, { changed(0, 1, "\0\1"), "nonce is no integer" }, { changed(0, 1, ("\1"):rep(9)),
        "of at most 64 bits" },
      { changed(0, 2, ("\1"):rep(33)), "gasPrice is no integer of at most 256" }, { changed(0, 1, {}), "nonce is no integer" },
      { changed(0, 4, ("\1"):rep(19)), "to is no address" }, { changed(0, 4, {}), "to is no address" }, { changed(0, 6, {}), "data is a list" },
      { changed(0, 7, "\29"), "v is 29" }, { changed(0, 7, "\1"), "v is 1" }, { changed(0, 7, ("\255"):rep(8)), "v is 18446744073709551615" },
      { changed(0, 8, ""), "not a signature" }, { changed(0, 9, high), "not a signature" }, { changed(0, 8, "\0" .. ("\1"):rep(31)),
        "r is no integer" },
      { changed(1, 9, "\2"), "yParity is 2" }, { changed(2, 10, "\2"), "yParity is 2" }, { changed(1, 8, "x"), "accessList is no list" },
      { changed(1, 8, { "x" }), "accessList has an entry" }, { changed(1, 8, { { ("\1"):rep(19), {} } }), "address is no address" },
      { changed(1, 8, { { ("\1"):rep(20), { "x" } } }), "has a key that is none" }, { changed(1, 8, { { ("\1"):rep(20), "x" } }), "has an entry" },
      { "0x", "there is nothing" }, { "0x03c0", "unknown type 3" }, { "0x00c0", "unknown type 0" }, { "0x7f", "unknown type 127" }, { "0x80",
        "unknown type 128" },
      { "0xc0", "has 9 fields" }, { "0x01", "there is nothing" }, { "0x0180", "has 11 fields" }, { "0x1", "no hexadecimal text" }, { "12",
        "no hexadecimal text" },
      { changed(0) .. "00", "1 bytes follow" }, { changed(2):sub(1, -3), "are promised" },
    }) do
      local tx, message = raw_transaction.decode(case[1])
      assert.is_nil(tx, case[2])
      assert.is_truthy(message:find("transaction: ", 1, true) == 1 and message:find(case[2], 1, true), message)
    end
    assert.is_nil((raw_transaction.decode(nil)))
  end)

  it("that was damaged is another's, or none", function()
    local next_value, others = random.new(41), 0
    local plain = bytes.from_hex(changed(2))
    for _ = 1, 1000 do
      local at = next_value(1, #plain)
      local raw = plain:sub(1, at - 1) .. string.char((plain:byte(at) + next_value(1, 255)) % 256) .. plain:sub(at + 1)
      local tx = raw_transaction.decode(bytes.to_hex(raw))
      if tx then
        assert.are_not.equal(me.address, tx.from)
        others = others + 1
      end
    end
    assert.is_true(others > 300, others)
  end)
end)
