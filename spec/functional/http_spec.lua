-- The http connector in whole runs: every count is compared with one that nginx made, every fault is made on purpose.
local bench = require("spec.support.bench")
local http_servers = require("spec.support.http_servers")
local support = require("spec.support")

local function network(url, options)
  return ("caliper: {connector: http}\nhttp: {url: %q%s}\n"):format(url, options and ", " .. options or "")
end

local function test_of(summary, label)
  for _, test in ipairs(summary.tests) do
    if test.label == label then
      return test
    end
  end
  error("no round " .. label, 2)
end

local function operations(test)
  local by_name = {}
  for _, op in ipairs(test.operations) do
    by_name[op.name] = op
  end
  return by_name
end

-- Failures by class, as the messages counted them.
local function classes(test)
  local counts = {}
  for _, e in ipairs(test.errors) do
    counts[e.class] = (counts[e.class] or 0) + e.count
  end
  return counts
end

local function total(counts)
  local sum = 0
  for _, count in pairs(counts) do
    sum = sum + count
  end
  return sum
end

local function conserved(test)
  assert.are.equal(test.submitted, test.ok + test.failed + test.unfinished)
  assert.are.equal(test.failed, total(classes(test)))
end

local function count(list, pattern, method)
  local n = 0
  for _, entry in ipairs(list) do
    n = n + (entry.uri:match(pattern) and (not method or entry.method == method) and 1 or 0)
  end
  return n
end

local function run_ok(dir, status)
  local r = bench.run(dir)
  assert.are.equal(status or 0, r.status, r.stdout .. r.stderr)
  return support.summary(dir), r
end

-- Writes every fourth run, looks for what is not there every tenth, reads otherwise; says hello once, unmeasured.
local MIXED = [[
  local M = {}

  function M:init(ctx)
    local response = ctx.sut:send({ path = "/hello/" .. ctx.worker })
    assert(response.status == 200 and response.body == "ok\n", "the SUT does not answer")
  end

  function M:run(ctx)
    local path = "/item/" .. ctx.index
    if ctx.index % 4 == 0 then
      ctx.sut:send({ method = "POST", path = path, body = { index = ctx.index } }, { operation = "write" })
    elseif ctx.index % 10 == 1 then
      ctx.sut:send({ path = "/missing/" .. ctx.index }, { operation = "look" })
    else
      ctx.sut:send({ path = path }, { operation = "read" })
    end
  end

  return M]]

local MISSING = 'location /missing/ { return 404 "no such thing\\n"; }'

describe("a user's workload against nginx", function()
  it("by number: nginx has logged every run once, operation by operation", function()
    local nginx = support.nginx({ locations = MISSING })
    local before = nginx.status()
    local dir = bench.workspace({ workers = 2, workload = MIXED, network = network(nginx.url, "connections: 3"),
      rounds = bench.round({ number = 600, tps = 600 }) })
    local test = run_ok(dir).tests[1]
    local after, log = nginx.status(), nginx.log()

    assert.are.same({ 600, 600, 540, 60, 0 }, { test.runs, test.submitted, test.ok, test.failed, test.unfinished })
    assert.are.same({ status = 60 }, classes(test))
    assert.are.equal("status 404", test.errors[1].message)
    local ops = operations(test)
    assert.are.same({ 150, 390, 60 }, { ops.write.submitted, ops.read.submitted, ops.look.submitted })
    assert.are.same({ 150, 390, 0 }, { ops.write.ok, ops.read.ok, ops.look.ok })
    assert.are.equal(60, ops.look.failed)

    assert.are.equal(600 + 2, #log)
    assert.are.equal(ops.write.submitted, count(log, "^/item/%d+$", "POST"))
    assert.are.equal(ops.read.submitted, count(log, "^/item/%d+$", "GET"))
    assert.are.equal(ops.look.submitted, count(log, "^/missing/%d+$", "GET"))
    local seen = {}
    for _, entry in ipairs(log) do
      seen[entry.uri] = (seen[entry.uri] or 0) + 1
      assert.are.equal(entry.uri:find("^/missing/") and 404 or 200, entry.status)
    end
    for index = 0, 599 do
      assert.are.equal(1, (seen["/item/" .. index] or 0) + (seen["/missing/" .. index] or 0), "run " .. index)
    end
    assert.are.same({ 1, 1 }, { seen["/hello/0"], seen["/hello/1"] })

    -- Its own questions are among the requests, a connection each.
    assert.are.equal(#log, after.requests - before.requests - 1)
    assert.is_true(after.accepts - before.accepts - 1 <= 2 * 3, "more connections than allowed")
  end)

  it("by duration in a closed model: counts and throughput are nginx's", function()
    local nginx = support.nginx()
    local before = nginx.status()
    local dir = bench.workspace({ workers = 2, network = network(nginx.url, "connections: 4"),
      workload = 'return { run = function(_, ctx) ctx.sut:send({ path = "/x" }) end }',
      rounds = bench.round({ duration = 2, load = 8 }) })
    local test = run_ok(dir).tests[1]
    local after, log = nginx.status(), nginx.log()
    assert.are.same({ "closed", 0, 0 }, { test.model, test.failed, test.unfinished })
    assert.are.equal(test.ok, #log)
    assert.are.equal(test.ok, after.requests - before.requests - 1)
    assert.are.equal(8, after.accepts - before.accepts - 1)
    local seconds = log[#log].at - log[1].at
    assert.is_true(math.abs(test.throughput / (#log / seconds) - 1) < 0.1,
      ("%g/s, nginx saw %g/s"):format(test.throughput, #log / seconds))
    -- Little's law: what is in flight is throughput times the time that each is in flight.
    local in_flight = test.throughput * test.response_time_ns.mean / 1e9
    assert.is_true(in_flight > 7 and in_flight <= 8.1, in_flight .. " of 8 in flight")
  end)

  it("sends what the workload says: tables as JSON, headers, base path; gives status, headers and body", function()
    local witness = support.witness()
    local dir = bench.workspace({ network = network(witness.url .. "/echo", "headers: {X-All: every}"),
      rounds = bench.round({ number = 20, tps = 1000 }), workload = [[
        return { run = function(_, ctx)
          local sent = { account = "ä" .. ctx.index, list = { 1, 2, 3 }, deep = { yes = true } }
          local r = ctx.sut:send({ method = "POST", path = "/it", body = sent })
          assert(r.status == 200 and r.headers["content-length"] == tostring(#r.body), "the answer is not whole")
          local got = require("cjson").decode(r.body)
          assert(got.account == sent.account and got.list[3] == 3 and got.deep.yes == true, "another body came back")
        end }]] })
    local test = run_ok(dir).tests[1]
    assert.are.same({ 20, 0 }, { test.ok, test.failed }, test.errors[1] and test.errors[1].message)
    local arrivals = witness.arrivals()
    assert.are.equal(20, #arrivals)
    for _, arrival in ipairs(arrivals) do
      assert.are.same({ "POST", "/echo/it" }, { arrival.method, arrival.url })
      assert.matches('"list":%[1,2,3%]', arrival.body)
    end
  end)

  it("judges by expect: a status, a part of the body", function()
    local nginx = support.nginx({ locations = MISSING })
    local cases = {
      { label = "as-is", expect = "nil", failed = "status" },
      { label = "status", expect = "{ status = 404 }" },
      { label = "statuses", expect = "{ status = { 200, 404 } }" },
      { label = "other-status", expect = "{ status = 410 }", failed = "status" },
      { label = "substring", expect = '{ status = 404, substring = "such" }' },
      { label = "no-substring", expect = '{ status = 404, substring = "absent" }', failed = "check" },
    }
    local rounds, files = "", {}
    for i, case in ipairs(cases) do
      rounds = rounds .. bench.round({ label = case.label, number = 5, tps = 500, module = ("./w%d.lua"):format(i) })
      files[("w%d.lua"):format(i)] = ('return { run = function(_, ctx) ctx.sut:send({ path = "/missing/", expect = %s }) end }')
        :format(case.expect)
    end
    local summary = run_ok(bench.workspace({ network = network(nginx.url), rounds = rounds, files = files }), 3)
    for _, case in ipairs(cases) do
      local test = test_of(summary, case.label)
      conserved(test)
      assert.are.same(case.failed and { [case.failed] = 5 } or {}, classes(test), case.label)
      assert.are.equal(case.failed and "failed" or "ok", test.status)
    end
    assert.are.equal(5 * #cases, #nginx.log())
  end)

  it("speaks over a unix socket", function()
    local socket = support.tmpdir() .. "/nginx.sock"
    local nginx = support.nginx({ locations = ("listen unix:%s;"):format(socket) })
    local test = run_ok(bench.workspace({ network = network("unix:" .. socket, "connections: 2"),
      workload = 'return { run = function(_, ctx) ctx.sut:send({ path = "/u" }) end }',
      rounds = bench.round({ number = 50, tps = 500 }) })).tests[1]
    assert.are.equal(50, test.ok)
    assert.are.equal(50, count(nginx.log(), "^/u$"))
  end)
end)

describe("TLS", function()
  local tls, other, stranger

  setup(function()
    tls, other, stranger = support.certificate(), support.certificate(), support.certificate({ names = "DNS:elsewhere" })
  end)

  local function run_tls(certificate, options)
    local nginx = support.nginx({ tls = certificate })
    local dir = bench.workspace({ network = network(nginx.url, "connections: 2, tls: {" .. options .. "}"),
      workload = 'return { run = function(_, ctx) ctx.sut:send({ path = "/t" }) end }',
      rounds = bench.round({ number = 40, tps = 400 }) })
    local r = bench.run(dir)
    return support.summary(dir).tests[1], nginx, r
  end

  it("is verified against the CA of the network file", function()
    local test, nginx, r = run_tls(tls, "ca: " .. tls.ca)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.same({ 40, 40 }, { test.ok, count(nginx.log(), "^/t$") })
  end)

  it("fails with class tls and without a request where the server is another one", function()
    for _, case in ipairs({ { tls, other.ca }, { stranger, stranger.ca } }) do
      local test, nginx, r = run_tls(case[1], "ca: " .. case[2])
      assert.are.equal(3, r.status)
      conserved(test)
      assert.are.same({ 0, 0, { tls = 40 } }, { test.ok, count(nginx.log(), "^/t$"), classes(test) })
    end
  end)

  it("takes any certificate with verify: false", function()
    local test, nginx, r = run_tls(stranger, "verify: false")
    assert.are.equal(0, r.status, r.stderr)
    assert.are.same({ 40, 40 }, { test.ok, count(nginx.log(), "^/t$") })
  end)
end)

describe("a SUT that goes away", function()
  it("in the middle of a round: what fails is reset or connect, and the round ends at its time", function()
    local nginx = support.nginx()
    local dir = bench.workspace({ workers = 2, network = network(nginx.url, "connections: 4"),
      workload = 'return { run = function(_, ctx) ctx.sut:send({ path = "/x" }) end }',
      rounds = bench.round({ duration = 2, tps = 400 }) })
    local running = bench.start(dir)
    support.wait_for(function()
      return #nginx.log() >= 200
    end, 10, "half of the round")
    nginx.process:kill("KILL")
    assert.is_truthy(running:wait(10), "the round does not end")
    local out, err = running:output()
    assert.are.equal(0, (running.process:status()), out .. err)
    local test = support.summary(dir).tests[1]
    conserved(test)
    assert.are.same({ 800, 0 }, { test.submitted + test.dropped, test.unfinished })
    assert.is_true(test.dropped < 20, test.dropped .. " were due too close to the end")
    -- It may have died between an answer and its line in the log, on each connection.
    local logged = count(nginx.log(), "^/x$")
    assert.is_true(math.abs(test.ok - logged) <= 8, ("%d ok, %d logged"):format(test.ok, logged))
    local seen = classes(test)
    assert.are.equal(test.failed, (seen.reset or 0) + (seen.connect or 0))
    assert.is_true(seen.connect > 0)
    assert.is_true(test.seconds < 2 + 3, "it took " .. test.seconds .. " s")
  end)

  it("and comes back: the same round goes on with it", function()
    local witness = http_servers.raw_server({
      x = { { "send", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" } }, last = { { "reset" } } })
    local dir = bench.workspace({ network = network(witness.url, "connections: 1"), rounds = bench.round({ number = 60, tps = 300 }),
      workload = 'return { run = function(_, ctx) ctx.sut:send({ path = ctx.index % 10 == 9 and "/last" or "/x" }) end }' })
    local test = run_ok(dir).tests[1]
    assert.are.same({ 54, 6, { reset = 6 } }, { test.ok, test.failed, classes(test) })
    assert.are.equal(6, witness.connections())
  end)
end)

describe("a SUT that cannot be reached", function()
  local function run_against(url, options)
    local dir = bench.workspace({ network = network(url, options), rounds = bench.round({ number = 30, tps = 300 }),
      workload = 'return { run = function(_, ctx) ctx.sut:send({}) end }' })
    return bench.run(dir), dir
  end

  for _, case in ipairs({
    { what = "a refused port", url = function() return "http://127.0.0.1:" .. support.free_port() end, pattern = "refused" },
    { what = "no route", url = function() return "http://224.0.0.1:9" end, pattern = "unreachable" },
    { what = "no socket", url = function() return "unix:" .. support.tmpdir() .. "/none.sock" end, pattern = "[Nn]o such file" },
  }) do
    it(case.what .. ": all fail with class connect, status 3", function()
      local r, dir = run_against(case.url())
      assert.are.equal(3, r.status, r.stderr)
      assert.matches("none of 30 transactions succeeded", r.stderr)
      local test = support.summary(dir).tests[1]
      conserved(test)
      assert.are.same({ 30, 0, { connect = 30 } }, { test.submitted, test.ok, classes(test) })
      assert.matches(case.pattern, test.errors[1].message)
      assert.are.equal(require("cjson").null, test.response_time_ns)
    end)
  end

  it("an unknown name: a clear message before any round, status 3", function()
    local r = run_against("http://no-such-host.invalid:80", "connectTimeout: 5s")
    assert.are.equal(3, r.status)
    assert.matches("vernier: error: stage setup failed: cannot reach the SUT: http: no%-such%-host%.invalid: [^\n]+\n$", r.stderr)
    bench.assert_no_orphans(r.mark)
  end)
end)

-- One round per fault, all against one server.
describe("a SUT that misbehaves", function()
  local N = 12
  local cases = {
    { label = "reset", class = "reset" },
    { label = "half", class = "reset" },
    { label = "garbage", class = "protocol" },
    { label = "badchunk", class = "protocol" },
    { label = "blackhole", class = "timeout" },
    { label = "close" },
    { label = "noframe" },
    { label = "redirect" },
    { label = "chunked", path = "/chunked/20" },
    { label = "bytes", path = "/bytes/300000" },
  }
  local summary, r, arrivals

  setup(function()
    local witness = support.witness()
    local rounds = ""
    for _, case in ipairs(cases) do
      rounds = rounds .. bench.round({ label = case.label, number = N, tps = 200,
        arguments = ("{path: %s}"):format(case.path or "/" .. case.label) })
    end
    local dir = bench.workspace({ network = network(witness.url, "connections: 12, timeout: 300ms"), rounds = rounds,
      workload = "return { run = function(_, ctx) ctx.sut:send({ path = ctx.arguments.path }) end }" })
    r = bench.run(dir)
    summary, arrivals = support.summary(dir), witness.arrivals()
  end)

  it("gets every request once: nothing is sent again, no redirect is followed", function()
    local seen = {}
    for _, arrival in ipairs(arrivals) do
      seen[arrival.url] = (seen[arrival.url] or 0) + 1
    end
    for _, case in ipairs(cases) do
      assert.are.equal(N, seen[case.path or "/" .. case.label], case.label)
    end
    assert.are.equal(N * #cases, #arrivals)
  end)

  for _, case in ipairs(cases) do
    it(("%s: %s"):format(case.label, case.class and "all fail with class " .. case.class or "no failure"), function()
      local test = test_of(summary, case.label)
      conserved(test)
      assert.are.same(case.class and { [case.class] = N } or {}, classes(test), test.errors[1] and test.errors[1].message)
      assert.are.equal(case.class and 0 or N, test.ok)
    end)
  end

  it("makes the run fail, says which rounds, and does not keep it from ending", function()
    assert.are.equal(3, r.status)
    for _, case in ipairs(cases) do
      assert.are.equal(case.class and 1 or 0, select(2, r.stderr:gsub("round " .. case.label .. " failed", "")), case.label)
    end
  end)
end)

describe("a SUT that never answers", function()
  local SEND = 'return { run = function(_, ctx) ctx.sut:send({ path = "/blackhole" }) end }'

  it("costs the round no more than its drain: the rest is unfinished", function()
    local witness = support.witness()
    local dir = bench.workspace({ workers = 2, workload = SEND, network = network(witness.url, "connections: 10, timeout: 20s"),
      rounds = bench.round({ duration = 1, tps = 40, extra = "drain: 500ms" }) })
    local summary, r = run_ok(dir, 3)
    local test = summary.tests[1]
    conserved(test)
    assert.are.same({ 40, 0 }, { test.unfinished + test.dropped, test.failed })
    assert.is_true(test.seconds >= 1.5 and test.seconds < 1.5 + 2, test.seconds .. " s")
    assert.are.equal(20, #witness.arrivals(), "more sent than there are connections")
    bench.assert_no_orphans(r.mark)
  end)

  it("is a timeout after the request's own time, waiting for a connection included", function()
    local witness = support.witness()
    local dir = bench.workspace({ workload = SEND, network = network(witness.url, "connections: 1, timeout: 400ms"),
      rounds = bench.round({ number = 20, tps = 20 }) })
    local test = run_ok(dir, 3).tests[1]
    conserved(test)
    assert.are.same({ 20, { timeout = 20 } }, { test.submitted, classes(test) })
    assert.is_true(test.seconds < 1.4 + 2, test.seconds .. " s")
  end)
end)
