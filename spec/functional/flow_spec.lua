-- The flow of a run: commands, phases, the connector's hooks in their processes, settings and where files go.
local bench = require("spec.support.bench")
local support = require("spec.support")

local function lines_of(path)
  local list = {}
  for line in support.read_file(path):gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

local function exists(path)
  local f = io.open(path)
  if f then
    f:close()
  end
  return f ~= nil
end

local function with_commands(start, stop, connector)
  local text = ("caliper:\n  connector: %s\n  command:\n"):format(connector or "noop")
  return text .. (start and "    start: " .. start .. "\n" or "") .. (stop and "    end: " .. stop .. "\n" or "")
end

describe("the start and end commands", function()
  it("run in the workspace, awaited, with their output in the run folder", function()
    local dir = bench.workspace({ network = with_commands(
      '"sleep 0.3; pwd > here.txt; echo begun; echo oops >&2"', '"test -s here.txt && echo over > over.txt; echo bye"'),
      workload = 'return { init = function() assert(io.open("here.txt")) end, run = function(_, ctx) ctx.sut:send({}) end }' })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.same({ dir }, lines_of(dir .. "/here.txt"))
    assert.are.same({ "over" }, lines_of(dir .. "/over.txt"))
    local _, run = support.summary(dir)
    assert.are.same({ "begun", "oops" }, lines_of(run .. "/start-command.log"))
    assert.are.same({ "bye" }, lines_of(run .. "/end-command.log"))
    bench.assert_no_orphans(r.mark)
  end)

  it("failing at the start: status 3 with its last lines; no round, but the end command", function()
    local dir = bench.workspace({ network = with_commands(
      '"for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done; echo no such image >&2; exit 4"', '"echo cleaned > cleaned.txt"') })
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.matches("exited with status 4", r.stderr, 1, true)
    assert.matches("line 9\nno such image", r.stderr, 1, true)
    assert.is_nil(r.stderr:find("line 1\n", 1, true))
    assert.are.same({ "cleaned" }, lines_of(dir .. "/cleaned.txt"))
    local summary = support.summary(dir)
    assert.are.same({ 0, "failed" }, { #summary.tests, summary.run.status })
  end)

  it("killed by a signal at the start: told so", function()
    local r = bench.run(bench.workspace({ network = with_commands("'kill -9 $$'") }))
    assert.are.equal(3, r.status)
    assert.matches("signal 9", r.stderr, 1, true)
  end)

  it("failing at the end: status 3, and the results are there", function()
    local dir = bench.workspace({ network = with_commands(nil, '"echo cannot stop; false"') })
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.matches("end%-command failed.*exited with status 1", r.stderr)
    assert.matches("cannot stop", r.stderr, 1, true)
    local summary, run = support.summary(dir)
    assert.are.equal(10, summary.tests[1].ok)
    assert.are.equal(3, support.vernier({ "report", run }).status)
  end)

  it("that last too long are ended with all that they started", function()
    local dir = bench.workspace({ network = with_commands("'sleep 100 & sleep 100'") })
    local r = bench.run(dir, { "--vernier-command-timeout", "1s" })
    assert.are.equal(3, r.status)
    assert.matches("did not end within 1 s", r.stderr, 1, true)
    assert.is_true(r.seconds < 10)
    bench.assert_no_orphans(r.mark)
  end)

  it("may leave a daemon behind, which the end command ends", function()
    local dir = bench.workspace({ network = with_commands("'setsid -f sh -c \"echo \\$\\$ > pid; exec sleep 100\" > /dev/null 2>&1'",
      "'kill $(cat pid)'"), workload = [[
      return { init = function()
        local pid = io.open("pid"):read("*l")
        assert(io.open("/proc/" .. pid .. "/stat"), "the daemon is gone")
      end, run = function(_, ctx) ctx.sut:send({}) end }]] })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    bench.assert_no_orphans(r.mark)
  end)

  it("blank or no text: errors before anything starts", function()
    for text, message in pairs({ ['"  "'] = "must not be blank", ["[a, b]"] = "must be a string", ["{x: 1}"] = "must be a string",
      ["5"] = "must be a string" }) do
      local dir = bench.workspace({ network = with_commands(text, text) })
      local r = bench.run(dir)
      assert.are.equal(2, r.status, text)
      assert.matches("network.yaml:4:12: .*start.* " .. message, r.stderr)
      assert.matches("network.yaml:5:10: .*end.* " .. message, r.stderr)
      assert.are.same({}, support.runs(dir))
    end
  end)
end)

-- A connector that notes each of its hooks with the process in which it is called.
local NOTING = [[
local M = {}
local function note(self, hook, ...)
  local f = io.open("hooks.txt", "a")
  f:write(self.where or "?", " ", hook)
  for i = 1, select("#", ...) do f:write(" ", tostring((select(i, ...)))) end
  f:write("\n")
  f:close()
end
function M:init(ctx)
  self.where = ctx.where == "manager" and "manager" or "worker" .. ctx.worker
  note(self, "init", ctx.workers)
end
function M:setup() note(self, "setup") end
function M:install() note(self, "install") end
function M:prepare(n)
  note(self, "prepare", n)
  local each = {}
  for i = 1, n do each[i] = { account = "account-" .. i } end
  return each
end
function M:open(round) note(self, "open", round.index, round.label, round.prepared.account) end
function M:close(round) note(self, "close", round.index, round.label) end
function M:run() return true end
M["end"] = function(self) note(self, "end") end
return M
]]

local function noted(dir, where)
  local list = {}
  for _, line in ipairs(lines_of(dir .. "/hooks.txt")) do
    if line:sub(1, #where + 1) == where .. " " then
      list[#list + 1] = line:sub(#where + 2)
    end
  end
  return list
end

local function noting_workspace(more)
  return bench.workspace({ workers = 2, network = with_commands("'echo start-command start >> hooks.txt'",
    "'echo end-command end >> hooks.txt'", "./noting.lua"), files = { ["noting.lua"] = NOTING },
    rounds = bench.round({ label = "a", number = 4, tps = 1000 }) .. bench.round({ label = "b", number = 4, tps = 1000 }),
    test = more })
end

describe("a connector's hooks", function()
  it("are called in order, in the process and phase they are meant for, and prepare reaches each worker", function()
    local dir = noting_workspace()
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.same({ "init 2", "setup", "install", "prepare 2", "end" }, noted(dir, "manager"))
    for worker = 0, 1 do
      local account = "account-" .. worker + 1
      assert.are.same({ "init 2", "open 1 a " .. account, "close 1 a", "open 2 b " .. account, "close 2 b", "end" },
        noted(dir, "worker" .. worker))
    end
    local all = lines_of(dir .. "/hooks.txt")
    assert.are.same({ "start-command start", "manager init 2", "manager setup", "manager install" },
      { all[1], all[2], all[3], all[4] })
  end)

  it("close and end are called after a failed round, too", function()
    local dir = noting_workspace()
    support.write_file(dir .. "/workload.lua", [[return { run = function(_, ctx) ctx.sut:send({}) end,
      init = function(_, ctx) if ctx.round.label == "a" then error("bad", 0) end end }]])
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    for worker = 0, 1 do
      local account = "account-" .. worker + 1
      assert.are.same({ "init 2", "open 1 a " .. account, "close 1 a", "open 2 b " .. account, "close 2 b", "end" },
        noted(dir, "worker" .. worker))
    end
  end)

  for _, hook in ipairs({ "setup", "install" }) do
    it(hook .. " that fails ends the run by 3 after the end command, before any round", function()
      local dir = noting_workspace()
      support.write_file(dir .. "/noting.lua", (NOTING:gsub("function M:" .. hook .. "%(%).-\n",
        "function M:" .. hook .. "() error('cannot " .. hook .. "') end\n")))
      local r = bench.run(dir)
      assert.are.equal(3, r.status)
      assert.matches("noting.lua:%d+: cannot " .. hook, r.stderr)
      assert.are.same({ "end" }, noted(dir, "end-command"))
      assert.are.same({}, noted(dir, "worker0"))
      assert.are.equal("end", noted(dir, "manager")[#noted(dir, "manager")])
    end)
  end

  it("prepare that fails: the round fails with the reason", function()
    local dir = noting_workspace()
    support.write_file(dir .. "/noting.lua", (NOTING:gsub("local each = {}", "error('no accounts')")))
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.matches("noting.lua:%d+: no accounts", r.stderr)
    local summary = support.summary(dir)
    assert.are.same({ "failed", "failed" }, { summary.tests[1].status, summary.tests[2].status })
  end)

  it("open that fails: the round fails with the reason and the next one runs", function()
    local dir = noting_workspace()
    support.write_file(dir .. "/noting.lua", (NOTING:gsub("function M:open%(round%)",
      "function M:open(round) if round.label == 'a' then error('no room') end")))
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.matches("noting.lua:%d+: no room", r.stderr)
    local summary = support.summary(dir)
    assert.are.same({ "failed", "ok" }, { summary.tests[1].status, summary.tests[2].status })
  end)
end)

describe("Ctrl-C", function()
  local function interrupted(dir, marker)
    local running = bench.start(dir)
    support.wait_for(function()
      return exists(dir .. "/" .. marker)
    end, 10, marker)
    running:kill("INT")
    assert.is_truthy(running:wait(10), "it does not stop")
    assert.are.equal(130, (running.process:status()))
    bench.assert_no_orphans(running.mark)
  end

  it("while a connector sets up: ends the wait, and the end command runs", function()
    local dir = bench.workspace({ network = with_commands(nil, "'echo > ended'", "./c.lua"), files = { ["c.lua"] = [[return {
      init = function(self, ctx) self.ctx = ctx end, run = function() return true end,
      setup = function(self) io.open("setting-up", "w"):close() self.ctx:sleep(30) end }]] } })
    interrupted(dir, "setting-up")
    assert.is_true(exists(dir .. "/ended"))
    assert.are.same({}, support.summary(dir).tests)
  end)

  it("while a connector prepares for the workers: the round is interrupted and never starts", function()
    local dir = bench.workspace({ network = with_commands(nil, "'echo > ended'", "./c.lua"), files = { ["c.lua"] = [[return {
      init = function(self, ctx) self.ctx = ctx end, run = function() return true end,
      prepare = function(self) io.open("preparing", "w"):close() self.ctx:sleep(30) return {} end }]] } })
    interrupted(dir, "preparing")
    assert.is_true(exists(dir .. "/ended"))
    assert.are.same({ "interrupted", 0 }, { support.summary(dir).tests[1].status, support.summary(dir).tests[1].runs })
  end)

  it("while the end command runs: lets it finish", function()
    local dir = bench.workspace({ network = with_commands(nil, "'echo > ending; sleep 2; echo > ended'") })
    interrupted(dir, "ending")
    assert.is_true(exists(dir .. "/ended"))
  end)
end)

-- Which phases left their mark.
local function phases_of(dir)
  local set = {}
  for _, line in ipairs(lines_of(dir .. "/hooks.txt")) do
    if line == "start-command start" then
      set.start = true
    elseif line == "manager setup" then
      set.init = true
    elseif line == "manager install" then
      set.install = true
    elseif line:find("^worker0 open") then
      set.test = true
    elseif line == "end-command end" then
      set["end"] = true
    end
  end
  local list = {}
  for _, phase in ipairs({ "start", "init", "install", "test", "end" }) do
    list[#list + 1] = set[phase] and phase or nil
  end
  return table.concat(list, " ")
end

describe("phases", function()
  for words, expected in pairs({
    ["--caliper-flow-skip-start"] = "init install test end",
    ["--caliper-flow-skip-init"] = "start install test end",
    ["--caliper-flow-skip-install"] = "start init test end",
    ["--caliper-flow-skip-test"] = "start init install end",
    ["--caliper-flow-skip-end"] = "start init install test",
    ["--caliper-flow-skip-start --caliper-flow-skip-end"] = "init install test",
    ["--caliper-flow-only-start"] = "start",
    ["--caliper-flow-only-init"] = "init",
    ["--caliper-flow-only-install"] = "install",
    ["--caliper-flow-only-test"] = "test",
    ["--caliper-flow-only-end"] = "end",
  }) do
    it(words .. ": " .. expected, function()
      local dir, list = noting_workspace(), {}
      for word in words:gmatch("%S+") do
        list[#list + 1] = word
      end
      local r = bench.run(dir, list)
      assert.are.equal(0, r.status, r.stderr)
      assert.are.equal(expected, phases_of(dir))
    end)
  end

  it("of contradicting settings: told as Caliper tells it, before anything starts", function()
    local dir = noting_workspace()
    local r = bench.run(dir, { "--caliper-flow-skip-start", "--caliper-flow-only-test" })
    assert.are.equal(2, r.status)
    assert.matches("Incompatible benchmark flow parameters specified, caliper-flow-skip-x and caliper-flow-only-x flags may not be mixed",
      r.stderr, 1, true)
    r = bench.run(dir, { "--caliper-flow-only-start", "--caliper-flow-only-test" })
    assert.are.equal(2, r.status)
    assert.matches("Incompatible benchmark flow parameters specified, only one of [caliper-flow-only-start, caliper-flow-only-init, "
      .. "caliper-flow-only-install, caliper-flow-only-test, caliper-flow-only-end] may be specified at a time", r.stderr, 1, true)
    assert.is_false(exists(dir .. "/hooks.txt"))
    assert.are.same({}, support.runs(dir))
  end)
end)

describe("settings", function()
  -- Where the copy of the report goes tells which source won.
  local function report_at(dir, words, env)
    local more = { env = env }
    for i, word in ipairs(words) do
      more[i] = word
    end
    local r = bench.run(dir, more)
    assert.are.equal(0, r.status, r.stderr)
    local found = {}
    for _, name in ipairs({ "report", "file", "env", "line" }) do
      if exists(dir .. "/" .. name .. ".html") then
        found[#found + 1] = name
        os.remove(dir .. "/" .. name .. ".html")
      end
    end
    return table.concat(found, " ")
  end

  it("come from the command line, else the environment, else caliper.yaml, else the default", function()
    local dir = bench.workspace({})
    assert.are.equal("report", report_at(dir, {}))
    support.write_file(dir .. "/caliper.yaml", "caliper: {report: {path: file.html}}\n")
    assert.are.equal("file", report_at(dir, {}))
    assert.are.equal("env", report_at(dir, {}, { CALIPER_REPORT_PATH = "env.html" }))
    assert.are.equal("line", report_at(dir, { "--caliper-report-path", "line.html" }, { CALIPER_REPORT_PATH = "env.html" }))
    assert.are.equal("line", report_at(dir, { "--vernier-report-path=line.html" }))
  end)

  it("that nobody knows are errors with a hint, from wherever they come", function()
    local dir = bench.workspace({})
    local r = bench.run(dir, { "--caliper-report-pth", "x" })
    assert.are.equal(2, r.status)
    assert.matches("caliper-report-pth", r.stderr, 1, true)
    assert.matches("did you mean .*caliper%-report%-path", r.stderr)
    r = bench.run(dir, { env = { CALIPER_REPORT_PTH = "x" } })
    assert.are.equal(2, r.status, r.stderr)
    assert.matches("did you mean", r.stderr, 1, true)
    support.write_file(dir .. "/caliper.yaml", "caliper:\n  report:\n    pth: x\n")
    r = bench.run(dir)
    assert.are.equal(2, r.status)
    assert.matches("caliper.yaml:3:5: .*did you mean", r.stderr)
    assert.are.same({}, support.runs(dir))
  end)

  it("of a wrong kind are errors, all of them in one go", function()
    local dir = bench.workspace({})
    local r = bench.run(dir, { "--caliper-progress-reporting-interval", "soon", "--caliper-flow-skip-start=maybe" })
    assert.are.equal(2, r.status)
    assert.matches("caliper-progress-reporting-interval", r.stderr, 1, true)
    assert.matches("caliper-flow-skip-start", r.stderr, 1, true)
  end)
end)

describe("where files are", function()
  it("launch manager: paths of settings start from the workspace, wherever it is called", function()
    local dir, elsewhere = bench.workspace({ network = with_commands("'pwd > here.txt'") }), support.tmpdir()
    local r = support.vernier({ "launch", "manager", "--caliper-workspace", dir, "--caliper-benchconfig", "benchmark.yaml",
      "--caliper-networkconfig", "network.yaml", cwd = elsewhere })
    assert.are.equal(0, r.status, r.stderr)
    assert.are.same({ dir }, lines_of(dir .. "/here.txt"))
    assert.is_true(exists(dir .. "/report.html"))
    assert.are.equal(10, support.summary(dir).tests[1].ok)
    local left = io.popen("ls -A " .. support.quote(elsewhere)):read("*a")
    assert.are.equal("", left)
  end)

  it("run: paths of its words start here, those in the files from the workspace", function()
    local dir, elsewhere = bench.workspace({}), support.tmpdir()
    support.copy(dir .. "/benchmark.yaml", elsewhere .. "/b.yaml")
    support.copy(dir .. "/network.yaml", elsewhere .. "/n.yaml")
    os.remove(dir .. "/benchmark.yaml")
    local r = support.vernier({ "run", "b.yaml", "n.yaml", "--caliper-workspace", dir, cwd = elsewhere })
    assert.are.equal(0, r.status, r.stderr)
    assert.are.equal(10, support.summary(dir).tests[1].ok)
  end)

  it("a missing file or workspace is an error", function()
    local dir = bench.workspace({})
    for words, message in pairs({
      ["run none.yaml network.yaml"] = 'Benchmark configuration file "none.yaml" does not exist',
      ["run benchmark.yaml none.yaml"] = 'Network configuration file "none.yaml" does not exist',
      ["run benchmark.yaml"] = "Network configuration file path is not set",
      ["run"] = "Benchmark configuration file path is not set",
      ["run benchmark.yaml network.yaml --caliper-workspace none"] = "none",
      ["run benchmark.yaml network.yaml more.yaml"] = 'what is "more.yaml"',
      ["launch"] = "manager or worker",
    }) do
      local command = { cwd = dir }
      for word in words:gmatch("%S+") do
        command[#command + 1] = word
      end
      local r = support.vernier(command)
      assert.are.equal(2, r.status, words)
      assert.matches(message, r.stderr, 1, true)
    end
    assert.are.same({}, support.runs(dir))
  end)

  it("report.html lies in the run folder and is copied where the setting says, with its folders", function()
    local dir = bench.workspace({})
    local r = bench.run(dir, { "--caliper-report-path", "a/b c/r.html" })
    assert.are.equal(0, r.status, r.stderr)
    local _, run = support.summary(dir)
    local report = support.read_file(run .. "/report.html")
    assert.matches("<html", report, 1, true)
    assert.are.equal(report, support.read_file(dir .. "/a/b c/r.html"))
    assert.is_false(exists(dir .. "/report.html"))
  end)

  it("the run folder is the owner's alone", function()
    local dir = bench.workspace({})
    assert.are.equal(0, bench.run(dir).status)
    local _, run = support.summary(dir)
    assert.are.equal("700\n", io.popen("stat -c %a " .. support.quote(run)):read("*a"))
  end)
end)
