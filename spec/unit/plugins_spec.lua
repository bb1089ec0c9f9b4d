local plugins = require("vernier.plugins")
local support = require("spec.support")

describe("a plug-in", function()
  local dir = support.workspace({
    ["own.lua"] = 'return { options = { n = { type = "integer", default = 3 } }, run = function(self) return self.options.n end }',
    ["sub/uses.lua"] = 'local h = require("helper"); local w = require("wide"); return { run = function() return h + w end }',
    ["sub/helper.lua"] = "return 40",
    ["wide.lua"] = "return 2",
    ["syntax.lua"] = "return {\n  run = = 1\n}",
    ["throws.lua"] = 'error("not today")',
    ["number.lua"] = "return 5",
    ["both.lua"] = 'return { finish = function() return "finish" end }',
  })

  it("is found among the built-in ones of its kind", function()
    assert.is_true(plugins.is_built_in("rate controller", "fixed-rate"))
    assert.is_false(plugins.is_built_in("connector", "fixed-rate"))
    assert.are.equal(100, assert(plugins.new("rate controller", "fixed-rate", { tps = 100 })).options.tps)
  end)

  it("is found by its path in the workspace, and .js stands for .lua", function()
    for _, name in ipairs({ "./own.lua", "own.lua", "./own.js", dir .. "/own.lua" }) do
      assert.are.equal(3, assert(plugins.new("workload", name, nil, dir)):run(), name)
    end
  end)

  it("finds the files beside it and in the workspace", function()
    assert.are.equal(42, assert(plugins.new("workload", "sub/uses.lua", nil, dir)).run())
  end)

  it("has options of its own instance", function()
    local a, b = plugins.new("workload", "./own.lua", { n = 1 }, dir), plugins.new("workload", "./own.lua", { n = 2 }, dir)
    assert.are.same({ 1, 2 }, { a:run(), b:run() })
    a.extra = true
    assert.is_nil(b.extra)
  end)

  it("says which option is wrong, with a hint", function()
    local instance, message = plugins.new("rate controller", "fixed-rate", { tsp = 5 })
    assert.is_nil(instance)
    assert.matches('unknown option "tsp"', message)
    assert.matches("did you mean tps", message)
    instance, message = plugins.new("rate controller", "fixed-rate", { tps = 0 })
    assert.is_nil(instance)
    assert.matches("at least", message)
  end)

  it("says why it cannot be loaded, with file and line", function()
    local _, message = plugins.load("workload", "./syntax.lua", dir)
    assert.matches("syntax%.lua:2:", message)
    _, message = plugins.load("workload", "./throws.lua", dir)
    assert.matches("throws%.lua:1: not today", message)
    _, message = plugins.load("workload", "./number.lua", dir)
    assert.matches("must return a table", message)
    _, message = plugins.load("workload", "./missing.lua", dir)
    assert.matches("missing%.lua", message)
    _, message = plugins.load("rate controller", "fixd-rate", dir)
    assert.matches('no rate controller named "fixd%-rate"', message)
    assert.matches("did you mean fixed%-rate", message)
  end)

  it("may call its end hook finish", function()
    local instance = plugins.new("workload", "./both.lua", nil, dir)
    assert.are.equal("finish", plugins.hook(instance, "end")())
    assert.is_nil(plugins.hook(instance, "init"))
  end)
end)

describe("the services of a connector", function()
  local function run() end
  local fast, slow, own = {}, {}, {}

  it("are those that it names, and itself where it has something of its own", function()
    for _, case in ipairs({
      { { run = run }, "default", "self" },
      { {}, "default", "self" },
      { { run = run, services = { fast = fast } }, "default", "self" },
      { { traits = {}, services = { fast = fast } }, "default", "self" },
      { { run = run, services = { default = own, fast = fast } }, "default", own },
      { { services = { fast = fast, slow = slow } }, "slow", slow },
    }) do
      assert.is_true(plugins.service_of(case[1], case[2]) == (case[3] == "self" and case[1] or case[3]))
    end
  end)

  it("are told where there is none of that name", function()
    local function known(module, name)
      local service, names = plugins.service_of(module, name)
      assert.is_nil(service)
      return table.concat(names, " ")
    end
    assert.are.equal("default", known({ run = run }, "fast"))
    assert.are.equal("fast slow", known({ services = { slow = slow, fast = fast } }, "default"))
    assert.are.equal("default fast", known({ run = run, services = { fast = fast } }, "slow"))
    local dir = support.workspace({ ["c.lua"] = "return { services = { slow = {}, fast = {} } }", ["none.lua"] = "return { services = {} }" })
    assert.are.equal('connector ./c.lua has no service "default" (known: fast, slow)',
      select(2, plugins.load_service("./c.lua", nil, dir)))
    assert.are.equal('connector ./none.lua has no service "default" (it has none)',
      select(2, plugins.load_service("./none.lua", nil, dir)))
  end)
end)
