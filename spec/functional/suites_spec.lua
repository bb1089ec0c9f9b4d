-- Benchmark files that are programs, scripts that return a function, the network that a file brings along.
local bench = require("spec.support.bench")
local support = require("spec.support")

local SUITE = [[
#!/usr/bin/env vernier
local rounds = {}
for i, tps in ipairs({ 500, 1000 }) do
  rounds[i] = { label = "rate-" .. tps, txNumber = 10 * i, rateControl = { type = "fixed-rate", opts = { tps = tps } },
    workload = { module = "./workload.lua", arguments = { step = i } } }
end
local function named(name)
  return { test = { name = name, workers = { number = 2 }, rounds = rounds }, NETWORK }
end
return named("looped")
]]

local function suite(network, more)
  local files = { ["suite.lua"] = (SUITE:gsub("NETWORK", network or "")), ["workload.lua"] = bench.SEND, ["network.yaml"] = bench.NOOP }
  for name, text in pairs(more or {}) do
    files[name] = text
  end
  return support.workspace(files)
end

local function check_looped(dir, r)
  assert.are.equal(0, r.status, r.stdout .. r.stderr)
  local tests = support.summary(dir).tests
  assert.are.same({ "rate-500", 10, "rate-1000", 20 }, { tests[1].label, tests[1].ok, tests[2].label, tests[2].ok })
  assert.are.equal(2, #tests[1].workers)
end

describe("a suite", function()
  it("runs with a network file beside it", function()
    local dir = suite()
    check_looped(dir, support.vernier({ "run", "suite.lua", "network.yaml", cwd = dir }))
  end)

  it("runs alone when it brings its network along, as a table or by path", function()
    for _, network in ipairs({ 'network = { caliper = { connector = "noop" }, noop = { latency = "constant 1ms" } }',
      'network = "network.yaml"' }) do
      local dir = suite(network)
      check_looped(dir, support.vernier({ "run", "suite.lua", cwd = dir }))
    end
  end)

  it("gives way to a network file on the command line", function()
    local dir = suite('network = { caliper = { connector = "./none.lua" } }')
    check_looped(dir, support.vernier({ "run", "suite.lua", "network.yaml", cwd = dir }))
  end)

  it("starts by its first line, with settings, whatever it is called", function()
    for _, name in ipairs({ "suite.lua", "looped" }) do
      local dir = suite('network = { caliper = { connector = "noop" } }')
      support.run({ "ln", "-s", support.binary, dir .. "/vernier" })
      os.rename(dir .. "/suite.lua", dir .. "/" .. name)
      local r = support.run({ "sh", "-c", ("chmod +x %s; exec ./%s --caliper-report-path r.html"):format(name, name), cwd = dir,
        env = { PATH = dir .. ":" .. os.getenv("PATH") } })
      check_looped(dir, r)
      assert.is_truthy(io.open(dir .. "/r.html"))
    end
  end)

  it("starts by its first line from another folder, too", function()
    local dir = suite('network = "network.yaml"')
    support.run({ "ln", "-s", support.binary, dir .. "/vernier" })
    local r = support.run({ "sh", "-c", ("chmod +x %s/suite.lua; exec %s/suite.lua --caliper-workspace %s"):format(dir, dir, dir),
      cwd = support.tmpdir(), env = { PATH = dir .. ":" .. os.getenv("PATH") } })
    check_looped(dir, r)
  end)

  it("is read once", function()
    local dir = suite('network = "network.yaml"')
    support.write_file(dir .. "/suite.lua", 'local f = io.open("read.txt", "a") f:write("x") f:close()\n'
      .. support.read_file(dir .. "/suite.lua"):gsub("^#![^\n]*\n", ""))
    check_looped(dir, support.vernier({ "suite.lua", cwd = dir }))
    assert.are.equal("x", support.read_file(dir .. "/read.txt"))
  end)

  it("and its network are checked by vernier check, with the rounds of its loop", function()
    local dir = suite('network = { caliper = { connector = "noop" }, noop = { latncy = "constant 1ms" } }')
    local r = support.vernier({ "check", "--expand", "suite.lua", cwd = dir })
    assert.are.equal(2, r.status, r.stdout)
    assert.matches("latncy", r.stdout, 1, true)
    assert.matches("rate%-1000%s+20 runs", r.stdout)
  end)

  it("with a mistake is told with file and line, before anything starts", function()
    for text, message in pairs({
      ["return {\n  test = = 1 }"] = "suite.lua:2:1: unexpected symbol near '='",
      ["local rounds = {}\n\nrounds[1].label = 'x'"] = "suite.lua:3:1: attempt to index a nil value",
      ["error('no rounds today')"] = "suite.lua:1:1: no rounds today",
      ["return 5"] = "suite.lua: the script returned number, not a table",
      [""] = "suite.lua: the script returned nothing, not a table",
      ["return { test = { name = 'x', rounds = { { label = 'a', txNumber = -1 } } } }"] = 'suite.lua: Round 1: "txNumber" attribute must be',
      ["return { test = { name = 'x', rounds = {} }, network = 5 }"] = '"network" must be the path of a network file or what stands in one',
      ["return { test = { name = 'x', rounds = {} }, network = 'none.yaml' }"] = "none.yaml: cannot be read",
      ["return { test = { name = 'x', rounds = {} }, network = {} }"] = 'missing its "caliper.',
      ["return { test = { name = 'x', rounds = {} } }"] = "Network configuration file path is not set",
    }) do
      local dir = support.workspace({ ["suite.lua"] = text })
      local r = support.vernier({ "run", "suite.lua", cwd = dir })
      assert.are.equal(2, r.status, text .. "\n" .. r.stderr)
      assert.matches(message, r.stderr, 1, true)
      assert.are.same({}, support.runs(dir))
    end
  end)
end)

-- ---- scripts that return a function ----

local WORK = '{ module = "./workload.lua" }'

-- A workspace with the script, in which W stands for the workload.
local function script(text, network)
  return support.workspace({ ["suite.lua"] = (text:gsub("%f[%w]W%f[%W]", WORK)), ["workload.lua"] = bench.SEND,
    ["greedy.lua"] = 'return { where = "manager", options = { workers = {} }, run = function() end }',
    ["network.yaml"] = network or bench.NOOP })
end

local function run_script(dir, words)
  local c = { "run", "suite.lua", "network.yaml", cwd = dir, timeout = 60 }
  for _, word in ipairs(words or {}) do
    c[#c + 1] = word
  end
  return support.vernier(c)
end

local function lines_of(path)
  local list = {}
  for line in support.read_file(path):gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

describe("a script that returns a function", function()
  it("is told what it gets wrong at its own line, with a near name; what was measured stays", function()
    for call, message in pairs({
      ['run:stage("slep", {})'] = 'suite.lua:3: no stage named "slep" (did you mean sleep?)',
      ['run:stage("cpu-burn", { duration = 1, groups = { "defalt" } })'] =
        'suite.lua:3: stage cpu-burn: unknown group "defalt" (did you mean default?)',
      ['run:test{ test_nam = "x", workload = W }'] = 'suite.lua:3: stage test: unknown option "test_nam" (did you mean test-name?)',
      ['run:test{ workload = W, duration = "1 parsec" }'] = 'suite.lua:3: stage test: "duration"',
      ['run:round{ label = "x", txNumbr = 3 }'] = 'suite.lua:3: round: unknown key "txNumbr" (did you mean txNumber?)',
      ['run:round{ label = "x", onFailure = "stop" }'] = "suite.lua:3: round: onFailure is for files",
      ['run:round("x")'] = "suite.lua:3: needs a round",
      ['run:stage("./greedy.lua")'] = 'suite.lua:3: stage ./greedy.lua: a stage cannot declare the option "workers", which all',
      ['run:stage("./none.lua")'] = "suite.lua:3: cannot load stage ./none.lua",
      ['run:stage("define", { var = "x", value = print })'] = "suite.lua:3: stage define.value: a function cannot be the value",
      ['local t = {} t.t = t run:stage("define", { var = "x", value = t })'] = "suite.lua:3: stage define: is nested too deep",
      ['run:stage("echo", "hello")'] = "suite.lua:3: needs the name of a stage and a table",
      ['run.stage("echo")'] = "suite.lua:3: a method of run is called with a colon",
      ['run:sleep("1s")'] = "suite.lua:3: sleep needs a number of seconds",
      ['run:parallel(1)'] = "suite.lua:3: parallel needs functions: number 1 is a number",
      ['run:parallel(function() error("in parallel") end)'] = "suite.lua:3: in parallel",
      ['run:set("cluster.size", 1)'] = 'suite.lua:3: set: the name of the variable must not begin with "cluster"',
      ['run:set(nil, 1)'] = "suite.lua:3: set needs the name of a variable",
      ['run:set("x", print)'] = "suite.lua:3: a state variable is a name and a number, a text, a boolean or a list of these, not x = function",
      ['error("enough")'] = "suite.lua:3: enough",
      ['local x = nil; x.y = 1'] = "suite.lua:3: attempt to index",
    }) do
      local dir = script('return function(run)\nrun:test{ test_name = "before", num_operations = 5, total_threads = 1, workload = W }\n'
        .. call .. "\nrun:test{ test_name = 'after', num_operations = 5, workload = W }\nend\n")
      local r = run_script(dir)
      assert.are.equal(3, r.status, call .. "\n" .. r.stderr)
      assert.is_truthy(r.stderr:find(message, 1, true), call .. "\n" .. r.stderr)
      assert.is_nil(r.stderr:find("manager.lua", 1, true), r.stderr)
      local summary = support.summary(dir)
      assert.are.same({ 1, "before", 5, "failed" }, { #summary.tests, summary.tests[1].name, summary.tests[1].ok, summary.run.status })
      assert.is_truthy(summary.cells[1].reasons[1]:find(message, 1, true))
      assert.matches("<html", support.read_file(dir .. "/report.html"), 1, true)
    end
  end)

  it("goes on after a stage that fails, and ends where one says so", function()
    local dir = script([[
return function(run)
  local bad = run:stage("command", { cmd = "echo no >&2; exit 4" })
  local worse = run:test{ test_name = "none", num_operations = 3, total_threads = 1, workload = W }
  run:log(("%s %s %s / %s %s %d"):format(bad.status, bad.verdict, bad.reason:match("status %d"), worse.status,
    worse.reason, worse.failed))
  run:stage("command", { cmd = "exit 5", exit_on_failure = true })
  run:log("never")
end]], bench.NOOP .. "noop: {failureRate: 1}\n")
    local r = run_script(dir)
    assert.are.equal(3, r.status, r.stderr)
    assert.matches("failed fail status 4 / failed none of 3 transactions succeeded 3\n", r.stderr, 1, true)
    assert.is_nil(r.stderr:find("never", 1, true))
    assert.are.equal("failed", support.summary(dir).tests[1].status)
  end)

  it("goes on with a new worker after one is lost", function()
    local dir = script([[
return function(run)
  local lost = run:test{ test_name = "lost", num_operations = 3, total_threads = 1, workload = "./dies.lua" }
  local test = run:test{ test_name = "next", num_operations = 5, total_threads = 1, workload = W }
  run:log(("%s, %s, %s %d"):format(lost.status, lost.reason, test.status, test.ok))
end]])
    support.write_file(dir .. "/dies.lua", "return { run = function() os.execute('kill -9 $PPID') end }")
    local r = run_script(dir)
    assert.are.equal(3, r.status, r.stderr)
    assert.matches("failed, worker 0 [^\n]*SIGKILL[^\n]*, ok 5\n", r.stderr)
  end)

  it("names iterations by a property, or by a value in one", function()
    local dir = script([[
return function(run)
  for _, name in ipairs({ "rate", "rate.opts.tpz", "raet", "rate.opts.tps", "num_operations" }) do
    local test = run:test{ test_name = name, num_operations = 5, rate = { type = "fixed-rate", opts = { tps = 1000 } },
      iteration_property = name, workload = W }
    run:log(("%s %s %s %s"):format(name, test.status, tostring(test.iteration_value), tostring(test.reason)))
  end
end]])
    local r = run_script(dir)
    assert.are.equal(3, r.status)
    for _, text in ipairs({ "rate failed nil", "rate is not a single value; name one in it, as in rate.opts.tps",
      "rate.opts.tpz is not given in this test",
      'raet failed nil', 'this stage has no property "raet"', "rate.opts.tps ok 1000 nil", "num_operations ok 5 nil" }) do
      assert.matches(text, r.stderr, 1, true)
    end
  end)

  it("that never returns is ended by the watchdog, and reported", function()
    local dir = script('return function(run) run:round{ label = "r", txNumber = 5, rateControl = { type = "fixed-load" }, workload = W }'
      .. "\nwhile true do end\nend")
    local r = run_script(dir, { "--vernier-hook-timeout", "1s" })
    assert.are.equal(3, r.status, r.stderr)
    assert.matches("suite.lua:2: did not return for 1", r.stderr, 1, true)
    assert.are.equal(5, support.summary(dir).tests[1].ok)
    bench.assert_no_orphans(r.mark)
  end)

  it("is interrupted between stages, in one, and in parallel ones", function()
    for text, n in pairs({
      ['run:test{ test_name = "a", num_operations = 5, workload = W } mark() run:sleep(60) never()'] = 1,
      ['mark() pcall(run.stage, run, "sleep", { time = "60 s" }) run:test{ workload = W, duration = 1 } never()'] = 0,
      ['mark() run:test{ test_name = "a", duration = 60, rate = { type = "fixed-rate", opts = { tps = 100 } }, workload = W } never()'] = 1,
      ['run:parallel(function() run:sleep(60) end, function() mark() run:stage("command", { cmd = "sleep 60" }) never() end)'] = 0,
    }) do
      local dir = script("local function mark() io.open('marked', 'w'):close() end\nlocal function never() io.open('never', 'w'):close() end\n"
        .. "return function(run) " .. text .. " end")
      local running = support.start_vernier({ "run", "suite.lua", "network.yaml", cwd = dir })
      support.wait_for(function()
        return io.open(dir .. "/marked")
      end, 10, "the suite")
      support.sleep(0.3)
      running:kill("INT")
      assert.is_truthy(running:wait(15), text)
      local _, err = running:output()
      assert.are.equal(130, (running.process:status()), text .. "\n" .. err)
      assert.is_nil(io.open(dir .. "/never"), text)
      local summary = support.summary(dir)
      assert.are.same({ n, "interrupted", "interrupted" }, { #summary.tests, summary.run.status, summary.cells[1].status }, text)
      bench.assert_no_orphans(running.mark)
    end
  end)

  it("takes its system from the command line, its network, or its configurations", function()
    local body = 'function(run) run:test{ test_name = "t", num_operations = 10, workload = W } end'
    for text, words in pairs({
      ["return " .. body] = { "network.yaml" },
      ['return { network = "network.yaml", scenario = ' .. body .. " }"] = {},
      ['return { network = { caliper = { connector = "noop" } }, scenario = ' .. body .. " }"] = {},
      ['return { configurations = { { name = "c", connector = "noop" } }, scenario = ' .. body .. " }"] = {},
    }) do
      local dir = script(text)
      local r = support.vernier({ "run", "suite.lua", words[1], cwd = dir })
      assert.are.equal(0, r.status, text .. "\n" .. r.stderr)
      assert.are.equal(10, support.summary(dir).tests[1].ok)
    end
    local r = support.vernier({ "run", "suite.lua", cwd = script("return " .. body) })
    assert.are.equal(3, r.status, r.stderr)
    assert.matches("there is no connector to send by", r.stderr, 1, true)
  end)

  it("is checked without being run, and may be what a scenario file names", function()
    local dir = script('return function(run) local f = io.open("ran", "a") f:write("x") f:close()\n'
      .. 'run:test{ test_name = "t", num_operations = 10, workload = W } end')
    support.write_file(dir .. "/scenario.yaml", "network: network.yaml\nclusters: [{size: 2}]\nscenario: {url: suite.lua}\n")
    for _, name in ipairs({ "suite.lua", "scenario.yaml" }) do
      local r = support.vernier({ "check", "--expand", name, cwd = dir })
      assert.are.same({ 0, "" }, { r.status, r.stderr })
      assert.matches("scenario%s+%(what the script decides%)", r.stdout)
    end
    assert.is_nil(io.open(dir .. "/ran"))
    local r = support.vernier({ "run", "scenario.yaml", cwd = dir })
    assert.are.equal(0, r.status, r.stderr)
    assert.are.equal("x", support.read_file(dir .. "/ran"))
    assert.are.same({ 10, 2 }, { support.summary(dir).tests[1].ok, #support.summary(dir).tests[1].workers })
  end)

  it("is run in every cell, which it knows", function()
    local dir = script([[
local n = 0
return { clusters = { { size = 1 }, { size = 2 } }, configurations = { { name = "a", connector = "noop" }, { name = "b", connector = "noop" } },
  repetitions = 2, scenario = function(run)
    n = n + 1
    run:set("times", run.size * 10)
    local test = run:test{ test_name = "t", num_operations = "${times}", total_threads = 2, workload = W }
    run:log(("%d %s %d %d %d %s"):format(n, run.configuration, run.size, run.repetition, test.ok, tostring(run:get("config.name"))))
    return n == 3 and error("third")
  end }]])
    local r = support.vernier({ "run", "suite.lua", cwd = dir })
    assert.are.equal(3, r.status)
    local seen = {}
    for line in r.stderr:gmatch("vernier: (%d %l [^\n]+)") do
      seen[#seen + 1] = line
    end
    assert.are.same({ "1 a 1 1 10 a", "2 a 1 2 10 a", "3 a 2 1 20 a", "4 a 2 2 20 a", "5 b 1 1 10 b", "6 b 1 2 10 b",
      "7 b 2 1 20 b", "8 b 2 2 20 b" }, seen, r.stderr)
    local status = {}
    for i, cell in ipairs(support.summary(dir).cells) do
      status[i] = cell.status
    end
    assert.are.same({ "ok", "ok", "failed", "ok", "ok", "ok", "ok", "ok" }, status)
  end)
end)

-- Decisions by results. The system has two places and answers in 5 ms: 400 a second, and not one more.
local LIMITED = bench.NOOP .. "noop: {latency: constant 5ms}\n"
local DECIDE = [[
local out = io.open("decided", "w")
local function at(run, tps, name)
  local test = run:test{ test_name = name or "at-" .. tps, duration = 0.5, rate = { type = "fixed-rate", opts = { tps = tps } },
    max_in_flight = 2, drain = 1, workload = W }
  out:write(("%s %d %.17g %.17g\n"):format(test.name, test.ok, test.response_time_ns.p99, test.throughput))
  return test
end
return function(run)
BODY
  out:close()
end]]

-- What the script has decided by, line by line, is what summary.json has in the end. Gives the tests.
local function decide(body)
  local dir = script((DECIDE:gsub("BODY", function() return body end)), LIMITED)
  local r = run_script(dir)
  assert.are.equal(0, r.status, r.stderr)
  local tests, lines = support.summary(dir).tests, lines_of(dir .. "/decided")
  assert.are.equal(#tests, #lines)
  for i, test in ipairs(tests) do
    assert.are.equal(("%s %d %.17g %.17g"):format(test.name, test.ok, test.response_time_ns.p99, test.throughput), lines[i])
  end
  return tests, r
end

describe("a suite decides by what it has measured:", function()
  it("raises the load until the 99th percentile breaks", function()
    local tests = decide([[
  local tps = 100
  while at(run, tps).response_time_ns.p99 < 100e6 do
    tps = tps * 2
  end]])
    assert.is_true(#tests >= 3, #tests)
    for i, test in ipairs(tests) do
      assert.are.equal("at-" .. 100 * 2 ^ (i - 1), test.name)
      assert.are.equal(i < #tests, test.response_time_ns.p99 < 100e6)
    end
    assert.is_true(tests[#tests].rate.opts.tps >= 400)
  end)

  it("repeats until two runs agree", function()
    local tests = decide([[
  local last
  for i = 1, 10 do
    local test = at(run, 200, "run-" .. i)
    if last and math.abs(test.throughput - last) / last < 0.05 then
      break
    end
    last = test.throughput
  end]])
    assert.is_true(#tests >= 2)
    local a, b = tests[#tests - 1].throughput, tests[#tests].throughput
    assert.is_true(math.abs(a - b) / a < 0.05)
  end)

  it("bisects the highest rate that keeps a limit", function()
    local tests, r = decide([[
  local low, high = 100, 1600
  while high / low > 1.2 do
    local tps = math.floor((low + high) / 2)
    if at(run, tps).response_time_ns.p99 < 100e6 then low = tps else high = tps end
  end
  run:log("highest " .. low)]])
    assert.is_true(#tests >= 4)
    local highest = tonumber(r.stderr:match("highest (%d+)"))
    assert.is_true(highest >= 250 and highest <= 560, highest)
  end)

  it("runs a test beside one in the background", function()
    local dir = script([[
return function(run)
  local first = run:test{ test_name = "behind", run_background = true, rate = { type = "fixed-rate", opts = { tps = 200 } }, workload = W }
  local test = run:test{ test_name = "before", num_operations = 50, rate = { type = "fixed-rate", opts = { tps = 200 } }, workload = W }
  local a, b, none = run:parallel(function() return run:test{ test_name = "a", num_operations = 20, total_threads = 1, workload = W } end,
    function() return run:stage("stop-test", { test_name = "behind" }) end, function() end)
  run:log(("%s %s %d %s %d %s %d %s"):format(first.status, test.status, test.ok, a.name, a.ok, b.name, b.ok, tostring(none)))
end]])
    local r = run_script(dir)
    assert.are.equal(0, r.status, r.stderr)
    local summary = support.summary(dir)
    local behind = bench.test_of(summary, "behind")
    assert.is_true(behind.ok >= 40, behind.ok)
    assert.matches(("running ok 50 a 20 behind %d nil\n"):format(behind.ok), r.stderr, 1, true)
    assert.is_true(behind.seconds > bench.test_of(summary, "before").seconds)
  end)
end)

describe("a benchmark in YAML", function()
  it("may bring its network along and start by its first line, too", function()
    local dir = bench.workspace({})
    local text = "#!/usr/bin/env vernier\nnetwork: {caliper: {connector: noop}}\n" .. support.read_file(dir .. "/benchmark.yaml")
    support.write_file(dir .. "/b.yaml", text)
    support.run({ "ln", "-s", support.binary, dir .. "/vernier" })
    local r = support.run({ "sh", "-c", "chmod +x b.yaml; exec ./b.yaml", cwd = dir, env = { PATH = dir .. ":" .. os.getenv("PATH") } })
    assert.are.equal(0, r.status, r.stderr)
    assert.are.equal(10, support.summary(dir).tests[1].ok)
  end)

  it("tells mistakes in that network with their places", function()
    local dir = bench.workspace({})
    support.write_file(dir .. "/b.yaml", "network:\n  caliper:\n    connector: nop\n" .. support.read_file(dir .. "/benchmark.yaml"))
    local r = support.vernier({ "run", "b.yaml", cwd = dir })
    assert.are.equal(2, r.status)
    assert.matches('b.yaml:3:16: unknown connector "nop" %(did you mean noop', r.stderr)
  end)
end)
