-- One round by vernier, by default settings and with all its records, and what it took from outside.
local file = require("vernier.core.file")
local results = require("vernier.results")
local work = require("support.work")

local M = {}

local BENCHMARK = [[
test:
  name: bench
  workers: { number: %d }
  rounds:
    - label: %s
      %s
      rateControl: { type: %s }
      workload: { module: %s, arguments: %s }
]]

local NOOP = "caliper: { blockchain: noop }\n"

-- o: name, amount ("txDuration: 5"), rate ("fixed-load, opts: …"), workload (a file's name in bench/workloads), arguments
-- (YAML), workers, network (YAML; noop without). Returns the words of the command that runs it in the workspace.
local function command(o)
  local workload = ("%s/workloads/%s.lua"):format(work.bench, o.workload)
  work.write(o.name .. ".yaml", BENCHMARK:format(o.workers or 1, o.name, o.amount, o.rate, workload, o.arguments or "{}"))
  work.write(o.name .. "-network.yaml", o.network or NOOP)
  local words = { work.vernier, "run", o.name .. ".yaml", o.name .. "-network.yaml", "--workspace", work.dir }
  if o.pacing then
    words[#words + 1] = "--vernier-pacing"
    words[#words + 1] = o.pacing
  end
  return words
end

-- The folder of the only run in the workspace.
function M.folder()
  local runs = work.dir .. "/runs"
  return runs .. "/" .. assert(file.list(runs))[1]
end

local function forget()
  os.execute("rm -rf " .. work.quote(work.dir .. "/runs"))
end

-- No count and no histogram may disagree with another.
local function check(test)
  local recorded = test.response_time and test.response_time.count or 0
  if test.ok ~= recorded or test.submitted ~= test.ok or test.submitted == 0 then
    error(("%g submitted, %g ok, %g in the histogram"):format(test.submitted, test.ok, recorded), 0)
  end
end

-- The figures of the only round of the run in the workspace: counts, rates, and times with a count of their own.
function M.result()
  local of_round = assert(results.read(M.folder())).tests[1].figures
  check(of_round)
  return of_round
end

-- What its worker measured of itself and of the machine (vernier.worker.vitals).
function M.vitals()
  return assert(results.read(M.folder())).tests[1].workers[1].vitals
end

-- Runs it: its figures, and {wall, user, system, cpu}. o: further core (to run on), seconds (it may take; 60 without).
function M.run(o)
  forget()
  local took = work.run(o.name, command(o), { core = o.core, seconds = o.seconds or 60 })
  return M.result(), took
end

-- Starts it; M.result() has the figures when it has ended.
function M.start(o)
  forget()
  return work.start(o.name, command(o), {})
end

return M
