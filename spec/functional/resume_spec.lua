-- vernier resume: a run whose manager was killed, interrupted or ended goes on at the first missing cell, and only there.
local bench = require("spec.support.bench")
local matrix = require("spec.support.matrix")
local support = require("spec.support")

local SCENARIO = [[
clusters: [{size: 1}, {size: 2}]
order: interleaved
configurations: [{name: a, connector: noop}, {name: b, connector: noop}]
init: [./gate.lua: {point: init}]
scenario:
  - test: {test-name: load, run-background: true, num-threads-per-node: 2, think-time: 1ms, workload: ./w.lua}
  - ./gate.lua: {point: load}
  - stop-test: {test-name: load}
  - test: {test-name: fixed, num-operations: 100, total-threads: 2, workload: ./w.lua}
destroy: [./gate.lua: {point: destroy}]
]]

local POINTS = { "init", "load", "destroy" }

local function workspace(files, scenario)
  return matrix.workspace(scenario or SCENARIO, files)
end

-- Starts a run and kills its manager when it has come to that place.
local function killed_at(dir, place, ...)
  support.write_file(dir .. "/hold", place)
  local running = matrix.start(dir, ...)
  matrix.wait_at(dir, place .. " 1")
  running:kill("KILL")
  running:wait(10)
  bench.assert_no_orphans(running.mark)
  os.remove(dir .. "/hold")
end

-- What gate.lua notes where only the last place is not reached a first time.
local function gates_until(place)
  local list = {}
  for cell = 1, 4 do
    for _, point in ipairs(POINTS) do
      list[#list + 1] = ("%d:%s 1"):format(cell, point)
      if ("%d:%s"):format(cell, point) == place then
        return list
      end
    end
  end
end

local function add_cells(list, first, attempt)
  for cell = first, 4 do
    for _, point in ipairs(POINTS) do
      list[#list + 1] = ("%d:%s %d"):format(cell, point, cell == first and attempt or 1)
    end
  end
  return list
end

local function assert_whole(dir)
  local summary, folder = support.summary(dir)
  local names, fixed = {}, 0
  for i, cell in ipairs(summary.cells) do
    assert.are.equal("ok", cell.status)
    names[i] = cell.configuration .. cell.size
  end
  assert.are.same({ "a1", "b1", "a2", "b2" }, names)
  for _, test in ipairs(summary.tests) do
    bench.conserved(test)
    fixed = fixed + (test.name == "fixed" and 1 or 0)
    assert.are.equal("ok", test.status)
    assert.is_true(test.name ~= "fixed" or test.ok == 100)
  end
  assert.are.equal(8, #summary.tests)
  assert.are.equal(4, fixed)
  return summary, folder
end

-- Numbers are given once, and times go on.
local function assert_continuous(folder)
  local seen, last = {}, 0
  for _, record in ipairs(matrix.journal(folder)) do
    if record.type == "test" then
      assert.is_nil(seen[record.test])
      seen[record.test] = true
    end
    if record.at_us then
      assert.is_true(record.at_us >= last, ("%s at %f after %f"):format(record.type, record.at_us, last))
      last = record.at_us
    end
  end
end

describe("vernier resume refuses", function()
  it("what is no run", function()
    local dir = support.workspace({ ["manager.journal"] = "hello" })
    for _, case in ipairs({ { {}, "needs the folder of one run" }, { { "a", "b" }, "needs the folder of one run" },
      { { "none" }, "No such file" }, { { "/tmp" }, "not the folder of a run" }, { { "." }, "not a journal" },
      { { ".", "--worker", "2" }, "needs the folder" }, { { ".", "--vernier-drian", "2" }, "vernier-drain" } }) do
      local r = support.vernier({ "resume", case[1][1], case[1][2], case[1][3], cwd = dir })
      assert.are.equal(2, r.status, r.stderr)
      assert.matches(case[2], r.stderr, 1, true)
    end
  end)

  it("a run that was killed before it began, and one of another format", function()
    local rundir = require("spec.support.rundir")
    local run = rundir.new()
    run:append("manager", { type = "event" })
    local folder = run:close()
    local r = support.vernier({ "resume", folder })
    assert.are.equal(2, r.status)
    assert.matches("ended before it began", r.stderr, 1, true)
    rundir.remove(folder)
    run = rundir.new()
    run:append("manager", { type = "run", format = 2 })
    folder = run:close()
    r = support.vernier({ "resume", folder })
    assert.are.equal(2, r.status)
    assert.matches("is of format 2", r.stderr, 1, true)
    rundir.remove(folder)
  end)

  it("a run that goes on, and a second one to go on with it", function()
    local dir = workspace()
    support.write_file(dir .. "/hold", "2:load")
    local running = matrix.start(dir)
    matrix.wait_at(dir, "2:load 1")
    local r = matrix.resume(dir)
    assert.are.equal(2, r.status, r.stderr)
    assert.matches("the run goes on", r.stderr, 1, true)
    running:kill("KILL")
    running:wait(10)
    bench.assert_no_orphans(running.mark)
    local resumed = matrix.start_resume(dir)
    matrix.wait_at(dir, "2:load 2")
    r = matrix.resume(dir)
    assert.are.equal(2, r.status, r.stderr)
    assert.matches("the run goes on", r.stderr, 1, true)
    resumed:kill("KILL")
    resumed:wait(10)
    bench.assert_no_orphans(resumed.mark)
  end)

  it("other inputs, each by its name", function()
    local dir = workspace({ ["helper.lua"] = "return 1\n",
      ["w.lua"] = 'require("helper") return { run = function(_, ctx) ctx.sut:send({}) end }\n' })
    killed_at(dir, "2:init")
    local names = { "s.yaml", "n.yaml", "w.lua", "gate.lua", "helper.lua" }
    local texts = {}
    for _, name in ipairs(names) do
      texts[name] = support.read_file(dir .. "/" .. name)
      support.write_file(dir .. "/" .. name, texts[name] .. "\n")
    end
    local r = matrix.resume(dir)
    assert.are.equal(2, r.status, r.stderr)
    for _, name in ipairs(names) do
      assert.matches("/" .. name .. ": has changed", r.stderr, 1, true)
      support.write_file(dir .. "/" .. name, texts[name])
    end
    os.remove(dir .. "/w.lua")
    r = matrix.resume(dir)
    assert.are.equal(2, r.status)
    assert.matches("/w.lua: No such file", r.stderr, 1, true)
    support.write_file(dir .. "/w.lua", texts["w.lua"])
    assert.are.equal(0, #matrix.journal(matrix.folder(dir), "resumed"))
    assert.are.equal(0, matrix.resume(dir).status)
  end)

  it("settings that make other cells, and a secret that is missing", function()
    local dir = workspace()
    killed_at(dir, "2:init", "--seed", "7", "--caliper-auth-prometheus-password", "hidden")
    local secret = "--caliper-auth-prometheus-password"
    for _, case in ipairs({ { { secret, "x", "--seed", "8" }, "the seed of the run is 7" },
      { { secret, "x", "--only", "size=1" }, "it had 4 cells, now there are 2" },
      { {}, "caliper-auth-prometheus-password was a secret" } }) do
      local r = matrix.resume(dir, unpack(case[1]))
      assert.are.equal(2, r.status, r.stderr)
      assert.matches(case[2], r.stderr, 1, true)
    end
    assert.is_nil(support.read_file(matrix.folder(dir) .. "/manager.journal"):find("hidden", 1, true))
    assert.are.equal(0, matrix.resume(dir, secret, "x").status)
  end)
end)

describe("vernier resume after kill -9", function()
  for _, place in ipairs({ "1:init", "2:load", "3:destroy", "4:load" }) do
    it("at " .. place .. " runs what is missing and nothing else", function()
      local dir = workspace()
      killed_at(dir, place)
      local r = matrix.resume(dir)
      assert.are.equal(0, r.status, r.stderr)
      bench.assert_no_orphans(r.mark)
      assert.are.same(add_cells(gates_until(place), tonumber(place:match("^%d")), 2), matrix.gates(dir))
      local summary, folder = assert_whole(dir)
      assert.are.equal(1, summary.run.resumed)
      assert.are.equal(2, summary.cells[tonumber(place:match("^%d"))].attempt)
      assert.are.equal(0, summary.run.exit)
      assert_continuous(folder)
      r = matrix.resume(dir)
      assert.are.equal(0, r.status)
      assert.matches("nothing is missing", r.stdout, 1, true)
      assert.are.equal(1, #matrix.journal(folder, "resumed"))
    end)
  end

  it("twice goes on twice, over a journal whose last record is torn", function()
    local dir = workspace()
    killed_at(dir, "2:load")
    local path = matrix.folder(dir) .. "/manager.journal"
    local text = support.read_file(path)
    support.write_file(path, text .. ("\100\0\0\0half of a record"))
    support.write_file(dir .. "/hold", "3:load")
    local resumed = matrix.start_resume(dir)
    matrix.wait_at(dir, "3:load 1")
    resumed:kill("KILL")
    resumed:wait(10)
    bench.assert_no_orphans(resumed.mark)
    os.remove(dir .. "/hold")
    assert.are.equal(0, matrix.resume(dir).status)
    local summary, folder = assert_whole(dir)
    assert.are.equal(2, summary.run.resumed)
    assert.are.same({ 1, 2, 2, 1 }, { summary.cells[1].attempt, summary.cells[2].attempt, summary.cells[3].attempt,
      summary.cells[4].attempt })
    assert_continuous(folder)
  end)

  it("finds its files from any folder", function()
    local dir = workspace()
    os.execute(("mkdir %s/sub && mv %s/*.* %s/sub"):format(dir, dir, dir))
    local sub = dir .. "/sub"
    support.write_file(sub .. "/hold", "2:init")
    local running = support.start_vernier({ "run", "sub/s.yaml", "--workspace", "sub", cwd = dir })
    matrix.wait_at(sub, "2:init 1")
    running:kill("KILL")
    running:wait(10)
    os.remove(sub .. "/hold")
    local r = support.vernier({ "resume", "../" .. matrix.folder(sub):match("[^/]+/sub/.*$"), cwd = dir })
    assert.are.equal(0, r.status, r.stderr)
    assert_whole(sub)
  end)

  it("keeps a random order", function()
    local dir = workspace({}, (SCENARIO:gsub("order: interleaved", "order: random")))
    killed_at(dir, "3:init")
    assert.are.equal(0, matrix.resume(dir).status)
    local planned, run = {}, {}
    local folder = matrix.folder(dir)
    for i, cell in ipairs(matrix.journal(folder, "run")[1].matrix) do
      planned[i] = cell.configuration .. cell.size
    end
    for _, cell in ipairs(matrix.journal(folder, "cell")) do
      run[cell.cell] = cell.configuration .. cell.size
    end
    assert.are.same(planned, run)
  end)
end)

describe("vernier resume after Ctrl-C", function()
  it("runs the cell that was interrupted again, and the commands of the network", function()
    local dir = workspace({ ["n.yaml"] = "caliper: {connector: noop, command: {start: echo start >>commands.txt, "
      .. "end: echo end >>commands.txt}}\n" })
    support.write_file(dir .. "/hold", "2:load")
    local running = matrix.start(dir)
    matrix.wait_at(dir, "2:load 1")
    running:kill("INT")
    assert.are.equal(130, running:wait(20))
    os.remove(dir .. "/hold")
    local summary = support.summary(dir)
    assert.are.equal("interrupted", summary.cells[2].status)
    assert.are.equal(130, summary.run.exit)
    local r = matrix.resume(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert_whole(dir)
    assert.are.equal("start\nend\nstart\nend\n", support.read_file(dir .. "/commands.txt"))
  end)
end)

describe("vernier resume of a suite", function()
  local SUITE = [[
return { name = "suite", network = "n.yaml", repetitions = 2, scenario = function(run)
  run:round({ label = "r", txNumber = 10, rateControl = { type = "fixed-rate", opts = { tps = 1000 } },
    workload = { module = "./w.lua" } })
  run:stage("./gate.lua", { point = "suite" })
end }
]]

  it("knows the scripts that its program has named while it ran", function()
    local dir = workspace({ ["suite.lua"] = SUITE })
    support.write_file(dir .. "/hold", "2:suite")
    local running = support.start_vernier({ "run", "suite.lua", cwd = dir })
    matrix.wait_at(dir, "2:suite 1")
    running:kill("KILL")
    running:wait(10)
    os.remove(dir .. "/hold")
    local text = support.read_file(dir .. "/w.lua")
    support.write_file(dir .. "/w.lua", text .. "\n")
    local r = matrix.resume(dir)
    assert.are.equal(2, r.status, r.stderr)
    assert.matches("/w.lua: has changed", r.stderr, 1, true)
    support.write_file(dir .. "/w.lua", text)
    r = matrix.resume(dir)
    assert.are.equal(0, r.status, r.stderr)
    local summary = support.summary(dir)
    assert.are.equal(2, #summary.tests)
    assert.are.equal(10, summary.tests[2].ok)
  end)
end)

describe("vernier resume of a run with a failed cell", function()
  it("does not run it again, and the run stays failed", function()
    local dir = workspace({ fail = "1:load\nfail\n" })
    killed_at(dir, "2:init")
    os.remove(dir .. "/fail")
    local r = matrix.resume(dir)
    assert.are.equal(3, r.status, r.stderr)
    local summary = support.summary(dir)
    assert.are.equal("failed", summary.cells[1].status)
    assert.are.same({ 1, 2, 1, 1 }, { summary.cells[1].attempt, summary.cells[2].attempt, summary.cells[3].attempt,
      summary.cells[4].attempt })
  end)
end)

describe("vernier resume of Caliper's rounds", function()
  it("runs the one cell again", function()
    local dir = bench.workspace({ workers = 2, rounds = bench.round({ label = "one", number = 20, tps = 1000 })
      .. bench.round({ label = "two", duration = 30, tps = 50 }) })
    local running = bench.start(dir)
    support.wait_for(function()
      local folder = support.runs(dir)[1]
      return folder and support.read_file(folder .. "/manager.journal") ~= "" and #matrix.journal(folder, "test-start", true) == 2
    end, 20, "the second round")
    running:kill("KILL")
    running:wait(10)
    bench.assert_no_orphans(running.mark)
    local resumed = matrix.start_resume(dir)
    support.wait_for(function()
      return #matrix.journal(matrix.folder(dir), "test-start", true) == 4
    end, 20, "the second round again")
    resumed:kill("INT")
    assert.are.equal(130, resumed:wait(20))
    local summary = support.summary(dir)
    assert.are.equal(130, summary.run.exit)
    assert.are.same({ "one", "two" }, { summary.tests[1].label, summary.tests[2].label })
    assert.are.equal(2, #summary.tests)
    assert.are.equal(20, summary.tests[1].ok)
  end)
end)
