local histogram = require("vernier.core.histogram")
local shapes = require("spec.support.shapes")

local CORRUPT, INVAL = -15, -2
local TOP = 86400e9
local PERCENTILES = { 1, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100 }

local function exact_percentile(sorted, p)
  local rank = math.ceil(p * #sorted / 100 - 1e-9)
  return sorted[math.max(1, rank)]
end

local SHAPES, sample, generator = shapes.SHAPES, shapes.values, shapes.generator

local function of(values, digits)
  local h = histogram.new(digits)
  for _, v in ipairs(values) do
    h:record(v)
  end
  return h
end

local function assert_same(a, b)
  assert.are.equal(a:count(), b:count())
  assert.are.equal(a:min(), b:min())
  assert.are.equal(a:max(), b:max())
  assert.are.equal(a:mean(), b:mean())
  assert.are.equal(a:stddev(), b:stddev())
  assert.are.equal(a:encode(), b:encode())
end

describe("a histogram", function()
  after_each(function()
    collectgarbage() -- which does not see how large they are
  end)

  it("has 1 to 5 digits", function()
    for _, digits in ipairs({ 0, -1, 6 }) do
      local h, message = histogram.new(digits)
      assert.is_nil(h)
      assert.matches("1 to 5", message)
    end
    for digits = 1, 5 do
      assert.is_not_nil(histogram.new(digits))
    end
  end)

  it("is all zeros when empty", function()
    local h = histogram.new()
    for _, figure in ipairs({ "count", "min", "max", "mean", "stddev" }) do
      assert.are.equal(0, h[figure](h))
    end
    assert.are.equal(0, h:percentile(50))
    assert.is_nil(h:cells()())
  end)

  -- A cell is 2^b wide and begins at 2^(k + b) at least, where 2^k >= 10^digits: so what is told is less than
  -- truth / 2^k <= truth * 10^-digits above the truth, and never below it.
  it("keeps percentiles within its digits, never below the truth, for any shape", function()
    local powers = { 4, 7, 10, 14, 17 }
    for shape in pairs(SHAPES) do
      for digits = 1, 5 do
        local values = sample(shape, 5000, 17 * digits)
        local h = of(values, digits)
        table.sort(values)
        for _, p in ipairs(PERCENTILES) do
          local truth, got = exact_percentile(values, p), h:percentile(p)
          assert.is_true(got >= truth, ("%s p%s: %.0f < %.0f"):format(shape, p, got, truth))
          assert.is_true(got - truth < truth * 2 ^ -powers[digits], ("%s p%s: %.0f for %.0f"):format(shape, p, got, truth))
        end
        collectgarbage()
      end
    end
  end)

  it("comes near that bound: fewer digits are really coarser", function()
    for digits = 1, 5 do
      local h, worst = histogram.new(digits), 0
      for i = 0, 400 do
        local v = 2 ^ 40 + i * 2 ^ 26
        h:reset()
        h:record(v)
        h:record(2 ^ 42)
        worst = math.max(worst, (h:percentile(50) - v) / v)
      end
      assert.is_true(worst < 10 ^ -digits and worst > 10 ^ -digits / 4, ("%d digits: %g"):format(digits, worst))
    end
  end)

  it("holds 1 ns and 24 h, and counts what is beyond at these, for all digits", function()
    for digits = 1, 5 do
      local h = of({ 0, 1, TOP, TOP + 1e6, 1e300 }, digits)
      local counts = {}
      for from, to, count in h:cells() do
        counts[#counts + 1] = count
        assert.is_true(#counts == 1 and from == 1 and to == 2 or #counts == 2 and from <= TOP and to > TOP)
      end
      assert.are.same({ 2, 3 }, counts)
      assert.are.same({ 0, 1, TOP, TOP }, { h:min(), h:percentile(40), h:percentile(41), h:max() })
      assert.are.equal(TOP - 1, of({ TOP - 1 }, digits):percentile(50))
    end
  end)

  it("has exact count, min, max, mean and deviation", function()
    local values = sample("exponential", 20000, 99)
    local h, sum = of(values), 0
    for _, v in ipairs(values) do
      sum = sum + v
    end
    local mean, around = sum / #values, 0
    for _, v in ipairs(values) do
      around = around + (v - mean) ^ 2
    end
    table.sort(values)
    assert.are.equal(#values, h:count())
    assert.are.equal(values[1], h:min())
    assert.are.equal(values[#values], h:max())
    assert.are.equal(mean, h:mean())
    local deviation = math.sqrt(around / #values)
    assert.is_true(math.abs(h:stddev() - deviation) < 1e-9 * deviation)
  end)

  it("does not lose a small deviation beside a large mean", function()
    local h = histogram.new()
    for _ = 1, 1000 do
      h:record(3600e9 - 1)
      h:record(3600e9 + 1)
    end
    assert.are.equal(1, h:stddev())
    assert.are.equal(3600e9, h:mean())
  end)

  it("takes the 999th of 1000 values as the 99.9th percentile", function()
    local h = histogram.new()
    for i = 1, 1000 do
      h:record(i)
    end
    assert.are.equal(999, h:percentile(99.9))
    assert.are.equal(990, h:percentile(99))
    assert.are.equal(500, h:percentile(50))
    assert.are.equal(1, h:percentile(0))
    assert.are.equal(1000, h:percentile(100))
  end)

  it("caps percentiles at the exact maximum", function()
    local h = of({ 1000001 })
    for _, p in ipairs(PERCENTILES) do
      assert.are.equal(1000001, h:percentile(p))
    end
  end)

  it("counts values out of range at its ends", function()
    local h = of({ -5, 0, 0.5, TOP * 10, math.huge })
    assert.are.equal(5, h:count())
    assert.are.equal(0, h:min())
    assert.are.equal(TOP, h:max())
    assert.are.equal(0, of({ 0, 0 }):percentile(99))
    assert.are.equal(0, of({ 0 / 0 }):max())
  end)

  it("merges by addition: commutative, associative, and the same as one that saw everything", function()
    local seed = 0
    for shape in pairs(SHAPES) do
      for digits = 1, 5 do
        seed = seed + 10
        local parts, all = { sample(shape, 1000, seed), sample("wide", 700, seed + 1), sample("powers", 500, seed + 2) }, {}
        for _, list in ipairs(parts) do
          for _, v in ipairs(list) do
            all[#all + 1] = v
          end
        end
        local function sum(...)
          local h = histogram.new(digits)
          for _, other in ipairs({ ... }) do
            assert.are.equal(0, h:add(type(other) == "number" and of(parts[other], digits) or other))
          end
          return h
        end
        local whole = of(all, digits)
        for _, h in ipairs({ sum(1, 2, 3), sum(3, 1, 2), sum(sum(1, 2), 3), sum(1, sum(2, 3)), sum(histogram.new(digits), whole) }) do
          assert_same(whole, h)
        end
        collectgarbage()
      end
    end
  end)

  it("does not merge with other digits", function()
    local ok, message = histogram.new(3):add(histogram.new(2))
    assert.is_nil(ok)
    assert.matches("digits", message)
    assert.is_nil((histogram.new(3):decode_add(of({ 5 }, 2):encode())))
  end)

  it("is empty after reset, whatever it held", function()
    local h = of(sample("wide", 1000, 3))
    h:reset()
    assert_same(histogram.new(), h)
    h:record(7)
    assert_same(of({ 7 }), h)
  end)

  it("iterates over its cells in order, each value in its cell", function()
    local values = sample("wide", 500, 21)
    local h, n, last = of(values), 0, 0
    table.sort(values)
    for from, to, count in h:cells() do
      assert.is_true(from >= last and to > from and count > 0)
      local expected = 0
      for _, v in ipairs(values) do
        if math.max(v, 1) >= from and v < to then
          expected = expected + 1
        end
      end
      assert.are.equal(expected, count)
      last, n = to, n + count
    end
    assert.are.equal(500, n)
  end)
end)

describe("an encoded histogram", function()
  it("decodes to the same histogram, for any digits and shape", function()
    for shape in pairs(SHAPES) do
      for digits = 1, 5 do
        local h, copy = of(sample(shape, 1000, 8), digits), histogram.new(digits)
        assert.are.equal(0, copy:decode_add(h:encode()))
        assert_same(h, copy)
      end
    end
  end)

  it("adds to what is there", function()
    local a, b = sample("uniform", 500, 1), sample("exponential", 500, 2)
    local h = of(a)
    h:decode_add(of(b):encode())
    local sum = of(a)
    sum:add(of(b))
    assert_same(sum, h)
  end)

  it("is small: a second of latencies in some kilobytes", function()
    assert.is_true(#of(sample("exponential", 10000, 4)):encode() < 12000)
    assert.is_true(#of({ 5, TOP }):encode() < 120)
    assert.is_true(#histogram.new():encode() <= 8)
  end)

  it("is refused when it is cut anywhere, and changes nothing", function()
    local text = of(sample("exponential", 60, 11)):encode()
    local h = of({ 42 })
    for i = 0, #text - 1 do
      local ok, _, code = h:decode_add(text:sub(1, i))
      assert.is_nil(ok)
      assert.are.equal(CORRUPT, code)
    end
    assert.is_nil((h:decode_add(text .. "AAAA")))
    assert.is_nil((h:decode_add(text .. text)))
    assert_same(of({ 42 }), h)
  end)

  it("is refused or sound after any change of a character", function()
    local text = of(sample("exponential", 40, 12)):encode()
    local h, random = histogram.new(), generator(77)
    local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \255"
    local refused = 0
    for i = 1, #text do
      for _ = 1, 20 do
        local k = 1 + math.floor(random() * #letters)
        local ok, _, code = h:decode_add(text:sub(1, i - 1) .. letters:sub(k, k) .. text:sub(i + 1))
        if ok then
          local n = 0
          for _, _, count in h:cells() do
            n = n + count
          end
          assert.are.equal(h:count(), n)
          assert.is_true(h:min() <= h:mean() and h:mean() <= h:max())
          h:reset()
        else
          assert.is_true(code == CORRUPT or code == INVAL)
          refused = refused + 1
        end
      end
    end
    assert.is_true(refused > 0)
    assert_same(histogram.new(), h)
  end)
end)

describe("a histogram of a killed process", function()
  it("is salvaged from its cells", function()
    local h = of(sample("wide", 300, 13))
    assert_same(h, histogram.salvage(h))
    assert_same(histogram.new(2), histogram.salvage(histogram.new(2)))
  end)
end)
