-- Every example runs as its README says, from a folder that holds nothing else.
local bench = require("spec.support.bench")
local support = require("spec.support")

local function workspace()
  local dir = support.tmpdir()
  support.copy("examples", dir .. "/examples")
  -- The chain of examples/ethereum: at a port that is free, with the packages that the specs have instead of a download.
  local network = dir .. "/examples/ethereum/network.yaml"
  support.write_file(network, (support.read_file(network):gsub("8545", tostring(support.free_port()))))
  os.execute(("[ -e %s/examples/ethereum/node_modules ] || ln -s \"$PWD/spec/node_modules\" %s/examples/ethereum/"):format(dir, dir))
  return dir
end

-- The names of the folders.
local function examples()
  local list, names = io.popen("ls -d examples/*/"), {}
  for folder in list:lines() do
    names[#names + 1] = folder:match("examples/(.-)/")
  end
  list:close()
  return names
end

-- The commands of an example's README, in order: lists of words behind `build/vernier`.
local function commands(name, verb)
  local list = {}
  for line in support.read_file("examples/" .. name .. "/README.md"):gmatch("[^\n]+") do
    for text in line:gmatch("build/vernier ([%w][^`]*)") do
      local words = {}
      for word in text:gmatch("%S+") do
        words[#words + 1] = word
      end
      list[#list + 1] = (not verb or words[1] == verb) and words or nil
    end
  end
  return list
end

local function command(name, verb)
  return commands(name, verb)[1] or error(("examples/%s/README.md has no command `build/vernier %s`"):format(name, verb), 2)
end

-- Starts the server of an example that has its reader start one, at a port that is free; nil for others.
local function start_server(name, dir)
  local words = commands(name, "demo-server")[1]
  if not words then
    return nil
  end
  local port = support.free_port()
  local network = ("%s/examples/%s/network.yaml"):format(dir, name)
  support.write_file(network, (support.read_file(network):gsub(":8080", ":" .. port)))
  for i, word in ipairs(words) do
    words[i] = word:gsub("^8080$", tostring(port))
  end
  local running = support.start_vernier(words)
  support.wait_for(function()
    return support.accepts(port)
  end, 10, "the demo server")
  running.port = port
  return running
end

local ran = {}

-- What the `run` commands of an example's README have done, each {words, result, summary, folder}, and the workspace; they
-- are run once. stats: what the server of the example has counted.
local function run_example(name)
  if ran[name] then
    return ran[name]
  end
  local done = { dir = workspace() }
  local server = start_server(name, done.dir)
  for i, words in ipairs(commands(name, "run")) do
    words.cwd, words.timeout = done.dir, 60
    local r = support.vernier(words)
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    assert.are.same({}, support.left_over(r.mark))
    local summary, folder = support.summary(done.dir)
    done[i] = { words = words, result = r, summary = summary, folder = folder }
  end
  if server then
    done.stats = require("cjson").decode(support.get("http://127.0.0.1:" .. server.port .. "/stats").body)
    server:stop()
  end
  ran[name] = done
  return done
end

-- The tests of an example's first run.
local function tests_of(name)
  return assert(run_example(name)[1]).summary.tests
end

local operation = bench.operation

describe("every example", function()
  for _, name in ipairs(examples()) do
    it("runs by each command of its README, measures something, and fails nowhere: " .. name, function()
      local done = run_example(name)
      assert.is_true(#done >= 1, "its README runs nothing")
      for _, one in ipairs(done) do
        assert.are.equal("ok", one.summary.run.status)
        assert.is_true(#one.summary.tests >= 1)
        for _, test in ipairs(one.summary.tests) do
          assert.are.equal("ok", test.status, test.name)
          assert.is_true(test.ok > 0, test.name)
          bench.conserved(test)
        end
      end
    end)
  end

  it("passes `vernier check`, its benchmark with its network file", function()
    local n = 0
    for _, name in ipairs(examples()) do
      for _, words in ipairs(commands(name, "run")) do
        local files = { "check" }
        for i = 2, #words do
          files[#files + 1] = words[i]:find("^examples/") and words[i] or nil
        end
        local r = support.vernier(files)
        assert.are.same({ 0, "", "" }, { r.status, r.stdout, r.stderr }, name)
        n = n + 1
      end
    end
    assert.is_true(n >= 8)
  end)

  it("names commands that exist, with files that exist", function()
    local help, n = support.vernier({ "help" }).stdout, 0
    for _, name in ipairs(examples()) do
      for _, words in ipairs(commands(name)) do
        n = n + 1
        assert.is_truthy(help:find("vernier " .. words[1], 1, true), name .. ": " .. words[1])
        for _, word in ipairs(words) do
          assert.is_true(not word:find("/") or support.read_file(word) ~= "", name .. ": " .. word)
        end
      end
    end
    assert.is_true(n >= 12, n .. " commands")
  end)

  it("has a README of about ten lines", function()
    for _, name in ipairs(examples()) do
      local _, lines = support.read_file("examples/" .. name .. "/README.md"):gsub("\n", "")
      assert.is_true(lines >= 5 and lines <= 20, name .. " has " .. lines)
    end
  end)
end)

-- Notes every request that is sent, and answers it as the simulated system would.
local RECORDER = [[
local M = { options = { latency = { type = "string" } } }
function M:init(ctx)
  self.ctx, self.out = ctx, ctx.where == "worker" and io.open(ctx.run_dir .. "/plan-" .. ctx.worker, "a")
end
function M:open(round) self.round = round.label end
function M:run(request)
  local keys = {}
  for key, value in pairs(request) do keys[#keys + 1] = key .. "=" .. value end
  table.sort(keys)
  self.out:write(self.round, " ", table.concat(keys, " "), "\n")
  self.ctx:sleep(0.001)
  return true
end
function M:finish() if self.out then self.out:close() end end
return M]]

-- The requests of a worker, sorted: answers, and so the order of sends of a closed model, come as they come.
local function plan_of(folder, worker)
  local lines = {}
  for line in support.read_file(("%s/plan-%d"):format(folder, worker)):gmatch("[^\n]+") do
    lines[#lines + 1] = line
  end
  table.sort(lines)
  return lines
end

-- What of a run does not depend on the clock.
local function told(summary)
  local list = { exit = summary.run.exit, status = summary.run.status, seed = summary.run.seed, workers = summary.run.workers_asked }
  for i, test in ipairs(summary.tests) do
    local counts = {}
    for _, worker in ipairs(test.workers) do
      counts[#counts + 1] = { worker.worker, worker.runs, worker.submitted, worker.ok, worker.failed, worker.unfinished }
    end
    local op = test.operations[1]
    list[i] = { test.label, test.name, test.size, test.configuration, test.number, test.model, test.rate.type,
      test.rate.opts.tps or test.rate.opts.transactionLoad, test.workload.module, test.runs, test.empty, test.submitted, test.ok,
      test.failed, test.unfinished, test.dropped, test.status, #test.operations, op.name, op.ok, counts }
  end
  return list
end

describe("examples/story", function()
  it("tells the same with a Caliper file, a scenario and a suite", function()
    local done = run_example("story")
    assert.are.equal(3, #done)
    local first = told(done[1].summary)
    assert.are.same({ 3, 200, 300, 100 }, { #first, first[1][13], first[2][13], first[3][13] })
    assert.are.equal(7, first.seed)
    for i = 2, 3 do
      assert.are.same(first, told(done[i].summary))
    end
  end)

  it("sends the same requests in all three, and others with another seed", function()
    local dir = workspace()
    support.write_file(dir .. "/recorder.lua", RECORDER)
    support.write_file(dir .. "/examples/story/network.yaml", "caliper: {connector: ./recorder.lua}\nrecorder: {latency: 1ms}\n")
    local plans = {}
    local list = commands("story", "run")
    list[4] = commands("story", "run")[1]
    list[4][#list[4]] = "8"
    for i, words in ipairs(list) do
      words.cwd = dir
      local r = support.vernier(words)
      assert.are.equal(0, r.status, r.stderr)
      local _, folder = support.summary(dir)
      plans[i] = { plan_of(folder, 0), plan_of(folder, 1) }
      assert.are.same({ 300, 300 }, { #plans[i][1], #plans[i][2] })
    end
    assert.are.same(plans[1], plans[2])
    assert.are.same(plans[1], plans[3])
    assert.are_not.same(plans[1], plans[4])
  end)
end)

describe("examples/compare", function()
  it("has a cell for each configuration and size, three iterations in each, and a report that compares them", function()
    local done = run_example("compare")
    local summary = done[1].summary
    local cells = {}
    for i, cell in ipairs(summary.cells) do
      cells[i] = ("%s %d %s"):format(cell.configuration, cell.size, cell.status)
    end
    assert.are.same({ "quick 2 ok", "quick 3 ok", "slow 2 ok", "slow 3 ok" }, cells)
    assert.are.equal(12, #summary.tests)
    local slowest, fastest = math.huge, 0
    for i, test in ipairs(summary.tests) do
      assert.are.same({ "query", (i - 1) % 3 + 1, "total-threads", ((i - 1) % 3 + 1) * 2, test.size - 1 },
        { test.name, test.iteration, test.iteration_name, test.iteration_value, #test.workers })
      local minimum = test.service_time_ns.min
      if test.configuration == "quick" then
        slowest = math.min(slowest, minimum)
      else
        fastest = math.max(fastest, minimum)
      end
    end
    assert.is_true(slowest >= 2e6 and slowest < 5e6 and fastest >= 5e6)
    local text, report = done[1].result.stdout, support.read_file(done[1].folder .. "/report.html")
    for _, name in ipairs({ "quick", "slow" }) do
      assert.matches("| " .. name, text, 1, true)
      assert.matches(name, report, 1, true)
    end
    -- A part of the matrix: one cell.
    local part = done[2].summary
    assert.are.same({ 1, "quick", 2, 3 }, { #part.cells, part.cells[1].configuration, part.cells[1].size, #part.tests })
  end)

  it("prints its matrix and stages by `vernier check --expand`", function()
    local r = support.vernier(command("compare", "check"))
    assert.are.equal(0, r.status, r.stderr)
    for _, text in ipairs({ "quick", "slow", "servers 1, clients 2", "counter=6", "total-threads=4" }) do
      assert.matches(text, r.stdout, 1, true)
    end
  end)
end)

describe("examples/search", function()
  it("finds the highest rate that its service can do, step by step", function()
    local summary = run_example("search")[1].summary
    local found = summary.results[1]
    assert.are.same({ "highest rate", "1/s", "search" }, { found.name, found.unit, found.test })
    assert.is_true(found.value >= 200 and found.value <= 450, found.value)
    local kept, broke = 0, math.huge
    for i, test in ipairs(summary.tests) do
      assert.are.same({ i, "rate.opts.tps", test.rate.opts.tps }, { test.iteration, test.iteration_name, test.iteration_value })
      if test.response_time_ns.p99 < 50e6 then
        kept = math.max(kept, test.rate.opts.tps)
      else
        broke = math.min(broke, test.rate.opts.tps)
      end
    end
    assert.are.equal(kept, found.value)
    assert.is_true(broke - kept <= kept / 10)
  end)
end)

describe("examples", function()
  it("noop: a number of runs exactly, and a closed model", function()
    local tests = tests_of("noop")
    assert.are.equal(2, #tests)
    assert.are.same({ "rate", 1000, 1000, 0 }, { tests[1].label, tests[1].runs, tests[1].ok, tests[1].failed })
    assert.are.equal("closed", tests[2].model)
    assert.is_true(tests[2].ok > 1000)
  end)

  it("controller: waves as they were planned, and a pause between transactions that sleep", function()
    local tests = tests_of("controller")
    assert.are.same({ "waves", 100, 100 }, { tests[1].label, tests[1].runs, tests[1].ok })
    assert.is_true(tests[1].seconds > 0.8)
    assert.is_true(tests[2].runs > 300 and tests[2].runs <= 400, tests[2].runs)
  end)

  it("suite: the rounds that the loop has built", function()
    local tests = tests_of("suite")
    local seen = {}
    for i, test in ipairs(tests) do
      seen[i] = ("%s %d"):format(test.label, test.runs)
    end
    assert.are.same({ "rate-100 100", "rate-200 200", "rate-400 400" }, seen)
  end)

  it("suite: starts by its first line", function()
    local dir = workspace()
    support.run({ "ln", "-s", support.binary, dir .. "/vernier" })
    local path = dir .. ":" .. os.getenv("PATH")
    local r = support.run({ "sh", "-c", "chmod +x examples/suite/suite.lua; examples/suite/suite.lua examples/suite/network.yaml",
      cwd = dir, env = { PATH = path }, timeout = 60 })
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    assert.are.equal(3, #support.summary(dir).tests)
  end)

  it("stage: the user's stage comes before the round and is not counted in it", function()
    local tests = tests_of("stage")
    assert.are.equal(1, #tests)
    assert.are.same({ 1000, 1000 }, { tests[1].runs, tests[1].submitted })
    assert.are.equal(2, #tests[1].workers)
  end)

  it("stage: the manager's verdict on the payloads fails the run", function()
    local dir = workspace()
    support.write_file(dir .. "/bad.yaml", "caliper: { blockchain: noop }\nnoop: { failureRate: 1 }\n")
    local r = support.vernier({ "run", "examples/stage/benchmark.yaml", "bad.yaml", cwd = dir, timeout = 60 })
    assert.are.equal(3, r.status)
    assert.is_truthy((r.stdout .. r.stderr):find("worker 0: 50 of 50 requests failed", 1, true), r.stdout .. r.stderr)
  end)

  it("connector: results, operations and classed failures of a connector in Lua", function()
    local test = tests_of("connector")[1]
    assert.are.equal(1000, test.runs)
    assert.are.equal(1000, operation(test, "up").submitted + operation(test, "down").submitted)
    assert.are.equal(0, operation(test, "up").failed)
    assert.is_true(operation(test, "up").service_time_ns.min >= 2e6)
    for _, err in ipairs(test.errors) do
      assert.are.same({ "status", "the counter would be negative" }, { err.class, err.message })
    end
  end)

  it("http: `make demo` opens every account once and finds every one of them", function()
    local dir = workspace()
    local r = support.run({ dir .. "/examples/demo.sh", support.binary, timeout = 60 })
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    local report = dir .. "/report.html"
    assert.is_truthy(r.stdout:find(report, 1, true))
    assert.is_truthy(support.read_file(report):find("<html", 1, true))
    local tests = support.summary(dir).tests
    assert.are.same({ 2000, 2000, 0 }, { tests[1].runs, tests[1].ok, tests[1].failed })
    assert.are.equal(0, tests[2].failed)
    assert.is_true(tests[2].ok > 1000)
    assert.are.same({}, support.left_over(r.mark))
  end)

  it("http: by hand, the two commands of its README do the same", function()
    local done = run_example("http")
    local tests = done[1].summary.tests
    assert.are.same({ 2000, 2000, 0, 0 }, { tests[1].runs, tests[1].ok, tests[1].failed, tests[2].failed })
    -- The server's own count says the same as the report.
    assert.are.equal(tests[1].submitted + tests[2].submitted, done.stats.requests)
    assert.are.equal(2000, done.stats.accounts)
  end)

  it("http: the demo takes another port where 8080 is taken", function()
    local blocker = support.start_vernier({ "demo-server", "--port", "8080" })
    support.wait_for(function()
      return support.accepts(8080)
    end, 10, "port 8080 to be taken")
    local dir = workspace()
    local r = support.run({ dir .. "/examples/demo.sh", support.binary, timeout = 60 })
    blocker:stop()
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    assert.is_truthy(r.stdout:find("demo: port 8080 is taken", 1, true), r.stdout .. r.stderr)
  end)

  it("suite: its README's check prints the stages", function()
    local r = support.vernier(command("suite", "check"))
    assert.are.equal(0, r.status, r.stderr)
    for _, tps in ipairs({ 100, 200, 400 }) do
      assert.is_truthy(r.stdout:find("rate-" .. tps, 1, true), r.stdout)
    end
  end)
end)
