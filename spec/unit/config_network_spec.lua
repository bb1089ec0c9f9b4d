-- Network files (vernier.config.network) and what may be written down of them (vernier.config.redact).
local network = require("vernier.config.network")
local redact = require("vernier.config.redact")
local support = require("spec.support")
local yaml = require("vernier.core.yaml")

local KEY = "A1aVtMxLCUHmBVHXoZzzBgPbW/wj5axDpW9X8l91SGo="
local GROUP = "{groupType: pantheon, privateFrom: '" .. KEY .. "', privacyGroupId: '" .. KEY .. "'}"

local function resolve(text, mode)
  local doc, errors = yaml.parse(text, "n.yaml")
  assert(doc, errors and errors[1] and errors[1].message)
  local result, found = network.resolve(doc, mode or "check")
  return result, found:text()
end

describe("a network file", function()
  it("names its connector, commands and options", function()
    local result = resolve([[
name: my net
version: 2.0
caliper:
  connector: noop
  command: {start: ./up.sh, end: ./down.sh}
  sutOptions: {mutualTls: false}
info: {version: "1", nodes: [a, b]}
noop: {failureRate: 0.1}
]])
    assert.are.same({ "noop", "noop", "my net", "2", "./up.sh", "./down.sh", false, 0.1, "1" }, { result.connector, result.root,
      result.name, result.version, result.command.start, result.command["end"], result.sutOptions.mutualTls,
      result.options.failureRate, result.info.version })
    assert.are.equal(0.1, result.value.noop.failureRate)
  end)

  it("may call it blockchain", function()
    assert.are.equal("noop", resolve("caliper: {blockchain: noop}").connector)
  end)

  it("keeps options of other connectors under their root", function()
    for text, expected in pairs({ ["caliper: {blockchain: besu}\nethereum: {url: ws://h:1}"] = "ethereum",
      ["caliper: {blockchain: ./lib/mine.lua}\nmine: {url: ws://h:1}"] = "mine" }) do
      local result = resolve(text)
      assert.are.equal(expected, result.root)
      assert.are.equal("ws://h:1", result.options.url)
    end
  end)

  for text, expected in pairs({
    ["{}"] = 'n.yaml:1:1: Network configuration file is missing its "caliper.blockchain" string attribute',
    ["caliper: {}"] = 'n.yaml:1:10: Network configuration file is missing its "caliper.blockchain" string attribute',
    ["caliper: {blockchain: ''}"] = "n.yaml:1:23: Network configuration file is missing",
    ["caliper: {blockchain: 5}"] = "n.yaml:1:23: Network configuration file is missing",
    ["caliper: {connector: [http]}"] = 'n.yaml:1:22: Network configuration file is missing its "caliper.connector" string',
    ["caliper: {blockchain: nop}"] = 'n.yaml:1:23: unknown connector "nop" (did you mean noop?)',
    ["caliper: {connector: noop, blockchain: fabric}"] = "name different connectors",
    ["caliper: {connector: noop, command: {start: 5}}"] = 'n.yaml:1:45: "caliper.command.start" must be a string',
    ["caliper: {connector: noop, command: {end: '  '}}"] = 'n.yaml:1:43: "caliper.command.end" must not be blank',
    ["caliper: {connector: noop, command: x}"] = '"command" attribute must be an object',
    ["caliper: {connector: noop}\ninfo: x"] = '"info" attribute must be an object',
    ["caliper: {connector: noop}\nnoop: {failurRate: 1}"] =
      'n.yaml:2:8: noop: unknown option "failurRate" (did you mean failureRate?)',
    ["caliper: {connector: noop}\nnoop: {failureRate: 2}"] = 'n.yaml:2:21: noop: "failureRate" must be at most 1',
    ["[]"] = "a network file must be a mapping",
    ["caliper: {blockchain: ethereum}\nethereum: {url: ws://h:1, privacy: {g: {}}}"] = "n.yaml:2:36: ethereum: \"privacy\" cannot be "
      .. "used: private transactions are of the connector besu: write caliper: {blockchain: besu}",
    ["caliper: {blockchain: ethereum}\nethereum: {url: ws://h:1, contracts: {c: {path: C.json, private: g}}}"] =
      'n.yaml:2:66: ethereum: "contracts.c.private" cannot be used: private transactions are of the connector besu',
    ["caliper: {blockchain: besu}\nethereum: {url: ws://h:1, contracts: {c: {path: C.json, private: grup}}, privacy: {group: "
      .. GROUP .. "}}"] = 'n.yaml:2:66: ethereum: "contracts.c.private" cannot be used: no privacy group "grup" in the network file '
      .. "(did you mean group?)",
    ["caliper: {blockchain: besu}\nethereum: {url: ws://h:1, contracts: {c: {path: C.json, private: g, estimateGas: true}}, "
      .. "privacy: {g: " .. GROUP .. "}}"] = 'n.yaml:2:82: ethereum: "contracts.c.estimateGas" cannot be used: nodes give no estimates',
    ["caliper: {blockchain: besu}\nethereum: {url: [ws://h:1, ws://h:2], privacy: {g: " .. GROUP .. "}}"] =
      'n.yaml:2:17: ethereum: "url" cannot be a list: the groups\' privateFrom is of one node\'s enclave',
    ["caliper: {blockchain: besu}\nethereum: {url: ws://h:1, privacy: {g: {groupType: legacy}}}"] =
      'ethereum: "privacy" has a group "g" that cannot be used: missing option "privateFrom"',
  }) do
    it("is refused: " .. text:gsub("\n", ", "), function()
      local result, lines = resolve(text)
      assert.is_nil(result)
      assert.is_truthy(lines:find(expected, 1, true), lines)
    end)
  end

  for text, expected in pairs({
    ["caliper: {connector: noop, command: {strat: x}}"] = 'unknown key "strat" is ignored (did you mean start?)',
    ["caliper: {connector: noop, commands: {start: x}}"] = '"commands" is read as "command"',
    ["caliper: {connector: noop}\nnop: {}"] = 'unknown key "nop" is ignored (did you mean noop?)',
    ["caliper: {connector: sawtooth}"] = 'connector "sawtooth" is not built yet',
  }) do
    it("is warned about: " .. text:gsub("\n", ", "), function()
      local result, lines = resolve(text)
      assert.is_truthy(result)
      assert.is_truthy(lines:find("warning: ", 1, true) and lines:find(expected, 1, true), lines)
    end)
  end

  it("has empty commands for absent ones", function()
    local result = resolve("caliper: {connector: noop, command: {start: '', end: }}")
    assert.are.same({}, result.command)
    assert.are.equal("x", resolve("caliper: {connector: noop, commands: {start: x}}").command.start)
  end)

  it("with a connector that is not built cannot be run", function()
    local result, lines = resolve("caliper: {blockchain: sawtooth}", "run")
    assert.is_nil(result)
    assert.are.equal('n.yaml:1:23: connector "sawtooth" is not built yet', lines)
  end)

  it("that does not exist is told", function()
    local result, found = network.load(support.tmpdir() .. "/none.yaml")
    assert.is_nil(result)
    assert.is_truthy(found:text():find("cannot be read: No such file", 1, true))
  end)

  for path, connector in pairs({ ["latest/networks/besu/1node-clique/erc20networkconfig.json"] = "ethereum",
    ["latest/networks/besu/1node-clique/networkconfig.json"] = "ethereum",
    ["latest/networks/ethereum/1node-clique/networkconfig.json"] = "ethereum",
    ["latest/networks/fabric/test-network.yaml"] = "fabric" }) do
    it("of Caliper's samples checks: " .. path, function()
      local full = "../shared/data/caliper-benchmarks/" .. path
      local file = io.open(full)
      if not file then
        return pending("the sample files are not here")
      end
      file:close()
      local result, found = network.load(full, "check")
      assert.is_truthy(result, found:text())
      assert.are.equal(connector, result.connector)
      assert.are.equal(0, found.errors)
    end)
  end
end)

describe("what is written down", function()
  it("has no secrets", function()
    local before = {
      url = "http://me:pass@host:80/x", contractDeployerAddressPrivateKey = "0x1", fromAddressSeed = "0x2", fromAddress = "0x3",
      clientPrivateKey = { path = "key.pem", pem = "-----BEGIN" }, fromAddressPassword = "${env.PASSWORD}", seed = 42,
      nested = { { api_key = "k", ["Access-Token"] = "t", name = "n" } }, empty = { password = "" },
    }
    local copy = redact.copy(before)
    assert.are.same({
      url = "http://***@host:80/x", contractDeployerAddressPrivateKey = "***", fromAddressSeed = "***", fromAddress = "0x3",
      clientPrivateKey = { path = "key.pem", pem = "***" }, fromAddressPassword = "${env.PASSWORD}", seed = 42,
      nested = { { api_key = "***", ["Access-Token"] = "***", name = "n" } }, empty = { password = "" },
    }, copy)
    assert.are.equal("0x1", before.contractDeployerAddressPrivateKey)
  end)
end)
