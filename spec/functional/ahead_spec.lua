-- Runs that are made ahead of their round, with a connector of the user's own: progress, interrupts and deadlines.
local bench = require("spec.support.bench")
local support = require("spec.support")

local CONNECTOR = [[
local M = { options = {} }
function M:sign(request)
  return ("%08d"):format(request.n)
end
function M:run(request)
  return type(request) == "string" or nil, "was not signed", "check"
end
return M
]]

local NETWORK = "caliper: {connector: ./signer.lua}\n"

-- A workspace with one round that is prepared.
local function workspace(o)
  o.extra = "prepare: " .. o.prepare
  return bench.workspace({ workers = o.workers, rounds = bench.round(o), network = NETWORK, files = { ["signer.lua"] = CONNECTOR } })
end

-- A workspace whose scenario is one stage `test` with these properties.
local function scenario(properties, o)
  o = o or {}
  local files = { ["signer.lua"] = CONNECTOR, ["w.lua"] = bench.SEND }
  for name, text in pairs(o.files or {}) do
    files[name] = text
  end
  return bench.scenario("- test: {workload: ./w.lua, " .. properties .. "}\n", { files = files,
    head = ("clusters: [{size: 2}]\nconfigurations: [{name: c, connector: %s}]"):format(o.connector or "./signer.lua") })
end

local OWN = "return { schedule = 'worker', run = function(_, _, index) return index * 1e6 end }\n"
local OPEN = "needs a number: how many runs there will be is not known before (write prepare: {sign: memory, number: N})"

describe("runs made ahead", function()
  it("are sent by all workers; the rest of a round is its workload's", function()
    local dir = workspace({ prepare = "{sign: file, number: 30}", number = 40, tps = 400, workers = 3 })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    local test = support.summary(dir).tests[1]
    assert.are.same({ 40, 30, 10 }, { test.runs, test.ok, test.failed })
    assert.are.equal(3, #test.findings)
    assert.is_truthy(r.stdout:find("r, prepare of worker 2: the 10 runs that were signed ahead were used up; 3 more", 1, true), r.stdout)
  end)

  it("can be interrupted while they are made; the file ends with the worker", function()
    local dir = workspace({ prepare = "{sign: file}", number = 2e8, tps = 1000 })
    local running = bench.start(dir)
    local pid = bench.worker_pid(running, 0)
    support.wait_for(function()
      return support.run({ "sh", "-c", ("ls -l /proc/%d/fd | grep -c 'signed (deleted)'"):format(pid) }).stdout:find("1")
    end, 20, "the file")
    running:kill("INT")
    assert.are.equal(130, running:wait(30))
    assert.are.equal("", support.run({ "find", dir .. "/runs", "-name", "*.signed" }).stdout)
    bench.assert_no_orphans(running.mark)
  end)

  it("have the deadline of stages, and tell how far they are", function()
    local dir = workspace({ prepare = "sign", number = 2e8, tps = 1000 })
    local r = bench.run(dir, { "--vernier-stage-timeout", "7" })
    local output = r.stdout .. r.stderr
    assert.are.equal(3, r.status, output)
    assert.is_truthy(output:find("prepare: %d+ of 200000000 runs are made, [%d.]+ MB"), output)
    assert.is_truthy(output:find("worker 0 did not"), output)
  end)

  it("are what a test has, too: threads of load, with the indices and the ramp-up of the test", function()
    local dir = scenario("prepare: {sign: file}, num-operations: 41, total-threads: 3, ramp-up: 20ms")
    local r = support.vernier(bench.scenario_command(dir))
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    local test = support.summary(dir).tests[1]
    assert.are.same({ 41, 41, 0 }, { test.runs, test.ok, #test.findings })
    assert.is_truthy(r.stderr:find("worker 0: prepare: made 21 runs with 21 transactions in .* a file"), r.stderr)
    assert.is_truthy(r.stderr:find("worker 1: prepare: made 20 runs", 1, true), r.stderr)
  end)

  it("of a test at a rate are as many as are due; used up ones are told", function()
    local dir = scenario("prepare: sign, duration: 200ms, rate: {type: fixed-rate, opts: {tps: 100}}")
    local r = support.vernier(bench.scenario_command(dir))
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    assert.are.equal(20, support.summary(dir).tests[1].ok)
    dir = scenario("prepare: {sign: memory, number: 8}, num-operations: 10, total-threads: 2")
    r = support.vernier(bench.scenario_command(dir))
    local test = support.summary(dir).tests[1]
    assert.are.same({ 10, 8, 2 }, { test.runs, test.ok, test.failed })
    assert.is_truthy(r.stdout:find("the 4 runs that were signed ahead were used up; 1 more", 1, true), r.stdout)
  end)

  it("without a number are refused before anything starts, where nobody knows how many there will be", function()
    local dir = workspace({ prepare = "sign", duration = 1, load = 3 })
    for _, r in ipairs({ support.vernier({ "check", "benchmark.yaml", cwd = dir }), bench.run(dir) }) do
      assert.are.equal(2, r.status)
      assert.matches('benchmark.yaml:9:16: Round 1: "prepare" ' .. OPEN, r.stdout .. r.stderr, 1, true)
    end
    assert.are.same({}, support.runs(dir))
    dir = scenario("duration: 1s, prepare: sign")
    for _, r in ipairs({ support.vernier({ "check", "benchmark.yaml", cwd = dir }),
      support.vernier(bench.scenario_command(dir)) }) do
      assert.are.equal(2, r.status)
      assert.matches('benchmark.yaml:5:54: Stage 1: "prepare" ' .. OPEN, r.stdout .. r.stderr, 1, true)
    end
    assert.are.same({}, support.runs(dir))
  end)

  it("and with a rate controller of one's own that says so", function()
    local own = { ["own.lua"] = OWN }
    local dir = bench.workspace({ network = NETWORK, files = { ["signer.lua"] = CONNECTOR, ["own.lua"] = OWN },
      rounds = bench.round({ duration = 1, rate = "{type: ./own.lua}", extra = "prepare: sign" }) })
    local r = bench.run(dir)
    assert.are.equal(2, r.status)
    assert.is_truthy(r.stderr:find("benchmark.yaml:7:20: prepare: " .. OPEN, 1, true), r.stderr)
    dir = scenario("duration: 1s, prepare: sign, rate: {type: ./own.lua}", { files = own })
    r = support.vernier(bench.scenario_command(dir))
    assert.are.equal(3, r.status)
    assert.is_truthy(r.stderr:find("prepare: " .. OPEN, 1, true), r.stderr)
    assert.are.same({}, support.summary(dir).tests)
  end)

  it("of a test need a connector that can sign, and one load in each worker", function()
    for message, dir in pairs({
      ["benchmark.yaml:5:5: prepare: sign: connector noop cannot sign ahead: it has no sign hook"] =
        scenario("num-operations: 5, prepare: sign", { connector = "noop" }),
      ["benchmark.yaml:5:5: Stage 1: merge-thread-stats: what is made ahead (prepare) is sent by one load"] =
        scenario("num-operations: 5, prepare: sign, merge-thread-stats: false"),
      ['benchmark.yaml:5:59: Stage 1: "prepare" must be "sign", or {sign: memory or file, number: N}'] =
        scenario("num-operations: 5, prepare: sing"),
    }) do
      local r = support.vernier(bench.scenario_command(dir))
      assert.are.equal(2, r.status, r.stderr)
      assert.is_truthy(r.stderr:find(message, 1, true), message .. "\n" .. r.stderr)
      assert.are.same({}, support.runs(dir))
    end
  end)
end)
