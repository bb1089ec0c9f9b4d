-- vernier calibrate on this machine, briefly; and who quotes it.
local bench = require("spec.support.bench")
local cjson = require("cjson")
local file = require("vernier.core.file")
local machine = require("vernier.machine")
local support = require("spec.support")

-- Words of the command line, and a table of variables.
local function calibrate(dir, ...)
  local command = { "calibrate", "--seconds", "0.3", "--output", dir .. "/state/c.json", timeout = 120 }
  for _, word in ipairs({ ... }) do
    if type(word) == "table" then
      command.env = word
    else
      command[#command + 1] = word
    end
  end
  return support.vernier(command)
end

describe("vernier calibrate", function()
  local dir, first

  setup(function()
    dir = support.tmpdir()
    first = calibrate(dir)
  end)

  it("prints a table, keeps what it has measured, and leaves nothing behind", function()
    assert.are.equal(0, first.status, first.stderr)
    for _, row in ipairs({ "clock", "timer", "lateness at 1000 tx/s", "lateness at 10 k tx/s", "added to service time", "at most, noop",
      "at most, http" }) do
      assert.is_truthy(first.stdout:find("| " .. row .. " ", 1, true), row)
    end
    assert.is_truthy(first.stdout:find("Kept in " .. dir .. "/state/c.json", 1, true))
    for _, name in ipairs({ "noop", "timer", "held", "at-once", "http" }) do
      assert.is_truthy(first.stderr:find("calibrate: " .. name .. "\n", 1, true), name)
    end
    bench.assert_no_orphans(first.mark)
  end)

  it("measures what can be: the figures fit each other", function()
    local c = support.read_json(dir .. "/state/c.json")
    assert.are.same({ 1, 0.3 }, { c.format, c.seconds })
    assert.is_true(c.clock.read_ns > 1 and c.clock.read_ns < 1e5 and c.clock.resolution_ns >= 1)
    for _, l in ipairs({ c.timer, c.lateness[1], c.lateness[2] }) do
      assert.is_true(0 <= l.p50_ns and l.p50_ns <= l.p99_ns and l.p99_ns <= l.max_ns * 1.001)
    end
    -- The server holds each request for 5 ms at least; nothing that it does can take longer than it seems to the client.
    assert.is_true(c.offset.held_ns >= 5e6)
    for _, offset in ipairs({ c.offset, c.offset_at_once }) do
      assert.is_true(offset.held_ns > 0 and offset.held_ns < offset.service_mean_ns)
      assert.are.equal(offset.mean_ns, offset.service_mean_ns - offset.held_ns)
    end
    assert.is_true(c.pacing == "precise" or c.pacing == "economical")
    assert.is_true(c.noop.throughput > c.http.throughput and c.http.throughput > 100)
    assert.is_true(c.noop.cpu_ns < c.http.cpu_ns and c.noop.cpu_ns > 1)
    assert.is_true(c.steal >= 0 and c.steal <= 1)
  end)

  it("is quoted by runs on this machine and in their reports, also later and elsewhere", function()
    local workspace = bench.workspace({ rounds = bench.round({ number = 5 }) })
    local r = bench.run(workspace, { "--vernier-calibration", dir .. "/state/c.json" })
    assert.matches("Error bar of this machine: 99 %% of due times within", r.stdout)
    local run = support.runs(workspace)[1]
    assert.matches("Error bar of this machine.*added to service time.*Calibrated on", support.read_file(run .. "/report.html"))
    assert.are.equal(1, support.summary(workspace).calibration.format)
    os.remove(dir .. "/state/c.json")
    assert.matches("Error bar of this machine", support.vernier({ "report", run }).stdout)
    r = bench.run(workspace, { "--vernier-calibration", dir .. "/state/c.json" })
    assert.matches("Error bar of this machine: not known: [^\n]*/state/c.json", r.stdout)
    assert.matches("vernier: warning: [^\n]*/state/c.json", r.stderr)
    assert.are.equal(cjson.null, support.read_json(support.runs(workspace)[2] .. "/summary.json").calibration or cjson.null)
  end)

  it("that is damaged or another machine's is warned of, reports say so, and no run fails", function()
    local workspace = bench.workspace({ rounds = bench.round({ number = 5 }) })
    local other = machine.describe()
    other.cpu = "Z80"
    local deep = '{"format": 1, "machine": ' .. ("["):rep(700) .. ("]"):rep(700) .. "}"
    for text, why in pairs({ ["{"] = "not a calibration: vernier calibrate makes one", [deep] = "of another machine",
      [cjson.encode({ format = 1, machine = other })] = "of another machine %(its cpu is Z80",
      ['{"format": 99, "machine": {}}'] = "of format 99, this vernier reads format 1" }) do
      local r = bench.run(workspace, { "--vernier-calibration", support.write_file(dir .. "/damaged", text) })
      assert.are.equal(0, r.status, r.stderr)
      assert.matches("vernier: warning: [^\n]*/damaged: [^\n]*" .. why, r.stderr)
      assert.matches("Error bar of this machine: not known: [^\n]*" .. why, r.stdout)
      local summary, run = support.summary(workspace)
      assert.are.equal(cjson.null, summary.calibration)
      os.remove(dir .. "/damaged")
      assert.matches("not known: [^\n]*" .. why, support.vernier({ "report", run }).stdout)
      assert.matches("The error bar of this machine is not known: [^\n]*" .. why, support.read_file(run .. "/report.html"))
    end
  end)

  it("that was never made is told of", function()
    local workspace = bench.workspace({ rounds = bench.round({ number = 5 }) })
    local r = bench.run(workspace, { env = { HOME = dir, XDG_STATE_HOME = dir } })
    assert.matches("Error bar of this machine: not known: vernier calibrate measures it\n", r.stdout)
    assert.is_nil(r.stderr:find("calibrat", 1, true))
  end)

  it("is of a run of its own: settings of the environment do not reach it, but for the pacing", function()
    local r = calibrate(dir, "--json", { VERNIER_WORKERS = "3", VERNIER_ONLY = "size=7", CALIPER_FLOW_SKIP_TEST = "true",
      CALIPER_WORKSPACE = dir, CALIPER_REPORT_PATH = "/no/such/folder/x", VERNIER_PACING = "batched" })
    assert.are.equal(0, r.status, r.stderr)
    local c = cjson.decode(r.stdout)
    assert.are.equal("batched", c.pacing)
    assert.is_true(c.noop.throughput > 0)
    r = calibrate(dir, { VERNIER_WORKRS = "3" })
    assert.are.equal(2, r.status)
    assert.matches('^vernier: environment: unknown setting "VERNIER_WORKRS"', r.stderr)
  end)

  it("prints JSON, and keeps its runs when told", function()
    local r = calibrate(dir, "--json", "--keep")
    assert.are.equal(0, r.status, r.stderr)
    assert.are.equal(1, cjson.decode(r.stdout).format)
    local runs = r.stderr:match("the runs are in (%S+)")
    assert.are.equal("folder", file.kind(runs .. "/noop"))
    file.remove_tree(runs)
  end)

  it("says at once where it cannot keep what it would measure", function()
    support.write_file(dir .. "/file", "x")
    local r = support.vernier({ "calibrate", "--output", dir .. "/file/c.json" })
    assert.are.equal(1, r.status)
    assert.matches("^vernier: calibrate: [^\n]+/file[^\n]*\n$", r.stderr)
    r = support.vernier({ "calibrate", env = { HOME = "", XDG_STATE_HOME = "" } })
    assert.are.equal(2, r.status)
    assert.matches("neither HOME nor XDG_STATE_HOME is set", r.stderr)
    assert.are.equal(2, support.vernier({ "calibrate", "x" }).status)
    assert.are.equal(2, support.vernier({ "calibrate", "--seconds", "0" }).status)
  end)

  it("ends with its servers and its folder when it is interrupted", function()
    for _, signal in ipairs({ "INT", "TERM" }) do
      local running = support.start_vernier({ "calibrate", "--seconds", "30", "--output", dir .. "/i.json" })
      local folder = support.wait_for(function()
        local all = support.left_over(running.mark)
        return #all >= 4 and table.concat(all, " "):match("%-%-caliper%-workspace[ %z](/%S-)[ %z]")
      end, 10, "a run to go on")
      assert.are.equal("folder", file.kind(folder))
      running:kill(signal)
      assert.is_truthy(running:wait(20))
      assert.are.equal(130, (running.process:status()))
      bench.assert_no_orphans(running.mark)
      assert.is_nil(file.kind(folder))
      assert.is_nil(file.kind(dir .. "/i.json"))
      local _, err = running:output()
      assert.matches("\nvernier: calibrate: interrupted\n$", err)
    end
  end)
end)
