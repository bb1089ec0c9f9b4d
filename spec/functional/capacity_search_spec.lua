-- The search for a system's capacity, with real workers: against a server whose capacity is known, and against none.
local bench = require("spec.support.bench")
local cjson = require("cjson")
local file = require("vernier.core.file")
local support = require("spec.support")

local null = cjson.null

local function search(o)
  local dir = bench.workspace({ workers = o.workers, network = o.network, workload = o.workload, rounds = bench.round({
    label = "search", duration = o.seconds or 100, rate = ("{type: capacity-search, opts: %s}"):format(o.options) }) })
  local r = bench.run(dir, { timeout = 150 })
  assert.are.equal(0, r.status, r.stdout .. r.stderr)
  local summary, folder = support.summary(dir)
  return summary.tests[1], r, support.read_file(folder .. "/report.html"), bench.is_disturbed(summary)
end

-- Of a server that answers 400 requests a second: a rate that is not asked for, because at it both answers are right.
local function search_known()
  local server = support.arrival_server("--latency", "constant 10ms", "--concurrency", "4")
  return server, search({ workers = 2,
    options = "{slo: {p99: 100 ms, errors: 0}, from: 110, to: 3200, precision: 3, confirm: 1, settle: 0.5s, measure: 3s}",
    network = ("caliper: {connector: http}\nhttp: {url: %q, connections: 1000}\n"):format(server.url),
    workload = [[return { run = function(_, ctx)
      ctx.sut:send({ path = "/query?account=x", expect = { status = 404 } }) end }]] })
end

describe("capacity-search", function()
  it("finds the capacity of a server of 4 places of 10 ms within 5 %, with two workers", function()
    local server, test, r, html, disturbed
    local attempts = 0
    repeat
      server, test, r, html, disturbed = search_known()
      attempts = attempts + 1
    until not disturbed or attempts == 3 -- the machine took what the server had
    assert.are.equal(1, #test.findings)
    local f = test.findings[1]
    assert.are.same({ "capacity-search", "found", "tx/s" }, { f.name, f.outcome, f.unit })
    assert.is_true(math.abs(f.value / 400 - 1) <= 0.05, f.text)
    assert.is_true(f.low == f.value and f.high > f.low and f.high <= 1.03 * f.low + 1e-6)
    -- The round is over when the answer is known.
    assert.is_true(test.seconds < 90, test.seconds)
    assert.are.equal(0, test.failed + test.unfinished)

    -- The curve agrees with itself: a rate under the answer passed, one above did not.
    local verdicts, asked = {}, 0
    for _, row in ipairs(f.curve.rows) do
      verdicts[row.verdict] = (verdicts[row.verdict] or 0) + 1
      assert.is_true(row.verdict == "passed" and row.rate <= f.low or row.verdict ~= "passed" and row.rate >= f.high, row.rate)
      assert.is_true(row.verdict ~= "passed" or row.p99 <= 100e6)
      assert.is_true((row.reason == null) == (row.verdict == "passed"))
      asked = asked + row.rate * 3.5
    end
    assert.is_true(verdicts.passed >= 3 and verdicts.failed >= 2)
    -- What the server has seen is what the steps asked for: no step lost its queue to the next.
    assert.is_true(math.abs(#server.arrivals() / asked - 1) < 0.02, ("%d of %g"):format(#server.arrivals(), asked))

    assert.matches("search, capacity%-search: [%d.]+ tx/s; [%d.]+ tx/s failed: p99", r.stdout)
    assert.matches("| rate %(tx/s%) | throughput %(tx/s%) |", r.stdout)
    assert.is_truthy(html:find("Times by rate", 1, true))
    assert.is_truthy(html:find(f.text:gsub(">", "&gt;"), 1, true))
    assert.is_nil(html:find("What went wrong", 1, true))
  end)

  it("says that the generator could not keep up where it could not, and that nothing failed where nothing did", function()
    local burn = "local now = require('vernier.core.clock').now "
      .. "return { run = function(_, ctx) local n = now() + 4e6 while now() < n do end ctx.sut:send({}) end }"
    local test = search({ workload = burn,
      options = "{slo: {p99: 20 ms}, from: 50, to: 4000, precision: 10, confirm: 1, settle: 0.1s, measure: 0.5s}" })
    local f = test.findings[1]
    assert.are.same({ "generator", null }, { f.outcome, f.high })
    assert.matches("the generator could not keep up: ", f.text)
    assert.is_true(f.value == null or f.value <= 250, f.text)

    test = search({ workers = 3, options = "{slo: {p99: 100 ms}, from: 50, to: 200, confirm: 1, settle: 0.1s, measure: 0.4s}" })
    f = test.findings[1]
    assert.are.same({ "at least", 200, 1 }, { f.outcome, f.value, #test.findings })
  end)

  it("tells as much as is known when the round is too short", function()
    local test = search({ seconds = 2, options = "{slo: {p99: 100 ms}, from: 50, to: 2000, confirm: 1, settle: 0.1s, measure: 0.4s}" })
    local f = test.findings[1]
    assert.are.equal("unfinished", f.outcome)
    assert.is_true(f.value >= 50 and #f.curve.rows >= 1)
    assert.is_true(test.seconds >= 2)
  end)

  it("ends with its round, and tells what is known, when a worker that it should meet is lost", function()
    local dir = bench.workspace({ workers = 2, workload = [[return { run = function(_, ctx)
      if ctx.index == 40 then io.open("under-way", "w"):close() end
      ctx.sut:send({}) end }]], rounds = bench.round({ label = "search", duration = 60,
      rate = "{type: capacity-search, opts: {slo: {p99: 100 ms}, from: 50, confirm: 10, settle: 0.1s, measure: 0.5s}}" }) })
    local running = bench.start(dir)
    local pid = bench.worker_pid(running, 1)
    support.wait_for(function()
      return file.kind(dir .. "/under-way") == "file"
    end, 20, "the second step")
    support.run({ "kill", "-9", tostring(pid) })
    assert.is_truthy(running:wait(20))
    assert.are.equal(3, (running.process:status()))
    local test = support.summary(dir).tests[1]
    assert.are.same({ "failed", "unfinished" }, { test.status, test.findings[1].outcome })
    bench.assert_no_orphans(running.mark)
  end)

  it("goes on in the background of other stages", function()
    local dir = bench.scenario([[
- test:
    test-name: search
    run-background: true
    workload: ./workload.lua
    rate: {type: capacity-search, opts: {slo: {p99: 100 ms}, from: 50, to: 150, confirm: 1, settle: 0.1s, measure: 0.4s}}
- sleep: {time: 4s}
- stop-test: {test-name: search}
]], { head = "clusters: [{size: 2}]\nconfigurations: [{name: one, connector: noop}]", files = { ["workload.lua"] = bench.SEND } })
    local r = support.vernier(bench.scenario_command(dir))
    assert.are.equal(0, r.status, r.stdout .. r.stderr)
    local test = support.summary(dir).tests[1]
    assert.are.same({ "at least", 150 }, { test.findings[1].outcome, test.findings[1].value })
    assert.is_true(test.seconds < 3.5, test.seconds)
  end)

  it("is refused with a wrong option at its place, with a hint", function()
    local dir = bench.workspace({ rounds = bench.round({ rate = "{type: capacity-search, opts: {slo: {p99: 5s, eror: 1}, frm: 5}}" }) })
    local r = bench.run(dir)
    assert.are.equal(2, r.status)
    assert.matches('benchmark%.yaml:%d+:%d+: .*unknown option "frm" %(did you mean from%?%)', r.stderr)
    assert.matches('benchmark%.yaml:%d+:%d+: .*unknown option "eror" %(did you mean errors%?%)', r.stderr)
  end)
end)
