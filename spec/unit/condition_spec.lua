local condition = require("vernier.condition")

-- Results of one test with these values, and its operations.
local function results(values, operations)
  local test = { operation_figures = {} }
  for i, name in ipairs(operations or {}) do
    test.operation_figures[i] = { name = name }
  end
  return {
    value = function(_, t, name, selection)
      assert(t == test)
      return values[selection.operation and selection.operation .. "." .. name or name]
    end,
  }, test
end

local function holds(text, values, operations)
  local parsed = assert(condition.parse(text))
  return condition.holds(parsed, results(values, operations))
end

describe("a condition", function()
  it("with a mistake is refused, with what is meant", function()
    for message, text in pairs({
      ['unknown condition "men" (did you mean mean?)'] = { men = { below = 1 } },
      ['unknown condition "throughputnet" (did you mean throughput-net?)'] = { throughputnet = { over = 1 } },
      ['condition "mean" needs its limits, such as {below: 5}'] = { mean = 5 },
      ["mean: needs over or below"] = { mean = { on = "get" } },
      ['mean: unknown "blow" (did you mean below?)'] = { mean = { blow = 1 } },
      ['mean: unknown "percent-below"'] = { mean = { ["percent-below"] = 1 } },
      ["mean.below: soon is no limit"] = { mean = { below = "soon" } },
      ["requests.over: 5s is no limit"] = { requests = { over = "5s" } },
      ["percentile: needs value, a number above 0 and at most 100"] = { percentile = { below = 1 } },
      ["at most 100"] = { percentile = { value = 101, below = 1 } },
      ["a condition is a mapping such as {mean: {below: 1 ms}}"] = {},
      ["a list of conditions holds mappings"] = { all = { "mean" } },
    }) do
      local parsed, why = condition.parse(text)
      assert.is_nil(parsed, message)
      assert.matches(message, why, 1, true)
    end
    assert.is_nil((condition.parse("mean")))
  end)

  it("on an operation that the test does not have is an error with a near name", function()
    local ok, why = pcall(holds, { requests = { over = 1, on = "gett" } }, {}, { "get", "put" })
    assert.is_false(ok)
    assert.are.equal('the test has no operation "gett" (did you mean get?)', why)
  end)

  it("does not hold where the value is not known, and says so", function()
    local ok, why = holds({ mean = { below = "1s" } }, { requests = 0 })
    assert.is_false(ok)
    assert.are.equal("response-time-mean is unknown", why)
  end)

  it("says what was measured when it does not hold", function()
    local ok, why = holds({ ["throughput-net"] = { over = 1000 } }, { ["throughput-net"] = 900, requests = 9 })
    assert.is_false(ok)
    assert.are.equal("throughput-net is 900, not over 1000", why)
  end)

  it("takes a limit itself for neither over nor below it", function()
    assert.is_false((holds({ requests = { over = 10 } }, { requests = 10 })))
    assert.is_false((holds({ requests = { below = 10 } }, { requests = 10 })))
    assert.is_true((holds({ requests = { over = 9, below = 11 } }, { requests = 10 })))
    assert.is_false((holds({ requests = { over = 9, below = 10 } }, { requests = 10 })))
  end)

  it("takes times as durations, plain numbers as ms", function()
    local values = { ["response-time-mean"] = 1.5e6, requests = 1, ["percentile(99.9)"] = 2e9 }
    assert.is_true((holds({ mean = { below = "1600 us", over = 1.4 } }, values)))
    assert.is_false((holds({ mean = { below = "1 ms" } }, values)))
    assert.is_true((holds({ percentile = { value = 99.9, over = "1s" } }, values)))
    assert.is_false((holds({ percentile = { value = 99.9, over = "2s" } }, values)))
  end)

  it("counts errors, or their percentage of the requests", function()
    local values = { errors = 5, requests = 100 }
    assert.is_true((holds({ errors = { below = 6 } }, values)))
    assert.is_false((holds({ errors = { ["percent-below"] = 5 } }, values)))
    assert.is_true((holds({ errors = { ["percent-below"] = 5.1 } }, values)))
    assert.is_true((holds({ errors = { ["percent-over"] = 4.9 } }, values)))
    assert.is_false((holds({ errors = { ["percent-over"] = 5 } }, values)))
    assert.is_true((holds({ errors = { ["percent-below"] = 1 } }, { errors = 0, requests = 0 })))
  end)

  it("looks at one operation where it is told", function()
    local values = { requests = 10, ["get.requests"] = 7, ["put.requests"] = 3 }
    assert.is_true((holds({ requests = { below = 4, on = "put" } }, values, { "get", "put" })))
    assert.is_false((holds({ requests = { below = 4, on = "get" } }, values, { "get", "put" })))
  end)
end)

describe("several conditions", function()
  local values = { requests = 10, errors = 1 }
  local yes, no = { requests = { over = 1 } }, { errors = { over = 1 } }

  it("hold together, as a list and in one mapping", function()
    assert.is_true((holds({ all = { yes, yes } }, values)))
    assert.is_false((holds({ all = { yes, no } }, values)))
    assert.is_false((holds({ requests = { over = 1 }, errors = { over = 1 } }, values)))
    assert.is_true((holds({ requests = { over = 1 }, errors = { below = 2 } }, values)))
  end)

  it("under any need one, and say the first reason when there is none", function()
    assert.is_true((holds({ any = { no, yes } }, values)))
    local ok, why = holds({ any = { no, { requests = { over = 20 } } } }, values)
    assert.is_false(ok)
    assert.are.equal("errors is 1, not over 1", why)
  end)

  it("may be nested", function()
    assert.is_true((holds({ any = { { all = { yes, no } }, { all = { yes, { any = { no, yes } } } } } }, values)))
    assert.is_false((holds({ all = { { any = { no, no } }, yes } }, values)))
  end)
end)
