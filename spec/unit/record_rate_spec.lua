-- The rate controller record-rate: the bytes that it writes, and that replay-rate gives what was recorded.
local plugins = require("vernier.plugins")
local rate = require("vernier.rate")
local rates = require("spec.support.rates")
local support = require("spec.support")

local function hex(text)
  return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

describe("record-rate", function()
  local dir

  before_each(function()
    dir = support.tmpdir()
  end)

  -- Runs a whole round in virtual time, and the end hook.
  local function record(options, at)
    at.workspace = dir
    local c, ctx = rates.controller("record-rate", options, at)
    local lines = {}
    ctx.log = function(text) lines[#lines + 1] = text end
    for index = 0, (at.round.number or 1e6) - 1 do
      local due = c:run(ctx, index)
      if not due or due >= (at.round.duration or math.huge) * 1e9 then
        break
      end
    end
    plugins.hook(c, "end")(c, ctx)
    return lines
  end

  local function options(format, path, controller)
    return { rateController = controller or { type = "fixed-rate", opts = { tps = 10 } }, pathTemplate = path or "trace",
      outputFormat = format }
  end

  it("writes the formats byte by byte", function()
    for format, expected in pairs({ TEXT = "0\n100\n200\n", TEXT_US = "0\n100000\n200000\n" }) do
      record(options(format), { round = { number = 3 } })
      assert.are.equal(expected, support.read_file(dir .. "/trace"))
    end
    for format, expected in pairs({ BIN_BE = "000000030000000000000064000000c8", BIN_LE = "030000000000000064000000c8000000" }) do
      record(options(format), { round = { number = 3 } })
      assert.are.equal(expected, hex(support.read_file(dir .. "/trace")))
    end
  end)

  it("rounds half up, and leaves out what is not in the round", function()
    record(options(nil, nil, { type = "fixed-rate", opts = { tps = 400 } }), { round = { duration = 0.009 } })
    assert.are.equal("0\n3\n5\n8\n", support.read_file(dir .. "/trace"))
  end)

  it("puts in the numbers of worker and round, and tells where when told", function()
    local o = options(nil, "w<C>r<R>")
    o.logEnd = true
    local lines = record(o, { worker = 1, workers = 2, round = { index = 7, number = 4 } })
    assert.are.equal("100\n300\n", support.read_file(dir .. "/w2r7"))
    assert.are.same({ ("record-rate: 2 due times are in %s/w2r7"):format(dir) }, lines)
  end)

  it("without <C> is one schedule, which one worker writes", function()
    for worker = 0, 2 do
      record(options(), { worker = worker, workers = 3, round = { number = 6 } })
    end
    assert.are.equal("0\n100\n200\n300\n400\n500\n", support.read_file(dir .. "/trace"))
  end)

  it("is replayed to the microsecond", function()
    record(options("TEXT_US", nil, { type = "poisson", opts = { tps = 2000, seed = 3 } }), { round = { duration = 2 } })
    local expected = rates.plan("poisson", { tps = 2000, seed = 3 }, { round = { duration = 2 } })
    local dues = rates.plan("replay-rate", { pathTemplate = "trace", inputFormat = "TEXT_US", defaultSleepTime = 1e6 },
      { workspace = dir, round = { duration = 2 } })
    assert.are.equal(rates.count(expected), rates.count(dues))
    for i, due in pairs(expected) do
      assert.is_true(math.abs(due - dues[i]) <= 0.5e-6 + 1e-12)
    end
  end)

  it("writes when runs have sent, where that is wanted: this worker's, in the order of time", function()
    local o, asked = options("TEXT_US", "w<C>"), nil
    o.times = "sent"
    local c, ctx = rates.controller("record-rate", o, { workers = 2, worker = 1, workspace = dir, round = { duration = 1 } })
    local traced = 0
    rate.attach(ctx, {
      trace = function() traced = traced + 1 end,
      sent_times = function(from, to)
        asked = { from, to }
        return { 100500, 300700, 900900 }
      end,
    })
    for index = 0, 4 do
      assert.are.equal(index * 1e8, c:run(ctx, index))
    end
    plugins.hook(c, "end")(c, ctx)
    assert.are.equal("101\n301\n901\n", support.read_file(dir .. "/w2"))
    assert.are.same({ 1, { 0, 1e9 } }, { traced, asked })
  end)

  it("writes no sent times that nobody has kept", function()
    local o = options()
    o.times = "sent"
    local c, ctx = rates.controller("record-rate", o, { workspace = dir, round = { number = 3 } })
    rate.attach(ctx, { trace = function() end, sent_times = function() return nil, "more than 5 were sent" end })
    c:run(ctx, 0)
    local ok, message = pcall(plugins.hook(c, "end"), c, ctx)
    assert.are.same({ false, "record-rate: more than 5 were sent" }, { ok, message })
  end)

  it("refuses what it cannot record", function()
    local function refused(o, pattern, at)
      at = at or { round = { number = 3 } }
      local ok, message = pcall(record, o, at)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    refused({ pathTemplate = "x" }, "rateController")
    refused(options(nil, nil, { type = "none-such" }), "none%-such")
    refused(options(nil, nil, { type = "fixed-load", opts = {} }), "pathTemplate needs <C>", { workers = 2, round = { number = 3 } })
    refused(options("XML"), "outputFormat")
    local sent = options()
    sent.times = "sent"
    refused(sent, "each worker knows its own sent times alone: pathTemplate needs <C>", { workers = 2, round = { number = 3 } })
    sent.times = "finished"
    refused(sent, "times: must be one of intended, sent")
    refused(options(nil, "no/such/folder/x"), "record%-rate: .*No such file")
  end)
end)
