-- The connector ethereum where something goes wrong: whatever it is, counts add up, the class is right, the run ends in time, later
-- rounds work, and ethers finds neither a success that is none nor a gap in the nonces.
local cjson = require("cjson")
local support = require("spec.support")
local chain = require("spec.support.chain")(support)
local runs = require("spec.support.chain_runs")(chain)

local SEND = "eth_sendRawTransaction"
local n_contracts = 0

-- A contract of its own for a spec, at which every call succeeds: {address, yaml}.
local function contract_at(node)
  n_contracts = n_contracts + 1
  local address = ("0x%040x"):format(0xaa0000 + n_contracts)
  node.rpc("anvil_setCode", address, "0x00")
  local abi = cjson.encode(support.read_json(chain.contracts() .. "/Simple.json").abi)
  return { address = address, yaml = ("  contracts:\n    simple: {address: '%s', abi: %s, gas: {open: 100000}}\n"):format(address, abi) }
end

-- A round that is disturbed, and one after it.
local function two_rounds(o)
  return runs.send({ label = "disturbed", number = o.number or 30, tps = o.tps or 60, send = runs.OPEN })
    .. runs.send({ label = "after", number = 10, tps = 60, send = runs.OPEN })
end

local function settings(contract, o)
  return { keys = runs.WALLET, contracts = contract.yaml, more = o.more, status = o.status, rounds = o.rounds or two_rounds(o) }
end

-- Every success is in the chain, and what is there beyond them has been counted as failed. The failures by class.
local function honest(node, contract, tests, dir)
  local ok, failed = runs.tally(dir, 1)
  local state = chain.state(node, dir .. "/Simple.json", contract.address)
  local in_chain, n_failed = 0, 0
  for _, hash in ipairs(ok) do
    assert(state.transactions[hash], hash .. " is not in the chain")
  end
  for _ in pairs(state.transactions) do
    in_chain = in_chain + 1
  end
  for _, n in pairs(failed) do
    n_failed = n_failed + n
  end
  runs.no_gaps(state)
  local submitted = 0
  for _, test in ipairs(tests) do
    assert.are.equal(0, test.unfinished)
    submitted = submitted + test.submitted
  end
  assert.are.equal(submitted, #ok + n_failed)
  assert.is_true(in_chain >= #ok and in_chain <= submitted, in_chain .. " in the chain, " .. #ok .. " counted")
  return failed, in_chain - #ok
end

local function all_well(test)
  assert.are.same({ test.submitted, 0 }, { test.ok, test.failed }, test.label .. ": " .. cjson.encode(test.errors))
end

local function has_sent(dir, n)
  support.wait_for(function()
    return #runs.outcomes(dir) >= n
  end, 20, n .. " outcomes")
end

describe("the connector ethereum", function()
  local available, missing = chain.available()
  if not available then
    pending(missing)
    return
  end

  local node, proxy

  setup(function()
    node = chain.anvil({})
    proxy = chain.proxy(node)
  end)

  teardown(function()
    proxy.stop()
    node.stop()
  end)

  after_each(function()
    proxy.rpc("proxy_spoil", "[]")
  end)

  -- Of the 30 sends some in the middle are refused, in the words of several nodes. Whether or not these say for sure that the node has
  -- not taken the transaction, what waits in the node behind the gap is not sent again, and nothing else fails.
  for class, refusal in pairs({ ["pool-full"] = "txpool is full", ["chain-id"] = "invalid chain id for signer: have 5 want 1",
    funds = "insufficient funds for gas * price + value", underpriced = "transaction underpriced: tip 1, minimum 2",
    rpc = "internal error" }) do
    it("counts what the node refuses as " .. class .. ", and fills its nonces", function()
      local contract = contract_at(node)
      proxy.rpc("proxy_spoil", { method = SEND, skip = 5, times = 4, error = { code = -32000, message = refusal } })
      local tests, _, dir = runs.run(proxy.ws, settings(contract, { tps = 300 }))
      local failed, more = honest(node, contract, tests, dir)
      assert.are.same({ { [class] = 4 }, 0 }, { failed, more })
      all_well(tests[2])
    end)
  end

  it("takes damaged answers for failures of the protocol, over HTTP", function()
    local contract, rules = contract_at(node), {}
    for _, text in ipairs({ "not JSON", '{"jsonrpc":"2.0","id":ID,"result":"0x', "[]", '{"jsonrpc":"2.0","id":99999,"result":"0x1"}',
      '{"jsonrpc":"2.0","id":ID}', "" }) do
      rules[#rules + 1] = { method = SEND, skip = 2, times = 1, raw = text }
    end
    proxy.rpc("proxy_spoil", unpack(rules))
    local tests, _, dir = runs.run(proxy.url, settings(contract, {}))
    assert.are.same({ protocol = #rules }, (honest(node, contract, tests, dir)))
    all_well(tests[2])
  end)

  it("does not trust a WebSocket on which damaged answers come, and opens another", function()
    local contract = contract_at(node)
    proxy.rpc("proxy_spoil", { method = SEND, skip = 4, times = 1, raw = '{"jsonrpc":"2.0","id":ID,"result":' })
    local tests, _, dir = runs.run(proxy.ws, settings(contract, { number = 30, tps = 20 }))
    local failed = honest(node, contract, tests, dir)
    assert.are.equal(1, failed.protocol)
    all_well(tests[2])
  end)

  it("does not wait for an answer for longer than its timeout", function()
    for _, transport in ipairs({ "url", "ws" }) do
      local contract = contract_at(node)
      proxy.rpc("proxy_spoil", { method = SEND, skip = 4, times = 1, hush = true })
      local tests, _, dir = runs.run(proxy[transport], settings(contract, { more = "  timeout: 0.5s\n" }))
      local failed, more = honest(node, contract, tests, dir)
      assert.are.same({ { timeout = 1 }, 1 }, { failed, more }, transport) -- it is in the chain: nobody knew
      all_well(tests[2])
    end
  end)

  it("goes on over a new WebSocket, and finds what it had sent over the old one", function()
    local contract = contract_at(node)
    local tests, _, dir = runs.run_while(proxy.ws, settings(contract, { number = 60, tps = 40 }), function(dir)
      has_sent(dir, 10)
      proxy.rpc("proxy_cut", "[]")
      has_sent(dir, 25)
      proxy.rpc("proxy_cut", ('["%s"]'):format(SEND)) -- its answer is lost
    end)
    local failed, more = honest(node, contract, tests, dir)
    assert.is_true((failed.connection or 0) >= 1 and more >= 1, cjson.encode(failed))
    failed.connection = nil
    assert.are.same({}, failed)
    all_well(tests[2])
  end)

  it("asks for the nonce again when another client has used it", function()
    local contract = contract_at(node)
    -- Long enough for the other client to be through, however slowly it starts: the round after is to be whole.
    local tests, _, dir = runs.run_while(node.ws, settings(contract, { number = 240, tps = 30,
      more = "  confirmationTimeout: 5s\n" }), function(dir)
      has_sent(dir, 5)
      chain.client(node, 0, 3)
    end)
    local failed, more = honest(node, contract, tests, dir)
    -- For each of its three one of ours: nonce too low where the other one is in a block, underpriced where it waits, and dropped
    -- where the node had taken ours just before it put the other one into a block.
    local taken, text = 0, cjson.encode(failed)
    for _, class in ipairs({ "nonce", "underpriced", "dropped" }) do
      taken, failed[class] = taken + (failed[class] or 0), nil
    end
    assert.is_true(taken >= 1 and taken <= 3, text)
    assert.are.same({ {}, 0 }, { failed, more })
    all_well(tests[2])
  end)

  it("refuses to send to another chain than is configured, and to nodes of two chains", function()
    local other = chain.anvil({ "--chain-id", "5" })
    for wanted, o in pairs({
      ["chainId is 5 in the network file, but the node's chain is 31337"] = { url = node.ws, more = "  chainId: 5\n" },
      ["the nodes are of different chains"] = { url = ("[%s, %s]"):format(node.ws, other.url) },
    }) do
      local dir = runs.workspace(o.url, settings(contract_at(node), o))
      local r = support.vernier({ "run", "benchmark.yaml", "network.yaml", cwd = dir })
      assert.are_not.equal(0, r.status)
      assert.is_truthy((r.stdout .. r.stderr):find(wanted, 1, true), r.stdout .. r.stderr)
    end
    other.stop()
  end)

  it("counts what offers less than the base fee as underpriced", function()
    local contract = contract_at(node)
    local tests, _, dir = runs.run(node.ws, settings(contract, { more = "  fees: legacy\n  gasPrice: 1\n", status = 3 }))
    assert.are.same({ underpriced = 40 }, (honest(node, contract, tests, dir)))
  end)

  it("tells why a call was reverted", function()
    local function call(label, rest)
      return runs.send({ label = label, number = 1, send = '{contract = "reverts", ' .. rest .. "}" })
    end
    local _, _, dir = runs.run(node.ws, { keys = runs.WALLET, status = 3, contracts = [[
  contracts:
    reverts: {path: Reverts.json, gas: {withReason: 90000, withCustom: 90000, withPanic: 90000, withNothing: 90000, fine: 90000}}
]], rounds = call("a", 'verb = "withReason"') .. call("b", 'verb = "withCustom"') .. call("c", 'verb = "withPanic", args = {3}')
      .. call("d", 'verb = "withNothing"') .. call("e", 'verb = "withReason", readOnly = true') .. call("f", 'verb = "fine"') })
    local lines = runs.outcomes(dir)
    assert.are.equal("failed reverted no luck", lines[1])
    assert.are.equal("failed reverted Broken(code: 7, text: seven)", lines[2])
    assert.is_truthy(lines[3]:find("^failed reverted .*50") or lines[3]:find("^failed reverted .*0x32"), lines[3])
    assert.is_truthy(lines[4]:find("^failed reverted ."), lines[4])
    assert.are.equal("failed reverted no luck", lines[5])
    assert.is_truthy(lines[6]:find("^ok 0x"), lines[6])
  end)
end)

describe("the connector ethereum on a slow chain", function()
  if not chain.available() then
    pending("see above")
    return
  end

  local node

  after_each(function()
    node.stop()
  end)

  it("counts what no block takes in time as timeouts, and loses none of it", function()
    node = chain.anvil({ "--no-mining" })
    local contract = contract_at(node)
    local rounds = runs.send({ label = "stalled", number = 20, tps = 100, send = runs.OPEN })
    local o = settings(contract, { more = "  confirmationTimeout: 0.5s\n", status = 3, rounds = rounds })
    local tests, _, dir = runs.run(node.ws, o)
    node.rpc("evm_mine")
    local failed, more = honest(node, contract, tests, dir)
    assert.are.same({ { timeout = 20 }, 20 }, { failed, more })
    node.rpc("evm_setAutomine", true)
    o.status = 0
    all_well(runs.run(node.ws, o)[1])
  end)

  it("does not replace what another client has in the pool", function()
    node = chain.anvil({ "--no-mining" })
    local contract = contract_at(node)
    chain.client(node, 0, 1, 2)
    local tests, _, dir = runs.run_while(node.ws, settings(contract, {}), function()
      support.wait_for(function() -- ours has come to the nonce of the other: before, a block might take that
        return tonumber(node.rpc("txpool_status").pending) > 5
      end, 20, "transactions in the pool")
      node.rpc("evm_setIntervalMining", 1)
    end)
    assert.are.same({ underpriced = 1 }, (honest(node, contract, tests, dir)))
    all_well(tests[2])
  end)

  it("goes on after the node was killed and started again, and counts what was lost as failed", function()
    node = chain.anvil({ "-b", "0.3" })
    local contract, port = contract_at(node), node.port
    local tests, _, dir = runs.run_while(node.ws, settings(contract, { number = 120, tps = 40, more = "  confirmationTimeout: 2s\n" }),
      function(dir)
        has_sent(dir, 20)
        node.stop()
        node = chain.anvil({ port = port, "-b", "0.3" })
        node.rpc("anvil_setCode", contract.address, "0x00")
      end)
    local _, failed = runs.tally(dir, 1)
    assert.is_true((failed.connection or 0) > 0, cjson.encode(failed))
    for class in pairs(failed) do
      assert.is_true(class == "connection" or class == "dropped" or class == "timeout" or class == "nonce", class)
    end
    assert.are.same({ 120, 0 }, { tests[1].ok + tests[1].failed, tests[1].unfinished })
    all_well(tests[2])
    -- The new chain begins with nonce 0, and has what was sent since, without a gap.
    local state = chain.state(node, dir .. "/Simple.json", contract.address)
    assert.is_true(state.methods.open.ok >= 10)
    runs.no_gaps(state)
  end)
end)
