-- The rate controller replay-rate: traces that this spec writes byte by byte.
local rates = require("spec.support.rates")
local support = require("spec.support")

local function be(...)
  local out = {}
  for i, n in ipairs({ ... }) do
    out[i] = string.char(math.floor(n / 2 ^ 24) % 256, math.floor(n / 2 ^ 16) % 256, math.floor(n / 256) % 256, n % 256)
  end
  return table.concat(out)
end

local function le(...)
  local out = {}
  for i, n in ipairs({ ... }) do
    out[i] = be(n):reverse()
  end
  return table.concat(out)
end

describe("replay-rate", function()
  local dir

  before_each(function()
    dir = support.tmpdir()
  end)

  local function plan(text, options, at)
    support.write_file(dir .. "/trace", text)
    options = options or {}
    options.pathTemplate = options.pathTemplate or "trace"
    at = at or {}
    at.workspace, at.round = dir, at.round or { index = 2, duration = 1 }
    return rates.plan("replay-rate", options, at)
  end

  it("reads all formats alike", function()
    for format, text in pairs({ TEXT = "0\n100\n250\n", TEXT_US = "0\n100000\n250000", BIN_BE = be(3, 0, 100, 250),
      BIN_LE = le(3, 0, 100, 250) }) do
      local dues = plan(text, { inputFormat = format, defaultSleepTime = 1000 })
      assert.are.same({ [0] = 0, 0.1, 0.25 }, dues, format)
    end
    assert.are.same({ [0] = 0.000017 }, plan("17", { inputFormat = "TEXT_US", defaultSleepTime = 1000 }))
    assert.are.same({ [0] = 4294967.295 }, plan(be(1, 2 ^ 32 - 1), { inputFormat = "BIN_BE" },
      { round = { index = 1, number = 1 } }))
  end)

  it("goes on behind the end at defaultSleepTime, and tells so once when told", function()
    local dues = plan("0\n100\n", { defaultSleepTime = 300 })
    assert.are.same({ [0] = 0, 0.1, 0.4, 0.7 }, dues)
    local c, ctx = rates.controller("replay-rate", { pathTemplate = "trace", logWarnings = true }, { workspace = dir })
    local lines = {}
    ctx.log = function(text) lines[#lines + 1] = text end
    for i = 0, 5 do
      c:run(ctx, i)
    end
    assert.are.same({ "replay-rate: the trace has ended after 2 runs; the next follow every 20 ms" }, lines)
  end)

  it("begins again, faster or slower", function()
    -- 0, 100, 300: the mean gap is 150, so each turn takes 450 ms.
    assert.are.same({ [0] = 0, 0.1, 0.3, 0.45, 0.55, 0.75, 0.9 }, plan("0\n100\n300\n", { loop = true }))
    assert.are.same({ [0] = 0, 0.2, 0.6, 0.9 }, plan("0\n100\n300\n", { loop = true, speed = 0.5 }))
  end)

  it("is the schedule of all workers, or with <C> each one's own", function()
    local text = {}
    for i = 1, 500 do
      text[i] = i * i % 7 + i * 3
    end
    table.sort(text)
    support.write_file(dir .. "/trace", table.concat(text, "\n"))
    rates.assert_same_for_all("replay-rate", { pathTemplate = "trace" }, { workspace = dir, round = { index = 1, number = 700 } })
    for worker = 0, 1 do
      support.write_file(("%s/c%d_r3"):format(dir, worker + 1), worker == 0 and "10\n20\n" or "500\n")
      assert.are.same(worker == 0 and { [0] = 0.01, [2] = 0.02 } or { [1] = 0.5 }, rates.plan("replay-rate",
        { pathTemplate = "c<C>_r<r>", defaultSleepTime = 1000 }, { workspace = dir, worker = worker, workers = 2,
          round = { index = 3, duration = 1 } }))
    end
  end)

  it("tells what is wrong before the round starts, with its line", function()
    local function refused(text, options, pattern)
      local ok, message = pcall(plan, text, options)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    refused("", { pathTemplate = "none" }, "replay%-rate: .*/none: No such file")
    refused("1\nx\n", nil, 'trace:2: "x" is no whole number')
    refused("1\n-5\n", nil, 'trace:2: "%-5" is no whole number')
    refused("1.5\n", nil, "trace:1:")
    refused("5\n\n7\n3\n", nil, "trace:4: 3 comes before the time above it")
    refused("abc", { inputFormat = "BIN_BE" }, "too short for a trace")
    refused(be(3, 1, 2), { inputFormat = "BIN_BE" }, "12 bytes are not a number of entries and that many %(3%)")
    refused(le(2, 9, 2), { inputFormat = "BIN_LE" }, "entry 2: 2 comes before")
    refused("", { loop = true }, "an empty trace cannot be repeated")
    refused("1\n", { inputFormat = "CSV" }, "inputFormat")
  end)
end)
