-- Workloads: what goes wrong in them, what their context holds, how runs are counted and divided, and what is
-- refused before anything starts.
local bench = require("spec.support.bench")
local support = require("spec.support")

local function run(o, words)
  local dir = bench.workspace(o)
  local r = bench.run(dir, words)
  return r, dir
end

local function first_test(o, words)
  local r, dir = run(o, words)
  assert.are.equal(0, r.status, r.stderr)
  return support.summary(dir).tests[1], dir, r
end

local function lines_of(path)
  local list = {}
  for line in support.read_file(path):gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

local function round(o)
  o.tps = o.tps or 1000
  return bench.round(o)
end

-- A workload that appends a line per call to notes.txt: body gives the text.
local function noting(body, more)
  return ([[
    local M = %s
    function M:run(ctx)
      local f = io.open("notes.txt", "a")
      f:write(%s, "\n")
      f:close()
      ctx.sut:send({})
    end
    return M]]):format(more or "{}", body)
end

describe("an error in run", function()
  local FAILING = [[return { run = function(_, ctx)
    if ctx.index % 5 == 2 then error("account " .. (ctx.index < 10 and "missing" or "locked")) end
    ctx.sut:send({})
  end }]]

  it("is a failed transaction of class workload with its place and traceback; the round goes on", function()
    local test = first_test({ rounds = round({ number = 50 }), workload = FAILING })
    assert.are.same({ "ok", 50, 50, 40, 10 }, { test.status, test.runs, test.submitted, test.ok, test.failed })
    local counts = {}
    for _, err in ipairs(test.errors) do
      assert.are.equal("workload", err.class)
      assert.matches("workload.lua:2: account ", err.message)
      assert.matches("stack traceback:", err.message, 1, true)
      counts[err.message:match("account %a+")] = err.count
    end
    assert.are.same({ ["account missing"] = 2, ["account locked"] = 8 }, counts)
  end)

  it("after a send counts only once more: the send stays what it was", function()
    local test = first_test({ rounds = round({ number = 10 }),
      workload = "return { run = function(_, ctx) ctx.sut:send({}) if ctx.index == 0 then error('late') end end }" })
    assert.are.same({ 10, 11, 10, 1 }, { test.runs, test.submitted, test.ok, test.failed })
  end)

  it("with onError: stop ends the round as failed, and the next one runs", function()
    local r, dir = run({ workers = 2, workload = FAILING,
      rounds = round({ label = "a", duration = 20, tps = 50, extra = "onError: stop" })
        .. round({ label = "b", number = 2 }) })
    assert.are.equal(3, r.status)
    assert.is_true(r.seconds < 10)
    local tests = support.summary(dir).tests
    assert.are.same({ "failed", "ok" }, { tests[1].status, tests[2].status })
    assert.matches("the workload failed: .*workload.lua:2: account missing", tests[1].reasons[1])
    assert.matches("round a failed: .*account missing", r.stderr)
  end)

  it("that fails a round with onFailure: stop ends the run", function()
    local r, dir = run({ workload = FAILING, rounds = round({ label = "a", number = 100, extra = "onError: stop\nonFailure: stop" })
      .. round({ label = "b", number = 2 }) })
    assert.are.equal(3, r.status)
    assert.are.equal(1, #support.summary(dir).tests)
  end)

  it("of every run fails the round", function()
    local r, dir = run({ rounds = round({ number = 20 }), workload = "return { run = function() error('always', 0) end }" })
    assert.are.equal(3, r.status)
    local test = support.summary(dir).tests[1]
    assert.are.same({ "failed", 20, 0, 20 }, { test.status, test.submitted, test.ok, test.failed })
    assert.matches("none of 20 transactions succeeded", r.stderr, 1, true)
  end)

  it("may be any value", function()
    local test = first_test({ rounds = round({ number = 20 }), workload = [[return { run = function(_, ctx)
      if ctx.index == 0 then error({ code = 7 }) elseif ctx.index == 1 then error() end
      ctx.sut:send({})
    end }]] })
    assert.are.same({ 18, 2 }, { test.ok, test.failed })
  end)

  it("of more than 100 messages is kept in bounded memory, and counted exactly", function()
    local test = first_test({ rounds = round({ number = 500 }),
      workload = "return { run = function(_, ctx) if ctx.index > 0 then error('m' .. ctx.index, 0) end ctx.sut:send({}) end }" })
    assert.are.equal(499, test.failed)
    local sum = 0
    for _, err in ipairs(test.errors) do
      sum = sum + err.count
    end
    assert.are.equal(499, sum)
    assert.is_true(#test.errors <= 101, #test.errors)
  end)
end)

describe("an error in", function()
  for hook, status in pairs({ init = "failed", ["end"] = "ok" }) do
    it(hook .. ": round " .. status .. ", with the reason", function()
      local r, dir = run({ rounds = round({ number = 5 }), workload = ([[
        return { ["%s"] = function() error("bad hook") end, run = function(_, ctx) ctx.sut:send({}) end }]]):format(hook) })
      assert.are.equal(status == "ok" and 0 or 3, r.status)
      assert.matches("workload.lua:1: bad hook", r.stderr, 1, true)
      assert.are.equal(status, support.summary(dir).tests[1].status)
    end)
  end
end)

describe("the context of a workload", function()
  it("holds worker, workers, round and arguments", function()
    local _, dir = first_test({ workers = 2, rounds = round({ label = "first", number = 2 })
      .. round({ label = "second", duration = 0.4, tps = 10, arguments = "{accounts: 7, names: [x, y], deep: {z: true}}" }),
      workload = noting([[("%d/%d %d %s %s %s %s"):format(ctx.worker, ctx.workers, ctx.round.index, ctx.round.label,
        tostring(ctx.round.number), tostring(ctx.round.duration),
        ctx.arguments.accounts and ctx.arguments.accounts .. ctx.arguments.names[2] .. tostring(ctx.arguments.deep.z) or "none")]]) })
    local seen = {}
    for _, line in ipairs(lines_of(dir .. "/notes.txt")) do
      seen[line] = (seen[line] or 0) + 1
    end
    assert.are.same({ ["0/2 1 first 2 nil none"] = 1, ["1/2 1 first 2 nil none"] = 1,
      ["0/2 2 second nil 0.4 7ytrue"] = 2, ["1/2 2 second nil 0.4 7ytrue"] = 2 }, seen)
  end)

  it("gives the arguments as declared where the workload declares options", function()
    local declared = "{ options = { accounts = { type = 'integer', default = 5, min = 1 } } }"
    local _, dir = first_test({ rounds = round({ number = 1 }), workload = noting("ctx.arguments.accounts", declared) })
    assert.are.same({ "5" }, lines_of(dir .. "/notes.txt"))
    local r
    r, dir = run({ rounds = round({ number = 1, arguments = "{accouns: 3}" }), workload = noting("1", declared) })
    assert.are.equal(2, r.status)
    assert.matches("benchmark.yaml:5:%d+: .*accouns.*did you mean accounts", r.stderr)
    assert.are.same({}, support.runs(dir))
  end)

  local RANDOM = noting('ctx.index, " ", ctx.random(1000000), " ", ctx.random(5, 9), " ", ("%.9f"):format(ctx.random()), " ", '
    .. '("%.6f"):format(ctx.random:exponential(3))')

  local function plan(workers, seed)
    local _, dir = first_test({ workers = workers, rounds = round({ number = 20 }), workload = RANDOM }, { "--seed", tostring(seed) })
    local list = lines_of(dir .. "/notes.txt")
    table.sort(list)
    return list
  end

  it("draws the same numbers by the same seed, for any number of workers", function()
    local one = plan(1, 42)
    assert.are.equal(20, #one)
    assert.are.same(one, plan(1, 42))
    assert.are.same(one, plan(3, 42))
    assert.are_not.same(one, plan(1, 43))
    assert.are_not.equal(one[1]:match(" .*"), one[2]:match(" .*"))
  end)

  it("sleeps without stopping the others, and times in ctx are the run's", function()
    local test = first_test({ rounds = round({ number = 20, tps = 100 }),
      workload = "return { run = function(_, ctx) ctx:sleep(0.3) ctx.sut:send({}) end }" })
    assert.are.equal(20, test.ok)
    assert.is_true(test.seconds < 1.5, test.seconds)
    assert.is_true(test.response_time_ns.min >= 300e6)
    assert.is_true(test.service_time_ns.p50 < 100e6)
  end)

  it("shares totals exactly, and a table among the runs of a load", function()
    local _, dir = first_test({ workers = 3, rounds = round({ number = 3 }), workload = [[
      local M = {}
      function M:run(ctx)
        ctx.shared.n = (ctx.shared.n or 0) + 1
        local f = io.open("notes.txt", "a") f:write(ctx:share(10), " ", ctx.shared.n, "\n") f:close()
        ctx.sut:send({})
      end
      return M]] })
    local list = lines_of(dir .. "/notes.txt")
    table.sort(list)
    assert.are.same({ "3 1", "3 1", "4 1" }, list)
  end)
end)

describe("sends", function()
  it("in init and end are neither timed nor counted", function()
    local test, dir = first_test({ rounds = round({ number = 10 }), workload = [[
      local function ten(_, ctx)
        local f = io.open("notes.txt", "a")
        for i = 1, 10 do f:write(tostring(ctx.sut:send({ i }, { operation = "untimed" }) ~= nil), "\n") end
        f:close()
      end
      return { init = ten, finish = ten, run = function(_, ctx) ctx.sut:send({}) end }]] })
    assert.are.equal(20, #lines_of(dir .. "/notes.txt"))
    assert.are.same({ 10, 10, 10 }, { test.runs, test.submitted, test.ok })
    assert.are.same({ "default" }, { test.operations[1].name, test.operations[2] and test.operations[2].name })
  end)

  it("of a list go in parallel, a transaction each, with results in their order", function()
    local test, dir = first_test({ rounds = round({ number = 5, tps = 100 }),
      network = "caliper: {connector: ./c.lua}\n",
      files = { ["c.lua"] = [[return {
        init = function(self, ctx) self.ctx = ctx end,
        run = function(self, request)
          self.ctx:sleep(request.s)
          if request.fail then return nil, "no " .. request.s, "check" end
          return { s = request.s }
        end }]] },
      workload = [[return { run = function(_, ctx)
        local r = ctx.sut:send({ { s = 0.6 }, { s = 0.5 }, { s = 0.4, fail = true } }, { operation = "many" })
        local f = io.open("notes.txt", "a") f:write(r[1].s, " ", r[2].s, " ", r[3].error, " ", r[3].class, "\n") f:close()
      end }]] })
    assert.are.same({ 5, 15, 10, 5 }, { test.runs, test.submitted, test.ok, test.failed })
    for _, line in ipairs(lines_of(dir .. "/notes.txt")) do
      assert.are.equal("0.6 0.5 no 0.4 check", line)
    end
    assert.is_true(test.seconds < 1.4, test.seconds) -- one after the other they take 1.5
    assert.are.same({ "check", "no 0.4", 5 }, { test.errors[1].class, test.errors[1].message, test.errors[1].count })
  end)

  it("none at all: an empty run", function()
    local test = first_test({ rounds = round({ number = 10 }),
      workload = "return { run = function(_, ctx) if ctx.index % 2 == 0 then ctx.sut:send({}) end end }" })
    assert.are.same({ 10, 5, 5, 5 }, { test.runs, test.empty, test.submitted, test.ok })
  end)

  it("none in the whole round: no figures, no failure", function()
    local test = first_test({ rounds = round({ number = 10 }), workload = "return { run = function() end }" })
    assert.are.same({ "ok", 10, 10, 0 }, { test.status, test.runs, test.empty, test.submitted })
    assert.are.equal(require("cjson").null, test.throughput)
  end)
end)

describe("before anything starts", function()
  local function refused(o, patterns)
    local r, dir = run(o)
    assert.are.equal(2, r.status, r.stdout .. r.stderr)
    for _, pattern in ipairs(patterns) do
      assert.matches(pattern, r.stderr)
    end
    assert.are.same({}, support.runs(dir))
  end

  it("a syntax error is told with file and line, of all workloads in one go", function()
    refused({ rounds = round({ label = "a", module = "./a.lua" }) .. round({ label = "b", module = "b.lua" }),
      files = { ["a.lua"] = "local x = 1\nreturn { run = function( }\n", ["b.lua"] = "return {{\n" } },
      { "a.lua:2:1: ", "b.lua:2:1: " })
  end)

  it("so is an error while it loads", function()
    refused({ workload = "\n\nlocal x = nil + 1\nreturn {}" }, { "workload.lua:3: attempt to perform arithmetic" })
  end)

  it("a missing file is told with its place, and the .lua file that a .js name wants", function()
    refused({ rounds = round({ module = "./missing.lua" }) .. round({ module = "./open.js" }) },
      { 'benchmark.yaml:8:26: .*"./missing.lua" does not exist', 'benchmark.yaml:12:26: .*"./open.js" is JavaScript .*./open.lua' })
  end)

  it("a .js name runs the .lua file beside it", function()
    local test = first_test({ rounds = round({ number = 3, module = "./open.js" }), files = { ["open.lua"] = bench.SEND } })
    assert.are.equal(3, test.ok)
  end)

  it("a module without run, and one that is no table", function()
    refused({ workload = "return { init = function() end }" }, { "benchmark.yaml:5:%d+: workload ./workload.lua has no run hook" })
    refused({ workload = "return 5" }, { "must return a table, it returned number" })
  end)

  it("an unknown rate controller", function()
    refused({ rounds = bench.round({ rate = "{type: fixd-rate}" }) }, { 'unknown rate controller "fixd%-rate".*fixed%-rate' })
  end)
end)

describe("files that a workload requires", function()
  it("are found beside it and in the workspace", function()
    local test = first_test({ rounds = round({ number = 3, module = "./sub/w.lua" }), files = {
      ["sub/w.lua"] = 'local a, b = require("helper"), require("lib.top")\nreturn { run = function(_, ctx) ctx.sut:send({ a.x, b.x }) end }',
      ["sub/helper.lua"] = "return { x = 1 }", ["lib/top.lua"] = "return { x = 2 }" } })
    assert.are.equal(3, test.ok)
  end)

  it("that are missing are told by name", function()
    local r = run({ workload = 'require("nothere")' })
    assert.are.equal(2, r.status)
    assert.matches("module 'nothere' not found", r.stderr, 1, true)
  end)
end)

describe("txNumber", function()
  for _, workers in ipairs({ 1, 3 }) do
    it(("10 over %d workers: 10 runs, each index once"):format(workers), function()
      local test, dir = first_test({ workers = workers, rounds = round({ number = 10 }), workload = noting("ctx.index") })
      assert.are.same({ 10, 10 }, { test.runs, test.ok })
      local list = lines_of(dir .. "/notes.txt")
      table.sort(list)
      assert.are.same({ "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" }, list)
    end)
  end

  it("fewer than workers: exactly as many", function()
    local test = first_test({ workers = 3, rounds = round({ number = 2 }) })
    assert.are.same({ 2, 2 }, { test.runs, test.ok })
  end)

  it("is exact in a closed model, too", function()
    local test = first_test({ workers = 3, rounds = bench.round({ number = 1001, load = 7 }) })
    assert.are.same({ 1001, 1001 }, { test.runs, test.ok })
  end)
end)

describe("trim", function()
  -- The first and last runs of each worker are slow: trimmed, nothing slow is left.
  it("by number leaves out the first and last runs of each worker", function()
    local test = first_test({ workers = 2, rounds = round({ number = 40, tps = 200, extra = "trim: 3" }),
      workload = [[return { run = function(_, ctx)
        local k = math.floor(ctx.index / 2)
        if k < 3 or k >= 17 then ctx:sleep(0.2) end
        ctx.sut:send({})
      end }]] })
    assert.are.same({ 40, 40, 12 }, { test.runs, test.ok, test.trimmed })
    assert.is_true(test.response_time_ns.max < 150e6, test.response_time_ns.max)
  end)

  it("by duration leaves out the first and last seconds", function()
    local test = first_test({ rounds = round({ duration = 2, tps = 100, extra = "trim: 0.5" }),
      workload = [[return { run = function(_, ctx)
        if ctx.index < 50 or ctx.index >= 150 then ctx:sleep(0.2) end
        ctx.sut:send({})
      end }]] })
    assert.are.same({ 200, test.runs }, { test.runs + test.dropped, test.ok })
    assert.are.equal(100, test.ok - test.trimmed)
    assert.is_true(test.response_time_ns.max < 150e6, test.response_time_ns.max)
  end)
end)

describe("rates", function()
  it("fixed-load of fewer runs than workers is an error that names both", function()
    local r = run({ workers = 3, rounds = bench.round({ number = 5, load = 2 }) })
    assert.are.equal(3, r.status)
    assert.matches("transactionLoad of 2 is fewer than the 3 workers", r.stderr, 1, true)
  end)

  it("fixed-load keeps exactly its window in flight over all workers", function()
    local test, dir = first_test({ workers = 2, rounds = bench.round({ duration = 1, load = 5 }), workload = [[
      local M, flying, most = {}, 0, 0
      function M:run(ctx)
        flying = flying + 1
        most = math.max(most, flying)
        ctx.sut:send({})
        flying = flying - 1
      end
      function M:finish(ctx) local f = io.open("notes.txt", "a") f:write(most, "\n") f:close() end
      return M]], network = "caliper: {connector: noop}\nnoop: {latency: constant 50ms}\n" })
    local list = lines_of(dir .. "/notes.txt")
    table.sort(list)
    assert.are.same({ "2", "3" }, list)
    assert.are.equal("closed", test.model)
    assert.is_true(test.ok >= 85 and test.ok <= 100, test.ok)
  end)

  it("maxInFlight holds runs back, over all workers: that is blocked time, not lateness", function()
    local test, dir = first_test({ workers = 2, rounds = bench.round({ duration = 1, tps = 200, extra = "maxInFlight: 4" }),
      workload = [[
        local M, flying, most = {}, 0, 0
        function M:run(ctx)
          flying = flying + 1
          most = math.max(most, flying)
          ctx.sut:send({})
          flying = flying - 1
        end
        function M:finish() local f = io.open("notes.txt", "a") f:write(most, "\n") f:close() end
        return M]], network = "caliper: {connector: noop}\nnoop: {latency: constant 100ms}\n" })
    assert.are.same({ "2", "2" }, lines_of(dir .. "/notes.txt"))
    assert.is_true(test.ok >= 30 and test.ok <= 44, test.ok)
    assert.are.equal(200, test.runs + test.dropped)
    assert.is_true(test.blocked_ns.p50 > 100e6, test.blocked_ns.p50)
    assert.is_true(test.lateness_ns.p50 < 20e6, test.lateness_ns.p50)
    assert.is_true(test.response_time_ns.p90 > 400e6, test.response_time_ns.p90)
  end)

  local STALL = [[local now = require("vernier.core.clock").now return { run = function(_, ctx)
    if ctx.index == 20 then local t = now() + 0.4e9 while now() < t do end end
    ctx.sut:send({})
  end }]]

  it("catchUp: all sends every run, late", function()
    local test = first_test({ rounds = bench.round({ number = 100, tps = 100 }), workload = STALL })
    assert.are.same({ 100, 0, 100 }, { test.runs, test.dropped, test.ok })
    assert.is_true(test.late >= 30, test.late)
    assert.is_true(test.lateness_ns.max > 300e6)
  end)

  it("catchUp: drop leaves out what is late, and counts it", function()
    local test = first_test({ rounds = bench.round({ number = 100, tps = 100, extra = "catchUp: drop\nlateAfter: 20ms" }),
      workload = STALL })
    assert.are.equal(100, test.runs + test.dropped)
    assert.is_true(test.dropped >= 30 and test.dropped <= 60, test.dropped)
  end)

  it("zero-rate: a pause of the round's duration", function()
    local test = first_test({ workers = 2, rounds = bench.round({ duration = 0.5, rate = "{type: zero-rate}" }) })
    assert.are.same({ "ok", 0, 0 }, { test.status, test.runs, test.submitted })
    assert.is_true(test.seconds >= 0.5 and test.seconds < 1.5, test.seconds)
    local r = run({ rounds = bench.round({ number = 5, rate = "{type: zero-rate}" }) })
    assert.are.equal(3, r.status)
    assert.matches("zero-rate needs a round by txDuration", r.stderr, 1, true)
  end)
end)
