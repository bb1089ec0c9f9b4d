-- Near-name hints: vernier.near.
local near = require("vernier.near")

describe("distance", function()
  for _, case in ipairs({
    { "", "", 0 }, { "abc", "abc", 0 }, { "abc", "abd", 1 }, { "abc", "acb", 1 }, { "abc", "ab", 1 }, { "kitten", "sitting", 3 },
    { "ab", "ba", 1 }, { "flaw", "lawn", 2 },
  }) do
    it(("of %q and %q is %d"):format(case[1], case[2], case[3]), function()
      assert.are.equal(case[3], near.distance(case[1], case[2], 5))
      assert.are.equal(case[3], near.distance(case[2], case[1], 5))
    end)
  end

  it("is nil beyond the bound", function()
    assert.is_nil(near.distance("kitten", "sitting", 2))
    assert.is_nil(near.distance("a", "abcdef", 3))
  end)
end)

describe("near", function()
  local NAMES = { "startingTps", "finishingTps", "transactionLoad", "tps", "sleepTime" }
  for name, expected in pairs({ startTps = "startingTps", starting_tps = "startingTps", STARTINGTPS = "startingTps",
    transationLoad = "transactionLoad", ['tps"'] = "tps", tsp = "tps", sleep_time = "sleepTime" }) do
    it(("takes %s for %s"):format(name, expected), function()
      assert.are.equal(expected, near.near(name, NAMES))
      assert.are.equal(("did you mean %s?"):format(expected), near.hint(name, NAMES))
    end)
  end

  it("is silent about what is not near", function()
    for _, name in ipairs({ "connections", "", "x", '"' }) do
      assert.is_nil(near.near(name, NAMES))
      assert.is_nil(near.hint(name, NAMES))
    end
    assert.is_nil(near.near("a", {}))
  end)

  it("gives the same answer whatever the order", function()
    assert.are.equal("aab", near.near("aa", { "aac", "aab" }))
    assert.are.equal("aab", near.near("aa", { "aab", "aac" }))
  end)
end)
