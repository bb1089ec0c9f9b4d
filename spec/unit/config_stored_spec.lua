-- What of a benchmark is written into the record of a run (vernier.config.stored): no secrets, plain tables only.
local benchmark = require("vernier.config.benchmark")
local config = require("spec.support.config")
local json = require("vernier.json")
local redact = require("vernier.config.redact")
local stored = require("vernier.config.stored")
local support = require("spec.support")

local FILES = {
  ["c.lua"] = [[return { options = { ["pin-code"] = { type = "string", secret = true, aliases = { "pin" } }, port = {} },
    services = { fast = { options = { key = { secret = true } } } } }]],
  ["stage.lua"] = [[return { where = "manager", options = { answer = { secret = true }, count = {} }, run = function() end }]],
  ["broken.lua"] = "error('no')",
}

local function stored_of(text, files)
  local dir = support.workspace(files or FILES)
  local result, found = config.resolve(text, { mode = "check", workspace = dir })
  return stored.benchmark(assert(result, found:text()), dir)
end

describe("what is stored of a benchmark", function()
  it("lacks what is secret by its name, or by its declaration however it is spelled", function()
    local result = stored_of([[
configurations:
- name: a
  connector: ./c.lua
  options: {pinCode: hidden, port: 5, password: hidden, url: "http://me:hidden@host"}
  environment: {API_TOKEN: hidden, PLAIN: shown}
- {name: b, connector: ./c.lua, options: {pin: hidden}}
- {name: c, connector: ./c.lua, service: fast, options: {key: hidden, pin-code: shown}}
- {name: d, connector: ./c.lua, options: {pin-code: "${env.PIN}"}}
- {name: e, connector: ./broken.lua, options: {secret: hidden, port: 5}}
init: [./stage.lua: {answer: hidden, count: 1}]
scenario: [repeat: {name: r, times: 2, do: [./stage.lua: {answer: hidden, count: "${repeat.counter}"}]}]
]])
    assert.is_nil(json.encode(result):find("hidden", 1, true))
    local setups = {}
    for i, configuration in ipairs(result.configurations) do
      setups[i] = configuration.setups[1].options
    end
    assert.are.same({ { pinCode = "***", port = 5, password = "***", url = "http://***@host" }, { pin = "***" },
      { key = "***", ["pin-code"] = "shown" }, { ["pin-code"] = "${env.PIN}" }, { secret = "***", port = 5 } }, setups)
    assert.are.same({ API_TOKEN = "***", PLAIN = "shown" }, result.configurations[1].setups[1].environment)
    assert.are.same({ answer = "***", count = 1 }, result.init[1].properties)
    assert.are.same({ name = "r", times = 2 }, result.scenario[1]["repeat"])
    assert.are.same({ answer = "***", count = "${repeat.counter}" }, result.scenario[1].entries[1].properties)
  end)

  it("leaves the benchmark as it is", function()
    local result = config.resolve("scenario: [repeat: {times: 2, do: [report]}]\nconfigurations: [{name: a, connector: noop, "
      .. "options: {latency: 1ms}, environment: {TOKEN: x}}]")
    stored.benchmark(result, ".")
    assert.are.equal("x", result.configurations[1].setups[1].environment.TOKEN)
    assert.are.equal("report", result.scenario[1]["repeat"]["do"][1])
  end)

  it("has the matrix, for scenarios and for Caliper's files", function()
    local result = stored_of("clusters: [{size: 2}]\nrepetitions: 3\norder: random\nscenario: [report]")
    assert.are.same({ 3, "random", "cell", 2 }, { result.repetitions, result.order, result.restart, result.clusters[1].size })
    result = stored_of("test: {workers: 2, rounds: [], stages: [./stage.lua: {answer: hidden}]}")
    assert.are.same({ "default", 2, {} }, { result.configurations[1].name, result.workers, result.rounds })
    assert.are.same({ answer = "***" }, result.stages[1].properties)
    assert.is_nil(result.scenario)
  end)

  it("is the path of the script where the scenario is a program", function()
    local dir = support.workspace({ ["suite.lua"] = "return function() end" })
    local result = benchmark.load(dir .. "/suite.lua", { mode = "run", workspace = dir })
    assert.are.equal(dir .. "/suite.lua", stored.benchmark(result, dir).scenario)
  end)
end)

describe("options with a declaration", function()
  it("are a copy without secrets, also where nothing is declared", function()
    local given = { a = "x", b = { c = "y" }, n = 5 }
    local copy = redact.declared({ a = { secret = true }, n = { secret = true } }, given)
    assert.are.same({ a = "***", b = { c = "y" }, n = "***" }, copy)
    assert.are.same({ b = { c = "***" } }, redact.declared({ b = { fields = { c = { secret = true } } } }, { b = given.b }))
    assert.are.same(given, redact.declared(nil, given))
    assert.are_not.equal(given.b, copy.b)
  end)
end)
