-- The files of Caliper's own samples for chains of Ethereum's kind, against a real node: changed are only the node's URL, the
-- names of the workload modules and, so that it does not take minutes, the rates. Their contract files are not at hand: ours
-- stand in for them, with the ABI of the network files. The start commands, which want Docker, are left out.
local bench = require("spec.support.bench")
local cjson = require("cjson")
local support = require("spec.support")
local chain = require("spec.support.chain")(support)

local LATEST = support.CALIPER_SAMPLES .. "/latest/"
local MODULES = { ["benchmarks/scenario/simple/%a+%.js"] = "simple", ["benchmarks/scenario/ERC%-20/%a+%.js"] = "erc20-transfer" }
local SKIP = { "--caliper-flow-skip-start", "true", "--caliper-flow-skip-end", "true" }
-- Of the samples; the money is put there by the specs.
local DEPLOYER, HELD = "0xD1cf9D73a91DE6630c2bb068Ba5fDdF9F0DEac09", "0xc0A8e4D217eB85b812aeb1226fAb6F588943C2C2"
local MONEY = "0x3635c9adc5dea00000" -- 1000 ether
local FREE_TOKEN = [[
pragma solidity ^0.8.0;
import "Token.sol";
contract FreeToken is Token(1000000) {}
]]

-- Bytecode of a contract of the examples; the token's supply is fixed, as the sample's is.
local function bytecodes()
  local folder = support.tmpdir()
  support.write_file(folder .. "/FreeToken.sol", FREE_TOKEN)
  local r = support.run({ "node", "examples/ethereum/compile.js", folder, "examples/ethereum/Simple.sol", "examples/ethereum/Token.sol",
    folder .. "/FreeToken.sol", env = { NODE_PATH = "spec/node_modules" } })
  assert(r.status == 0, r.stdout .. r.stderr)
  return { simple = support.read_json(folder .. "/Simple.json").bytecode, ERC20 = support.read_json(folder .. "/FreeToken.json").bytecode }
end

local function benchmark_of(path)
  local text = support.read_file(LATEST .. path):gsub("tps: (%d+)", function(tps)
    return ("tps: %d"):format(math.max(50, tps * 10))
  end)
  for module, name in pairs(MODULES) do
    text = text:gsub(module, name)
  end
  return text
end

describe("Caliper's sample", function()
  local available, missing = chain.available()
  if available and #support.caliper_samples("config.yaml") == 0 then
    available, missing = nil, "the samples of Caliper are not at hand: " .. support.CALIPER_SAMPLES
  end
  if not available then
    pending(missing)
    return
  end

  local node, codes

  local function started(...)
    local new = chain.anvil({ ... })
    assert(new.rpc("anvil_setBalance", DEPLOYER, MONEY) == cjson.null)
    assert(new.rpc("anvil_setBalance", HELD, MONEY) == cjson.null)
    assert(new.rpc("anvil_impersonateAccount", HELD) == cjson.null)
    return new
  end

  setup(function()
    node, codes = started("-b", "0.3"), bytecodes()
  end)

  teardown(function()
    node.stop()
  end)

  local function workspace(benchmark, network, url)
    local text, replaced = support.read_file(LATEST .. network):gsub("ws://localhost:8546", url)
    assert.are.equal(1, replaced)
    local files = { ["config.yaml"] = benchmark_of(benchmark), ["network.json"] = text }
    local besu = cjson.decode(support.read_file(LATEST .. "networks/besu/1node-clique/networkconfig.json"))
    for name, contract in pairs(cjson.decode(text).ethereum.contracts) do
      local abi = contract.abi or besu.ethereum.contracts[name].abi
      local file = cjson.encode({ name = name, abi = abi, bytecode = codes[name], gas = 4700000 })
      files[contract.path] = file:gsub("{}", "[]") -- cjson does not know an empty list from an empty object
    end
    return support.workspace(files)
  end

  local function run(dir)
    local r = support.vernier({ "run", "config.yaml", "network.json", cwd = dir, timeout = 90, unpack(SKIP) })
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    return support.summary(dir).tests, r.stdout .. r.stderr
  end

  local function state(at, output, name, dir, ...)
    local address = output:match("contract " .. name .. " is at (0x%x+)")
    return chain.state(at, ("%s/src/ethereum/%s"):format(dir, name == "ERC20" and "ERC-20/ERC-20.json" or "simple/simple.json"), address, ...)
  end

  local function assert_simple(at, tests, output, dir)
    for i, label in ipairs({ "open", "query", "transfer" }) do
      bench.conserved(tests[i])
      assert.are.same({ label, i < 3 and 1000 or 50 }, { tests[i].label, tests[i].ok }, output)
    end
    local seen = state(at, output, "simple", dir, "query", "account-999")
    assert.are.same({ open = { ok = 1000, reverted = 0 }, transfer = { ok = 50, reverted = 0 } }, seen.methods)
    assert.are.equal(0, tonumber(seen.queries[1]) % 100)
  end

  it("simple runs with the network file of Besu", function()
    local dir = workspace("benchmarks/scenario/simple/config.yaml", "networks/besu/1node-clique/networkconfig.json", node.ws)
    local tests, output = run(dir)
    assert_simple(node, tests, output, dir)
    assert.is_nil(output:find("warning", 1, true), output)
  end)

  it("simple runs with the network file of geth, whose accounts the node holds", function()
    local holding = started("--no-mining")
    local proxy = chain.proxy(holding, "holds=300")
    finally(function()
      proxy.stop()
      holding.stop()
    end)
    local dir = workspace("benchmarks/scenario/simple/config.yaml", "networks/ethereum/1node-clique/networkconfig.json", proxy.ws)
    local tests, output = run(dir)
    assert_simple(holding, tests, output, dir)
    assert.are.equal(1051, proxy.count("eth_sendTransaction"))
    assert.is_true(proxy.count("personal_unlockAccount") >= 2)
    assert.is_true(proxy.count("eth_estimateGas") >= 1000) -- "open" has no limit in it
  end)

  it("ERC-20 runs with the network file of Besu", function()
    local dir = workspace("benchmarks/scenario/ERC-20/config.yaml", "networks/besu/1node-clique/erc20networkconfig.json", node.ws)
    local tests, output = run(dir)
    assert.are.equal(50, tests[1].ok, output)
    local seen = state(node, output, "ERC20", dir, "balanceOf", DEPLOYER)
    assert.are.same({ transfer = { ok = 50, reverted = 0 } }, seen.methods)
    assert.are.equal("999950", seen.queries[1])
  end)

  it("wants its contracts at their addresses where the install phase is left out", function()
    local dir = workspace("benchmarks/scenario/simple/config.yaml", "networks/besu/1node-clique/networkconfig.json", node.ws)
    local r = support.vernier({ "run", "config.yaml", "network.json", cwd = dir, timeout = 60, "--caliper-flow-skip-install", "true",
      unpack(SKIP) })
    assert.are.equal(3, r.status)
    assert.is_truthy((r.stdout .. r.stderr):find("there is no contract at 0xd9bB4402537D044709BC80b666F522A6F0ce6435, where", 1, true),
      r.stdout .. r.stderr)
  end)
end)
