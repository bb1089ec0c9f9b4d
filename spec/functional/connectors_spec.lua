-- Connectors through whole runs: noop, and connectors that the spec writes, as a user would.
local bench = require("spec.support.bench")
local support = require("spec.support")

local MS, S = 1e6, 1e9

local function run(o)
  local dir = bench.workspace({ workers = o.workers, rounds = o.rounds, workload = o.workload, network = o.network,
    files = { ["connector.lua"] = o.connector } })
  local r = bench.run(dir, o.options)
  assert.are.equal(o.status or 0, r.status, r.stdout .. r.stderr)
  local summary, folder = support.summary(dir)
  return summary.tests[1], r, folder, dir
end

local function own(o)
  o.network = "caliper: {connector: ./connector.lua}\n" .. (o.network or "")
  return run(o)
end

local function classes(test)
  local counts = {}
  for _, e in ipairs(test.errors) do
    counts[e.class] = (counts[e.class] or 0) + e.count
  end
  return counts
end

local function between(low, value, high, what)
  assert.is_true(low <= value and value <= high, ("%s: %g is not in [%g, %g]"):format(what, value, low, high))
end

describe("noop", function()
  it("answers at once", function()
    local test = run({ workers = 2, rounds = bench.round({ number = 1000, tps = 2000 }) })
    assert.are.same({ 1000, 1000, 0 }, { test.runs, test.ok, test.failed })
    assert.is_true(test.service_time_ns.p50 < 1 * MS)
  end)

  it("takes the service time that it is told to", function()
    local test = run({ network = "caliper: {connector: noop}\nnoop: {latency: uniform 10ms 30ms}\n",
      rounds = bench.round({ number = 400, tps = 800 }) })
    between(10 * MS, test.service_time_ns.min, 12 * MS, "min")
    between(18 * MS, test.service_time_ns.p50, 26 * MS, "p50")
    between(26 * MS, test.service_time_ns.p90, 40 * MS, "p90")
  end)

  it("fails a share of the requests, the same ones for the same seed", function()
    local failed = {}
    for i, seed in ipairs({ 11, 11, 12 }) do
      local test = run({ network = "caliper: {connector: noop}\nnoop: {failureRate: 0.3}\n", options = { "--vernier-seed", seed },
        rounds = bench.round({ number = 1000, tps = 5000 }) })
      assert.are.equal(1000, test.ok + test.failed)
      assert.are.same({ status = test.failed }, classes(test))
      -- Four standard deviations.
      between(300 - 58, test.failed, 300 + 58, "failures")
      failed[i] = test.failed
    end
    assert.are.equal(failed[1], failed[2])
  end)

  it("refuses options that it does not have", function()
    local dir = bench.workspace({ network = "caliper: {connector: noop}\nnoop: {latencies: 5ms}\n" })
    local r = bench.run(dir)
    assert.are.equal(2, r.status)
    assert.matches("network%.yaml:2:%d+: .*latencies.*latency", r.stderr)
  end)
end)

-- A ledger: what is submitted waits for a block, and one event confirms the whole block.
local LEDGER = [[
  local scheduler = require("vernier.scheduler")
  local M = {}

  function M:init(ctx)
    self.ctx, self.sent = ctx, 0
  end

  -- The block comes 100 ms after its last transaction; it is seen 50 ms after it came.
  function M:cut()
    local came = scheduler.now() + 100e6
    scheduler.at(came + 50e6, function()
      local n = self.ctx:wake("block", { number = 1 }, came)
      local f = io.open(self.ctx.workspace .. "/woken.txt", "w")
      f:write(n, "\n")
      f:close()
    end)
  end

  function M:run(_, tx)
    self.sent = self.sent + 1
    if self.sent == 1000 then
      self:cut()
    end
    local block, at = self.ctx:wait("block", 30)
    if not block then
      return nil, "not confirmed", "timeout"
    end
    tx.finished_ns = at
    return block
  end

  return M]]

describe("a connector whose transactions are confirmed by one later event", function()
  local SEND = [[return { run = function(_, ctx)
    local block = ctx.sut:send({}, { operation = "submit" })
    assert(block.number == 1)
  end }]]

  it("resumes all 1,000, each with the finish time of the event", function()
    local test, _, _, dir = own({ connector = LEDGER, workload = SEND, rounds = bench.round({ number = 1000, tps = 2000 }) })
    assert.are.same({ 1000, 1000, 0 }, { test.submitted, test.ok, test.failed })
    assert.are.equal("1000\n", support.read_file(dir .. "/woken.txt"))
    -- One finish for all: response times differ by what the schedule put between the intended times, exactly.
    local response = test.response_time_ns
    between(999 * 0.5 * MS - 1000, response.max - response.min, 999 * 0.5 * MS + 1000, "from first to last")
    -- The median is the one in the middle of the schedule; the histogram rounds up by 0.1 % at most.
    local middle = (response.max + response.min) / 2
    between(middle - 1 * MS, response.p50, middle * 1.001 + 1 * MS, "p50")
    between(100 * MS, test.service_time_ns.min, 150 * MS, "the last one, without the 50 ms of waiting to be seen")
    between(response.max - 50 * MS, test.service_time_ns.max, response.max, "the first one")
    local seconds = test.submitted / test.throughput
    between(response.max / S - 0.001, seconds, response.max / S + 0.001, "the round's length")
  end)

  it("times out those that no event confirms", function()
    local test = own({ connector = LEDGER:gsub("30%)", "0.2)"), rounds = bench.round({ number = 50, tps = 500 }), status = 3 })
    assert.are.same({ 50, 0, { timeout = 50 } }, { test.submitted, test.ok, classes(test) })
  end)

  it("leaves them unfinished at the end of the drain", function()
    local test = own({ connector = LEDGER, rounds = bench.round({ number = 50, tps = 100, extra = "drain: 300ms" }), status = 3 })
    assert.are.same({ 50, 50, 0 }, { test.submitted, test.unfinished, test.failed })
    assert.is_true(test.seconds < 3)
  end)
end)

describe("a connector in Lua", function()
  it("has error classes of its own, with counts and messages", function()
    local test, r, folder = own({ rounds = bench.round({ number = 100, tps = 1000 }), connector = [[
      local M = { n = 0 }
      function M:run()
        self.n = self.n + 1
        if self.n % 10 == 0 then
          return nil, "phantom read of key " .. self.n % 20, "mvcc-conflict"
        elseif self.n % 25 == 0 then
          return nil
        end
        return { n = self.n }
      end
      return M]] })
    assert.are.same({ 88, 12 }, { test.ok, test.failed })
    assert.are.same({ ["mvcc-conflict"] = 10, check = 2 }, classes(test))
    assert.are.same({ "mvcc-conflict", 5 }, { test.errors[1].class, test.errors[1].count })
    assert.matches("phantom read of key", test.errors[1].message)
    assert.matches("5 x mvcc%-conflict: phantom read of key", r.stdout)
    assert.matches("mvcc%-conflict", support.read_file(folder .. "/report.html"))
  end)

  it("that throws fails the transaction, with its message, and the round goes on", function()
    local test, r = own({ rounds = bench.round({ number = 40, tps = 400 }), connector = [[
      local M = { n = 0 }
      function M:run(request, tx)
        self.n = self.n + 1
        if self.n % 4 == 0 then
          local nothing
          return nothing.field
        end
        return true
      end
      return M]] })
    assert.are.same({ 40, 30, 10, 0 }, { test.submitted, test.ok, test.failed, test.unfinished })
    assert.are.same({ workload = 10 }, classes(test))
    assert.matches("connector.lua:6: attempt to index local 'nothing'", test.errors[1].message)
    assert.matches("connector.lua:6: attempt to index local 'nothing'", r.stdout)
  end)

  it("that throws after it has waited, too", function()
    local test = own({ workers = 2, rounds = bench.round({ number = 40, tps = 400 }), connector = [[
      local M = {}
      function M:init(ctx) self.ctx = ctx end
      function M:run()
        self.ctx:sleep(0.01)
        error("lost on the way", 0)
      end
      return M]], status = 3 })
    assert.are.same({ 40, 0, 40, 0 }, { test.submitted, test.ok, test.failed, test.unfinished })
    assert.are.same({ workload = 40 }, classes(test))
  end)

  it("sets the stamps that it knows better", function()
    local test = own({ rounds = bench.round({ number = 50, tps = 500 }), connector = [[
      local scheduler = require("vernier.scheduler")
      local M = {}
      function M:init(ctx) self.ctx = ctx end
      function M:run(_, tx)
        local called = scheduler.now()
        self.ctx:sleep(0.03)
        tx.sent_ns, tx.finished_ns = called + 10e6, called + 25e6
        return true
      end
      return M]] })
    assert.are.same({ 15 * MS, 15 * MS }, { test.service_time_ns.min, test.service_time_ns.max })
    between(10 * MS, test.blocked_ns.min, 11 * MS, "blocked")
    between(25 * MS, test.response_time_ns.p50, 29.9 * MS, "response")
  end)

  it("sends in parallel: a transaction each, results in order", function()
    local test = own({ rounds = bench.round({ number = 30, tps = 300 }), connector = [[
      local M = {}
      function M:init(ctx) self.ctx = ctx end
      function M:run(request)
        self.ctx:sleep(0.02 - request.n / 1000)
        if request.n == 3 then
          return nil, "three", "unlucky"
        end
        return { n = request.n }
      end
      return M]], workload = [[return { run = function(_, ctx)
        local r = ctx.sut:send({ { n = 1 }, { n = 2 }, { n = 3 } })
        assert(r[1].n == 1 and r[2].n == 2 and r[3].error == "three" and r[3].class == "unlucky")
      end }]] })
    assert.are.same({ 30, 90, 60, 30 }, { test.runs, test.submitted, test.ok, test.failed })
    assert.are.same({ unlucky = 30 }, classes(test))
    assert.is_true(test.service_time_ns.p50 < 40 * MS, "one after the other")
  end)

  it("has its hooks called where and when it is written, and nothing of init and end is counted", function()
    local test, _, _, dir = own({ workers = 2, rounds = bench.round({ number = 20, tps = 400 }), connector = [[
      local M = {}
      local function note(ctx, text)
        local f = io.open(ctx.workspace .. "/" .. ctx.where .. ctx.worker .. ".txt", "a")
        f:write(text, "\n")
        f:close()
      end
      function M:init(ctx) self.ctx = ctx note(ctx, "init") end
      function M:setup(ctx) note(ctx, "setup") end
      function M:install(ctx) note(ctx, "install") end
      function M:open(round) note(self.ctx, "open " .. round.label) end
      function M:close(round) note(self.ctx, "close " .. round.label) end
      function M:run() return true end
      function M:finish(ctx) note(ctx, "finish") end
      return M]], workload = [[return {
        init = function(_, ctx) ctx.sut:send({}) end,
        run = function(_, ctx) ctx.sut:send({}) end,
        finish = function(_, ctx) ctx.sut:send({}) end,
      }]] })
    assert.are.equal(20, test.submitted)
    assert.are.equal("init\nsetup\ninstall\nfinish\n", support.read_file(dir .. "/manager-1.txt"))
    for worker = 0, 1 do
      assert.are.equal("init\nopen r\nclose r\nfinish\n", support.read_file(("%s/worker%d.txt"):format(dir, worker)))
    end
  end)
end)

describe("secrets of a connector's options", function()
  it("reach the connector, and no file of the run and nothing that is printed", function()
    local secret, password = "s3cr3t-of-the-spec", "hunter2-of-the-spec"
    local _, r, folder, dir = own({ workers = 2, rounds = bench.round({ number = 10, tps = 200 }), connector = [[
      local M = { options = {
        plain = { type = "string" },
        apiKey = { type = "string", secret = true },
        door = { type = "string", secret = true },
      } }
      function M:init() assert(self.options.apiKey:find("s3cr3t") and self.options.door:find("hunter2")) end
      function M:run() return { answer = 42 } end
      return M]], network = ("connector: {plain: visible, apiKey: %s, door: %s}\n"):format(secret, password) })
    assert.is_truthy(support.read_file(dir .. "/network.yaml"):find(secret, 1, true))
    local grep = support.run({ "grep", "-rlE", secret .. "|" .. password, folder, dir .. "/report.html" })
    assert.are.same({ 1, "" }, { grep.status, grep.stdout })
    assert.is_nil((r.stdout .. r.stderr):find(secret, 1, true))
    assert.is_nil((r.stdout .. r.stderr):find(password, 1, true))
    local all = support.run({ "grep", "-rl", "spec", folder, dir .. "/report.html" })
    assert.matches("manager%.journal.*report%.html", (all.stdout:gsub("\n", " ")))
  end)

  it("in what is wrong with them neither", function()
    local dir = bench.workspace({ network = "caliper: {connector: ./c.lua}\nc: {apiKey: {value: s3cr3t-of-the-spec}}\n",
      files = { ["c.lua"] = 'return { options = { apiKey = { type = "string", secret = true } }, run = function() return 1 end }' } })
    local r = bench.run(dir)
    assert.is_true(r.status ~= 0)
    assert.is_nil((r.stdout .. r.stderr):find("s3cr3t", 1, true), r.stderr)
  end)
end)
