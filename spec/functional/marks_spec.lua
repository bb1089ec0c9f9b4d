-- Marks of transactions through whole runs, made by connectors as a user would write them.
local bench = require("spec.support.bench")
local support = require("spec.support")

local MS = 1e6

local function workspace(o)
  return bench.workspace({ workers = o.workers, rounds = o.rounds, workload = o.workload,
    network = "caliper: {connector: ./connector.lua}\n", files = { ["connector.lua"] = o.connector } })
end

local function run(o)
  local dir = workspace(o)
  local r = bench.run(dir, o.options)
  assert.are.equal(o.status or 0, r.status, r.stdout .. r.stderr)
  local summary, folder = support.summary(dir)
  return summary, r, folder
end

local function between(low, value, high, what)
  assert.is_true(low <= value and value <= high, ("%s: %g is not in [%g, %g]"):format(what, value, low, high))
end

local function by_name(operation)
  local marks = {}
  for _, mark in ipairs(operation.marks or {}) do
    marks[mark.name] = mark
  end
  return marks
end

-- Accepted after 20 ms, included after 50 with the stamp of somebody else; every fourth fails in between.
local CHAIN = [[
local scheduler = require("vernier.scheduler")
local M = {}
function M:init(ctx) self.ctx = ctx end
function M:run(request, tx)
  self.ctx:sleep(0.02)
  tx:mark("accepted")
  if request.n % 4 == 0 then
    return nil, "reverted", "check"
  end
  self.ctx:sleep(0.03)
  local at = scheduler.now()
  self.ctx:sleep(0.02)
  tx:mark("included", at)
  return true
end
return M
]]

describe("a connector that marks its transactions", function()
  it("has the time to each mark in the report, of failed transactions, too", function()
    local summary, r, folder = run({ workers = 2, connector = CHAIN, rounds = bench.round({ label = "open", number = 200, tps = 400 }) })
    local test = summary.tests[1]
    local operation = test.operations[1]
    assert.are.same({ 200, 150, 50 }, { test.submitted, test.ok, test.failed })
    assert.are.same({ 2, "accepted", "included" }, { #operation.marks, operation.marks[1].name, operation.marks[2].name })
    local marks = by_name(operation)
    assert.are.same({ 200, 150 }, { marks.accepted.count, marks.included.count })
    between(20 * MS, marks.accepted.service_time_ns.min, 25 * MS, "accepted")
    between(50 * MS, marks.included.service_time_ns.min, 60 * MS, "included")
    between(70 * MS, operation.service_time_ns.min, 85 * MS, "finished")
    between(50 * MS, marks.included.service_time_ns.p50, operation.service_time_ns.p50 - 15 * MS, "the stamp that was given")
    for name, mark in pairs(marks) do
      assert.is_true(mark.response_time_ns.mean >= mark.service_time_ns.mean, name)
    end
    assert.are.equal(150, math.floor(operation.ok))
    assert.matches("\n|   accepted +| response |", r.stdout)
    assert.matches("<h3>Marks</h3>", support.read_file(folder .. "/report.html"), 1, true)
    local before = support.read_file(folder .. "/summary.json")
    assert.are.equal(0, support.vernier({ "report", folder }).status)
    assert.are.equal(before, support.read_file(folder .. "/summary.json"))
  end)

  it("may do so from elsewhere, for transactions that wait, also in parallel", function()
    local summary = run({ connector = [[
      local scheduler = require("vernier.scheduler")
      local M = {}
      function M:init(ctx) self.ctx, self.waiting = ctx, {} end
      local function block(self, at)
        for n, tx in pairs(self.waiting) do
          tx:mark("included", at)
          self.waiting[n] = nil
          self.ctx:wake(n, true, at)
        end
      end
      function M:run(request, tx)
        if not next(self.waiting) then
          local at = scheduler.now() + 30e6
          scheduler.at(at, function() block(self, scheduler.now()) end)
        end
        self.last = (self.last or 0) + 1
        local n = self.last
        self.waiting[n] = tx
        local ok, at = self.ctx:wait(n)
        tx.finished_ns = at
        return ok
      end
      return M]], workload = [[return { run = function(_, ctx)
        ctx.sut:send({ { n = 1 }, { n = 2 } }, { operation = "two" })
        ctx.sut:send({}, { operation = "one" })
      end }]], rounds = bench.round({ number = 100, tps = 400 }) })
    local test = summary.tests[1]
    assert.are.same({ 300, 300 }, { test.submitted, test.ok })
    for name, n in pairs({ one = 100, two = 200 }) do
      local operation = bench.operation(test, name)
      local included = by_name(operation).included
      assert.are.same({ n, n }, { operation.ok, included.count })
      for _, clock in ipairs({ "response_time_ns", "service_time_ns" }) do
        assert.are.same(operation[clock], included[clock], name .. " " .. clock)
      end
    end
  end)

  it("marks nobody else's transaction when it is late: that is an error", function()
    local summary, r = run({ connector = [[
      local M = {}
      function M:init(ctx) self.ctx = ctx end
      function M:run(request, tx)
        local old = self.old
        self.old = tx
        if request.n == 40 then
          old:mark("late")
        elseif request.n > 20 then
          tx:mark("accepted")
        end
        return true
      end
      return M]], rounds = bench.round({ number = 60, load = 1 }) })
    local test = summary.tests[1]
    assert.are.same({ 60, 59, 1 }, { test.submitted, test.ok, test.failed })
    assert.matches('connector.lua:%d+: tx:mark%("late"%): its transaction is over', test.errors[1].message)
    local marks = by_name(test.operations[1])
    assert.is_nil(marks.late)
    assert.are.equal(38, marks.accepted.count) -- 21 to 59 without 40
    assert.matches("its transaction is over", r.stdout)
  end)

  it("marks nothing in a later round that its round has left behind", function()
    local summary = run({ connector = [[
      local M = {}
      function M:init(ctx) self.ctx = ctx end
      function M:open(round) self.slow = round.label == "slow" end
      function M:run(_, tx)
        local slow = self.slow
        self.ctx:sleep(slow and 1 or 0.02)
        tx:mark(slow and "slow" or "quick")
        tx.sent_ns = slow and 1 or tx.sent_ns
        return true
      end
      return M]], rounds = bench.round({ label = "slow", number = 20, tps = 400 })
        .. bench.round({ label = "quick", duration = 2, tps = 100 }), options = { "--vernier-drain", "0.2s" }, status = 3 })
    local slow, quick = bench.test_of(summary, "slow"), bench.test_of(summary, "quick")
    assert.are.same({ 20, 20 }, { slow.submitted, slow.unfinished })
    assert.is_nil(slow.operations[1].marks)
    assert.are.same({ 200, 200 }, { quick.submitted, quick.ok })
    assert.are.same({ 1, 200 }, { #quick.operations[1].marks, by_name(quick.operations[1]).quick.count })
    between(20 * MS, quick.service_time_ns.max, 500 * MS, "nobody's stamp")
  end)

  it("is not measured in init and end", function()
    local summary = run({ connector = CHAIN, workload = [[return {
      init = function(_, ctx) ctx.sut:send({ n = 1 }) end,
      run = function(_, ctx) ctx.sut:send({ n = 1 }) end,
      ["end"] = function(_, ctx) ctx.sut:send({ n = 1 }) end,
    }]], rounds = bench.round({ number = 10, tps = 100 }) })
    assert.are.equal(10, by_name(summary.tests[1].operations[1]).accepted.count)
  end)
end)

describe("a worker that is killed", function()
  it("leaves the marks of all that it has sent", function()
    local dir = workspace({ workers = 2, connector = [[
      local M = {}
      function M:init(ctx) self.ctx = ctx end
      function M:run(request, tx)
        tx:mark("accepted")
        if self.ctx.worker == 1 and request.n == 51 then
          io.open("stuck", "w"):close()
        end
        self.ctx:sleep(request.n > 40 and 60 or 0.01)
        return true
      end
      return M]], rounds = bench.round({ number = 60, tps = 60 }) })
    local running = bench.start(dir, { "--vernier-worker-timeout", "1s", "--vernier-drain", "1s" })
    support.wait_for(function()
      local f = io.open(dir .. "/stuck")
      return f and f:close()
    end, 15, "its transactions")
    os.execute("kill -KILL " .. bench.worker_pid(running, 1))
    assert.is_truthy(running:wait(15), "the run goes on for ever")
    local test = support.summary(dir).tests[1]
    bench.conserved(test)
    assert.are.equal("lost", test.workers[2].status)
    assert.are.equal(test.submitted, by_name(test.operations[1]).accepted.count)
    between(1, test.unfinished, 20, "unfinished")
    bench.assert_no_orphans(running.mark)
  end)
end)
