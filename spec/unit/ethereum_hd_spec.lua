-- Accounts from mnemonics and seeds, against ethers' trees and Caliper's rule.
local account = require("vernier.ethereum.account")
local bytes = require("vernier.core.bytes")
local hd = require("vernier.ethereum.hd")
local vectors = require("spec.support.vectors")

local JUNK = "test test test test test test test test test test test junk"
local FIRST = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"

local function secret_of(who)
  local b = bytes.new()
  who.key:put_secret(b)
  return b:hex()
end

describe("the trees of ethers", function()
  it("have the same seeds, keys and addresses", function()
    local list, seeds, nodes = vectors.ethers("hdnode"), 0, 0
    for _, case in ipairs(list) do
      local seed = bytes.from_hex(case.seed)
      if not (case.mnemonic .. (case.password or "")):find("[^ -~]") then
        assert.are.equal(case.seed, bytes.to_hex(assert(hd.seed(case.mnemonic, case.password))), case.name)
        seeds = seeds + 1
      end
      local root = assert(hd.root(seed))
      for _, node in ipairs(case.hdnodes) do
        local who = assert(root:derive(node.path)):account()
        assert.are.same({ node.privateKey, node.address }, { secret_of(who), who.address:lower() }, case.name .. node.path)
        nodes = nodes + 1
      end
    end
    assert.are.equal(1409, #list)
    assert.are.equal(6289, nodes)
    assert.is_true(seeds > 1000, seeds)
  end)
end)

describe("a mnemonic", function()
  it("gives the accounts that every wallet gives", function()
    assert.are.equal(FIRST, hd.from_mnemonic(JUNK).address)
    assert.are.equal("0x70997970C51812dc3A010C7d01b50e0d17dc79C8", hd.from_mnemonic(JUNK, "m/44'/60'/0'/0/1").address)
    assert.are.equal(FIRST, hd.from_mnemonic("  " .. JUNK:gsub(" ", " \n ") .. "\n").address)
    assert.are_not.equal(FIRST, hd.from_mnemonic(JUNK, nil, "passphrase").address)
  end)

  it("of another number of words or with other letters is none", function()
    for text, part in pairs({ [""] = "and this 0", [JUNK:sub(1, -6)] = "and this 11", [JUNK .. " junk"] = "12, 15, 18, 21 or 24 words, and this 13",
      [JUNK:gsub("junk", "Junk")] = "word 12 of the mnemonic has other letters", ["ábaco"] = "give the seed instead" }) do
      local who, message = hd.from_mnemonic(text)
      assert.is_nil(who)
      assert.is_truthy(message:find(part, 1, true), message)
    end
    local who, message = hd.from_mnemonic(JUNK, nil, "é")
    assert.is_nil(who)
    assert.is_truthy(message:find("beyond ASCII: give the seed", 1, true))
  end)
end)

describe("a path", function()
  local root = assert(hd.root(("s"):rep(64)))

  it("goes step by step, hardened or not", function()
    local by_steps = assert(assert(root:child(2 ^ 31 + 44)):child(7)):account().address
    assert.are.equal(by_steps, root:derive("m/44'/7"):account().address)
    assert.are.equal(by_steps, root:derive("m/44h/7"):account().address)
    assert.are_not.equal(by_steps, root:derive("m/44/7"):account().address)
    assert.are.equal(root:account().address, root:derive("m"):account().address)
    assert.is_truthy(root:derive("m/2147483647'/0"))
  end)

  it("is nothing else", function()
    for _, path in ipairs({ "", "44'/60'", "/44", "m/", "m//1", "m/1/", "m/-1", "m/x", "m/1''", "m/2147483648", "m/99999999999999999999", "M/1",
      "m/1 ", "m1" }) do
      local node, message = root:derive(path)
      assert.is_nil(node)
      assert.is_truthy(message:find("is no path: one is m/44'/60'/0'/0/0", 1, true), message)
    end
  end)
end)

describe("Caliper's fromAddressSeed", function()
  it("is hashed as text, a branch for each worker", function()
    local seed = "0x3f841bf589fdf83a521e55d51afddc34fa65351161eead24f064855fc29c9580"
    assert.are.equal("0xD1cf9D73a91DE6630c2bb068Ba5fDdF9F0DEac09", hd.from_address_seed(seed, 0).address)
    assert.are.equal("0xd826E703658FA2CE8D1018D42E637C08d9846A17", hd.from_address_seed(seed, 1).address)
    local who, message = hd.from_address_seed("", 0)
    assert.are.same({ nil, "an empty seed" }, { who, message })
  end)

  it("agrees with the shared vectors", function()
    local shared = vectors.shared("eth.json")
    if not shared then
      return pending("the shared vectors are not here")
    end
    for _, case in ipairs(shared.caliper_fromAddressSeed.workers) do
      local who = hd.from_address_seed(shared.caliper_fromAddressSeed.seed_string, case.workerIndex)
      assert.are.same({ case.priv, case.address }, { secret_of(who), who.address })
    end
    assert.are.equal(shared.bip39.seed, bytes.to_hex(hd.seed(shared.bip39.mnemonic)))
    for _, case in ipairs(shared.bip32) do
      local who = assert(hd.root(bytes.from_hex(shared.bip39.seed))):derive(case.path):account()
      assert.are.same({ case.priv, case.address }, { secret_of(who), who.address })
    end
  end)
end)

describe("an account", function()
  it("has a key of 64 digits, and a message never holds it", function()
    local digits = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    assert.are.same({ FIRST, FIRST, FIRST }, { account.new(digits).address, account.new("0x" .. digits).address,
      account.new("0X" .. digits:upper()).address })
    for _, text in ipairs({ "", "0x", digits .. "0", digits:sub(2), "0x0x" .. digits:sub(5), digits:sub(1, -2) .. "g", 5, false, ("0"):rep(64),
      ("f"):rep(64) }) do
      local who, message = account.new(text)
      assert.is_nil(who)
      assert.is_truthy(message:find("private key", 1, true))
      assert.is_nil(message:find(digits:sub(3, 20), 1, true))
    end
  end)

  it("has an address whose checksum is checked", function()
    assert.are.equal(FIRST, account.checksum(FIRST:lower()))
    local text, problem = account.checksum(FIRST:gsub("f39F", "F39F"))
    assert.is_nil(text)
    assert.is_truthy(problem:find("wrong checksum", 1, true))
  end)
end)
