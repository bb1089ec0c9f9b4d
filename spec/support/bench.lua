-- Small benchmarks for functional specs: a workspace with a benchmark file, a network file and a workload.
--
--   bench.workspace{ rounds = "YAML list items", workers = 2, workload = "Lua", network = "YAML", files = {…} }
--   bench.round{ label =, number | duration =, tps = | load = | rate = "{…}", module =, extra = "key: value" }
local support = require("spec.support")

local M = {}

M.NOOP = "caliper: {connector: noop}\n"
M.SEND = "return { run = function(_, ctx) ctx.sut:send({ n = ctx.index }) end }\n"

local function rate_of(o)
  if o.load then
    return ("{type: fixed-load, opts: {transactionLoad: %d}}"):format(o.load)
  end
  return o.rate or ("{type: fixed-rate, opts: {tps: %s}}"):format(o.tps or 100)
end

function M.round(o)
  local lines = {
    "    - label: " .. (o.label or "r"),
    o.duration and "      txDuration: " .. o.duration or "      txNumber: " .. (o.number or 10),
    "      rateControl: " .. rate_of(o),
    ("      workload: {module: %s, arguments: %s}"):format(o.module or "./workload.lua", o.arguments or "{}"),
  }
  for line in (o.extra or ""):gmatch("[^\n]+") do
    lines[#lines + 1] = "      " .. line
  end
  return table.concat(lines, "\n") .. "\n"
end

function M.workspace(o)
  local files = {
    ["benchmark.yaml"] = ("test:\n  name: spec\n  workers: {number: %d}\n%s  rounds:\n%s"):format(o.workers or 1,
      o.test or "", o.rounds or M.round({})),
    ["network.yaml"] = o.network or M.NOOP,
    ["workload.lua"] = o.workload or M.SEND,
  }
  for name, text in pairs(o.files or {}) do
    files[name] = text
  end
  return support.workspace(files)
end

-- A workspace with a scenario of these stages (YAML list items, indented or not). o: head (YAML before them), more (behind
-- them), files.
function M.scenario(stages, o)
  local lines = {}
  for line in stages:gmatch("[^\n]+") do
    lines[#lines + 1] = "  " .. line
  end
  local files = { ["benchmark.yaml"] = ("name: spec\n%s\nscenario:\n%s\n%s"):format(o.head, table.concat(lines, "\n"), o.more or "") }
  for name, text in pairs(o.files or {}) do
    files[name] = text
  end
  return support.workspace(files)
end

-- The command that runs it, for support.vernier and support.start_vernier; more: further words.
function M.scenario_command(dir, more)
  local c = { "run", "benchmark.yaml", cwd = dir, timeout = 60 }
  for _, word in ipairs(more or {}) do
    c[#c + 1] = word
  end
  return c
end

local function command(dir, more)
  local c = { "run", "benchmark.yaml", "network.yaml", cwd = dir, timeout = 60 }
  for i, word in ipairs(more or {}) do
    c[#c + 1] = word
    c[i + 3] = word
  end
  for key, value in pairs(more or {}) do
    if type(key) == "string" then
      c[key] = value
    end
  end
  return c
end

function M.run(dir, more)
  return support.vernier(command(dir, more))
end

function M.start(dir, more)
  return support.start_vernier(command(dir, more))
end

-- The pid of a local worker of the vernier that is running under `mark`, as soon as it is there.
function M.worker_pid(running, index)
  return support.wait_for(function()
    for _, line in ipairs(support.left_over(running.mark)) do
      if line:find("--index " .. index, 1, true) or line:find("--index\0" .. index, 1, true) then
        return tonumber(line:match("^%d+"))
      end
    end
  end, 10, "worker " .. index)
end

local function named(list, key, value)
  for _, item in ipairs(list) do
    if item[key] == value then
      return item
    end
  end
end

-- The test of that label in a summary, or nil.
function M.test_of(summary, label)
  return named(summary.tests, "label", label)
end

-- The operation of that name in a test, or nil.
function M.operation(test, name)
  return named(test.operations, "name", name)
end

-- Whether the machine took time from a worker, or made it wait: then figures of time and rate are the machine's.
function M.is_disturbed(summary)
  for _, check in ipairs(summary.certificate.checks) do
    if check.verdict ~= "VALID" and (check.name == "interruptions" or check.name == "wait" or check.name == "steal") then
      return true
    end
  end
  return false
end

-- Nothing is lost and nothing is counted twice.
function M.conserved(test)
  assert(test.submitted == test.ok + test.failed + test.unfinished, ("%g submitted, but %g ok, %g failed, %g unfinished"):format(
    test.submitted, test.ok, test.failed, test.unfinished))
end

-- Nothing that the run started is left.
function M.assert_no_orphans(mark)
  support.wait_for(function()
    return #support.left_over(mark) == 0
  end, 10, "all processes of the run to end: " .. table.concat(support.left_over(mark), "; "))
end

return M
