-- Stages of one's own: by path beside the rounds, on workers and on the manager, with payloads, verdicts, barriers,
-- several loads at once, and workers that die in them.
local bench = require("spec.support.bench")
local support = require("spec.support")

local FAST = { "--vernier-worker-timeout", "1s", "--vernier-hook-timeout", "2s" }

local function with(more, words)
  local list = {}
  for i, word in ipairs(more) do
    list[i] = word
  end
  for i, word in ipairs(words or {}) do
    list[#more + i] = word
  end
  return list
end

-- A workspace whose benchmark has these stages (YAML list items) beside one round of 10 runs.
local function workspace(stages, files, o)
  o = o or {}
  local lines = {}
  for line in stages:gmatch("[^\n]+") do
    lines[#lines + 1] = "    " .. line
  end
  o.workers, o.files = o.workers or 2, files
  o.rounds = o.rounds or bench.round({ label = "round", number = 10, tps = 1000 })
  o.test = "  stages:\n" .. table.concat(lines, "\n") .. "\n" .. (o.test or "")
  return bench.workspace(o)
end

local function lines_of(path)
  local list = {}
  for line in support.read_file(path):gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

local test_of = bench.test_of

-- A stage on workers that pays 7 + the worker's index and hands what acks got to a file.
local PAYING = [[
local M = { where = "workers", options = { count = { type = "integer", default = 1 } } }
function M:data(ctx) return { from = "manager", workers = ctx.manager.n_workers } end
function M:run(ctx, options, data)
  return { value = 7 + ctx.worker, of = ctx.workers, count = options.count, from = data.from, workers = data.workers }
end
function M:acks(ctx, acks)
  local f = io.open("acks.txt", "w")
  for _, ack in ipairs(acks) do
    local p = ack.payload
    f:write(("%d %d %d %d %s %d\n"):format(ack.worker, p.value, p.of, p.count, p.from, p.workers))
  end
  f:close()
  return VERDICT
end
return M
]]

local function paying(verdict)
  return { ["pay.lua"] = (PAYING:gsub("VERDICT", verdict)) }
end

describe("a stage of one's own on two workers", function()
  it("gets its properties and the manager's data, and acks reads every payload", function()
    local dir = workspace("- ./pay.lua: {count: 3}", paying('"ok"'))
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.same({ "0 7 2 3 manager 2", "1 8 2 3 manager 2" }, lines_of(dir .. "/acks.txt"))
    assert.are.equal(10, support.summary(dir).tests[1].ok)
    bench.assert_no_orphans(r.mark)
  end)

  it("fails the run when acks says so, and the rounds go on", function()
    local dir = workspace("- ./pay.lua", paying('"fail", "too little was paid"'))
    local r = bench.run(dir)
    assert.are.equal(3, r.status, r.stderr)
    assert.matches("too little was paid", r.stderr, 1, true)
    assert.are.equal(10, support.summary(dir).tests[1].ok)
  end)

  it("ends the run by the verdict exit: nothing after it but the reports", function()
    local dir = workspace("- ./pay.lua\n- rounds", paying('"exit", "enough"'))
    local r = bench.run(dir)
    assert.are.equal(3, r.status, r.stderr)
    assert.matches("enough", r.stderr, 1, true)
    assert.are.equal(0, #support.summary(dir).tests)
  end)

  it("leaves out what follows by the verdict break, without a failure", function()
    local dir = workspace("- ./pay.lua\n- rounds", paying('"break"'))
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.equal(0, #support.summary(dir).tests)
  end)

  it("goes on by the verdict continue", function()
    local dir = workspace("- ./pay.lua\n- rounds", paying('"continue"'))
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.equal(1, #support.summary(dir).tests)
  end)

  it("says which verdicts there are when acks gives another", function()
    local dir = workspace("- ./pay.lua", paying('"good"'))
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.matches('gave "good", which is none of ok, fail, exit, break, continue', r.stderr, 1, true)
  end)

  it("fails when acks, data or a worker raises an error, which is shown with its place", function()
    for hook, text in pairs({
      acks = "return { where = 'workers', run = function() return 1 end, acks = function() error('bad acks') end }",
      data = "return { where = 'workers', run = function() return 1 end, data = function() error('bad data') end }",
      run = "return { where = 'workers', run = function(_, ctx) if ctx.worker == 1 then error('bad run') end return 1 end }",
    }) do
      local dir = workspace("- ./s.lua", { ["s.lua"] = text })
      local r = bench.run(dir)
      assert.are.equal(3, r.status, hook)
      assert.matches("s.lua:1: bad " .. hook, r.stderr, 1, true)
      assert.are.equal(10, support.summary(dir).tests[1].ok)
    end
  end)
end)

describe("a stage on the manager", function()
  it("runs once, in the workspace, with its properties and the run", function()
    local dir = workspace("- ./note.lua: {text: hello}", { ["note.lua"] = [[
      local M = { where = "manager", options = { text = { type = "string", required = true } } }
      function M:run(ctx, options)
        local f = io.open("note.txt", "a")
        f:write(options.text, " ", ctx.manager.n_workers, "\n")
        f:close()
      end
      return M]] })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.same({ "hello 2" }, lines_of(dir .. "/note.txt"))
  end)

  it("gives a verdict and why", function()
    local dir = workspace("- ./no.lua", { ["no.lua"] = 'return { where = "manager", run = function() return "fail", "no way" end }' })
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.matches("stage ./no.lua failed: no way", r.stderr, 1, true)
  end)

  it("that waits for ever ends at the stage's deadline", function()
    local dir = workspace("- ./wait.lua\n- rounds", { ["wait.lua"] = [[
      local scheduler = require("vernier.scheduler")
      return { where = "manager", run = function() scheduler.wait_key("never", math.huge) end }]] })
    local r = bench.run(dir, { "--vernier-stage-timeout", "1s" })
    assert.are.equal(3, r.status)
    assert.matches("did not end within 1 s", r.stderr, 1, true)
    assert.are.equal(10, support.summary(dir).tests[1].ok)
  end)
end)

describe("wrong stages", function()
  it("are errors before anything starts", function()
    for text, message in pairs({
      ["return {"] = "s.lua:1",
      ["return 3"] = "must return a table",
      ["return { run = function() end }"] = 'must say where = "manager" or "workers"',
      ['return { where = "workers" }'] = "has no run hook",
    }) do
      local dir = workspace("- ./s.lua", { ["s.lua"] = text })
      local r = bench.run(dir)
      assert.are.equal(2, r.status, text .. r.stderr)
      assert.matches(message, r.stderr, 1, true)
      assert.are.same({}, support.runs(dir))
    end
  end)

  it("with a wrong property: told with the option's name before anything starts", function()
    local dir = workspace("- ./pay.lua: {cuont: 3}", paying('"ok"'))
    local r = bench.run(dir)
    assert.are.equal(2, r.status, r.stderr)
    assert.matches("cuont", r.stderr, 1, true)
    assert.matches("count", r.stderr, 1, true)
    assert.are.same({}, support.runs(dir))
  end)
end)

-- Stages and the workload note who runs when in one file.
local function noting(name)
  return ([[return { where = "manager", run = function()
    local f = io.open("order.txt", "a") f:write("%s\n") f:close()
  end }]]):format(name)
end
local NOTING_WORKLOAD = [[return {
  init = function() local f = io.open("order.txt", "a") f:write("round\n") f:close() end,
  run = function(_, ctx) ctx.sut:send({}) end }]]

describe("the order of stages", function()
  local files = { ["a.lua"] = noting("a"), ["b.lua"] = noting("b") }
  for name, case in pairs({
    ["puts the rounds where they are named"] = { "- ./a.lua\n- rounds\n- ./b.lua", { "a", "round", "b" } },
    ["puts the rounds last where they are not named"] = { "- ./b.lua\n- ./a.lua", { "b", "a", "round" } },
    ["may begin with the rounds"] = { "- rounds\n- ./a.lua\n- ./a.lua", { "round", "a", "a" } },
  }) do
    it(name, function()
      local dir = workspace(case[1], files, { workers = 1, workload = NOTING_WORKLOAD })
      local r = bench.run(dir)
      assert.are.equal(0, r.status, r.stderr)
      assert.are.same(case[2], lines_of(dir .. "/order.txt"))
    end)
  end

  it("may have no rounds at all", function()
    local dir = support.workspace({ ["benchmark.yaml"] = "test:\n  name: s\n  stages: [./a.lua]\n", ["a.lua"] = files["a.lua"],
      ["network.yaml"] = bench.NOOP })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.same({ "a" }, lines_of(dir .. "/order.txt"))
  end)
end)

describe("a barrier", function()
  it("gives all workers the same instant, each time, and it lies ahead of none of the last to come", function()
    local dir = workspace("- ./b.lua", { ["b.lua"] = [[
      local clock = require("vernier.core.clock")
      return { where = "workers",
        run = function(_, ctx)
          ctx:sleep(0.1 * ctx.worker)
          local came = clock.now()
          local first = ctx:barrier()
          ctx:sleep(0.1 * (2 - ctx.worker))
          local second = ctx:barrier()
          return { came = came, first = first, second = second }
        end,
        acks = function(_, _, acks)
          local f = io.open("instants.txt", "w")
          for _, ack in ipairs(acks) do
            f:write(("%.0f %.0f %.0f\n"):format(ack.payload.came, ack.payload.first, ack.payload.second))
          end
          f:close()
        end }]] }, { workers = 3 })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    local first, second, latest
    for i, line in ipairs(lines_of(dir .. "/instants.txt")) do
      local came, a, b = line:match("(%d+) (%d+) (%d+)")
      came, a, b = tonumber(came), tonumber(a), tonumber(b)
      first, second = first or a, second or b
      assert.are.same({ first, second }, { a, b }, "worker " .. i - 1)
      latest = math.max(latest or 0, came)
    end
    assert.is_true(first > latest and first < latest + 1e9, "the first instant")
    assert.is_true(second > first + 0.2e9 - 1e6, "the second instant")
  end)
end)

describe("a worker that is lost in a stage of one's own", function()
  local stage = [[return { where = "workers", run = function(_, ctx)
    local f = io.open("here-" .. ctx.worker, "w") f:close()
    %s
    return 1
  end }]]

  local function run_and_hurt(body, signal)
    local dir = workspace("- ./s.lua\n- rounds", { ["s.lua"] = stage:format(body) })
    local running = bench.start(dir, FAST)
    local pid = bench.worker_pid(running, 1)
    support.wait_for(function()
      return io.open(dir .. "/here-0") and io.open(dir .. "/here-1")
    end, 10, "both workers to be in the stage")
    os.execute(("kill -%s %d"):format(signal, pid))
    assert.is_truthy(running:wait(15), "the run goes on for ever")
    local _, err = running:output()
    bench.assert_no_orphans(running.mark)
    return (running.process:status()), err, dir, running.process.seconds
  end

  for _, case in ipairs({
    { "asleep", "ctx:sleep(30)", "KILL", "worker 1 was killed by signal 9" },
    { "asleep", "ctx:sleep(30)", "STOP", "worker 1 sent no heartbeat" },
    { "at a barrier", "if ctx.worker == 1 then ctx:sleep(30) end ctx:barrier()", "KILL", "worker 1 was killed by signal 9" },
  }) do
    it(("%s (%s): fails the stage, stops the others, and the round runs"):format(case[1], case[3]), function()
      local status, err, dir, seconds = run_and_hurt(case[2], case[3])
      assert.are.equal(3, status, err)
      assert.matches("stage ./s.lua failed: " .. case[4], err, 1, true)
      assert.is_nil(err:find("failed: worker 0", 1, true))
      assert.is_true(seconds < 10, seconds .. " s")
      assert.are.equal(10, support.summary(dir).tests[1].ok)
    end)
  end

  it("that does not stop is killed at the hook's deadline", function()
    local status, err, _, seconds = run_and_hurt(
      'if ctx.worker == 0 then ctx:wait("never", 60) else ctx:sleep(30) end', "KILL")
    assert.are.equal(3, status, err)
    assert.matches("worker 0 did not stop within 2 s", err, 1, true)
    assert.is_true(seconds < 10, seconds .. " s")
  end)
end)

describe("Ctrl-C in a stage of one's own", function()
  it("ends its sleep on all workers, and the run, by 130", function()
    local dir = workspace("- ./s.lua\n- rounds", { ["s.lua"] = [[return { where = "workers", run = function(_, ctx)
      local f = io.open("here-" .. ctx.worker, "w") f:close()
      ctx:sleep(30)
    end }]] })
    local running = bench.start(dir)
    support.wait_for(function()
      return io.open(dir .. "/here-0") and io.open(dir .. "/here-1")
    end, 10, "both workers to be in the stage")
    running:kill("INT")
    assert.is_truthy(running:wait(5), "it does not stop")
    assert.are.equal(130, (running.process:status()))
    bench.assert_no_orphans(running.mark)
  end)
end)

-- ---- loads in stages ----

local MIX = [[
local M = { where = "workers", options = { tests = { type = "list", required = true } } }
function M:data(ctx, options)
  local list = {}
  for i, test in ipairs(options.tests) do list[i] = ctx:new_test(test) end
  return { loads = list }
end
function M:run(ctx, _, data)
  local loads, payload = {}, {}
  for i, spec in ipairs(data.loads) do loads[i] = assert(ctx:new_load(spec)) end
  local at = assert(ctx:barrier())
  for _, load in ipairs(loads) do load:start(at) end
  for i, load in ipairs(loads) do payload[i] = assert(load:join()) end
  return payload
end
return M
]]

local function entry(label, amount, tps, module)
  return ("{label: %s, %s, rateControl: {type: fixed-rate, opts: {tps: %d}}, workload: {module: %s}}"):format(label, amount,
    tps, module or "./workload.lua")
end

local operation = bench.operation

describe("two loads at once in one worker", function()
  local fast = 'return { run = function(_, ctx) ctx:sleep(0.001) ctx.sut:send({}, { operation = "fast" }) end }'
  local slow = 'return { run = function(_, ctx) ctx.sut:send({}, { operation = "slow" }) end }'
  local rounds = bench.round({ label = "after", number = 20, tps = 1000 })

  it("are tests of their own, with rates, counts and times of their own, beside the rounds", function()
    local dir = workspace(("- ./mix.lua: {tests: [%s, %s]}\n- rounds"):format(entry("reads", "txDuration: 2", 400, "./fast.lua"),
      entry("writes", "txDuration: 2", 50, "./slow.lua")), { ["mix.lua"] = MIX, ["fast.lua"] = fast, ["slow.lua"] = slow },
      { workers = 2, rounds = rounds, network = "caliper: {connector: noop}\nnoop: {latency: constant 20ms}\n" })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    local summary = support.summary(dir)
    assert.are.equal(3, #summary.tests)
    local reads, writes, after = test_of(summary, "reads"), test_of(summary, "writes"), test_of(summary, "after")
    -- (A run that a busy machine could not start before the end counts as dropped.)
    assert.are.same({ "ok", 800, reads.runs }, { reads.status, reads.runs + reads.dropped, reads.ok })
    assert.are.same({ "ok", 100, writes.runs }, { writes.status, writes.runs + writes.dropped, writes.ok })
    assert.is_true(reads.dropped < 40 and writes.dropped < 5)
    assert.are.same({ "ok", 20, 20 }, { after.status, after.runs, after.ok })
    assert.is_true(math.abs(reads.send_rate - reads.ok / 2) < 0.01, reads.send_rate)
    assert.is_true(math.abs(writes.send_rate - writes.ok / 2) < 0.01, writes.send_rate)
    assert.is_nil(operation(reads, "slow"))
    assert.are.equal(reads.ok, operation(reads, "fast").ok)
    assert.is_true(reads.service_time_ns.min >= 20e6 and writes.service_time_ns.min >= 20e6)
    assert.are.same({ 2, 2 }, { #reads.workers, #writes.workers })
    -- At the same time: both last 2 s, and together less than 3.
    assert.is_true(reads.seconds < 3 and writes.seconds < 3)
    assert.matches("reads", r.stdout)
    assert.matches("writes", r.stdout)
  end)

  it("of one test need a name each, and add up in it", function()
    local twins = [[
      local M = { where = "workers", options = {} }
      function M:data(ctx)
        return ctx:new_test({ label = "twins", txNumber = 30, rateControl = { type = "fixed-rate", opts = { tps = 200 } },
          workload = { module = "./workload.lua" } })
      end
      function M:run(ctx, _, spec)
        local loads = {}
        for i, name in ipairs({ NAMES }) do
          spec.name = name
          local load, message = ctx:new_load(spec)
          if not load then return nil, message end
          loads[i] = load
        end
        local at = ctx:barrier()
        for _, load in ipairs(loads) do load:start(at) end
        for _, load in ipairs(loads) do load:join() end
        return true
      end
      return M]]
    local dir = workspace("- ./twins.lua", { ["twins.lua"] = twins:gsub("NAMES", '"left", "right"') })
    local r = bench.run(dir, { "--caliper-observer-internal-interval", "50" })
    assert.are.equal(0, r.status, r.stderr)
    local test = test_of(support.summary(dir), "twins")
    assert.are.same({ 60, 60 }, { test.runs, test.ok })
    dir = workspace("- ./twins.lua", { ["twins.lua"] = twins:gsub("NAMES", '"left", "left"') })
    r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.matches('there is a load "left" in this test already', r.stderr, 1, true)
  end)

  it("keep what both have measured when the worker is killed", function()
    local dir = workspace(("- ./mix.lua: {tests: [%s, %s]}"):format(entry("reads", "txDuration: 20", 400, "./fast.lua"),
      entry("writes", "txDuration: 20", 50, "./slow.lua")), { ["mix.lua"] = MIX, ["fast.lua"] = fast, ["slow.lua"] = slow },
      { workers = 2, rounds = rounds })
    local running = bench.start(dir, with(FAST, { "--caliper-observer-internal-interval", "60000" }))
    local pid = bench.worker_pid(running, 1)
    support.wait_for(function()
      return io.open(support.runs(dir)[1] .. "/live/worker-1-2.live")
    end, 10, "the loads to be made")
    support.sleep(1.5)
    os.execute("kill -KILL " .. pid)
    assert.is_truthy(running:wait(15), "the run goes on for ever")
    local summary = support.summary(dir)
    local reads, writes = test_of(summary, "reads"), test_of(summary, "writes")
    assert.are.same({ "failed", "failed" }, { reads.status, writes.status })
    assert.are.same({ "lost", "lost" }, { reads.workers[2].status, writes.workers[2].status })
    assert.is_true(reads.workers[2].ok >= 100, reads.workers[2].ok)
    assert.is_true(writes.workers[2].ok >= 10, writes.workers[2].ok)
    assert.are.equal(20, test_of(summary, "after").ok)
  end)

  it("with a mistake in the test: told with its reason", function()
    local dir = workspace("- ./mix.lua: {tests: [{label: x, txNumber: 0, workload: {module: ./none.lua}}]}", { ["mix.lua"] = MIX })
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.matches('"txNumber" attribute', r.stderr, 1, true)
    assert.matches('Missing "rateControl" attribute', r.stderr, 1, true)
    assert.matches('workload "./none.lua" does not exist', r.stderr, 1, true)
    assert.are.equal(10, support.summary(dir).tests[1].ok)
  end)

  it("without a test: told how to make one", function()
    local dir = workspace("- ./bare.lua", { ["bare.lua"] = [[return { where = "workers", run = function(_, ctx)
      return ctx:new_load({ round = { index = 1 }, workload = { module = "./workload.lua" }, rate = { type = "fixed-rate" } })
    end }]] })
    local r = bench.run(dir)
    assert.are.equal(3, r.status)
    assert.matches("a load needs a test", r.stderr, 1, true)
  end)
end)

describe("the deadline of a stage in its properties", function()
  it("ends it on the manager and on workers, and is told", function()
    for _, case in ipairs({
      { "- sleep: {time: 10, deadline: 200ms}", "did not end within 0.2 s" },
      { "- ./slow.lua: {deadline: 200ms}", "worker 1 did not finish its part within 0.2 s" },
    }) do
      local dir = workspace(case[1] .. "\n- rounds", { ["slow.lua"] = [[
        return { where = "workers", options = {}, run = function(_, ctx) ctx:sleep(ctx.worker * 10) return 1 end }
      ]] })
      local r = bench.run(dir)
      assert.are.equal(3, r.status, r.stderr)
      assert.matches(case[2], r.stderr, 1, true)
      assert.are.equal(10, support.summary(dir).tests[1].ok)
      bench.assert_no_orphans(r.mark)
    end
  end)
end)

describe("a barrier", function()
  it("waits for nobody whose part is over: left out for want of a trait, or failed where that is tolerated", function()
    local dir = support.workspace({
      ["meet.lua"] = [[
        return { where = "workers", options = {}, traits = { greeting = "skip" },
          tolerates = function(_, index) return index == 2 end,
          run = function(_, ctx)
            if ctx.index == 2 then error("no luck", 0) end
            local at = assert(ctx:barrier())
            return { met = at > 0 }
          end,
          acks = function(_, ctx, acks)
            local met = 0
            for _, ack in ipairs(acks) do met = met + (ack.payload and ack.payload.met and 1 or 0) end
            ctx.log("met: " .. met)
          end }
      ]],
      ["polite.lua"] = "return { traits = { greeting = {} } }",
      ["benchmark.yaml"] = [[
clusters: [{size: 4, groups: {polite: 3, other: 1}}]
configurations:
  - name: c
    setup: [{group: polite, connector: ./polite.lua}, {group: other, connector: noop}]
scenario: [./meet.lua: {deadline: 20s}]
]],
    })
    local r = support.vernier({ "run", "benchmark.yaml", cwd = dir, timeout = 15 })
    assert.are.equal(0, r.status, r.stderr)
    assert.matches("met: 2\n", r.stderr, 1, true)
  end)
end)
