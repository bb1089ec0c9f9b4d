-- Rounds whose transactions are signed ahead, on a real node (anvil). What the chain holds afterwards is told by ethers.
local bench = require("spec.support.bench")
local support = require("spec.support")
local chain = require("spec.support.chain")(support)

local NETWORK = [[
caliper: {blockchain: ethereum}
ethereum:
  url: %s
  contractDeployerAddress: "%s"
  contractDeployerAddressPrivateKey: "%s"
  %s
  contracts:
    simple: {path: Simple.json, gas: {open: 100000}}
    ERC20: {path: Token.json, args: ["1000"], gas: {transfer: 100000}}
]]

-- Sends what arguments.send (Lua text) says.
local WORKLOAD = [[
local M = {}
function M:init(ctx)
  self.request = loadstring("local ctx = ... return " .. ctx.arguments.send)
end
function M:run(ctx)
  ctx.sut:send(self.request(ctx), { operation = "op" })
end
return M
]]

local KEY = ('fromAddressPrivateKey: "%s"'):format(chain.KEY)

local function open(prefix, gas)
  return ('{contract = "simple", verb = "open", args = {"%s" .. ctx.index, 100}%s}'):format(prefix, gas or "")
end

-- A round that sends; prepare: text or nil.
local function send(o)
  o.module, o.arguments = "./send.lua", ("{send: '%s'}"):format(o.send)
  o.extra = o.prepare and "prepare: " .. o.prepare
  return bench.round(o)
end

local function workspace(url, rounds, o)
  local folder = chain.contracts()
  o = o or {}
  return bench.workspace({ workers = o.workers, rounds = table.concat(rounds),
    network = o.network or NETWORK:format(url, chain.ADDRESS, chain.KEY, o.keys or KEY),
    files = { ["Simple.json"] = support.read_file(folder .. "/Simple.json"),
      ["Token.json"] = support.read_file(folder .. "/Token.json"), ["send.lua"] = WORKLOAD, ["other.lua"] = o.other or "" } })
end

local function run(url, rounds, o)
  local dir = workspace(url, rounds, o)
  local r = bench.run(dir)
  local output = r.stdout .. r.stderr
  assert.are.equal(o and o.status or 0, r.status, output)
  return output, dir
end

local function tests_of(dir)
  local summary = support.summary(dir)
  for _, test in ipairs(summary.tests) do
    bench.conserved(test)
  end
  return summary.tests
end

local function state_of(node, dir, output)
  local address = output:match("contract simple is at (0x%x+)") or error("no address in " .. output)
  return chain.state(node, dir .. "/Simple.json", address)
end

local function no_gaps(state)
  for address, sender in pairs(state.senders) do
    assert.is_false(sender.gap, address)
    assert.are.equal(0, sender.pending, address)
  end
end

describe("transactions that are signed ahead", function()
  local available, missing = chain.available()
  if not available then
    pending(missing)
    return
  end

  local node

  local function start(port)
    node = chain.anvil({ port = port, "-b", "0.25", "--base-fee", "0", "--gas-limit", "1000000000" })
  end

  setup(function()
    start()
  end)

  teardown(function()
    node.stop()
  end)

  it("are mined, each once; rounds behind them go on with their nonces, whether all were sent or not", function()
    local output, dir = run(node.ws, {
      send({ label = "kept", prepare = "sign", number = 200, tps = 400, send = open("a") }),
      send({ label = "plain", number = 40, tps = 400, send = open("b") }),
      send({ label = "left", prepare = "{sign: memory, number: 4000}", duration = 2, load = 8, send = open("c") }),
      send({ label = "used-up", prepare = "{sign: file, number: 30}", duration = 1, tps = 100, send = open("d") }),
      send({ label = "last", number = 20, tps = 400, send = "{" .. open("e") .. "," .. open("f") .. "}", prepare = "sign" }),
    }, { workers = 2, keys = KEY .. "\n  accountsPerWorker: 2" })
    local tests, ok = tests_of(dir), 0
    for _, test in ipairs(tests) do
      assert.are.equal(0, test.failed + test.unfinished, test.label)
      ok = ok + test.ok
    end
    assert.are.same({ 200, 40, 100, 40 }, { tests[1].ok, tests[2].ok, tests[4].ok, tests[5].ok })
    local state = state_of(node, dir, output)
    assert.are.same({ ok = ok, reverted = 0 }, state.methods.open)
    no_gaps(state)
    assert.is_truthy(output:find("worker 1: prepare: made 100 runs with 100 transactions", 1, true), output)
    assert.is_truthy(output:find("of the 2000 runs that were made ahead were not needed", 1, true), output)
    assert.are.equal(2, #tests[4].findings)
    assert.are.equal("the 15 runs that were signed ahead were used up; 35 more were signed when they were sent",
      tests[4].findings[1].text)
    assert.is_truthy(output:find("used-up, prepare of worker 0: the 15 runs", 1, true), output)
    assert.are.same({}, tests[1].findings)
    -- Nothing is left of the file.
    assert.are.equal("", support.run({ "find", dir .. "/runs", "-name", "*.signed" }).stdout)
  end)

  it("leave a gap where one is refused, which is filled; those that are reverted tell why", function()
    local output, dir = run(node.ws, {
      send({ label = "refused", prepare = "sign", number = 60, tps = 100,
        send = open("a", ", gas = ctx.index == 20 and 20000 or nil") }),
      send({ label = "reverted", prepare = "sign", number = 3, tps = 10,
        send = '{contract = "ERC20", verb = "transfer", args = {"0x70997970C51812dc3A010C7d01b50e0d17dc79C8", 600}}' }),
    })
    local tests = tests_of(dir)
    assert.are.same({ 59, 1 }, { tests[1].ok, tests[1].failed })
    assert.are.equal("gas", tests[1].errors[1].class)
    assert.are.same({ 1, 2 }, { tests[2].ok, tests[2].failed })
    assert.are.same({ "reverted", "TooLittle(available: 400, wanted: 600)" },
      { tests[2].errors[1].class, tests[2].errors[1].message })
    local state = state_of(node, dir, output)
    assert.are.same({ ok = 59, reverted = 0 }, state.methods.open)
    no_gaps(state)
  end)

  it("go on after the node was killed and started again", function()
    local abi = require("cjson").encode(support.read_json(chain.contracts() .. "/Simple.json").abi)
    local address = "0x00000000000000000000000000000000000000aa"
    node.stop()
    start()
    node.rpc("anvil_setCode", address, "0x00")
    local dir = workspace(node.ws, { send({ label = "r", prepare = "sign", number = 120, tps = 20, send = open("a") }) }, {
      network = ("caliper: {blockchain: ethereum}\nethereum:\n  url: %s\n  %s\n  confirmationTimeout: 3s\n"
        .. "  contracts:\n    simple: {address: '%s', abi: %s, gas: {open: 100000}}\n"):format(node.ws, KEY, address, abi) })
    local running = support.start_vernier({ "run", "benchmark.yaml", "network.yaml", cwd = dir })
    local function count()
      return tonumber(node.rpc("eth_getTransactionCount", chain.ADDRESS, "latest")) or 0
    end
    support.wait_for(function()
      return count() > 10
    end, 30, "transactions")
    local port = node.port
    node.stop()
    start(port)
    node.rpc("anvil_setCode", address, "0x00")
    assert.are.equal(0, running:wait(90))
    local test = tests_of(dir)[1]
    assert.are.equal(120, test.ok + test.failed)
    assert.is_true(test.failed > 0 and test.ok > 20, test.ok .. " ok")
    -- The new chain begins with nonce 0, where the kept ones do not: what is below them was filled.
    assert.is_true(count() > 20)
    assert.are.equal("0x0", node.rpc("txpool_status").queued)
  end)

  it("are refused with a reason where that cannot be", function()
    local USES = "return { run = function(_, ctx) return ctx.sut:send(" .. open("a") .. ").hash end }\n"
    local read = '{contract = "simple", verb = "query", args = {"a"}, readOnly = true}'
    for wanted, case in pairs({
      ["worker 0 failed to prepare: prepare: run 0: cannot be signed: a call (readOnly)"] =
        { send({ prepare = "sign", send = read }) },
      ["other.lua:1: a run that is made ahead of its round (prepare: sign) cannot use the result"] =
        { bench.round({ module = "./other.lua", extra = "prepare: sign" }), other = USES },
      ["the node holds the key of " .. chain.ADDRESS] =
        { send({ prepare = "sign", send = open("a") }), keys = ('fromAddress: "%s"'):format(chain.ADDRESS) },
    }) do
      local output = run(node.ws, { case[1] }, { status = 3, keys = case.keys, other = case.other })
      assert.is_truthy(output:find(wanted, 1, true), wanted .. "\nis not in\n" .. output)
    end
    local output, dir = run(node.ws, { send({ send = open("a") }), send({ prepare = "sign", send = open("a") }) },
      { status = 2, network = bench.NOOP })
    assert.is_truthy(output:find("benchmark.yaml:%d+:%d+: .*prepare: sign: connector noop cannot sign ahead"), output)
    assert.is_false((support.run({ "test", "-e", dir .. "/runs" }).status == 0))
  end)
end)
