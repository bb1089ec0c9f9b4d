-- A scenario file and a suite are run by the same code: what one says, the other gives.
local bench = require("spec.support.bench")
local support = require("spec.support")

-- What must be equal, whoever has written it down: of each table its members, of times and rates only that they are there.
local function shape(value, key)
  if type(value) ~= "table" then
    return type(value) == "number" and not ({ ok = 1, failed = 1, submitted = 1, runs = 1, iteration = 1, size = 1, cell = 1, exit = 1,
      worker = 1, test = 1, number = 1, value = 1, round = 1, repetition = 1, tps = 1, transactionLoad = 1 })[key] and "number" or value
  end
  local copy = {}
  for name, entry in pairs(value) do
    copy[name] = shape(entry, name)
  end
  return copy
end

local function shape_of_run(dir)
  local summary, folder = support.summary(dir)
  local of = shape({ run = summary.run, tests = summary.tests, cells = summary.cells, results = summary.results })
  of.run.command, of.run.started, of.checks = nil, nil, {}
  for i, check in ipairs(summary.certificate.checks) do -- their verdicts are of the machine
    of.checks[i] = { check.name, check.test or "", check.worker or "" }
  end
  for _, test in ipairs(of.tests) do
    for _, worker in ipairs(test.workers) do
      worker.suspect = nil -- who is slower by chance
    end
  end
  local journal = assert(require("vernier.results").read(folder))
  of.stages = {}
  for i, record in ipairs(journal.stages) do
    of.stages[i] = { record.section, record.stage, record.status, record.reason or "", record.workers or {} }
  end
  return of
end

describe("a scenario file and the suite that says the same", function()
  it("end the same way, with the same records, results and reports", function()
    local yaml = [[
name: same
clusters: [{size: 2, groups: {a: 1, b: 1}}]
network: network.yaml
scenario:
- define: {var: n, value: 20}
- repeat: {name: step, from: 1, to: 2, do: [
    test: {test-name: steps, amend-test: true, num-operations: "#{n * repeat.step.counter}", total-threads: 2,
      iteration-property: num-operations, workload: ./workload.lua}]}
- test: {test-name: rate, groups: b, num-operations: 30, rate: {type: fixed-rate, opts: {tps: 1000}}, workload: ./workload.lua}
- add-result: {test-name: rate, result-name: answer, value: 42}
- command: {workers: "1", cmd: "exit LAST"}
]]
    local lua = [[
return { name = "same", clusters = { { size = 2, groups = { a = 1, b = 1 } } }, network = "network.yaml", scenario = function(run)
  run:stage("define", { var = "n", value = 20 })
  for step = 1, 2 do
    run:test{ test_name = "steps", amend_test = true, num_operations = "#{n * " .. step .. "}", total_threads = 2,
      iteration_property = "num-operations", workload = "./workload.lua" }
  end
  run:test{ test_name = "rate", groups = "b", num_operations = 30, rate = { type = "fixed-rate", opts = { tps = 1000 } },
    workload = "./workload.lua" }
  run:stage("add-result", { test_name = "rate", result_name = "answer", value = 42 })
  run:stage("command", { workers = "1", cmd = "exit LAST" })
end }]]
    for last, status in pairs({ ["0"] = 0, ["3"] = 3 }) do
      local shapes = {}
      for name, text in pairs({ ["same.yaml"] = yaml, ["same.lua"] = lua }) do
        local dir = support.workspace({ [name] = text:gsub("LAST", last), ["workload.lua"] = bench.SEND, ["network.yaml"] = bench.NOOP })
        local r = support.vernier({ "run", name, "--vernier-seed", "7", cwd = dir })
        assert.are.equal(status, r.status, r.stderr)
        shapes[#shapes + 1] = shape_of_run(dir)
        assert.matches("<html", support.read_file(dir .. "/report.html"), 1, true)
      end
      assert.are.same(shapes[1], shapes[2])
      assert.are.same({ 3, 20, 40, 30 }, { #shapes[1].tests, shapes[1].tests[1].ok, shapes[1].tests[2].ok, shapes[1].tests[3].ok })
    end
  end)
end)
