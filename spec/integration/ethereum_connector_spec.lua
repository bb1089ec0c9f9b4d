-- The connector ethereum against real nodes (anvil). What the chain holds afterwards is told by ethers, not by our own code.
local bench = require("spec.support.bench")
local support = require("spec.support")
local chain = require("spec.support.chain")(support)
local runs = require("spec.support.chain_runs")(chain)
local no_gaps, outcomes, run, send, workspace = runs.no_gaps, runs.outcomes, runs.run, runs.send, runs.workspace
local address_of, OPEN = runs.address_of, runs.OPEN

local BLOCK = "0.4" -- seconds
local BLOCK_NS = tonumber(BLOCK) * 1e9

local TRANSFER = '{contract = "ERC20", verb = "transfer", %sargs = {"0x70997970C51812dc3A010C7d01b50e0d17dc79C8", %d}}'

describe("the connector ethereum", function()
  local available, missing = chain.available()
  if not available then
    pending(missing)
    return
  end

  local node

  local function start(...)
    node = chain.anvil({ ... })
    return node
  end

  after_each(function()
    if node then
      node.stop()
      node = nil
    end
  end)

  for _, transport in ipairs({ "url", "ws", "ipc" }) do
    it("deploys, sends and confirms over " .. transport .. ", as ethers sees it, with a block from time to time", function()
      start("-b", BLOCK)
      local url = transport == "ipc" and "ipc:" .. node.ipc or node[transport]
      local tests, output, dir = run(url, { rounds = bench.round({ label = "open", module = "simple", number = 300, tps = 400 })
        .. bench.round({ label = "query", module = "simple", number = 50, tps = 200 })
        .. bench.round({ label = "transfer", module = "simple", number = 50, tps = 100, arguments = "{numberOfAccounts: 300}" })
        .. send({ label = "read", number = 1, send = '{contract = "simple", verb = "query", args = {"account-7"}, readOnly = true}' }) })
      assert.are.same({ 300, 50, 50, 1 }, { tests[1].ok, tests[2].ok, tests[3].ok, tests[4].ok })
      local state = chain.state(node, dir .. "/Simple.json", address_of(output, "simple"), "query", "account-7", "query", "account-300")
      assert.are.same({ ok = 300, reverted = 0 }, state.methods.open)
      assert.are.same({ ok = 50, reverted = 0 }, state.methods.transfer)
      assert.is_nil(state.methods.query)
      assert.are.same({ "value " .. state.queries[1] }, outcomes(dir))
      assert.are.equal("0", state.queries[2])
      no_gaps(state)
      local accepted, included = tests[1].operations[1].marks[1], tests[1].operations[1].marks[2]
      assert.are.same({ "accepted", 300, "included", 300 }, { accepted.name, accepted.count, included.name, included.count })
      assert.is_true(accepted.response_time_ns.mean < included.response_time_ns.mean)
      -- Half a block's time in the mean, a whole one at most.
      assert.is_true(tests[1].response_time_ns.mean > 0.2 * BLOCK_NS, tests[1].response_time_ns.mean)
    end)
  end

  it("gives each of several workers an account of its own, with money, from one key", function()
    start()
    local tests, output, dir = run(node.ws, { workers = 2, more = "  accountsPerWorker: 3\n",
      rounds = send({ label = "open", number = 200, tps = 200, send = OPEN }) })
    assert.are.equal(200, tests[1].ok)
    local state = chain.state(node, dir .. "/Simple.json", address_of(output, "simple"), "query", "a199")
    assert.are.same({ ok = 200, reverted = 0 }, state.methods.open)
    assert.are.equal("299", state.queries[1])
    no_gaps(state)
    local sent = {}
    for address, sender in pairs(state.senders) do
      sent[#sent + 1] = address ~= chain.ADDRESS and sender.sent or nil
    end
    table.sort(sent)
    assert.are.same({ 33, 33, 33, 33, 34, 34 }, sent)
  end)

  it("tells the reason of what was reverted, and its own errors apart from the chain's", function()
    start()
    local tests, output, dir = run(node.url, { contracts = [[
  contracts:
    ERC20: {path: Token.json, args: [1000], gas: {transfer: 100000}}
]], rounds = send({ label = "too-much", number = 2, tps = 10, send = TRANSFER:format("", 600) })
      .. send({ label = "below", number = 1, send = TRANSFER:format("gas = 20000, ", 1) })
      .. send({ label = "little-gas", number = 1, send = TRANSFER:format("gas = 30000, ", 1) })
      .. send({ label = "after", number = 1, send = TRANSFER:format("", 1) })
      .. send({ label = "no-limit", number = 1, send = '{contract = "ERC20", verb = "balanceOf", args = {"0x00"}}' })
      .. send({ label = "no-contract", number = 1, send = '{contract = "ERC2", verb = "transfer"}' }), status = 3 })
    local lines = outcomes(dir)
    assert.is_truthy(lines[1]:find("^ok 0x"), lines[1])
    assert.are.equal("failed reverted TooLittle(available: 400, wanted: 600)", lines[2])
    assert.is_truthy(lines[3]:find("^failed gas "), lines[3])
    assert.are.equal("failed reverted out of gas: all of its 30000 were used", lines[4])
    assert.is_truthy(lines[5]:find("^ok 0x"), lines[5]) -- a refused one does not stall the next
    assert.are.equal("reverted", tests[1].errors[1].class)
    assert.is_truthy(tests[5].errors[1].message:find("gas: {balanceOf: 100000}", 1, true), tests[5].errors[1].message)
    assert.is_truthy(tests[6].errors[1].message:find("did you mean ERC20", 1, true), tests[6].errors[1].message)
    local state = chain.state(node, dir .. "/Token.json", address_of(output, "ERC20"), "balanceOf", chain.ADDRESS)
    assert.are.equal("399", state.queries[1])
    no_gaps(state)
  end)

  it("waits for as many blocks as it is told to, by heads and by receipts", function()
    for _, confirmation in ipairs({ "subscription", "receipt" }) do
      start("-b", BLOCK)
      local tests, _, dir = run(node.ws, { more = "  transactionConfirmationBlocks: 3\n  confirmation: " .. confirmation .. "\n",
        rounds = send({ label = "open", number = 20, tps = 100, send = OPEN }) })
      assert.are.equal(20, tests[1].ok)
      assert.is_true(tests[1].service_time_ns.min > 1.9 * BLOCK_NS, confirmation .. ": " .. tests[1].service_time_ns.min)
      for _, line in ipairs(outcomes(dir)) do
        assert.is_truthy(line:find("^ok 0x%x+ %d+ true$"), line)
      end
      node.stop()
    end
  end)

  it("knows by traces as well what went well, and the reason of what did not", function()
    for _, transport in ipairs({ "ws", "url" }) do
      start("-b", BLOCK)
      local tests, output, dir = run(node[transport], { contracts = [[
  contracts:
    ERC20: {path: Token.json, args: [1000], gas: {transfer: 100000}}
]], more = "  outcomes: traces\n", status = 3,
        rounds = send({ label = "transfer", number = 40, tps = 100, send = TRANSFER:format("", 3) })
          .. send({ label = "too-much", number = 3, tps = 100, send = TRANSFER:format("", 900) }) })
      assert.are.same({ 40, 0 }, { tests[1].ok, tests[2].ok })
      local lines = outcomes(dir)
      assert.is_truthy(lines[1]:find("^ok 0x%x+ %d+ true$"), lines[1])
      assert.are.equal("failed reverted TooLittle(available: 880, wanted: 900)", lines[43])
      local state = chain.state(node, dir .. "/Token.json", address_of(output, "ERC20"), "balanceOf", chain.ADDRESS)
      assert.are.equal("880", state.queries[1])
      assert.are.same({ ok = 40, reverted = 3 }, state.methods.transfer)
      node.stop()
    end
  end)

  it("says where a node has no traces", function()
    node = chain.ganache({})
    local dir = workspace(node.url, { more = "  outcomes: traces\n", rounds = send({ label = "open", number = 1, send = OPEN }) })
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.is_truthy((r.stdout .. r.stderr):find("trace_block.*outcomes: traces are of nodes with such a method"), r.stderr)
  end)

  it("needs no confirmation where none is wanted", function()
    start("--no-mining", "--block-base-fee-per-gas", "0")
    local info = { contracts = ("  contracts:\n    simple: {address: '%s', abi: %s, gas: {open: 100000}}\n"):format(
      "0x00000000000000000000000000000000000000aa", require("cjson").encode(support.read_json(chain.contracts() .. "/Simple.json").abi)) }
    node.rpc("anvil_setCode", "0x00000000000000000000000000000000000000aa", "0x00")
    info.more, info.rounds = "  confirmation: none\n", send({ label = "open", number = 20, tps = 100, send = OPEN })
    local tests, _, dir = run(node.ws, info)
    assert.are.equal(20, tests[1].ok)
    assert.are.equal("0x14", node.rpc("txpool_status").pending)
    assert.is_truthy(outcomes(dir)[20]:find("^ok 0x%x+ %- true$"), outcomes(dir)[20])
    -- The same waits in vain for a block, and says so.
    info.more = "  confirmationTimeout: 1s\n"
    info.status = 3
    tests = run(node.ws, info)
    assert.are.equal(20, tests[1].failed)
    assert.are.equal("timeout", tests[1].errors[1].class)
  end)

  it("finds transactions again that a reorganisation has moved to other blocks", function()
    start("-b", BLOCK)
    local dir = workspace(node.ws, { more = "  transactionConfirmationBlocks: 5\n  confirmationTimeout: 4s\n",
      rounds = send({ label = "open", number = 20, tps = 20, send = OPEN }) })
    local running = support.start_vernier({ "run", "benchmark.yaml", "network.yaml", cwd = dir })
    local before = support.wait_for(function()
      local number = tonumber(node.rpc("eth_blockNumber"))
      local count = number and number > 3 and node.rpc("eth_getBlockTransactionCountByNumber", ("0x%x"):format(number))
      return count and tonumber(count) > 5 and node.rpc("eth_getBlockByNumber", ("0x%x"):format(number), false)
    end, 20, "a block of the round")
    local _, refused = node.rpc("anvil_reorg", "[1, []]")
    assert.is_nil(refused)
    assert.is_true(before.hash ~= node.rpc("eth_getBlockByNumber", before.number, false).hash)
    running:wait(60)
    local lines = outcomes(dir)
    -- anvil drops what was in the blocks that it takes back: these time out, and nothing is counted that is not there.
    local ok = 0
    for _, line in ipairs(lines) do
      local hash, number = line:match("^ok (0x%x+) (%d+) true$")
      if hash then
        ok = ok + 1
        local receipt = node.rpc("eth_getTransactionReceipt", hash)
        assert.are.equal(tonumber(number), tonumber(receipt.blockNumber))
        assert.are.equal("0x1", receipt.status)
      end
    end
    local in_chain = 0
    for number = 3, tonumber(node.rpc("eth_blockNumber")) do
      in_chain = in_chain + tonumber(node.rpc("eth_getBlockTransactionCountByNumber", ("0x%x"):format(number)))
    end
    assert.is_true(ok <= in_chain and ok >= in_chain - 2, ok .. " of " .. in_chain)
  end)

  it("writes secrets nowhere", function()
    start()
    local _, output, dir = run(node.ws, { workers = 2, rounds = send({ label = "open", number = 10, tps = 100, send = OPEN }) })
    local found = support.run({ "grep", "-rlF", chain.KEY:sub(3), dir .. "/runs" })
    assert.are.equal("", found.stdout)
    assert.is_nil(output:find(chain.KEY:sub(3), 1, true))
  end)

  it("says what is wrong with a network before anything is sent", function()
    start()
    local rounds = send({ label = "open", number = 10, tps = 100, send = OPEN })
    for wanted, o in pairs({
      ["no private key"] = { keys = "  fromAddressPrivateKey: '0x12'\n" },
      ["there is no account to send from"] = { keys = "  contractDeployerAddressPrivateKey: '" .. chain.KEY .. "'\n" },
      ["this node holds no accounts"] = { keys = ("  fromAddress: '%s'\n  fromAddressPassword: x\n"):format(chain.ADDRESS) },
      ["contract file none.json cannot be read"] = { contracts = "  contracts: {simple: {path: none.json}}\n" },
      ["there is no contract at 0x"] = { contracts = "  contracts: {simple: {abi: [], address: '0x" .. ("1"):rep(40) .. "'}}\n" },
      ["needs a path, or an address and an abi"] = { contracts = "  contracts: {simple: {gas: {open: 1}}}\n" },
    }) do
      local dir = workspace(node.ws, { rounds = rounds, more = o.more, keys = o.keys, contracts = o.contracts })
      local r = bench.run(dir)
      assert.is_true(r.status ~= 0, wanted)
      assert.is_truthy((r.stdout .. r.stderr):find(wanted, 1, true), wanted .. "\nis not in\n" .. r.stdout .. r.stderr)
    end
    local dir = workspace("ws://127.0.0.1:1", { rounds = rounds, more = "  connectTimeout: 0.3\n" })
    local r = bench.run(dir)
    assert.is_truthy((r.stdout .. r.stderr):find("no node within 0.3 s", 1, true), r.stdout .. r.stderr)
  end)
end)
