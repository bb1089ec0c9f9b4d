-- The files of a run: what is read is noted, and later changes are found.
local file = require("vernier.core.file")
local inputs = require("vernier.inputs")
local plugins = require("vernier.plugins")
local support = require("spec.support")

describe("the inputs of a run", function()
  local dir

  before_each(function()
    dir = support.workspace({ ["a.yaml"] = "a: 1\n", ["w.lua"] = 'require("inputs_helper") return { run = function() end }\n',
      ["inputs_helper.lua"] = "return {}\n" })
    dir = file.realpath(dir)
  end)

  it("have changed when bytes differ, and when a file cannot be read any more", function()
    inputs.note(dir .. "/a.yaml")
    inputs.note(dir .. "/none.yaml")
    local recorded = assert(inputs.hashes())
    assert.is_nil(recorded[dir .. "/none.yaml"])
    assert.are.equal(file.sha256(dir .. "/a.yaml"), recorded[dir .. "/a.yaml"])
    local only = { [dir .. "/a.yaml"] = recorded[dir .. "/a.yaml"], [dir .. "/w.lua"] = file.sha256(dir .. "/w.lua") }
    assert.are.same({}, inputs.changes(only))
    support.write_file(dir .. "/a.yaml", "a: 2\n")
    os.remove(dir .. "/w.lua")
    assert.are.same({ dir .. "/a.yaml: has changed", dir .. "/w.lua: No such file or directory" }, inputs.changes(only))
    os.remove(dir .. "/a.yaml")
    local hashes, message = inputs.hashes()
    assert.is_nil(hashes)
    assert.matches("a.yaml: No such file", message, 1, true)
    support.write_file(dir .. "/a.yaml", "a: 1\n")
  end)

  it("are the user's scripts, too, with what those require, and nothing of the program's", function()
    assert(plugins.load("workload", "./w.lua", dir))
    assert(plugins.load("workload", "simple", dir))
    local hashes = assert(inputs.hashes())
    assert.is_string(hashes[dir .. "/w.lua"])
    assert.is_string(hashes[dir .. "/inputs_helper.lua"])
    for path in pairs(hashes) do
      assert.is_nil(path:find("workloads/simple", 1, true), path)
    end
    package.loaded.inputs_helper = nil
  end)

  it("may not become more", function()
    assert.are.same({}, inputs.additions({ a = "1", b = "2" }, { a = "1" }))
    assert.are.same({ "c: was not part of the run" }, inputs.additions({ a = "1" }, { a = "1", c = "3" }))
  end)
end)
