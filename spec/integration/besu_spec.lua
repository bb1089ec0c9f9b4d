-- The connector besu against a stand-in for a node with privacy, which reads private transactions with ethers
-- (spec/support/besu_node.js): Besu itself has no package that could be installed here.
local bench = require("spec.support.bench")
local servers = require("spec.support.http_servers")
local support = require("spec.support")
local chain = require("spec.support.chain")(support)

local A, B, C = "A1aVtMxLCUHmBVHXoZzzBgPbW/wj5axDpW9X8l91SGo=", "Ko2bVqD+nNlNYL5EE7y3IdOnviftjiizpjRt+HTuFBs=",
  "k2zXEin4Ip/qBGlRkJejnGWdP9cjkK+DAvKNW31L2C8="
-- The groups of A and B, and of all three, as web3-eea computes them; and one that was made on the node.
local PAIR, ALL = "DyAOiF/ynpc+JXa2YAGB0bCitSlOMNm+ShmB/7M6C4w=", "95yIn/OYTZ1xN7SiBX1MdBJv9Bqk6Oq7fy+7XSaInyY="
local MADE = "8lDVI66RZHIrBsolz6Kn88Rd+WsJ4hUjb4hsh29xW/o="

local GROUPS = ([[
  privacy:
    pair: {groupType: legacy, privateFrom: "%s", privateFor: ["%s"]}
    all: {groupType: legacy, privateFrom: "%s", privateFor: ["%s", "%s"]}
    made: {groupType: pantheon, privateFrom: "%s", privacyGroupId: "%s"}
]]):format(A, B, A, B, C, A, MADE)

local CONTRACTS = [[
  contracts:
    simple: {path: Simple.json, private: pair}
    token: {path: Token.json, private: made, args: [1000]}
    open: {path: Simple.json, gas: {open: 100000}}
]]

-- Sends what arguments.send (Lua text) says; the outcomes are written to a file: a line each.
local WORKLOAD = [[
local M = {}
function M:init(ctx)
  self.request = loadstring("local ctx = ... return " .. ctx.arguments.send)
  self.file = io.open(ctx.workspace .. "/outcomes", "a")
end
function M:run(ctx)
  local result, message, class = ctx.sut:send(self.request(ctx))
  if type(result) == "table" and result.hash then
    self.file:write("ok ", result.status or "-", " ", tostring(result.confirmed_ns ~= nil), "\n")
  elseif result ~= nil then
    self.file:write("value ", tostring(result), "\n")
  else
    self.file:write("failed ", class, " ", message, "\n")
  end
end
function M:finish()
  self.file:close()
end
return M
]]

local OPEN = '{contract = "simple", verb = "open", args = {"a" .. ctx.index, 100 + ctx.index}}'
local TRANSFER = '{contract = "token", verb = "transfer", args = {"0x70997970C51812dc3A010C7d01b50e0d17dc79C8", %d}}'

local function send(text, o)
  o = o or {}
  o.number, o.module, o.arguments = o.number or 1, "./send.lua", ("{send: '%s'}"):format(text)
  return bench.round(o)
end

local function workspace(url, o)
  local folder = chain.contracts()
  return bench.workspace({ workers = o.workers, rounds = o.rounds,
    files = { ["Simple.json"] = support.read_file(folder .. "/Simple.json"), ["send.lua"] = WORKLOAD,
      ["Token.json"] = support.read_file(folder .. "/Token.json") },
    network = ("caliper: {blockchain: besu}\nethereum:\n  url: %s\n  %s: '%s'\n%s%s%s"):format(url,
      o.account or "fromAddressPrivateKey", o.key or chain.KEY, o.groups or GROUPS, o.contracts or CONTRACTS, o.more or "") })
end

local function outcomes(dir)
  local list = {}
  for line in (support.read_file(dir .. "/outcomes") or ""):gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

local function run(url, o)
  local dir = workspace(url, o)
  local r = bench.run(dir, o.options)
  assert.are.equal(o.status or 0, r.status, r.stdout .. r.stderr)
  return r.status ~= 2 and support.summary(dir).tests, outcomes(dir), r.stdout .. r.stderr, dir
end

describe("the connector besu", function()
  local available, missing = chain.available()
  if not available then
    pending(missing)
    return
  end

  local public, private, node

  setup(function()
    public = chain.anvil({ "--block-base-fee-per-gas", "0", "--gas-price", "0" })
    private = chain.anvil({ "--block-base-fee-per-gas", "0", "--gas-price", "0" })
  end)

  before_each(function()
    node = servers.besu_node(public, private, { key = A, keys = { A, B, C }, offchain = { MADE },
      groups = { [PAIR] = { A, B }, [ALL] = { A, B, C } } })
  end)

  after_each(function()
    node.kill()
  end)

  teardown(function()
    public.stop()
    private.stop()
  end)

  for _, transport in ipairs({ "url", "ws" }) do
    it("deploys for a group, sends to it and reads from it over " .. transport, function()
      local tests, lines = run(node[transport], { status = 3, rounds = send(OPEN, { number = 60, tps = 200 })
        .. send('{contract = "simple", verb = "query", args = {"a59"}, readOnly = true}')
        .. send('{contract = "simple", verb = "query", args = {"a59"}, readOnly = true, privacy = "all"}')
        .. send(TRANSFER:format(400)) .. send('{contract = "open", verb = "open", args = {"public", 1}}') })
      assert.are.same({ 60, 1, 0, 1, 1 }, { tests[1].ok, tests[2].ok, tests[3].ok, tests[4].ok, tests[5].ok }, table.concat(lines, "\n"))
      assert.are.equal("ok 1 true", lines[1])
      assert.are.equal("value 159", lines[61])
      assert.is_truthy(lines[62]:find("^failed protocol"), lines[62]) -- another group sees nothing there
      local seen, nonces = node.rpc("test_seen"), {}
      for _, tx in ipairs(seen) do
        assert.are.same({ chain.ADDRESS, 31337, 3000000, 0, "restricted" }, { tx.from, tx.chain, tx.gas, tx.gasPrice, tx.restriction })
        nonces[tx.group] = nonces[tx.group] or {}
        table.insert(nonces[tx.group], tx.nonce)
      end
      assert.are.same({ 0, 1 }, nonces[MADE]) -- by group: the deployment and the transfer
      assert.are.equal(61, #nonces[PAIR])
      assert.are.equal(60, nonces[PAIR][61])
      local marks = tests[1].operations[1].marks
      assert.are.same({ "accepted", 60, "included", 60 }, { marks[1].name, marks[1].count, marks[2].name, marks[2].count })
      assert.is_true(marks[2].response_time_ns.mean < tests[1].response_time_ns.mean) -- which ends with the private receipt
    end)
  end

  it("gives each worker an account of its own, with nonces of its own in the group", function()
    local tests = run(node.ws, { workers = 2, rounds = send(OPEN, { number = 40, tps = 200 }) })
    assert.are.equal(40, tests[1].ok)
    local senders, n = {}, 0
    for _, tx in ipairs(node.rpc("test_seen")) do
      n = n + (senders[tx.from] and 0 or 1)
      senders[tx.from] = math.max(senders[tx.from] or 0, tx.nonce)
    end
    assert.are.equal(3, n) -- two workers, and who deploys
    assert.are.equal(0, senders[chain.ADDRESS]) -- one contract for each of two groups
  end)

  it("tells why a private transaction was reverted, and goes on with its nonce", function()
    local tests, lines = run(node.ws, { status = 3, rounds = send(TRANSFER:format(2000)) .. send(TRANSFER:format(1))
      .. send((TRANSFER:format(2000):gsub("}$", ", readOnly = true}"))) })
    assert.are.same({ "failed reverted TooLittle(available: 1000, wanted: 2000)", "ok 1 true",
      "failed reverted TooLittle(available: 999, wanted: 2000)" }, lines)
    assert.are.equal("reverted", tests[1].errors[1].class)
  end)

  it("asks for the nonce again where the node finds it too low, and sends on", function()
    node.rpc("test_fault", "low", 1, 5) -- behind two deployments and three transactions
    local tests, lines = run(node.ws, { rounds = send(OPEN, { number = 20, tps = 200 }) })
    assert.are.same({ 19, 1 }, { tests[1].ok, tests[1].failed })
    assert.are.equal("nonce", tests[1].errors[1].class)
    assert.is_truthy(table.concat(lines, "\n"):find("failed nonce Private transaction nonce too low (code -50100)", 1, true))
  end)

  it("counts a lost connection as failed, and goes on over a new one", function()
    for transport, class in pairs({ url = "reset", ws = "connection" }) do
      node.rpc("test_fault", "drop", 1, 5)
      local tests, lines = run(node[transport], { rounds = send(OPEN, { number = 20, tps = 50 }) })
      assert.are.equal(20, tests[1].ok + tests[1].failed)
      for _, one in ipairs(tests[1].errors) do -- the one that was cut off, and those that came before the new connection
        assert.are.equal(class, one.class, table.concat(lines, "\n"))
      end
      assert.is_true(tests[1].failed >= 1)
      assert.is_true(tests[1].ok >= 10, table.concat(lines, "\n"))
      assert.are.equal("ok 1 true", lines[20])
    end
  end)

  it("refuses what the node refuses, by its class", function()
    node.rpc("test_fault", "chain", 1, 2)
    local _, lines = run(node.ws, { status = 3, groups = GROUPS .. ([[
    away: {groupType: legacy, privateFrom: "%s", privateFor: ["8lDVI66RZHIrBsolz6Kn88Rd+WsJ4hUjb4hsh29xW/o="]}
    lost: {groupType: onchain, privateFrom: "%s", privacyGroupId: "%s"}
    other: {groupType: pantheon, privateFrom: "%s", privacyGroupId: "%s"}
    public: {groupType: pantheon, privateFrom: "%s", privacyGroupId: "%s", restriction: unrestricted}
]]):format(A, A, ALL, B, MADE, A, MADE), rounds = send(OPEN) .. send((OPEN:gsub("}$", ', privacy = "away"}')))
      .. send((OPEN:gsub("}$", ', privacy = "lost"}'))) .. send((OPEN:gsub("}$", ', privacy = "other"}')))
      .. send((OPEN:gsub("}$", ', privacy = "public"}'))) .. send(OPEN) })
    assert.are.same({ "failed chain-id Wrong chainId (code -32000)", "failed privacy NodeMissingPeerUrl (code -50200)",
      "failed privacy Offchain Privacy group does not exist. (code -50100)",
      "failed privacy Private from does not match enclave public key (code -50100)",
      "failed privacy Unsupported private transaction type (code -50100)", "ok 1 true" }, lines)
  end)

  it("does not wait for ever for a private receipt, nor for a block", function()
    node.rpc("test_fault", "lose", 1e6, 2)
    local tests, lines = run(node.ws, { status = 3, more = "  confirmationTimeout: 1s\n", rounds = send(OPEN) })
    assert.are.equal("timeout", tests[1].errors[1].class)
    assert.is_truthy(lines[1]:find("the node has no private receipt", 1, true), lines[1])
    node.rpc("test_fault", "lose", 0)
    local info = { more = "  confirmationTimeout: 1s\n", rounds = send(OPEN), status = 3 }
    info.contracts = "  contracts:\n    simple: {address: '0x00000000000000000000000000000000000000aa', private: pair, abi: "
      .. require("cjson").encode(support.read_json(chain.contracts() .. "/Simple.json").abi) .. "}\n"
    local _, _, output = run(node.ws, info)
    assert.is_truthy(output:find("there is no contract at 0x00000000000000000000000000000000000000AA", 1, true), output)
    _, _, output = run(node.ws, { rounds = send(OPEN) })
    info.contracts = info.contracts:gsub("0x0*aa", (output:match("contract simple is at (0x%x+)")))
    info.options = { "--caliper-flow-skip-install" }
    public.rpc("evm_setAutomine", false)
    _, lines = run(node.ws, info)
    public.rpc("evm_setAutomine", true)
    assert.are.same({ "failed timeout the privacy marker transaction was not confirmed in time" }, lines)
  end)

  it("needs no confirmation where none is wanted", function()
    public.rpc("evm_setIntervalMining", 1)
    local tests, lines, output, dir = run(node.ws, { more = "  confirmation: none\n",
      rounds = send(OPEN, { number = 20, tps = 200 }) .. send(OPEN, { number = 20, tps = 200 }) })
    public.rpc("evm_setAutomine", true)
    assert.are.same({ 20, 20 }, { tests[1].ok, tests[2].ok })
    assert.are.equal("ok - false", lines[1])
    -- The nonces go on from round to round, whatever the node has in blocks.
    local nonces = {}
    for _, tx in ipairs(node.rpc("test_seen")) do
      nonces[#nonces + 1] = tx.group == PAIR and tx.nonce or nil
    end
    assert.are.equal(41, #nonces)
    assert.are.equal(40, nonces[41])
    -- And the key stands nowhere.
    assert.is_nil(output:find(chain.KEY:sub(3), 1, true))
    assert.are.equal("", support.run({ "grep", "-rlF", chain.KEY:sub(3), dir .. "/runs" }).stdout)
  end)

  it("says what is wrong with a request or an account", function()
    local wanted, rounds = { 'no privacy group "par" in the network file (did you mean pair?)',
      "has to be the name of a group of the network file, not a table", "a private transaction transfers no value",
      "a table is no integer" }, {}
    for i, part in ipairs({ 'privacy = "par"', "privacy = {}", "value = 1", "gas = {}" }) do
      rounds[i] = send((OPEN:gsub("}$", ", " .. part .. "}")))
    end
    local tests = run(node.ws, { status = 3, rounds = table.concat(rounds) .. send(OPEN) })
    for i, text in ipairs(wanted) do
      assert.are.equal("workload", tests[i].errors[1].class)
      assert.is_truthy(tests[i].errors[1].message:find(text, 1, true), tests[i].errors[1].message)
    end
    assert.are.equal(1, tests[5].ok) -- none of them took a nonce
    local _, _, output = run(node.ws, { status = 3, rounds = send(OPEN), account = "fromAddress", key = chain.ADDRESS })
    assert.is_truthy(output:find("cannot be signed: give its private key", 1, true), output)
  end)
end)
