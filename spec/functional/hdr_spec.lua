-- What vernier and HdrHistogram's JavaScript implementation make of each other's histograms and logs: the same counts, ends
-- and percentiles, for all digits. A percentile is the highest value of its cell there, and at most the maximum here.
local bench = require("spec.support.bench")
local cjson = require("cjson")
local hdr_log = require("vernier.hdr_log")
local histogram = require("vernier.core.histogram")
local shapes = require("spec.support.shapes")
local support = require("spec.support")

local CORRUPT = -15
local TOP = 86400e9
local PERCENTILES = { 50, 90, 99, 99.9, 99.99, 100 }

local function witness(command, stdin)
  return support.node("hdr.js", command, stdin)
end

local function lines(values)
  local out = {}
  for i, v in ipairs(values) do
    out[i] = ("%.0f"):format(v)
  end
  return table.concat(out, "\n")
end

local function of(values, digits)
  local h = assert(histogram.new(digits))
  for _, v in ipairs(values) do
    h:record(v)
  end
  return h
end

-- What the witness says of a histogram, and what we know of the same values.
local function assert_same(h, theirs, what)
  assert.are.equal(h:count(), theirs.count, what)
  for _, p in ipairs(PERCENTILES) do
    assert.are.equal(h:percentile(p), math.min(theirs.percentiles["p" .. p], h:max()), what .. " p" .. p)
  end
  local first, last
  for from, to in h:cells() do
    first, last = first or from, to - 1
  end
  assert.are.same({ first or 0, last or 0 }, { theirs.min, theirs.max }, what)
end

-- The edges among them, so that the ends of both layouts meet.
local function values_of(shape, seed)
  local values = shapes.values(shape, 1500, seed)
  values[#values + 1], values[#values + 2] = 1, TOP
  return values
end

local CASES = {}
for digits = 1, 5 do
  for shape in pairs(shapes.SHAPES) do
    CASES[#CASES + 1] = { digits = digits, shape = shape, seed = 100 * digits + #shape, what = shape .. " " .. digits }
  end
end

describe("a histogram", function()
  after_each(function()
    collectgarbage()
  end)

  it("that we encode is the same to HdrHistogram", function()
    local texts = {}
    for i, case in ipairs(CASES) do
      texts[i] = assert(of(values_of(case.shape, case.seed), case.digits):encode_hdr())
      collectgarbage()
    end
    local theirs = witness({ "decode" }, table.concat(texts, "\n"))
    assert.are.equal(#CASES, #theirs)
    for i, case in ipairs(CASES) do
      assert.are.equal(case.digits, theirs[i].digits)
      assert_same(of(values_of(case.shape, case.seed), case.digits), theirs[i], case.what)
      collectgarbage()
    end
  end)

  it("that it encodes is the same to us, and merged with ours still is", function()
    for _, case in ipairs(CASES) do
      local values, more = values_of(case.shape, case.seed), shapes.values("exponential", 800, 7)
      local theirs = witness({ "encode", case.digits }, lines(values))
      local h, own = assert(histogram.decode_hdr(theirs.text)), of(values, case.digits)
      assert_same(h, theirs, case.what)
      assert.are.equal(own:encode_hdr(), h:encode_hdr()) -- cell by cell
      assert.are.equal(0, h:add(of(more, case.digits)))
      for _, v in ipairs(more) do
        values[#values + 1] = v
      end
      local both = witness({ "encode", case.digits }, lines(values))
      assert_same(h, both, case.what .. " merged")
      collectgarbage()
    end
  end)

  it("that is empty is empty on both sides", function()
    local theirs = witness({ "encode", 3 }, "")
    assert.are.equal(0, assert(histogram.decode_hdr(theirs.text)):count())
    assert.are.equal(0, witness({ "decode" }, histogram.new(3):encode_hdr())[1].count)
  end)

  -- 100 MB of zeros in 100 KB: as counts, behind the counts, and where more is promised than is there. An honest one of
  -- the same making is read.
  it("that inflates to much more than it may is refused", function()
    local N = 100e6
    assert.are.equal(0, assert(histogram.decode_hdr(witness({ "bomb", 10, 10 }).text)):count())
    for _, payload in ipairs({ N, 10, 0, 2 ^ 32 - 1 }) do
      local bomb = witness({ "bomb", ("%.0f"):format(payload), ("%.0f"):format(N) }).text
      assert.is_true(#bomb < N / 500)
      local h, message, code = histogram.decode_hdr(bomb)
      assert.are.same({ nil, CORRUPT }, { h, code }, message)
    end
  end)
end)

-- Of an interval log, by tag as HdrHistogram reads it: how many values, and the highest that is equivalent to the maximum.
local function totals(path, digits)
  local counts, max, last = {}, {}, 1.6e12 -- ms since 1970
  for _, interval in ipairs(witness({ "log", path })) do
    assert.are.equal(digits, interval.digits)
    assert.is_true(interval.start >= last and interval["end"] >= interval.start)
    last = interval.start
    counts[interval.tag] = (counts[interval.tag] or 0) + interval.count
    max[interval.tag] = math.max(max[interval.tag] or 0, interval.max)
  end
  return counts, max
end

local function assert_summary(test, counts, max, digits)
  for _, op in ipairs(test.operations) do
    local tag = op.name == "get" and "get" or "put%2C%20all"
    assert.is_true(op.ok > 0)
    for _, clock in ipairs({ "response", "service", "lateness", "blocked" }) do
      assert.are.equal(op.ok, counts[tag .. "." .. clock], tag .. "." .. clock)
    end
    local told, theirs = op.response_time_ns.max, max[tag .. ".response"]
    assert.is_true(theirs >= told and theirs < told * (1 + 10 ^ -digits))
  end
end

describe("a log", function()
  it("that HdrHistogram writes is read with its tags, times and histograms", function()
    local path, spec = support.tmpdir() .. "/theirs.hlog", {}
    for i, case in ipairs(CASES) do
      spec[i] = { tag = i % 3 > 0 and "tag-" .. i % 3 or nil, from = 1700000000000 + i * 1000, to = 1700000000500 + i * 1000,
        digits = case.digits, values = values_of(case.shape, case.seed) }
    end
    local theirs = witness({ "write", path }, cjson.encode(spec))
    local log = assert(hdr_log.open(path))
    for i, case in ipairs(CASES) do
      local interval = assert(log:next())
      assert.are.equal(spec[i].tag, interval.tag)
      assert.is_true(math.abs(interval.from * 1e3 - spec[i].from) < 1 and math.abs(interval.to * 1e3 - spec[i].to) < 1)
      assert_same(interval.histogram, theirs[i], case.what)
      assert.are.equal(TOP / 1e6, interval.max)
      collectgarbage()
    end
    local more, message = log:next()
    assert.are.same({}, { more, message })
  end)

  it("of a run is read by HdrHistogram, and adds up to what the summary says", function()
    local dir = bench.scenario([[
- test: {test-name: "../a, b/c", workload: ./w.lua, duration: 2.2, total-threads: 4, merge-thread-stats: false}
- test: {test-name: fine, workload: ./w.lua, num-operations: 300, total-threads: 2, statistics: {digits: 5}}]], {
      head = "clusters: [{size: 2}]\nconfigurations: [{name: c, connector: noop, options: {latency: 1ms}}]",
      more = "reports: [hdr-log]\n",
      files = { ["w.lua"] = [[return { run = function(_, ctx)
        ctx.sut:send({}, { operation = ctx.index % 2 == 0 and "get" or "put, all" }) end }]] },
    })
    local r = support.vernier(bench.scenario_command(dir))
    assert.are.equal(0, r.status, r.stderr)
    local summary, folder = support.summary(dir)
    for i, name in ipairs({ "1-.._a__b_c", "2-fine" }) do
      local digits = i == 1 and 3 or 5
      local counts, max = totals(("%s/hdr/%s.hlog"):format(folder, name), digits)
      assert_summary(summary.tests[i], counts, max, digits)
    end
    -- In intervals of a second: 2.2 s are no single one.
    local log, starts = assert(hdr_log.open(folder .. "/hdr/1-.._a__b_c.hlog")), {}
    for interval in function() return log:next() end do
      starts[("%.1f"):format(interval.from)] = true
    end
    local n = 0
    for _ in pairs(starts) do
      n = n + 1
    end
    assert.is_true(n >= 2 and n <= 6, n)
  end)

  it("is made of any run by vernier report --reporter, with the digits of its rounds", function()
    local dir = bench.workspace({ rounds = bench.round({ label = "coarse", number = 40, extra = "histogramDigits: 1" }) })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    local folder = support.runs(dir)[1]
    assert.is_nil(io.open(folder .. "/hdr/1-coarse.hlog"))
    r = support.vernier({ "report", folder, "--reporter", "hdr-log", timeout = 20 })
    assert.are.equal(0, r.status, r.stderr)
    assert.matches("hdr/1-coarse.hlog\n", r.stdout, 1, true)
    local total = 0
    for _, interval in ipairs(witness({ "log", folder .. "/hdr/1-coarse.hlog" })) do
      assert.are.equal(1, interval.digits)
      total = total + (interval.tag:find("%.response$") and interval.count or 0)
    end
    assert.are.equal(40, total)
    r = support.vernier({ "report", folder, "--reporter", "hdr-lgo", timeout = 20 })
    assert.are_not.equal(0, r.status)
    assert.matches("hdr-log?", r.stderr, 1, true)
  end)
end)
