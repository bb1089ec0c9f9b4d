-- What README.md and doc/api.md show works as it stands there.
local support = require("spec.support")

-- The fenced blocks of a language in a file, in order.
local function blocks(path, language)
  local list = {}
  for text in support.read_file(path):gmatch("```" .. language .. "\n(.-)```") do
    list[#list + 1] = text
  end
  return list
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

describe("doc/api.md", function()
  it("shows Lua that compiles", function()
    local n = 0
    for _, text in ipairs(blocks("doc/api.md", "lua")) do
      local chunk = text:match("^function M") and "local M, submit = {}\n" .. text or text
      assert(loadstring(chunk, "=doc/api.md"))
      n = n + 1
    end
    assert.is_true(n >= 4)
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
    local r = support.run({ "bench/startup.sh", support.binary, env = { REPEAT = "1" }, timeout = 60 })
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    assert.matches("^startup: one transaction, exec to exit: %d+ ms wall, %d+ ms CPU", r.stdout)
  end)
end)
