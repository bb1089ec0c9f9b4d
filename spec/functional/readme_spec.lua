-- What README.md and doc/api.md show works as it stands there.
local cjson = require("cjson")
local support = require("spec.support")

-- The fenced blocks of a language in a file, in order.
local function blocks(path, language)
  local list = {}
  for text in support.read_file(path):gmatch("```" .. language .. "\n(.-)```") do
    list[#list + 1] = text
  end
  return list
end

-- What of a run's output does not depend on the machine stands in README.md; there are at least so many such parts.
local function shown_in_readme(output, pattern, least)
  local readme, n = support.read_file("README.md"), 0
  for text in output:gmatch(pattern) do
    assert.is_truthy(readme:find(text, 1, true), text)
    n = n + 1
  end
  assert.is_true(n >= least, n)
end

describe("README.md", function()
  it("has a first benchmark that checks and runs", function()
    local nginx = support.nginx({ locations = 'location /page { return 200 "page"; }' })
    local yaml = blocks("README.md", "yaml")
    local dir = support.workspace({
      ["my-workload.lua"] = blocks("README.md", "lua")[1],
      ["benchmark.yaml"] = yaml[1],
      ["network.yaml"] = (yaml[2]:gsub(":8080", ":" .. nginx.port)),
    })
    local check = support.vernier({ "check", "benchmark.yaml", "network.yaml", cwd = dir })
    assert.are.same({ 0, "" }, { check.status, check.stderr })
    local run = support.vernier({ "run", "benchmark.yaml", "network.yaml", cwd = dir, timeout = 60 })
    assert.are.equal(0, run.status, run.stdout .. run.stderr)
    local summary, folder = support.summary(dir)
    local calm, busy = summary.tests[1], summary.tests[2]
    assert.are.same({ 400, 400, 0 }, { calm.runs, calm.ok, calm.failed })
    assert.are.equal(0, busy.failed)
    local read = 0
    for _, entry in ipairs(nginx.log()) do
      read = read + (entry.uri:match("^/page/%d+$") and 1 or 0)
    end
    assert.are.equal(calm.submitted + busy.submitted, read)
    local report = support.vernier({ "report", folder, cwd = dir })
    assert.are.equal(0, report.status, report.stderr)
    assert.is_truthy(report.stdout:find("calm", 1, true))
  end)

  it("has a scenario and a suite that check and run", function()
    local lua, yaml = blocks("README.md", "lua"), blocks("README.md", "yaml")
    local dir = support.workspace({ ["my-workload.lua"] = lua[1], ["scenario.yaml"] = yaml[3], ["suite.lua"] = lua[2],
      ["network.yaml"] = "caliper: {connector: noop}\nnoop: {latency: constant 4ms}\n" })
    for _, words in ipairs({
      { "scenario.yaml", pattern = "\n| %l+ +| +%d | %d: total%-threads %d | ok ", least = 8 },
      { "suite.lua", "network.yaml", pattern = "vernier: %d+ a second: 99 %% within", least = 1 },
    }) do
      local check = support.vernier({ "check", words[1], words[2], cwd = dir })
      assert.are.same({ 0, "" }, { check.status, check.stdout .. check.stderr })
      local run = support.vernier({ "run", words[1], words[2], cwd = dir, timeout = 60 })
      assert.are.equal(0, run.status, run.stdout .. run.stderr)
      shown_in_readme(run.stdout .. run.stderr, words.pattern, words.least)
    end
  end)

  it("names every command of `vernier help`, and no other", function()
    local readme, help = support.read_file("README.md"), support.vernier({ "help" }).stdout
    local commands = {}
    for name in help:gmatch("\n%s+vernier ([%w-]+)") do
      commands[name] = true
      assert.is_truthy(readme:find("| `vernier " .. name, 1, true), name .. " is missing in README.md")
    end
    for name in readme:gmatch("| `vernier ([%w-]+)[ `]") do
      assert.is_truthy(commands[name] or name == "FILE", "README.md invents " .. name)
    end
  end)

  it("names only make targets, files and folders that exist", function()
    local readme, makefile = support.read_file("README.md"), support.read_file("Makefile")
    for target in readme:gmatch("make ([a-z]+)") do
      assert.is_truthy(makefile:find("\n" .. target .. ":", 1, true), "no target " .. target)
    end
    for path in readme:gmatch("`([%w_./-]+/[%w_.-]*)`") do
      if path:match("^src/") or path:match("^lua/") or path:match("^%a+/[%w-]+%.lua$") then
        assert.are.equal(0, support.run({ "test", "-e", path }).status, path .. " does not exist")
      end
    end
    for path in readme:gmatch("%]%(([%w_./-]+)%)") do
      assert.are.equal(0, support.run({ "test", "-e", path }).status, path .. " does not exist")
    end
  end)
end)

describe("doc/scenarios.md", function()
  it("names every key of a scenario file, and every call of a suite", function()
    local text = support.read_file("doc/scenarios.md")
    for _, key in ipairs(require("vernier.config.scenario").ROOT.known) do
      assert.is_truthy(text:find("`" .. key .. "`", 1, true), key)
    end
    for name in pairs(require("vernier.stage").COMMON) do
      assert.is_truthy(text:find("`" .. name .. "`", 1, true), name)
    end
    for name in pairs(require("vernier.manager.suite").Run) do
      assert.is_truthy(name:find("^_") or text:find("`run:" .. name, 1, true), name)
    end
  end)

  it("has a suite that runs, and links that lead somewhere", function()
    local dir = support.workspace({ ["suite.lua"] = (blocks("doc/scenarios.md", "lua")[1]:gsub('"5s"', '"1s"')),
      ["workload.lua"] = "return { run = function(_, ctx) ctx.sut:send({ a = 1 }) end }",
      ["network.yaml"] = "caliper: {connector: noop}\nnoop: {latency: constant 100ms}\n" })
    local r = support.vernier({ "run", "suite.lua", "network.yaml", cwd = dir })
    assert.are.equal(0, r.status, r.stderr)
    assert.matches("took more than 50 ms at 200 a second", r.stderr, 1, true)
    for _, name in ipairs({ "scenarios", "api" }) do
      for path in support.read_file("doc/" .. name .. ".md"):gmatch("%]%(([%w_./-]+)[#)]") do
        assert.are.equal(0, support.run({ "test", "-e", "doc/" .. path }).status, path)
      end
    end
  end)
end)

describe("doc/api.md", function()
  it("shows Lua that compiles", function()
    local n = 0
    for _, text in ipairs(blocks("doc/api.md", "lua")) do
      local chunk = text:match("^function M") and "local M, submit = {}\n" .. text or text
      assert(loadstring(chunk, "=doc/api.md"))
      n = n + 1
    end
    assert.is_true(n >= 5)
  end)

  it("shows a transaction of Ethereum that is signed", function()
    local example
    for _, text in ipairs(blocks("doc/api.md", "lua")) do
      example = text:match("vernier%.ethereum%.abi") and text or example
    end
    local raw, hash, args, token = assert(loadstring(example .. "\nreturn raw, hash, args, token", "=doc/api.md"))()
    local tx = assert(require("vernier.ethereum.raw_transaction").decode(raw))
    assert.are.same({ hash, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266" }, { tx.hash, tx.from })
    assert.are.same({ args[1], args[2], to = args[1], value = args[2] }, token:method("transfer"):arguments(tx.data))
  end)

  it("shows a service that is started, published, stopped and killed", function()
    local service
    for _, text in ipairs(blocks("doc/api.md", "lua")) do
      service = text:match("M%.traits%.lifecycle") and text or service
    end
    local dir = support.workspace({ ["service.lua"] = service, ["scenario.yaml"] = [[
configurations: [{name: c, connector: ./service.lua, options: {port: 4711}}]
scenario:
- service-start
- echo: {message: "port ${group.default.0.port}"}
- service-stop
- service-start
- service-stop: {graceful: false}
]] })
    local r = support.vernier({ "run", "scenario.yaml", cwd = dir })
    assert.are.equal(0, r.status, r.stderr)
    assert.matches("port 4711", r.stderr, 1, true)
    assert.is_nil(r.stderr:find("nothing to stop", 1, true))
  end)

  it("names every member that a stage meets on the manager and on workers", function()
    local text = support.read_file("doc/api.md")
    for _, name in ipairs({ "cell", "section", "executors", "scope", "set", "get", "new_test", "results", "add_result", "setup",
      "connector_options", "sleep", "log", "settings", "index", "worker", "workers", "group", "group_index", "service", "trait", "state",
      "sut", "random", "barrier", "wait", "wake", "stopping", "new_load", "keep", "take", "run_dir", "workspace", "set_log_level" }) do
      assert.is_truthy(text:find("`[^`]*" .. name .. "[^`]*`"), name)
    end
  end)

  it("shows a rate controller and a workload that run", function()
    local lua = blocks("doc/api.md", "lua")
    local controller, workload
    for _, text in ipairs(lua) do
      controller = text:match("schedule = \"global\"") and text or controller
      workload = text:match("front%-page") and text or workload
    end
    local nginx = support.nginx()
    local dir = support.workspace({
      ["rate.lua"] = controller,
      ["workload.lua"] = workload,
      ["network.yaml"] = ("caliper: {blockchain: http}\nhttp: {url: %q}\n"):format(nginx.url),
      ["benchmark.yaml"] = [[
test:
  name: api
  rounds:
    - label: one
      txNumber: 50
      rateControl: { type: ./rate.lua, opts: { tps: 100 } }
      workload: { module: ./workload.lua }
]],
    })
    local r = support.vernier({ "run", "benchmark.yaml", "network.yaml", cwd = dir })
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    local test = support.summary(dir).tests[1]
    assert.are.same({ 50, "front-page" }, { test.ok, test.operations[1].name })
    assert.are.equal(50, #nginx.log())
  end)
end)

describe("doc/reference.md and doc/vernier.1", function()
  it("are what `make doc` makes of the declarations", function()
    local dir = support.tmpdir()
    local r = support.vernier({ "lua", "doc/reference.lua", dir })
    assert.are.equal(0, r.status, r.stderr)
    for _, name in ipairs({ "reference.md", "vernier.1" }) do
      local text = support.read_file(dir .. "/" .. name)
      assert.is_truthy(text:find("demo-server", 1, true) or text:find("demo\\-server", 1, true))
      assert.is_true(text == support.read_file("doc/" .. name), "doc/" .. name .. " is out of date: make doc")
    end
  end)
end)

describe("figures in bench/", function()
  it("are made by scripts that run", function()
    local out = support.tmpdir() .. "/bench.json"
    local r = support.vernier({ "lua", "bench/run.lua", "startup", env = { REPEAT = "1", OUT = out }, timeout = 60 })
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    assert.matches("| one transaction, exec to exit +| +[%d.]+ ms |", r.stdout)
    local written = cjson.decode(support.read_file(out))
    assert.are.equal("one transaction, exec to exit", written.rows[1].what)
    assert.are.equal(1, #written.rows[1].vernier.values)
  end)

  it("say which benchmark failed, and fail", function()
    local out = support.tmpdir() .. "/bench.json"
    local r = support.vernier({ "lua", "bench/run.lua", "traces", env = { REPEAT = "1", PORT = "70000", OUT = out }, timeout = 60 })
    assert.are.equal(1, r.status, r.stdout)
    assert.matches("bench: traces: ", r.stderr)
    r = support.vernier({ "lua", "bench/run.lua", "no-such", timeout = 60 })
    assert.are.equal(2, r.status, r.stdout)
    assert.matches("no benchmark no%-such; there are startup, ", r.stderr)
  end)
end)
