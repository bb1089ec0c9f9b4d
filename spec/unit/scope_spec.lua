-- What texts of a scenario may refer to: vernier.scope.
local random = require("vernier.core.random")
local scope = require("vernier.scope")

local SERVER, CLIENT = { name = "server", first = 0, size = 3 }, { name = "client", first = 3, size = 2 }
local CELL = { index = 4, configuration = { name = "A" }, cluster = { size = 5, groups = { SERVER, CLIENT } }, repetition = 2 }

describe("a scope", function()
  it("has no value for a name that nobody has set", function()
    local s = scope.new({ a = 1 })
    assert.is_nil(s:get("b"))
    assert.is_nil(s:get(""))
    assert.is_nil(s:get("random.integer"))
    assert.is_nil(s:get("env."))
    assert.is_nil(s:get("env.VERNIER_SPEC_NEVER_SET"))
  end)

  it("takes names that mean something to Lua as plain names", function()
    local s = scope.new({})
    for _, name in ipairs({ "__index", "__metatable", "get", "with", "_values", "_below", "names" }) do
      assert.is_nil(s:get(name), name)
      assert.are.equal(5, s:with({ [name] = 5 }):get(name))
      assert.is_false(s:has_group(name))
    end
  end)

  it("does not follow the metatable of values", function()
    local s = scope.new(setmetatable({}, { __index = function() error("was asked") end }))
    assert.is_nil(s:get("a"))
    assert.are.same({ "random.boolean", "random.double", "random.int", "random.long" }, s:names())
  end)

  it("sees the nearest layer first, also where it says false", function()
    local s = scope.new({ a = 1, b = true, c = 3 }):with({ a = 2, b = false })
    assert.are.equal(2, s:get("a"))
    assert.is_false(s:get("b"))
    assert.are.equal(3, s:get("c"))
  end)

  it("leaves what is below as it is", function()
    local below = scope.new({ a = 1 })
    local _ = below:with({ a = 2, b = 3 })
    assert.are.equal(1, below:get("a"))
    assert.is_nil(below:get("b"))
  end)

  it("sees values that are set later", function()
    local values = {}
    local s = scope.new({}):with(values):with({})
    values["repeat.counter"] = 3
    assert.are.equal(3, s:get("repeat.counter"))
    assert.is_true(s:has_group("repeat"))
  end)

  it("knows the beginnings of names", function()
    local s = scope.new({ ["group.a.size"] = 1 }):with({ x = 1 })
    assert.is_true(s:has_group("group"))
    assert.is_true(s:has_group("group.a"))
    assert.is_true(s:has_group("env"))
    assert.is_false(s:has_group("group.a.size"))
    assert.is_false(s:has_group("gro"))
    assert.is_false(s:has_group("x"))
  end)

  it("lists names in order, each once", function()
    assert.are.same({ "a", "b", "random.boolean", "random.double", "random.int", "random.long", "z" },
      scope.new({ z = 1, a = 1 }):with({ a = 2, b = 1 }):names())
  end)

  it("reads the environment", function()
    assert.are.equal(os.getenv("PATH"), scope.new():get("env.PATH"))
    assert.are.equal("mine", scope.new({ ["env.PATH"] = "mine" }):get("env.PATH"))
  end)
end)

describe("random values", function()
  local KINDS = {
    ["random.int"] = function(v) return v % 1 == 0 and v >= -2 ^ 31 and v < 2 ^ 31 end,
    ["random.long"] = function(v) return v % 1 == 0 and math.abs(v) <= 2 ^ 53 end,
    ["random.double"] = function(v) return v >= 0 and v < 1 end,
    ["random.boolean"] = function(v) return type(v) == "boolean" end,
  }
  for name, holds in pairs(KINDS) do
    it(name .. " is within its bounds and not always the same", function()
      local s, seen, n = scope.new(), {}, 0
      for _ = 1, 100 do
        local value = s:get(name)
        assert.is_true(holds(value), tostring(value))
        n, seen[value] = n + (seen[value] and 0 or 1), true
      end
      assert.is_true(n > 1)
    end)
  end

  it("are the same for the same generator, through all layers", function()
    local function draw()
      local s = scope.new({}, random.new(7, 1, 2)):with({})
      return { s:get("random.int"), s:get("random.double"), s:get("random.long"), s:get("random.boolean") }
    end
    assert.are.same(draw(), draw())
  end)
end)

describe("the values of a cell", function()
  it("are those that all its processes share", function()
    assert.are.same({ ["cluster.size"] = 5, ["cluster.maxSize"] = 8, ["config.name"] = "A", ["configuration.name"] = "A",
      repetition = 2, ["group.server.size"] = 3, ["group.client.size"] = 2 }, scope.of_cell(CELL, { workers = 8 }))
  end)

  for index, expected in pairs({ [0] = SERVER, [2] = SERVER, [3] = CLIENT, [4] = CLIENT }) do
    it(("put worker %d into its group"):format(index), function()
      assert.are.same({ ["worker.index"] = index, ["group.name"] = expected.name, ["group.size"] = expected.size },
        scope.of_worker(CELL, index))
    end)
  end

  it("put the manager into no group", function()
    assert.are.same({ ["worker.index"] = -1, ["group.name"] = "manager", ["group.size"] = 0 }, scope.of_worker(CELL, -1))
  end)
end)
