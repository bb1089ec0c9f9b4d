-- Runs made ahead of their round, with a connector that is made for it: any connector can offer it.
local load = require("vernier.load")
local plugins = require("vernier.plugins")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")

-- Signs a request {n =} as a text, and keeps what it ran and what it was told to discard.
local function connector(more)
  local c = { name = "signer", signed = 0, ran = {}, discarded = 0 }
  function c:sign(request)
    if request.refuse then
      return nil, "refused on purpose"
    end
    self.signed = self.signed + 1
    return "signed " .. request.n
  end
  function c:run(request)
    self.ran[#self.ran + 1] = request
    return true
  end
  function c:discard()
    self.discarded = self.discarded + 1
  end
  for key, value in pairs(more or {}) do
    c[key] = value
  end
  return c
end

-- A load of a worker, one of `workers`; o: run, prepare, rate {type, opts}, number or duration, worker, workers, connector.
local function open(o)
  local log, found = {}, {}
  local made, message = load.new({
    name = "load", worker = o.worker or 0, workers = o.workers or 1, arguments = {}, seed = 1, workspace = ".",
    round = { index = 1, label = "r", number = not o.duration and (o.number or 10) or nil, duration = o.duration },
    workload = { run = o.run or function(_, ctx) ctx.sut:send({ n = ctx.index }) end },
    controller = assert(plugins.new("rate controller", o.rate and o.rate[1] or "fixed-rate", o.rate and o.rate[2] or { tps = 1e4 })),
    connector = o.connector or connector(), prepare = o.prepare or { sign = "memory" },
    late_after_ns = 1e9, max_in_flight = 100, catch_up = "all", on_error = "continue", drain_ns = 5e9, digits = 3,
    live_path = support.tmpdir() .. "/live",
    log = function(text)
      log[#log + 1] = text
    end,
    found = function(finding)
      found[#found + 1] = finding
    end,
  })
  return made, message, log, found
end

local function never()
end

-- Makes the runs and runs the load: its stats, what the connector ran, log and findings.
local function run(o)
  o.connector = o.connector or connector()
  local stats, log, found
  scheduler.run(function()
    local made, message
    made, message, log, found = open(o)
    assert(made, message)
    assert(made:prepare(never))
    assert.are.equal(0, #o.connector.ran)
    made:start(scheduler.now())
    stats = made._stats
    local ok, why = made:join()
    stats = { runs = stats.runs, ok = stats.ok, failed = stats.failed, joined = ok, why = why }
    made:free()
  end)
  return stats, o.connector.ran, log, found
end

-- Why the runs could not be made.
local function refusal(o)
  local message
  scheduler.run(function()
    local made, why = open(o)
    if made then
      local ok
      ok, why = made:prepare(o.stopping or never)
      assert.is_nil(ok)
      made:cancel()
      made:free()
    end
    message = why
  end)
  return message
end

describe("runs made ahead", function()
  for _, where in ipairs({ "memory", "file" }) do
    it("are sent in their order, each once, from " .. where, function()
      local path = support.tmpdir() .. "/signed"
      local c = connector()
      local stats, ran, log, found = run({ number = 300, connector = c, prepare = { sign = where, path = path } })
      assert.are.same({ 300, 300, 0 }, { stats.runs, stats.ok, stats.failed })
      for i = 1, 300 do
        assert.are.equal("signed " .. i - 1, ran[i])
      end
      assert.are.same({ 300, 1 }, { c.signed, c.discarded })
      assert.are.equal(1, #log)
      assert.matches("made 300 runs with 300 transactions", log[1])
      assert.are.same({}, found)
      assert.is_nil(io.open(path))
    end)
  end

  it("have the index, the random numbers and the operation that they have in the round", function()
    local function workload(_, ctx)
      ctx.sut:send({ n = ctx.index .. " " .. ctx.random(1, 1e9) }, { operation = "op" .. ctx.index % 2 })
    end
    local _, ran = run({ run = workload, worker = 1, workers = 3, number = 20 })
    assert.are.equal(7, #ran)
    assert.matches("^signed 1 ", ran[1])
    assert.matches("^signed 19 ", ran[7])
    local _, late = run({ run = workload, worker = 1, workers = 3, number = 20, prepare = { sign = "memory", number = 1 },
      connector = connector({ run = function(self, request)
        self.ran[#self.ran + 1] = "signed " .. request.n
        return true
      end }) })
    assert.are.same(ran, late)
  end)

  it("may send nothing, or a list in parallel", function()
    local _, ran = run({ number = 6, run = function(_, ctx)
      local n = ctx.index
      if n % 3 == 1 then
        assert(#ctx.sut:send({ { n = n }, { n = n + 100 }, { n = n + 200 } }) == 3)
      elseif n % 3 == 2 then
        assert(ctx.sut:send({ n = n }))
      end
    end })
    assert.are.same({ "signed 1", "signed 101", "signed 201", "signed 2", "signed 4", "signed 104", "signed 204", "signed 5" }, ran)
  end)

  it("that are used up are told, and the workload goes on with the indices behind them", function()
    local stats, ran, log, found = run({ number = 10, prepare = { sign = "memory", number = 4 } })
    assert.are.equal(10, stats.ok)
    assert.are.equal("signed 3", ran[4])
    assert.are.same({ n = 4 }, ran[5])
    assert.are.same({ n = 9 }, ran[10])
    assert.matches("4 runs .* used up", log[2])
    assert.are.same({ "prepare", "used up", 6 }, { found[1].name, found[1].outcome, found[1].value })
    assert.matches("the 4 runs .* 6 more", found[1].text)
  end)

  it("that were not needed are told, and the connector discards them", function()
    local c = connector()
    local _, ran, log, found = run({ duration = 0.02, rate = { "fixed-load", { transactionLoad = 1, thinkTime = 0.005 } },
      prepare = { sign = "memory", number = 1000 }, connector = c })
    assert.is_true(#ran > 0 and #ran < 1000)
    assert.matches(("%d of the 1000 runs"):format(1000 - #ran), log[2])
    assert.are.same({ 1, {} }, { c.discarded, found })
  end)

  it("are as many as are due in a round by duration, where that is known", function()
    for _, case in ipairs({ { { "fixed-rate", { tps = 1000 } }, 34, 33, 33 }, { { "zero-rate", {} }, 0, 0, 0 },
      { { "linear-rate", { startingTps = 0, finishingTps = 2000 } }, 34, 33, 33 },
      { { "record-rate", { rateController = { type = "fixed-rate", opts = { tps = 1000 } }, pathTemplate = "/x/<C>" } }, 34, 33, 33 } })
    do
      for worker = 0, 2 do
        local made = assert(open({ rate = case[1], duration = 0.1, worker = worker, workers = 3 }))
        assert.are.equal(case[2 + worker], made._ahead.runs, case[1][1])
        made:free()
      end
    end
  end)

  it("need a number where it is not", function()
    for _, rate in ipairs({ { "fixed-load", { transactionLoad = 1 } }, { "poisson", { tps = 10 } } }) do
      local message = refusal({ rate = rate, duration = 1 })
      assert.are.equal("prepare: needs a number: how many runs there will be is not known before "
        .. "(write prepare: {sign: memory, number: N})", message)
    end
    assert.is_nil((refusal({ connector = connector({ sign = false }) })):match("number"))
  end)

  it("need a connector that can sign", function()
    assert.matches("connector signer cannot sign ahead", refusal({ connector = connector({ sign = false }) }))
  end)

  it("cannot use a result, send twice, wait, or be refused; the message names the run", function()
    for wanted, hook in pairs({
      ["ahead_spec.lua:%d+: .*cannot use the result"] = function(_, ctx)
        return ctx.sut:send({ n = 1 }).hash
      end,
      ["can send once"] = function(_, ctx)
        ctx.sut:send({ n = 1 })
        ctx.sut:send({ n = 2 })
      end,
      ["ahead_spec.lua:%d+: .*cannot wait"] = function(_, ctx)
        ctx:sleep(1)
      end,
      ["cannot be signed: refused on purpose"] = function(_, ctx)
        ctx.sut:send({ refuse = true })
      end,
      ["a slip"] = function()
        error("a slip", 0)
      end,
    }) do
      local c = connector()
      local message = refusal({ connector = c, run = function(self, ctx)
        if ctx.index == 3 then
          return hook(self, ctx)
        end
        ctx.sut:send({ n = ctx.index })
      end })
      assert.matches("^prepare: run 3: ", message)
      assert.matches(wanted, message)
      assert.are.same({ 1, {} }, { c.discarded, c.ran })
    end
  end)

  it("end where a file cannot be made or written", function()
    assert.matches("cannot be kept: .*no/such/folder", refusal({ prepare = { sign = "file", path = "/no/such/folder/x" } }))
  end)

  it("end where they are stopped, and let the loop turn meanwhile", function()
    local turns = 0
    local message = refusal({ number = 1e9, stopping = function()
      turns = turns + 1
      return turns > 3 and "enough" or nil
    end })
    assert.are.equal("was stopped: enough", message)
  end)

  it("that cannot be read again end the load", function()
    local c = connector()
    scheduler.run(function()
      local made = assert(open({ connector = c, number = 5000, prepare = { sign = "file", path = support.tmpdir() .. "/x" } }))
      assert(made:prepare(never))
      made._ahead._spool._file:seek("end")
      made:start(scheduler.now())
      local ok, why = made:join()
      assert.is_nil(ok)
      assert.matches("what was signed ahead cannot be read", why)
      made:free()
    end)
    assert.are.same({}, c.ran)
  end)
end)
