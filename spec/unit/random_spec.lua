local random = require("vernier.core.random")

local N = 20000

describe("random numbers", function()
  it("are the same for the same key and differ for another", function()
    local a, b, c = random.new(1, 2, 3), random.new(1, 2, 3), random.new(1, 2, 4)
    local same, other = 0, 0
    for _ = 1, 100 do
      local x = a()
      same = same + (x == b() and 1 or 0)
      other = other + (x == c() and 1 or 0)
    end
    assert.are.same({ 100, 0 }, { same, other })
  end)

  it("can be seeded again", function()
    local r = random.new(9)
    local first = r()
    r:seed(9, 0, 0)
    assert.are.equal(first, r())
  end)

  it("are uniform in [0, 1): mean and variance", function()
    local r, sum, squares = random.new(5), 0, 0
    for _ = 1, N do
      local x = r()
      assert.is_true(x >= 0 and x < 1)
      sum, squares = sum + x, squares + x * x
    end
    local mean = sum / N
    assert.is_true(math.abs(mean - 0.5) < 5 * math.sqrt(1 / 12 / N))
    assert.is_true(math.abs(squares / N - mean ^ 2 - 1 / 12) < 0.005)
  end)

  it("cover a range evenly, as math.random does", function()
    local r, counts = random.new(6), {}
    for _ = 1, N do
      local k = r(3, 7)
      counts[k] = (counts[k] or 0) + 1
    end
    local chi = 0
    for k = 3, 7 do
      chi = chi + (counts[k] - N / 5) ^ 2 / (N / 5)
    end
    assert.is_true(chi < 25, "chi square of 4 degrees: " .. chi)
    assert.are.equal(1, r(1))
  end)

  it("have the exponential and the normal distribution", function()
    local r, sum, normal, squares = random.new(7), 0, 0, 0
    for _ = 1, N do
      sum = sum + r:exponential(4)
      local x = r:normal(10, 2)
      normal, squares = normal + x, squares + x * x
    end
    assert.is_true(math.abs(sum / N - 4) < 5 * 4 / math.sqrt(N))
    local mean = normal / N
    assert.is_true(math.abs(mean - 10) < 5 * 2 / math.sqrt(N))
    assert.is_true(math.abs(squares / N - mean ^ 2 - 4) < 0.3)
  end)
end)

describe("a distribution of a time", function()
  local distribution = require("vernier.distribution")

  it("is read as people write it", function()
    local r = random.new(8)
    assert.are.equal(0.005, distribution.parse("5ms")(r))
    assert.are.equal(0.005, distribution.parse("constant 5ms")(r))
    for _ = 1, 100 do
      local x = distribution.parse("uniform 1ms 9ms")(r)
      assert.is_true(x >= 0.001 and x <= 0.009)
    end
    local sum = 0
    local draw = distribution.parse("exponential 5ms")
    for _ = 1, N do
      sum = sum + draw(r)
    end
    assert.is_true(math.abs(sum / N - 0.005) < 0.0005)
    assert.is_function(distribution.parse("lognormal 5ms 0.5"))
    assert.is_function(distribution.parse("normal 5ms 1ms"))
  end)

  it("is refused with what is allowed", function()
    for _, text in ipairs({ "", "5", "gamma 1ms", "uniform 9ms 1ms", "lognormal 5ms", "constant x" }) do
      local draw, message = distribution.parse(text)
      assert.is_nil(draw, text)
      assert.matches("no distribution", message)
    end
  end)
end)
