-- The certificate of run folders as they could be: each reason, at its limit and above.
local certificate = require("vernier.results.certificate")
local results = require("vernier.results")
local rundir = require("spec.support.rundir")

local MS = 1e6

local run

before_each(function()
  run = rundir.new()
end)

after_each(function()
  run:close()
  rundir.remove(run.path)
end)

-- The certificate of a round of one worker. o: interval (its members), vitals, limits, model, status (of its load: lost; or
-- killed, with the whole run).
local function of(o)
  o = o or {}
  run:run({ limits = o.limits })
  run:test({ label = "r", duration = 1, model = o.model })
  run:begin("worker-0", 0, 1)
  local interval = { from = 0, to = 1, runs = 1000, last_finish_us = 1e6,
    ops = { { submitted = 1000, ok = 1000, failed = 0, unfinished = 0, trimmed = 0, response = { MS }, lateness = o.lateness } } }
  for name, value in pairs(o.interval or {}) do
    interval[name] = value
  end
  run:interval("worker-0", 0, 1, interval)
  if not o.status then
    run:finish("worker-0", 0, 1, "ok", nil, nil, o.vitals)
  end
  if o.status ~= "killed" then
    run:test_end(1, 1)
    run:run_end()
  end
  run:close()
  return results.read(run.path).certificate
end

local function check(c, name)
  for _, one in ipairs(c.checks) do
    if one.name == name then
      return one
    end
  end
end

describe("a run without blemish", function()
  it("is VALID, and tells what was looked at", function()
    local c = of({ lateness = { 1000, 2000 } })
    assert.are.same({ "VALID", {} }, { c.verdict, c.reasons })
    local names = {}
    for i, one in ipairs(c.checks) do
      names[i] = one.name
      assert.are.equal("VALID", one.verdict)
    end
    assert.are.same({ "late", "dropped", "lateness", "files", "cpu", "wait", "stall", "collector", "interruptions", "steal",
      "clock", "updates" }, names)
    assert.are.same({ 0.25, 0.9, "share", 0 }, { check(c, "cpu").value, check(c, "cpu").limit, check(c, "cpu").unit,
      check(c, "cpu").worker })
  end)
end)

describe("a reason", function()
  -- What is measured, the verdict, the check, and a pattern of the reason.
  local CASES = {
    { { interval = { late = 10 } }, "VALID", "late" },
    { { interval = { late = 11 } }, "SUSPECT", "late", "round 1 %(r%): 1.1 %% of the runs started late %(limit 1 %%%)" },
    { { interval = { late = 101 } }, "INVALID", "late", "10.1 %%" },
    { { interval = { dropped = 1 } }, "SUSPECT", "dropped", "1 runs %(0.0999 %%%) were dropped" },
    { { interval = { dropped = 20 } }, "INVALID", "dropped", "20 runs" },
    { { lateness = { 49 * MS } }, "VALID", "lateness" },
    { { lateness = { 60 * MS } }, "INVALID", "lateness", "one in a hundred runs started 60.0 ms late %(limit 50.0 ms%)" },
    { { vitals = { cpu_us = 900000 } }, "VALID", "cpu" },
    { { vitals = { cpu_us = 950000 } }, "SUSPECT", "cpu", "round 1 %(r%): worker 0 was busy for 95 %% of the time %(limit 90 %%%)" },
    { { vitals = { cpu_us = 1000000, spun_us = 800000 } }, "VALID", "cpu" },
    { { vitals = { cpu_us = 950000 }, interval = { late = 9 }, model = "open" }, "SUSPECT", "cpu", "was busy for 95 %%" },
    { { vitals = { wall_us = 90000, cpu_us = 90000 } }, "VALID", "cpu" },
    { { vitals = { wall_us = 110000, cpu_us = 110000 } }, "SUSPECT", "cpu", "was busy for 100 %%" },
    { { vitals = { cpu_us = 700000, waited_us = 240000 } }, "SUSPECT", "cpu", "was busy for 92.1 %%" },
    { { vitals = { cpu_us = 0, waited_us = 2e6 }, limits = { wait = 3 } }, "VALID", "cpu" },
    { { vitals = { waited_us = 250000 } }, "VALID", "wait" },
    { { vitals = { waited_us = 260000 } }, "SUSPECT", "wait", "worker 0 waited for a core for 26 %% of the time %(limit 25 %%%)" },
    { { vitals = { unsent = 2 } }, "SUSPECT", "updates", "could not show 2 intervals to the observers" },
    { { interval = { late = 900 }, model = "closed" }, "SUSPECT", "late", "90 %% of the runs started late" },
    { { lateness = { 60 * MS }, model = "closed" }, "SUSPECT", "lateness", "60.0 ms late" },
    { { vitals = { longest_stall_us = 60000, stalls = 3 } }, "SUSPECT", "stall", "stood still for 60.0 ms .*3 stalls" },
    { { vitals = { longest_pause_us = 1500, pauses = 2 } }, "SUSPECT", "collector", "paused for 1.50 ms to collect garbage" },
    { { vitals = { outlier_us = 30000, longest_outlier_us = 9000 } }, "SUSPECT", "interruptions", "3 %% of the time .*longest 9.00 ms" },
    { { vitals = { steal = 0.06 } }, "SUSPECT", "steal", "6 %% of the machine's time taken by the hypervisor" },
    { { vitals = { step_us = -200000 } }, "SUSPECT", "clock", "saw the wall clock move by 200 ms" },
    { { interval = { errors = { { class = "connect", message = "x: too many open files", count = 7, first_us = 1, last_us = 2 } } } },
      "INVALID", "files", "7 transactions failed at the limit of open files" },
    { { status = "lost" }, "INVALID", "lost", "round 1 %(r%): worker 0 was lost" },
  }

  it("has a verdict above its limit, and none at it", function()
    for _, case in ipairs(CASES) do
      local what, verdict, name, pattern = unpack(case)
      local c = of(what)
      assert.are.same({ verdict, verdict }, { c.verdict, check(c, name).verdict }, name)
      assert.are.equal(pattern and 1 or 0, #c.reasons, name .. ": " .. table.concat(c.reasons, "; "))
      if pattern then
        assert.matches(pattern, c.reasons[1])
      end
      rundir.remove(run.path)
      run = rundir.new()
    end
  end)

  it("follows the limits that the run was made with, also those of nonsense", function()
    assert.are.equal("VALID", of({ limits = { cpu = 0.99 }, vitals = { cpu_us = 950000 } }).verdict)
    rundir.remove(run.path)
    run = rundir.new()
    assert.are.equal("SUSPECT", of({ limits = { cpu = "x", sense = 1 }, vitals = { cpu_us = 950000 } }).verdict)
    rundir.remove(run.path)
    run = rundir.new()
    assert.are.equal("SUSPECT", of({ limits = { cpu = 0.2 } }).verdict)
  end)

  it("is a busy worker, worse where it made an open model late", function()
    local what = { vitals = { cpu_us = 950000 }, interval = { late = 20 }, model = "open" }
    local c = of(what)
    assert.are.same({ "INVALID", "INVALID", "SUSPECT" }, { c.verdict, check(c, "cpu").verdict, check(c, "late").verdict })
    rundir.remove(run.path)
    run = rundir.new()
    what.model = "closed"
    c = of(what)
    assert.are.same({ "SUSPECT", "SUSPECT", "SUSPECT" }, { c.verdict, check(c, "cpu").verdict, check(c, "late").verdict })
  end)

  it("is known of a killed run, as of its last interval", function()
    local c = of({ status = "killed", interval = { vitals = { wall_us = 1e6, cpu_us = 950000, waited_us = 0 } } })
    assert.are.same({ "SUSPECT", 0.95, "SUSPECT" }, { c.verdict, check(c, "cpu").value, check(c, "cpu").verdict })
  end)

  it("comes with others, the worst first", function()
    local c = of({ interval = { dropped = 1 }, lateness = { 60 * MS }, vitals = { steal = 0.5 } })
    assert.are.equal("INVALID", c.verdict)
    assert.are.equal(3, #c.reasons)
    assert.matches("60.0 ms late", c.reasons[1])
  end)

  it("is that records are missing", function()
    run:run()
    run:test({ label = "r", duration = 3 })
    run:begin("worker-0", 0, 1)
    for _, seq in ipairs({ 1, 4 }) do
      run:interval("worker-0", 0, 1, { seq = seq, from = seq - 1, to = seq, runs = 1, ops = {} })
    end
    run:finish("worker-0", 0, 1)
    run:test_end(1, 3)
    run:run_end()
    run:close()
    local c = results.read(run.path).certificate
    assert.are.same({ "INVALID", { "lost records: worker 0: the intervals 2 to 3 of test 1 are missing" } }, { c.verdict, c.reasons })
  end)
end)

describe("limits", function()
  it("are settings, each with a default", function()
    local limits = certificate.limits()
    for _, name in ipairs({ "late", "dropped", "lateness", "cpu", "wait", "steal", "interruptions", "stall", "pause", "clock-step" }) do
      assert.is_number(limits[name], name)
    end
    assert.are.equal(7, certificate.limits(function(setting)
      return setting == "vernier-limit-stall" and 7 or 0
    end).stall)
  end)
end)
