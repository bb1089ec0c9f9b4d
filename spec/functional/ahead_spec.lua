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
end)
