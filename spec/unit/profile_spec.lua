-- The rate controller profile against the integral of the rate that its points describe, which is summed up here by itself.
local rates = require("spec.support.rates")
local support = require("spec.support")

-- Runs sent by t: the areas below the rate, in many small steps.
local function integral(points, linear, t)
  local sum = 0
  for i, p in ipairs(points) do
    local from, to = p[1], points[i + 1] and points[i + 1][1] or math.huge
    local until_t = math.min(t, to)
    if until_t > from then
      local a = p[2]
      local b = linear and points[i + 1] and points[i + 1][2] or a
      local reached = points[i + 1] and a + (b - a) * (until_t - from) / (to - from) or a
      sum = sum + (a + reached) / 2 * (until_t - from)
    end
  end
  return sum
end

local SHAPES = {
  { { 0, 100 }, { 10, 500 }, { 12, 500 }, { 20, 0 } },
  { { 0, 0 }, { 5, 200 }, { 5, 50 }, { 10, 50 } },
  { { 2, 30 }, { 4, 0 }, { 6, 0 }, { 8, 300 } },
  { { 0, 7 } },
}

local function points_of(shape)
  local list = {}
  for i, p in ipairs(shape) do
    list[i] = { p[1] .. "s", p[2] }
  end
  return list
end

describe("profile", function()
  it("sends what the integral of its rate is, each run at its time", function()
    for n, shape in ipairs(SHAPES) do
      for _, interpolation in ipairs({ "step", "linear" }) do
        local linear = interpolation == "linear"
        local dues = rates.plan("profile", { points = points_of(shape), interpolation = interpolation }, { round = { duration = 25 } })
        local what = ("shape %d, %s"):format(n, interpolation)
        assert.are.equal(math.ceil(integral(shape, linear, 25) - 1e-9), rates.count(dues), what)
        for index, due in pairs(dues) do
          assert.is_true(math.abs(integral(shape, linear, due) - index) < 1e-6, ("%s: run %d at %g"):format(what, index, due))
        end
      end
    end
  end)

  it("sends nothing while the rate is 0, and goes on after that", function()
    local dues = rates.plan("profile", { points = { { 0, 10 }, { 1, 0 }, { 3, 10 } }, interpolation = "step" },
      { round = { duration = 4 } })
    assert.are.equal(20, rates.count(dues))
    assert.are.same({ 0.9, 3, 3.9 }, { dues[9], dues[10], dues[19] })
  end)

  it("begins again", function()
    local options = { points = { { 0, 10 }, { "1s", 30 }, { 2, 10 } }, interpolation = "step", ["repeat"] = true }
    local dues = rates.plan("profile", options, { round = { duration = 6 } })
    assert.are.equal(120, rates.count(dues))
    for index = 0, 79 do
      assert.is_true(math.abs(dues[index] + 2 - dues[index + 40]) < 1e-9, index)
    end
  end)

  it("is stretched: a day in ten minutes", function()
    local options = { points = { { "0h", 5 }, { "12h", 50 }, { "24h", 5 } }, duration = "10m" }
    local dues = rates.plan("profile", options, { round = { duration = 600 } })
    assert.are.equal(16500, rates.count(dues))
    assert.is_true(math.abs(integral({ { 0, 5 }, { 300, 50 }, { 600, 5 } }, true, dues[12345]) - 12345) < 1e-5)
  end)

  it("is read from a file, with a heading, quotes, semicolons and empty lines", function()
    local dir = support.tmpdir()
    support.write_file(dir .. "/day.csv", 'time,tps\n0,10\n"5s";20\n\n10 , 0\n')
    local options = { file = "day.csv" }
    assert.are.equal(125, rates.count(rates.plan("profile", options, { workspace = dir, round = { duration = 30 } })))
  end)

  it("tells what is wrong, with its place", function()
    local dir = support.tmpdir()
    local function refused(options, pattern)
      local ok, message = pcall(rates.controller, "profile", options, { workspace = dir })
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    refused({}, "needs one of points and file")
    refused({ points = { { 0, 1 } }, file = "x" }, "needs one of points and file")
    refused({ points = {} }, "no points")
    refused({ points = { { 0, 1 }, { 5 } } }, "point 2: is not %[time, rate%]")
    refused({ points = { { 0, 1 }, { "soon", 5 } } }, "point 2: soon is no time")
    refused({ points = { { 3, 1 }, { 2, 5 } } }, "point 2: 2 comes before")
    refused({ points = { { 0, -1 } } }, "point 1: %-1 is no rate")
    refused({ points = { { 0, 0 }, { 5, 0 } }, ["repeat"] = true }, "sends nothing")
    refused({ points = { { 0, 5 } }, duration = 5 }, "different times")
    refused({ file = "none.csv" }, "none.csv: No such file")
    support.write_file(dir .. "/bad.csv", "0,1\n1,2,3\n")
    refused({ file = "bad.csv" }, "bad.csv:2: is not time, rate")
    support.write_file(dir .. "/bad.csv", "0,1\n1,fast\n")
    refused({ file = "bad.csv" }, "bad.csv:2: fast is no rate")
  end)

  it("is the same for any number of workers", function()
    rates.assert_same_for_all("profile", { points = points_of(SHAPES[1]) }, { round = { duration = 22 } })
    rates.assert_same_for_all("profile", { points = points_of(SHAPES[2]), interpolation = "step", ["repeat"] = true },
      { round = { number = 2000 } })
  end)
end)
