-- HdrHistogram's form, from bytes made here: what is refused, and what becomes of ranges and units that are not ours. That
-- others read what we write, and the other way round: spec/functional/hdr_spec.lua.
local bit = require("bit")
local histogram = require("vernier.core.histogram")
local shapes = require("spec.support.shapes")

local INVAL, LIMIT, CORRUPT = -2, -13, -15
local TOP = 86400e9

-- ---- bytes, base64, zlib without compression ----

local function big(n, bytes)
  local out = {}
  for i = bytes, 1, -1 do
    out[i] = string.char(n % 256)
    n = math.floor(n / 256)
  end
  return table.concat(out)
end

local LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(bytes)
  local text = bytes:gsub("..?.?", function(group)
    local a, b, c = group:byte(1, 3)
    local n, out = a * 65536 + (b or 0) * 256 + (c or 0), ""
    for shift = 3, 0, -1 do
      local k = math.floor(n / 64 ^ shift) % 64 + 1
      out = out .. LETTERS:sub(k, k)
    end
    return out:sub(1, #group + 1) .. ("="):rep(3 - #group)
  end)
  return text
end

local function adler32(bytes)
  local a, b = 1, 0
  for i = 1, #bytes do
    a = (a + bytes:byte(i)) % 65521
    b = (b + a) % 65521
  end
  return b * 65536 + a
end

local function stored(bytes)
  local n = #bytes
  local len, complement = string.char(n % 256, math.floor(n / 256)), string.char(255 - n % 256, 255 - math.floor(n / 256))
  return "\120\1\1" .. len .. complement .. bytes .. big(adler32(bytes), 4)
end

-- A count, or a negative number for a gap.
local function number(n)
  local zigzag, out = n >= 0 and 2 * n or -2 * n - 1, {}
  while zigzag >= 128 and #out < 8 do
    out[#out + 1] = string.char(zigzag % 128 + 128)
    zigzag = math.floor(zigzag / 128)
  end
  out[#out + 1] = string.char(zigzag)
  return table.concat(out)
end

-- o: cookie, digits, unit, highest, offset, ratio, length (of the payload), and the counts in order.
local function plain(o)
  local counts = {}
  for i, n in ipairs(o) do
    counts[i] = type(n) == "string" and n or number(n)
  end
  local payload = table.concat(counts)
  return big(o.cookie or 0x1c849313, 4) .. big(o.length or #payload, 4) .. big(o.offset or 0, 4) .. big(o.digits or 3, 4)
    .. big(o.unit or 1, 8) .. big(o.highest or TOP, 8) .. (o.ratio or "\63\240\0\0\0\0\0\0") .. payload
end

local function packed(bytes, o)
  o = o or {}
  local z = o.z or stored(bytes)
  return base64(big(o.cookie or 0x1c849314, 4) .. big(o.length or #z, 4) .. z .. (o.tail or ""))
end

local function refused(code, text, words)
  local h, message, got = histogram.decode_hdr(text)
  assert.is_nil(h)
  assert.are.equal(code, got, message)
  assert.matches(words or ".", message)
end

-- {[lowest ns of a cell] = count}
local function cells(h)
  local out = {}
  for from, _, count in h:cells() do
    out[from] = count
  end
  return out
end

describe("HdrHistogram's form", function()
  after_each(function()
    collectgarbage()
  end)

  it("is refused when it is no such form", function()
    for _, text in ipairs({ "", "A", "AAAA", "====", "HISTFAAA", "HISTEwAA", "not base64!", ("A"):rep(4000), base64(("x"):rep(100)) }) do
      refused(CORRUPT, text)
    end
    refused(CORRUPT, base64(plain({ 1, cookie = 0x1c849301 })), "V2") -- V1, and V0 below
    refused(CORRUPT, base64(plain({ 1, cookie = 0x1c849308 })), "V2")
    refused(CORRUPT, base64(plain({ 1, cookie = 0x1c849303 })), "V2") -- counts of another width
    refused(CORRUPT, packed(plain({ 1 }), { cookie = 0x1c849324 }), "V2")
    refused(CORRUPT, packed(packed(plain({ 1 }))), "V2")
  end)

  it("is refused when its header is out of bounds", function()
    refused(INVAL, base64(plain({ 1, digits = 0 })), "1 to 5")
    refused(INVAL, base64(plain({ 1, digits = 6 })), "1 to 5 significant digits, not 6")
    refused(INVAL, base64(plain({ 1, digits = 2 ^ 32 - 1 })), "1 to 5")
    for _, o in ipairs({ { unit = 0 }, { unit = 2 ^ 63 }, { unit = TOP * 2, highest = TOP * 8 }, { highest = 1 },
      { highest = 0 }, { highest = 2 ^ 63 }, { unit = 1000, highest = 1999 } }) do
      o[1] = 1
      refused(CORRUPT, base64(plain(o)), "range")
    end
  end)

  it("is refused when its counts are not what the header says", function()
    refused(CORRUPT, base64(plain({ 1, 2, length = 1 })), "does not end")
    refused(CORRUPT, base64(plain({ 1, 2, length = 3 })), "counts")
    refused(CORRUPT, base64(plain({ 1, length = 2 ^ 32 - 1 })), "counts")
    refused(CORRUPT, base64(plain({ "\128" })), "counts") -- a number that goes on
    refused(CORRUPT, base64(plain({ ("\255"):rep(8) })), "counts")
    refused(CORRUPT, base64(plain({ -2 ^ 40, 1 })), "counts") -- a gap beyond all cells
    refused(CORRUPT, base64(plain({ ("\255"):rep(9), 1 })), "counts")
    refused(CORRUPT, base64(plain({ -64 * 1024, 1 })), "counts")
  end)

  it("is refused when its counts are more than can be added", function()
    local huge = ("\254"):rep(8) .. "\127" -- 2^62 and more
    refused(LIMIT, base64(plain({ 0, huge, huge, huge })), "too large")
    refused(LIMIT, base64(plain({ -40 * 1024, huge })), "too large") -- the squares
    assert.is_true(assert(histogram.decode_hdr(base64(plain({ 0, huge })))):count() > 2 ^ 61)
  end)

  it("is refused when it is compressed and cut, changed or of the wrong length", function()
    local bytes = plain({ 0, 7, -3, 9 })
    local z = stored(bytes)
    assert.are.equal(16, assert(histogram.decode_hdr(packed(bytes))):count())
    for i = 0, #z - 1 do
      refused(CORRUPT, packed(nil, { z = z:sub(1, i) }))
      refused(CORRUPT, packed(nil, { z = z, length = i }))
    end
    for i = 1, #z do
      refused(CORRUPT, packed(nil, { z = z:sub(1, i - 1) .. string.char(bit.bxor(z:byte(i), 1)) .. z:sub(i + 1) }))
    end
    refused(CORRUPT, packed(nil, { z = z, length = #z + 1 }), "shorter than it says")
    refused(CORRUPT, packed(nil, { z = z, length = 2 ^ 32 - 1 }), "shorter than it says")
    refused(CORRUPT, packed(bytes .. "\0"), "does not end")
  end)

  it("is refused or sound after any change of a character", function()
    local h = histogram.new(2)
    for _, v in ipairs(shapes.values("exponential", 60, 5)) do
      h:record(v)
    end
    local text, random, refusals = h:encode_hdr(), shapes.generator(9), 0
    for i = 1, #text do
      for _ = 1, 10 do
        local k = 1 + math.floor(random() * 64)
        local got, _, code = histogram.decode_hdr(text:sub(1, i - 1) .. LETTERS:sub(k, k) .. text:sub(i + 1))
        assert.is_true(got and got:min() <= got:mean() and got:mean() <= got:max() or code < 0)
        refusals = refusals + (got and 0 or 1)
      end
    end
    assert.is_true(refusals > 5 * #text)
  end)

  it("may be followed by what does not belong to it, as in buffers that were too long", function()
    assert.are.equal(1, assert(histogram.decode_hdr(packed(plain({ 0, 1 }), { tail = "\0\0\0" }))):count())
  end)

  it("is read whatever offset and ratio say, which implementations do not agree on", function()
    for _, o in ipairs({ { 0, 5, offset = 1 }, { 0, 5, ratio = "\0\0\0\0\0\0\0\1" } }) do
      assert.are.same({ [1] = 5 }, cells(assert(histogram.decode_hdr(base64(plain(o))))))
    end
  end)

  it("has a count per cell, gaps, and min and max from these cells", function()
    local h = assert(histogram.decode_hdr(base64(plain({ -10, 4, 0, 6, -2036, 1 }))))
    assert.are.same({ [10] = 4, [12] = 6, [2050] = 1 }, cells(h)) -- cell 2049 is [2050, 2052)
    assert.are.same({ 11, 10, 2051 }, { h:count(), h:min(), h:max() })
    assert.are.equal((4 * 10 + 6 * 12 + 2051) / 11, h:mean())
  end)

  it("counts 0 as we do, and what is above 24 h as 24 h", function()
    local h = assert(histogram.decode_hdr(base64(plain({ 3, -50 * 1024, 2, highest = 2 ^ 62 }))))
    assert.are.same({ 5, 0, TOP }, { h:count(), h:min(), h:max() })
    assert.are.equal(TOP, h:percentile(99))
  end)

  it("has any unit: each value within the digits' bound", function()
    for unit, rounded in pairs({ [1000] = 512, [1024] = 1024, [1e6] = 2 ^ 19 }) do
      local h = assert(histogram.decode_hdr(base64(plain({ -10, 4, -1999, 6, unit = unit }))))
      assert.are.equal(10, h:count())
      for p, cell in pairs({ [40] = { 10, 1 }, [100] = { 2010, 1 } }) do
        local low = cell[1] * rounded
        assert.is_true(h:percentile(p) >= low and h:percentile(p) < low + rounded * cell[2], ("%d: %g"):format(unit, h:percentile(p)))
      end
    end
  end)

  it("keeps every cell, for any digits and shape, and is the same text again", function()
    for shape in pairs(shapes.SHAPES) do
      for digits = 1, 5 do
        local h = histogram.new(digits)
        for _, v in ipairs(shapes.values(shape, 500, 3 * digits)) do
          h:record(v)
        end
        local copy = assert(histogram.decode_hdr(h:encode_hdr()))
        assert.are.equal(0, histogram.new(digits):add(copy)) -- of the same digits
        assert.are.same(cells(h), cells(copy))
        assert.are.equal(h:encode_hdr(), copy:encode_hdr())
        assert.is_true(copy:min() <= h:min() and copy:max() >= h:max())
        collectgarbage()
      end
    end
    assert.are.equal(0, assert(histogram.decode_hdr(histogram.new(4):encode_hdr())):count())
  end)
end)
