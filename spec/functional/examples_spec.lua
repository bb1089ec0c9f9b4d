-- Every example runs as its README says, from a folder that holds nothing else.
local support = require("spec.support")

local function workspace()
  local dir = support.tmpdir()
  support.copy("examples", dir .. "/examples")
  return dir
end

-- The commands of an example's README, in order: lists of words behind `build/vernier`.
local function commands(name)
  local list = {}
  for line in support.read_file("examples/" .. name .. "/README.md"):gmatch("[^\n]+") do
    for text in line:gmatch("build/vernier ([%w][^`]*)") do
      local words = {}
      for word in text:gmatch("%S+") do
        words[#words + 1] = word
      end
      list[#list + 1] = words
    end
  end
  return list
end

local function command(name, verb)
  for _, words in ipairs(commands(name)) do
    if words[1] == verb then
      return words
    end
  end
  error(("examples/%s/README.md has no command `build/vernier %s`"):format(name, verb), 2)
end

-- Runs the `run` command of an example's README.
local function run_example(name)
  local dir = workspace()
  local words = command(name, "run")
  words.cwd, words.timeout = dir, 60
  local r = support.vernier(words)
  assert.are.equal(0, r.status, r.stdout .. r.stderr)
  assert.are.same({}, support.left_over(r.mark))
  local summary = support.summary(dir)
  return summary.tests, r, dir
end

local operation = require("spec.support.bench").operation

describe("examples", function()
  it("noop: a number of runs exactly, and a closed model", function()
    local tests = run_example("noop")
    assert.are.equal(2, #tests)
    assert.are.same({ "rate", 1000, 1000, 0 }, { tests[1].label, tests[1].runs, tests[1].ok, tests[1].failed })
    assert.are.equal("closed", tests[2].model)
    assert.is_true(tests[2].ok > 1000)
  end)

  it("suite: the rounds that the loop has built", function()
    local tests = run_example("suite")
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
    local tests = run_example("stage")
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
    local test = run_example("connector")[1]
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
    local dir = workspace()
    local port = tostring(support.free_port())
    local network = dir .. "/examples/http/network.yaml"
    support.write_file(network, (support.read_file(network):gsub(":8080", ":" .. port)))
    local server = command("http", "demo-server")
    for i, word in ipairs(server) do
      server[i] = word:gsub("^8080$", port)
    end
    local running = support.start_vernier(server)
    support.wait_for(function()
      return support.accepts(tonumber(port))
    end, 10, "the demo server")
    local words = command("http", "run")
    words.cwd, words.timeout = dir, 60
    local r = support.vernier(words)
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    -- The server's own count says the same as the report.
    local stats = require("cjson").decode(support.get("http://127.0.0.1:" .. port .. "/stats").body)
    running:stop()
    local tests = support.summary(dir).tests
    assert.are.same({ 2000, 2000, 0, 0 }, { tests[1].runs, tests[1].ok, tests[1].failed, tests[2].failed })
    assert.are.equal(tests[1].submitted + tests[2].submitted, stats.requests)
    assert.are.equal(2000, stats.accounts)
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
end)

describe("every example", function()
  it("passes `vernier check`, its benchmark with its network file", function()
    local list = io.popen("ls -d examples/*/")
    local n = 0
    for folder in list:lines() do
      local benchmark = folder .. "benchmark.yaml"
      if support.read_file(benchmark) == "" then
        benchmark = folder .. "suite.lua"
      end
      local r = support.vernier({ "check", benchmark, folder .. "network.yaml" })
      assert.are.same({ 0, "" }, { r.status, r.stderr }, folder)
      n = n + 1
    end
    list:close()
    assert.is_true(n >= 5)
  end)

  it("names commands that exist, with files that exist", function()
    local help = support.vernier({ "help" }).stdout
    local list, n = io.popen("ls examples/*/README.md"), 0
    for path in list:lines() do
      for _, words in ipairs(commands(path:match("examples/(.-)/"))) do
        n = n + 1
        assert.is_truthy(help:find("vernier " .. words[1], 1, true), path .. ": " .. words[1])
        for _, word in ipairs(words) do
          assert.is_true(not word:find("/") or support.read_file(word) ~= "", path .. ": " .. word)
        end
      end
    end
    list:close()
    assert.is_true(n >= 7, n .. " commands")
  end)

  it("suite: its README's check prints the stages", function()
    local r = support.vernier(command("suite", "check"))
    assert.are.equal(0, r.status, r.stderr)
    for _, tps in ipairs({ 100, 200, 400 }) do
      assert.is_truthy(r.stdout:find("rate-" .. tps, 1, true), r.stdout)
    end
  end)

  it("has a README of about ten lines", function()
    local list = io.popen("ls -d examples/*/")
    for folder in list:lines() do
      local _, lines = support.read_file(folder .. "README.md"):gsub("\n", "")
      assert.is_true(lines >= 5 and lines <= 20, folder .. " has " .. lines)
    end
    list:close()
  end)
end)
