-- The certificate of real runs: what makes their numbers doubtful is provoked, and told with its figure.
local bench = require("spec.support.bench")
local file = require("vernier.core.file")
local support = require("spec.support")

local function check(summary, name)
  for _, one in ipairs(summary.certificate.checks) do
    if one.name == name then
      return one
    end
  end
  error("no check " .. name)
end

-- Runs the benchmark; gives its summary and the command's result.
local function run(o, ...)
  local dir = bench.workspace(o)
  local r = bench.run(dir, { ... })
  return support.summary(dir), r, dir
end

local function assert_doubted(summary, r, name, verdict, pattern)
  local one = check(summary, name)
  assert.are.equal(verdict, one.verdict, name .. ": " .. tostring(one.value))
  assert.is_true(one.value > one.limit)
  local text = table.concat(summary.certificate.reasons, "\n")
  assert.matches(pattern, text)
  assert.matches(pattern, r.stdout)
  assert.are_not.equal("VALID", summary.certificate.verdict)
end

local BUSY = [[
  local clock = require("vernier.core.clock")
  local function busy(seconds)
    local until_ns = clock.now() + seconds * 1e9
    while clock.now() < until_ns do end
  end
]]

describe("the certificate", function()
  it("tells that vernier itself was the bottleneck", function()
    local summary, r = run({ rounds = bench.round({ duration = 1, load = 4 }) })
    assert_doubted(summary, r, "cpu", "SUSPECT", "worker 0 was busy for %d+")
    assert.are.equal(0, r.status)
  end)

  it("takes no spin for work", function()
    local summary = run({ rounds = bench.round({ duration = 1, tps = 20000 }) }, "--vernier-pacing", "precise")
    local vitals = summary.tests[1].workers[1].vitals
    assert.is_true(vitals.spun_ns > 0.1e9, vitals.spun_ns)
    assert.is_true(check(summary, "cpu").value < vitals.cpu_ns / vitals.wall_ns - 0.1)
  end)

  it("tells of stalls and of late runs", function()
    local summary, r = run({ rounds = bench.round({ number = 200, tps = 200 }), workload = BUSY .. [[
      return { run = function(_, ctx)
        ctx.sut:send("x")
        if ctx.index == 20 then busy(0.25) end
      end }]] })
    assert_doubted(summary, r, "stall", "SUSPECT", "worker 0 stood still for %d+ ms")
    assert_doubted(summary, r, "late", "INVALID", "of the runs started late")
    assert_doubted(summary, r, "lateness", "INVALID", "one in a hundred runs started %d+ ms late")
    assert.is_true(check(summary, "stall").value >= 0.25e9)
  end)

  it("tells of dropped runs", function()
    local summary, r = run({ rounds = bench.round({ number = 200, tps = 200, extra = "catchUp: drop" }), workload = BUSY .. [[
      return { run = function(_, ctx)
        ctx.sut:send("x")
        if ctx.index == 20 then busy(0.25) end
      end }]] })
    assert_doubted(summary, r, "dropped", "INVALID", "runs %([%d.]+ %%%) were dropped")
  end)

  it("tells of pauses of the collector", function()
    local summary, r = run({ rounds = bench.round({ number = 3000, tps = 2000 }), workload = [[
      local large = {}
      return {
        init = function() for i = 1, 8e6 do large[i] = i end end,
        run = function(_, ctx)
          for i = 1, 20 do large[i] = ("x"):rep(10000) .. ctx.index .. i end
          ctx.sut:send("x")
        end,
      }]] })
    assert_doubted(summary, r, "collector", "SUSPECT", "worker 0 paused for [%d.]+ ms to collect garbage")
  end)

  it("tells that the machine took the worker's time", function()
    local dir = bench.workspace({ rounds = bench.round({ duration = 3, tps = 100 }) })
    local running = bench.start(dir, { "--vernier-worker-timeout", "20s" })
    local pid = bench.worker_pid(running, 0)
    support.wait_for(function()
      local run_dir = support.runs(dir)[1]
      return run_dir and #(file.list(run_dir .. "/live") or {}) > 0
    end, 10, "the load")
    support.run({ "sh", "-c", ("sleep 1; kill -STOP %d; sleep 0.6; kill -CONT %d"):format(pid, pid) })
    assert.are.equal(0, (running:wait(30)))
    local summary = support.summary(dir)
    local report = support.vernier({ "report", support.runs(dir)[1] })
    if check(summary, "stall").verdict == "SUSPECT" then -- it was stopped in one of the rare moments in which it did not wait
      assert_doubted(summary, report, "stall", "SUSPECT", "worker 0 stood still for %d+ ms")
    else
      assert_doubted(summary, report, "interruptions", "SUSPECT", "was interrupted by the machine for %d+")
    end
  end)

  it("tells that a worker may not open as many connections as it needs", function()
    local server = support.demo_server("--latency", "constant 100ms")
    local dir = bench.workspace({ rounds = bench.round({ duration = 1, load = 100 }),
      workload = 'return { run = function(_, ctx) ctx.sut:send({ path = "/query?account=x", expect = { status = 404 } }) end }',
      network = ("caliper: {connector: http}\nhttp: {url: %q, connections: 100}\n"):format(server) })
    local r = support.run({ "sh", "-c", ("ulimit -n 60; exec %s run benchmark.yaml network.yaml"):format(support.binary),
      cwd = dir, timeout = 60 })
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    assert.matches("may open 60 files, too few for 100 connections", r.stdout .. r.stderr)
    assert_doubted(support.summary(dir), r, "files", "INVALID", "transactions failed at the limit of open files")
  end)

  it("says of a killed run what was known of it", function()
    local dir = bench.workspace({ rounds = bench.round({ duration = 60, load = 4 }) })
    local running = bench.start(dir, { "--vernier-limit-cpu", "0.3" }) -- the spec itself takes time from it
    support.wait_for(function()
      local run_dir = support.runs(dir)[1]
      return run_dir and support.read_file(run_dir .. "/worker-0.journal"):find('"seq":2', 1, true)
    end, 20, "two intervals")
    running:kill("KILL")
    running:wait(5)
    bench.assert_no_orphans(running.mark)
    local r = support.vernier({ "report", support.runs(dir)[1] })
    assert.are.equal(130, r.status)
    assert_doubted(support.summary(dir), r, "cpu", "SUSPECT", "worker 0 was busy for %d+")
  end)

  it("tells that others had the worker's core", function()
    local dir = bench.workspace({ rounds = bench.round({ duration = 2, load = 4 }) })
    local function on_one_core(command)
      return { "taskset", "-c", "0", unpack(command) }
    end
    local others = {}
    for i = 1, 2 do
      others[i] = support.start(on_one_core({ "setpriv", "--pdeathsig", "KILL", "sh", "-c", "while :; do :; done" }))
    end
    local r = support.run({ "taskset", "-c", "0", support.binary, "run", "benchmark.yaml", "network.yaml", cwd = dir, timeout = 60 })
    for _, other in ipairs(others) do
      other:kill("KILL")
      other:wait(5)
    end
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    assert_doubted(support.summary(dir), r, "wait", "SUSPECT", "worker 0 waited for a core for %d+")
  end)

  it("doubts a closed model that the worker could not keep up with, and no more", function()
    local summary, r = run({ rounds = bench.round({ duration = 1, load = 5000 }),
      network = "caliper: {connector: noop}\nnoop: {latency: constant 1ms}\n" }, "--strict")
    assert.are.same({ 0, "SUSPECT" }, { r.status, summary.certificate.verdict })
    assert.are.equal("SUSPECT", check(summary, "late").verdict)
  end)

  it("of a calm run is of every check", function()
    local summary = run({ rounds = bench.round({ number = 100, tps = 200 }) })
    for _, name in ipairs({ "late", "dropped", "lateness", "files", "cpu", "wait", "stall", "collector", "interruptions", "steal",
      "clock", "updates" }) do
      assert.is_number(check(summary, name).value, name)
    end
  end)
end)

describe("--strict", function()
  local LOSES = { rounds = bench.round({ number = 200, tps = 200, extra = "catchUp: drop" }), workload = BUSY .. [[
    return { run = function(_, ctx)
      ctx.sut:send("x")
      if ctx.index == 20 then busy(0.25) end
    end }]] }

  it("makes an INVALID run exit with 5, and tells so in the results", function()
    local summary, r, dir = run(LOSES, "--strict")
    assert.are.same({ 5, "INVALID", 5 }, { r.status, summary.certificate.verdict, summary.run.exit })
    local again = support.vernier({ "report", support.runs(dir)[1] })
    assert.matches("Certificate: INVALID", again.stdout)
    assert.are.equal(5, again.status)
    assert.are.equal(5, support.summary(dir).run.exit)
  end)

  it("changes nothing for others, and without it nothing else does", function()
    local _, r = run(LOSES)
    assert.are.equal(0, r.status)
    _, r = run({ rounds = bench.round({ number = 20, tps = 100 }) }, "--strict", "--vernier-limit-late", "1",
      "--vernier-limit-lateness", "10s")
    assert.are.equal(0, r.status, r.stdout)
  end)

  it("is no reason against a failed round", function()
    local _, r = run({ rounds = bench.round({ number = 5 }), workload = "return { run = function() error('no') end }" }, "--strict")
    assert.are.equal(3, r.status)
  end)
end)
