-- vernier and ethers 6, both ways: hashes of all lengths; what we sign it reads with the same fields and sender, what it signs
-- we sign, too; what we encode for the ABI it encodes.
local abi = require("vernier.ethereum.abi")
local account = require("vernier.ethereum.account")
local bytes = require("vernier.core.bytes")
local cjson = require("cjson")
local digest = require("vernier.core.digest")
local json = require("vernier.json")
local private_transaction = require("vernier.ethereum.private_transaction")
local random = require("vernier.core.random")
local raw_transaction = require("vernier.ethereum.raw_transaction")
local support = require("spec.support")
local transaction = require("vernier.ethereum.transaction")

local next_value = random.new(51)

local function witness(command, input)
  return support.node("ethers.js", command, input and json.line(json.array(input)))
end

local function hex(n)
  local out = {}
  for i = 1, n do
    out[i] = ("%02x"):format(next_value(0, 255))
  end
  return "0x" .. table.concat(out)
end

-- An integer of up to so many bits, as decimal text; often a small one.
local function integer(bits)
  local len = next_value(1, bits / 8)
  return next_value(1, 4) == 1 and tostring(next_value(0, 300)) or abi.decode({ "uint256" }, "0x" .. ("00"):rep(32 - len) .. hex(len):sub(3))[1]
end

local function address()
  return account.checksum(hex(20))
end

local function access_list()
  local list = json.array({})
  for i = 1, next_value(0, 3) do
    local keys = json.array({})
    for k = 1, next_value(0, 3) do
      keys[k] = hex(32)
    end
    list[i] = { address = address(), storageKeys = keys }
  end
  return list
end

local function random_transaction(kind)
  local tx = { type = kind, nonce = tostring(next_value(0, 2 ^ 40)), gas = integer(64), value = integer(96), data = hex(next_value(0, 300)),
    to = next_value(1, 5) > 1 and address() or nil, chainId = tostring(next_value(1, 2 ^ 31)) }
  if kind == 2 then
    tx.maxFeePerGas, tx.maxPriorityFeePerGas = integer(64), "0"
  else
    tx.gasPrice = integer(64)
  end
  tx.accessList = kind > 0 and access_list() or nil
  return tx
end

describe("ethers", function()
  it("has the same hashes, of all lengths up to some blocks", function()
    local list, text = witness({ "hashes", 600 }), ""
    for n, hash in ipairs(list) do
      assert.are.equal(hash, bytes.to_hex(digest.keccak256(text)))
      text = text .. string.char((n - 1) % 256)
    end
    assert.are.equal(600, #list)
  end)

  it("reads what we sign, with all fields, and signs the same", function()
    local key = hex(32)
    local me, sent, raws, theirs = assert(account.new(key)), {}, {}, {}
    for i = 1, 150 do
      local tx = random_transaction(i % 3)
      sent[i], raws[i] = tx, (transaction.sign(tx, me))
      theirs[i] = {}
      for name, value in pairs(tx) do
        theirs[i][name == "gas" and "gasLimit" or name] = value
      end
      theirs[i].nonce, theirs[i].chainId = tonumber(tx.nonce), tonumber(tx.chainId)
    end
    local seen, signed = witness({ "read" }, raws), witness({ "sign", key }, theirs)
    for i, tx in ipairs(sent) do
      local ours = assert(raw_transaction.decode(raws[i]))
      assert.are.same({ raws[i], ours.hash }, { signed[i].raw, signed[i].hash })
      assert.are.equal(me.address, seen[i].from)
      for _, name in ipairs({ "type", "nonce", "gas", "value", "data", "chainId" }) do
        assert.are.equal(tx[name], seen[i][name], name)
      end
      for _, name in ipairs({ "to", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas" }) do
        assert.are.equal(tx[name] or cjson.null, tx.type == 2 and name == "gasPrice" and cjson.null or seen[i][name], name)
      end
      for _, name in ipairs({ "from", "hash", "r", "s" }) do
        assert.are.equal(seen[i][name], ours[name])
      end
      for k, entry in ipairs(tx.accessList or {}) do
        assert.are.same({ address = entry.address, storageKeys = { unpack(entry.storageKeys) } }, seen[i].accessList[k])
      end
    end
  end)

  it("encodes values of the ABI the same", function()
    local cases, ours = {}, {}
    local TYPES = { "uint256", "int64", "bool", "address", "bytes", "bytes7", "string", "uint8[]", "(uint16,string)[2]",
      "(bytes,(address,int8[3])[])",
      "string[][2]" }
    local MAKE = {
      ["uint256"] = function() return integer(256) end, ["int64"] = function() return "-" .. integer(56) end,
      ["bool"] = function() return next_value(0, 1) == 1 end, ["address"] = address, ["bytes"] = function() return hex(next_value(0, 70)) end,
      ["bytes7"] = function() return hex(7) end, ["string"] = function() return ("é"):rep(next_value(0, 40)) end,
      ["uint8[]"] = function() return json.array({ unpack({ 1, 2, 255 }, 1, next_value(0, 3)) }) end,
      ["(uint16,string)[2]"] = function() return { { 65535, "a" }, { 0, "" } } end,
      ["(bytes,(address,int8[3])[])"] = function() return { hex(33), { { address(), { -128, 0, 127 } }, { address(), { 1, 2, 3 } } } } end,
      ["string[][2]"] = function() return { { "x", ("y"):rep(100) }, json.array({}) } end,
    }
    for i = 1, 100 do
      local types, values = {}, {}
      for k = 1, next_value(1, 6) do
        types[k] = TYPES[next_value(1, #TYPES)]
        values[k] = MAKE[types[k]]()
      end
      ours[i], cases[i] = abi.encode(types, values), { types = types, values = values }
    end
    assert.are.same(ours, witness({ "encode" }, cases))
  end)

  it("recovers who signed a private transaction by the rule of its 12 fields", function()
    local A, B = "A1aVtMxLCUHmBVHXoZzzBgPbW/wj5axDpW9X8l91SGo=", "Ko2bVqD+nNlNYL5EE7y3IdOnviftjiizpjRt+HTuFBs="
    local me, raws = assert(account.new(hex(32))), {}
    for i = 1, 40 do
      local group = i % 2 == 0
      raws[i] = private_transaction.sign({ nonce = i, gas = 3000000, to = address(), data = hex(next_value(0, 100)), chainId = 1000 + i,
        privateFrom = A,
        privateFor = not group and { B, A } or nil, privacyGroupId = group and B or nil }, me)
    end
    for i, seen in ipairs(witness({ "private" }, raws)) do
      assert.are.same({ from = me.address, chain = 1000 + i, items = 12 }, seen)
    end
  end)
end)
