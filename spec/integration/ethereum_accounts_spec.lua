-- The connector ethereum: what transactions offer for their gas, and which accounts send them, as ethers sees it.
local support = require("spec.support")
local chain = require("spec.support.chain")(support)
local runs = require("spec.support.chain_runs")(chain)

local SECOND_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
local SECOND = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
local SEED = "0x3f841bf589fdf83a521e55d51afddc34fa65351161eead24f064855fc29c9580"
local SEED_ACCOUNTS = { "0xD1cf9D73a91DE6630c2bb068Ba5fDdF9F0DEac09", "0xd826E703658FA2CE8D1018D42E637C08d9846A17" }
local SIMPLE = "  contracts:\n    simple: {path: Simple.json, gas: {open: 100000}}\n"
local ETHER = "000000000000000000"

local function keys(text)
  return ('  contractDeployerAddressPrivateKey: "%s"\n%s'):format(chain.KEY, text)
end

-- Runs n opens; what ethers sees then, the tests and what was printed.
local function opened(node, n, o)
  o.rounds, o.contracts = runs.send({ label = "open", number = n, tps = 100, send = runs.OPEN }), SIMPLE
  local tests, output, dir = runs.run(node.ws, o)
  local state = chain.state(node, dir .. "/Simple.json", runs.address_of(output, "simple"))
  runs.all_mined(state, (runs.tally(dir, o.workers or 1)))
  runs.no_gaps(state)
  assert.are.equal(n, tests[1].ok)
  return state, output, dir
end

-- How many transactions each address has sent, without those of the deployer.
local function senders(state)
  local sent = {}
  for address, sender in pairs(state.senders) do
    sent[address] = address ~= chain.ADDRESS and sender.sent or nil
  end
  return sent
end

local function counts(state)
  local list = {}
  for _, n in pairs(senders(state)) do
    list[#list + 1] = n
  end
  table.sort(list)
  return list
end

describe("the connector ethereum", function()
  local available, missing = chain.available()
  if not available then
    pending(missing)
    return
  end

  local node

  before_each(function()
    node = chain.anvil({})
  end)

  after_each(function()
    node.stop()
  end)

  for wanted, case in pairs({
    ["legacy transactions at the node's price"] = { type = 0, more = "  fees: legacy\n" },
    ["legacy transactions at the price of the network file"] = { type = 0, more = "  gasPrice: 12345678901\n", price = "12345678901" },
    ["EIP-2930 transactions at the price of the network file"] = { type = 1, more = "  fees: '2930'\n  gasPrice: '12345678901'\n",
      price = "12345678901" },
    ["EIP-1559 transactions"] = { type = 2, more = "  fees: '1559'\n" },
    ["EIP-1559 transactions by itself where blocks have a base fee"] = { type = 2, more = "" },
  }) do
    it("sends " .. wanted, function()
      local state = opened(node, 8, { keys = runs.WALLET, more = case.more })
      for hash, transaction in pairs(state.transactions) do
        assert.are.equal(case.type, transaction.type, hash)
        assert.are.equal(case.price or transaction.price, transaction.price)
      end
    end)
  end

  it("sends legacy transactions by itself where blocks have no base fee, and refuses to send others", function()
    node.stop()
    node = chain.anvil({ "--hardfork", "berlin" })
    local state = opened(node, 8, { keys = runs.WALLET })
    for _, transaction in pairs(state.transactions) do
      assert.are.equal(0, transaction.type)
    end
    local dir = runs.workspace(node.ws, { keys = runs.WALLET, more = "  fees: '1559'\n", rounds = runs.send({ send = runs.OPEN }) })
    local r = support.vernier({ "run", "benchmark.yaml", "network.yaml", cwd = dir })
    assert.are_not.equal(0, r.status)
    assert.is_truthy((r.stdout .. r.stderr):find("write fees: legacy", 1, true), r.stdout .. r.stderr)
  end)

  it("gives derived accounts as much as it is told to, and lets those of a worker take turns", function()
    local state, output = opened(node, 24, { workers = 2, more = "  accountsPerWorker: 3\n  fundPerAccount: 2" .. ETHER .. "\n",
      keys = keys(('  fromAddressPrivateKey: "%s"\n'):format(SECOND_KEY)) })
    local sent = senders(state)
    assert.are.equal(6, sent[SECOND]) -- the money
    sent[SECOND] = nil
    local n = 0
    for address, number in pairs(sent) do
      n = n + 1
      assert.are.equal(4, number, address)
      -- Some of two ether is spent on gas.
      assert.is_truthy(state.balances[address]:find("^1999%d+$"), address .. " has " .. state.balances[address])
      assert.are.equal(19, #state.balances[address])
    end
    assert.are.equal(6, n)
    assert.is_truthy(output:find("6 accounts derived from " .. SECOND .. " got 2" .. ETHER .. " wei each", 1, true), output)
  end)

  it("gives nothing to accounts that an earlier run has funded", function()
    local o = { workers = 2, keys = keys(('  fromAddressPrivateKey: "%s"\n'):format(SECOND_KEY)), more = "  fundPerAccount: 2" .. ETHER .. "\n" }
    opened(node, 8, o)
    local state, output = opened(node, 8, o)
    assert.are.equal(2, senders(state)[SECOND])
    assert.is_nil(output:find("wei each", 1, true))
  end)

  it("says that there is too little to give", function()
    local dir = runs.workspace(node.ws, { workers = 2, more = "  fundPerAccount: 6000" .. ETHER .. "\n", contracts = SIMPLE,
      keys = keys(('  fromAddressPrivateKey: "%s"\n'):format(SECOND_KEY)), rounds = runs.send({ send = runs.OPEN }) })
    local r = support.vernier({ "run", "benchmark.yaml", "network.yaml", cwd = dir })
    assert.are.equal(3, r.status, r.stdout .. r.stderr)
    local wanted = ("fundPerAccount: 2 accounts are to get 6000%s wei each, and %s has 10000%s"):format(ETHER, SECOND, ETHER)
    assert.is_truthy((r.stdout .. r.stderr):find(wanted, 1, true), r.stdout .. r.stderr)
  end)

  it("refuses to share one account where it is told to, but not to use it alone", function()
    local o = { keys = keys(('  fromAddressPrivateKey: "%s"\n'):format(SECOND_KEY)), more = "  accountSharing: refuse\n" }
    assert.are.same({ [SECOND] = 8 }, senders((opened(node, 8, o))))
    o.workers, o.rounds = 2, runs.send({ send = runs.OPEN })
    local dir = runs.workspace(node.ws, o)
    local r = support.vernier({ "run", "benchmark.yaml", "network.yaml", cwd = dir })
    assert.are.equal(3, r.status)
    assert.is_truthy((r.stdout .. r.stderr):find("accountSharing: derive", 1, true), r.stdout .. r.stderr)
  end)

  it("sends from the accounts of Caliper's seed, one for each worker", function()
    for _, address in ipairs(SEED_ACCOUNTS) do
      node.rpc("anvil_setBalance", address, "0xde0b6b3a7640000")
    end
    local state, _, dir = opened(node, 10, { workers = 2, keys = keys(('  fromAddressSeed: "%s"\n'):format(SEED)) })
    assert.are.same({ [SEED_ACCOUNTS[1]] = 5, [SEED_ACCOUNTS[2]] = 5 }, senders(state))
    assert.are.equal("", support.run({ "grep", "-rlF", SEED:sub(3), dir .. "/runs" }).stdout)
  end)

  it("counts it as funds where an account of the seed has no money", function()
    node.rpc("anvil_setBalance", SEED_ACCOUNTS[1], "0xde0b6b3a7640000")
    local tests, _, dir = runs.run(node.ws, { workers = 2, keys = keys(('  fromAddressSeed: "%s"\n'):format(SEED)), contracts = SIMPLE,
      rounds = runs.send({ label = "open", number = 10, tps = 100, send = runs.OPEN }) })
    local _, failed = runs.tally(dir, 2)
    assert.are.same({ { funds = 5 }, 5, 5 }, { failed, tests[1].ok, tests[1].failed })
  end)

  it("deals the accounts of a wallet out to workers", function()
    local state, _, dir = opened(node, 24, { workers = 2, keys = runs.WALLET, more = "  accountsPerWorker: 2\n" })
    assert.are.equal(7, state.senders[chain.ADDRESS].sent) -- also deploys
    assert.are.same({ 6, 6, 6 }, counts(state))
    assert.are.equal(6, state.senders[SECOND].sent)
    assert.are.equal("", support.run({ "grep", "-rlF", chain.MNEMONIC, dir .. "/runs" }).stdout)
  end)
end)
