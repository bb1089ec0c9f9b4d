-- What a workload may ask of the connector ethereum, and how it goes out, against a real node (anvil): lists of requests,
-- integers of all sizes, several URLs, batches. What comes by is counted by a proxy in another process.
local bench = require("spec.support.bench")
local cjson = require("cjson")
local support = require("spec.support")
local chain = require("spec.support.chain")(support)

local BANK = [[
pragma solidity ^0.8.0;
contract Bank {
    int256 public last;
    uint64 public small;
    function pay() external payable { last = int256(msg.value); }
    function set(int256 value, uint64 little) external { last = value; small = little; }
    function both() external view returns (int256 value, uint64 little, uint32 tiny) { return (last, small, 7); }
}
]]
-- arguments.code is run as function(ctx, write): write notes a line.
local WORKLOAD = [[
local M = {}
function M:init(ctx)
  self.code = assert(loadstring("local ctx, write = ... " .. ctx.arguments.code))
  self.file = io.open(ctx.workspace .. "/noted", "a")
end
function M:run(ctx)
  self.code(ctx, function(...)
    local words = { ... }
    for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
    self.file:write(table.concat(words, " "), "\n")
  end)
end
function M:finish()
  self.file:close()
end
return M
]]

describe("requests to the connector ethereum", function()
  local available, missing = chain.available()
  if not available then
    pending(missing)
    return
  end

  local node, bank

  local function compiled()
    local folder = support.tmpdir()
    support.write_file(folder .. "/Bank.sol", BANK)
    local r = support.run({ "node", "examples/ethereum/compile.js", folder, folder .. "/Bank.sol", env = { NODE_PATH = "spec/node_modules" } })
    assert(r.status == 0, r.stdout .. r.stderr)
    return support.read_file(folder .. "/Bank.json")
  end

  setup(function()
    node, bank = chain.anvil({ "-b", "0.3" }), compiled()
  end)

  teardown(function()
    node.stop()
  end)

  -- o: urls (YAML), rounds (each a table for bench.round with code), more (YAML under ethereum), contracts (YAML), status.
  -- The tests, what was noted, the output.
  local function run(o)
    local rounds = {}
    for i, round in ipairs(o.rounds) do
      round.module, round.label = "./send.lua", "r" .. i
      round.arguments = cjson.encode({ code = round.code })
      rounds[i] = bench.round(round)
    end
    local dir = bench.workspace({ workers = o.workers, rounds = table.concat(rounds),
      network = ("caliper: {blockchain: ethereum}\nethereum:\n  url: %s\n  fromAddressPrivateKey: '%s'\n%s  contracts:\n%s"):format(o.urls or node.ws,
        o.key or chain.KEY, o.more or "", o.contracts or "    bank: {path: Bank.json, gas: {set: 100000, pay: 100000}}\n"),
      files = { ["Bank.json"] = bank, ["send.lua"] = WORKLOAD } })
    local r = bench.run(dir)
    local output = r.stdout .. r.stderr
    assert.are.equal(o.status or 0, r.status, output)
    local noted = {}
    for line in support.read_file(dir .. "/noted", true):gmatch("[^\n]+") do
      noted[#noted + 1] = line
    end
    return o.status ~= 2 and support.summary(dir).tests, noted, output
  end

  it("are transactions of their own in a list, each counted, with the results in order", function()
    local tests, noted = run({ status = 0, rounds = { { number = 4, tps = 50, code = [[
      local list = {}
      for i = 1, 3 do list[i] = { contract = "bank", verb = "set", args = { i, i } } end
      list[4] = { contract = "bank", verb = "small", readOnly = true }
      list[5] = { contract = "bank", verb = "set", args = { 1, 2 }, value = 5 }
      list[6] = { contract = "bank", verb = "sat", args = { 1, 2 } }
      local results = ctx.sut:send(list, { operation = "many" })
      write(#results, results[1].status, results[2].status, results[3].status, type(results[4]), results[5].class)
      write(results[1].hash ~= results[2].hash, results[3].blockNumber >= results[1].blockNumber, results[6].class,
        results[6].error:match("did you mean set"), results[5].error)]] } } })
    assert.are.same({ 4, 24, 16, 8 }, { tests[1].runs, tests[1].submitted, tests[1].ok, tests[1].failed })
    assert.are.same({ "many", 24 }, { tests[1].operations[1].name, tests[1].operations[1].submitted })
    assert.are.equal(8, #noted)
    for i = 1, 7, 2 do
      assert.are.equal("6 1 1 1 string reverted", noted[i])
      assert.is_truthy(noted[i + 1]:find("^true true workload did you mean set %S"), noted[i + 1])
    end
  end)

  it("have integers of all sizes in all forms, which come back as they were", function()
    local MAX = "57896044618658097711785492504343953926634992332820282019728792003956564819967"
    local _, noted = run({ rounds = { { number = 1, code = ([[
      local function set(a, b) ctx.sut:send({ contract = "bank", verb = "set", args = { a, b } })
        local got = ctx.sut:send({ contract = "bank", verb = "both", readOnly = true })
        write(got.value, type(got.value), got.little, got[3], type(got.tiny)) end
      local function pay(value, gas)
        local result, why = ctx.sut:send({ contract = "bank", verb = "pay", value = value, gas = gas })
        write(result and result.status or why, ctx.sut:send({ contract = "bank", verb = "last", readOnly = true })) end
      set("MAX", "0xffffffffffffffff") set("-9007199254740993", 9007199254740991) set(-9223372036854775807LL, 18446744073709551615ULL)
      pay("1000000000000000001") pay("0xde0b6b3a7640002", "90000") pay(9007199254740993ULL, "0x15f90") pay(7LL, 90000ULL) pay(3)
      pay(4, 90000LL)]]):gsub("MAX", MAX):gsub("\n%s*", " ") } } })
    assert.are.same({ MAX .. " string 18446744073709551615 7 number", "-9007199254740993 string 9007199254740991 7 number",
      "-9223372036854775807 string 18446744073709551615 7 number", "1 1000000000000000001", "1 1000000000000000002", "1 9007199254740993",
      "1 7", "1 3", "1 4" }, noted)
  end)

  it("are refused with a reason where an integer would be rounded, or is none", function()
    local rounds = {}
    local CASES = {
      { 'verb = "set", args = { 2 ^ 53, 1 }', "args[1]: 9007199254740992 is beyond what Lua numbers hold exactly: write it as a text" },
      { 'verb = "set", args = { 1, "18446744073709551616" }', "args[2]: 18446744073709551616 does not fit uint64" },
      { 'verb = "set", args = { 1.5, 1 }', "args[1]: 1.5 is no integer" },
      { 'verb = "pay", value = 1e18', "value: 1000000000000000000 is beyond what Lua numbers hold exactly" },
      { 'verb = "pay", value = -1LL', "value: -1 does not fit uint256" },
      { 'verb = "pay", value = "much"', 'value: "much" is no integer' },
      { 'verb = "pay", gas = "0x1ffffffffffffffff"', "gas: 0x1ffffffffffffffff does not fit uint53" },
      { 'verb = "pay", gas = 1.5', "gas: 1.5 is no integer" },
      { 'verb = "pay", gas = 2 ^ 60', "gas: 1152921504606846976 is beyond what Lua numbers hold exactly" },
    }
    for i, case in ipairs(CASES) do
      rounds[i] = { number = 1, code = ('ctx.sut:send({ contract = "bank", %s })'):format(case[1]) }
    end
    local tests = run({ rounds = rounds, status = 3 })
    for i, case in ipairs(CASES) do
      assert.are.equal("workload", tests[i].errors[1].class)
      assert.is_truthy(tests[i].errors[1].message:find(case[2], 1, true), tests[i].errors[1].message .. "\nhas not: " .. case[2])
    end
  end)

  it("go out in batches where they are to, of the size and after the time that is wanted", function()
    for _, transport in ipairs({ "url", "ws" }) do
      local proxy = chain.proxy(node)
      local tests = run({ urls = proxy[transport], more = "  batching: {size: 10, wait: 100ms}\n", rounds = {
        { number = 1, code = [[ local list = {}
          for i = 1, 25 do list[i] = { contract = "bank", verb = "set", args = { i, i } } end
          ctx.sut:send(list) ]] },
        { number = 1, code = [[ local list = {}
          for i = 1, 12 do list[i] = { contract = "bank", verb = "last", readOnly = true } end
          ctx.sut:send(list) ]] } } })
      assert.are.same({ 25, 12 }, { tests[1].ok, tests[2].ok })
      local sizes = {}
      for _, line in ipairs(proxy.messages()) do
        local first = line:match("^%[(eth_%a+)")
        if first == "eth_sendRawTransaction" or first == "eth_call" then
          local _, commas = line:gsub(",", "")
          sizes[#sizes + 1] = first .. " " .. commas + 1
        end
      end
      assert.are.same({ "eth_sendRawTransaction 10", "eth_sendRawTransaction 10", "eth_sendRawTransaction 5", "eth_call 10", "eth_call 2" },
        sizes, transport)
      assert.are.equal(26, proxy.count("eth_sendRawTransaction")) -- the deployment goes alone
      -- Who waited for a batch has not been sent yet: that is not the node's time.
      assert.is_true(tests[2].blocked_ns.max > 90e6 and tests[2].response_time_ns.max > 90e6, tests[2].blocked_ns.max)
      proxy.stop()
    end
  end)

  it("fail each with its class where the node refuses batches, and go on", function()
    local SEND = [[ local list = {} for i = 1, 3 do list[i] = { contract = "bank", verb = "set", args = { i, i } } end
      for i, result in ipairs(ctx.sut:send(list)) do write(i, result.class, result.error) end
      write(ctx.sut:send({ contract = "bank", verb = "set", args = { 1, 1 } }).status) ]]
    for option, why in pairs({ ["no-batches"] = "batch requests are not supported", ["max-batch=2"] = "batch of 3 exceeds the limit of 2" }) do
      for _, transport in ipairs({ "url", "ws" }) do
        local proxy = chain.proxy(node, option)
        local tests, noted, output = run({ urls = proxy[transport], more = "  batching: {size: 3, wait: 50ms}\n", rounds = {
          { number = 2, tps = 1, code = SEND } } })
        assert.are.same({ 2, 6 }, { tests[1].ok, tests[1].failed }, output)
        for i = 1, 3 do
          assert.is_truthy(noted[i]:find(i .. " batch " .. why, 1, true), noted[i])
        end
        assert.are.equal("1", noted[4])
        proxy.stop()
      end
    end
  end)

  it("are confirmed where the node refuses every batch, which it gets one of from each process", function()
    for _, case in ipairs({ { "url", "error" }, { "url", "status", "receipt" }, { "ws", "error", "receipt" }, { "url", "first" },
      { "ws", "first", "receipt" } }) do
      local proxy = chain.proxy(node, "refuses=" .. case[2])
      local more = "  confirmation: %s\n  confirmationTimeout: 8s\n  pollInterval: %s\n"
      local tests, _, output = run({ urls = proxy[case[1]], more = more:format(case[3] or "subscription", case[3] and "100ms" or "1s"), rounds = {
        { number = 60, tps = 20, code = 'ctx.sut:send({ contract = "bank", verb = "set", args = { ctx.index, 1 } })' } } })
      assert.are.same({ 60, 0 }, { tests[1].ok, tests[1].failed }, table.concat(case, " ") .. output)
      local n = 0
      for _, line in ipairs(proxy.messages()) do
        n = n + (line:find("^%[") and 1 or 0)
      end
      assert.is_true(n >= 1 and n <= 2, n .. " batches")
      proxy.stop()
    end
  end)

  it("take turns over several URLs", function()
    local one, other = chain.proxy(node), chain.proxy(node)
    local more = "  accountsPerWorker: 2\n  fundPerAccount: 1000000000000000001\n"
    local tests, _, output = run({ urls = ("[%s, %s]"):format(one.url, other.ws), more = more, rounds = {
      { number = 20, tps = 100, code = 'ctx.sut:send({ contract = "bank", verb = "set", args = { 1, 1 } })' },
      { number = 20, tps = 100, code = 'ctx.sut:send({ contract = "bank", verb = "last", readOnly = true })' } } })
    assert.are.same({ 20, 20 }, { tests[1].ok, tests[2].ok })
    assert.is_truthy(output:find("got 1000000000000000001 wei each", 1, true), output)
    assert.are.same({ 10, 10 }, { one.count("eth_call"), other.count("eth_call") })
    assert.are.equal(10, other.count("eth_sendRawTransaction")) -- the deployment and the money go by the first
    one.stop()
    other.stop()
  end)

  it("are not begun where one of several nodes is not there", function()
    local closed = support.free_port()
    for _, url in ipairs({ "http://127.0.0.1:" .. closed, "ws://127.0.0.1:" .. closed }) do
      local _, _, output = run({ urls = ("[%s, %s]"):format(node.ws, url), more = "  connectTimeout: 0.3\n", status = 3,
        rounds = { { number = 1, code = "" } } })
      assert.is_truthy(output:find(url, 1, true), output)
      assert.is_truthy(output:find("no node within 0.3 s", 1, true), output)
    end
  end)

  it("have no amounts in their network file that would be rounded", function()
    local _, _, output = run({ more = "  fundPerAccount: 1e18\n  gasPrice: 1.5\n", status = 2, rounds = { { number = 1, code = "" } } })
    assert.is_truthy(output:find("network.yaml:5:%d+: [^\n]*fundPerAccount[^\n]*write it as a text"), output)
    assert.is_truthy(output:find("network.yaml:6:%d+: [^\n]*gasPrice[^\n]*no integer"), output)
  end)

  it("that cannot be batched are refused with their place in the file", function()
    local _, _, output = run({ more = "  batching: {size: 1, wait: long}\n", status = 2, rounds = { { number = 1, code = "" } } })
    assert.is_truthy(output:find("network.yaml:5:", 1, true), output)
    assert.is_truthy(output:find("must be at least 2", 1, true), output)
    assert.is_truthy(output:find("must be a duration", 1, true), output)
  end)
end)
