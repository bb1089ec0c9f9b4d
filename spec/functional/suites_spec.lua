-- Benchmark files that are programs, the network that a file brings along, and the starter of vernier init.
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

describe("vernier init", function()
  it("writes a starter that passes the check and runs as it is", function()
    local dir = support.tmpdir()
    local r = support.vernier({ "init", "my bench/first", cwd = dir })
    assert.are.equal(0, r.status, r.stderr)
    local folder = dir .. "/my bench/first"
    local check = support.vernier({ "check", "benchmark.yaml", "network.yaml", cwd = folder })
    assert.are.same({ 0, "", "" }, { check.status, check.stdout, check.stderr })
    -- By the line that it has printed.
    local line = r.stdout:match("\nNow: ([^\n]+)")
    support.run({ "ln", "-s", support.binary, dir .. "/vernier" })
    r = support.run({ "sh", "-c", line, cwd = dir, env = { PATH = dir .. ":" .. os.getenv("PATH") } })
    assert.are.equal(0, r.status, r.stderr)
    local tests = support.summary(folder).tests
    assert.are.same({ "fixed-rate", 300, "closed" }, { tests[1].label, tests[1].ok, tests[2].label })
    assert.are.equal(2, #tests[1].operations)
    assert.is_true(tests[2].ok > 1000, tests[2].ok)
    assert.is_truthy(io.open(folder .. "/report.html"))
  end)

  it("runs against an HTTP service by its commented lines", function()
    local dir, nginx = support.tmpdir(), support.nginx()
    assert.are.equal(0, support.vernier({ "init", ".", cwd = dir }).status)
    local text = support.read_file(dir .. "/network.yaml")
    text = text:gsub("  connector: noop\n  # connector: http", "  connector: http"):gsub("\nnoop:\n  latency[^\n]*\n", "\n")
    text = text:gsub("# (http:\n)#(   url: )[^\n]*\n#(   connections[^\n]*\n)#(   timeout[^\n]*\n)",
      function(a, b, c, d) return a .. b .. nginx.url .. "\n" .. c .. d end)
    support.write_file(dir .. "/network.yaml", text)
    local r = bench.run(dir)
    nginx.stop()
    assert.are.equal(0, r.status, r.stderr)
    local test = support.summary(dir).tests[1]
    assert.are.same({ 300, 300 }, { test.runs, test.ok })
  end)

  it("overwrites nothing", function()
    local dir = support.workspace({ ["workload.lua"] = "mine", ["README.md"] = "mine" })
    local r = support.vernier({ "init", dir })
    assert.are.equal(2, r.status)
    assert.matches("has workload.lua, README.md already", r.stderr, 1, true)
    assert.are.equal("mine", support.read_file(dir .. "/workload.lua"))
    assert.is_nil(io.open(dir .. "/benchmark.yaml"))
  end)

  it("wants one folder, which can be made", function()
    assert.are.equal(2, support.vernier({ "init" }).status)
    assert.are.equal(2, support.vernier({ "init", "a", "b" }).status)
    local dir = support.workspace({ file = "" })
    local r = support.vernier({ "init", dir .. "/file/x" })
    assert.are.equal(1, r.status)
    assert.matches("file", r.stderr, 1, true)
  end)
end)
