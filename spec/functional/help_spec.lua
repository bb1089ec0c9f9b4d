-- vernier help for plug-ins, and the reference: every stage with all that it takes.
local plugins = require("vernier.plugins")
local stage = require("vernier.stage")
local support = require("spec.support")

local function help(name)
  local r = support.vernier({ "help", name })
  assert.are.equal(0, r.status, r.stderr)
  return r.stdout
end

describe("vernier help", function()
  it("does not know everything", function()
    local r = support.vernier({ "help", "analyse-test" })
    assert.are.equal(2, r.status)
    assert.matches('nothing is known about "analyse-test"', r.stderr, 1, true)
  end)

  it("shows a stage with its options, those below them, and what all stages take", function()
    local text = help("test")
    for _, words in ipairs({ "stage test\n", "repeat%-condition +table +%- ", "statistics.digits +integer +3 ", "rate.type +string +required ",
      "exit%-on%-failure +boolean +false ", "groups +list +%- " }) do
      assert.matches("\n? ?" .. words, text)
    end
    assert.is_nil(text:find("table: 0x", 1, true))
  end)

  it("shows for a stage on the manager that it has no workers to choose", function()
    local text = help("sleep")
    assert.matches("Runs on the manager.", text, 1, true)
    assert.matches("exit-on-failure", text, 1, true)
    assert.is_nil(text:find("groups", 1, true))
  end)
end)

describe("the reference", function()
  it("has every stage with every option", function()
    local dir = support.tmpdir()
    local r = support.vernier({ "lua", "doc/reference.lua", dir })
    assert.are.equal(0, r.status, r.stderr)
    local text = support.read_file(dir .. "/reference.md"):match("\n## Stages\n(.-)\n## ")
    for name in pairs(stage.COMMON) do
      assert.matches(("\n| `%s` | "):format(name), text:match("^(.-)\n### "), 1, true)
    end
    for _, name in ipairs(plugins.names("stage")) do
      local part = (text .. "\n### "):match("\n### " .. name:gsub("%-", "%%-") .. "\n(.-)\n### ")
      assert.is_string(part, name)
      for option in pairs(plugins.load("stage", name).options or {}) do
        assert.matches(("\n| `%s` | "):format(option), part, 1, true)
      end
    end
  end)
end)
