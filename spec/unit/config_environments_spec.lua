-- A process that is kept over several cells has the environment that it was started with.
local config = require("spec.support.config")

local function check(text)
  local _, found = config.resolve(text)
  return config.texts(found, "error"), found[1] and found[1].hint
end

local function file(restart, setups, more)
  return ("restart: %s\nconfigurations:\n%s\nscenario: [report]\n%s"):format(restart, setups, more or "")
end

local DIFFERENT = "- {name: a, connector: noop, environment: {MODE: x, SAME: '1'}}\n"
  .. "- {name: b, connector: noop, environment: {MODE: y, SAME: '1'}}"
local PARTIAL = "- {name: a, connector: noop, environment: {MODE: x}}\n- {name: b, connector: noop}"
local BY_SIZE = "- {name: a, connector: noop, environment: {NODES: '${cluster.size}'}}"
local SIZES = "clusters: [{size: 1}, {size: 2}]\n"
local BY_GROUP = "- {name: a, setup: [{group: x, connector: noop, environment: {ROLE: x}}, {group: y, connector: noop}]}"

describe("restart", function()
  it("never is refused where configurations set a variable differently, or only one does", function()
    local errors, hint = check(file("never", DIFFERENT))
    assert.are.same({ "1:10 restart: never keeps the process of worker 0, whose environment cannot change: MODE is not the same "
      .. "in [a, size 1] and [b, size 1]" }, errors)
    assert.are.equal("restart: configuration, or restart: cell", hint)
    assert.are.equal(1, #check(file("never", PARTIAL)))
  end)

  it("configuration is refused where sizes set one differently", function()
    local errors, hint = check(file("configuration", BY_SIZE, SIZES))
    assert.matches("NODES is not the same in [a, size 1] and [a, size 2]", errors[1], 1, true)
    assert.are.equal("restart: cell", hint)
    errors = check(file("configuration", BY_GROUP, "clusters: [{size: 2, groups: {x: 1, y: 1}}, {size: 3, groups: {y: 1, x: 2}}]\n"))
    assert.matches("worker 0", errors[1], 1, true)
  end)

  it("is refused where repetitions do", function()
    local setups = "- {name: a, connector: noop, environment: {N: '${repetition}'}}"
    assert.are.equal(1, #check(file("configuration", setups, "repetitions: 3\n")))
    assert.are.same({}, (check(file("configuration", setups))))
  end)

  it("is taken where the environments are the same, and cell always", function()
    assert.are.same({}, (check(file("configuration", DIFFERENT, SIZES))))
    assert.are.same({}, (check(file("configuration", BY_GROUP, "clusters: [{size: 2, groups: {x: 1, y: 1}}]\n"))))
    assert.are.same({}, (check(file("never", (DIFFERENT:gsub("MODE: %a, ", "")), SIZES))))
    assert.are.same({}, (check(file("cell", DIFFERENT, SIZES))))
    assert.are.same({}, (check(file("cell", BY_SIZE, SIZES))))
  end)
end)
