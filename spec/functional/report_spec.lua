-- What a run leaves behind and shows: journals, summary.json, report.html, the table, the progress, and its memory.
local bench = require("spec.support.bench")
local cjson = require("cjson")
local support = require("spec.support")

local null = cjson.null

-- ---- an own reader of journals: 8 bytes of head, then length, checksum and JSON of each record ----

local function number32(text, at)
  local a, b, c, d = text:byte(at, at + 3)
  return a + b * 2 ^ 8 + c * 2 ^ 16 + d * 2 ^ 24
end

local function records(path)
  local text = support.read_file(path)
  assert.are.equal("vnjl", text:sub(1, 4))
  local list, at = {}, 9
  while at < #text do
    local len = number32(text, at)
    list[#list + 1] = cjson.decode(text:sub(at + 8, at + 7 + len))
    at = at + 8 + len
  end
  return list
end

-- Per test: counters added up over all intervals of all workers, and per operation.
local function added_up(folder, workers)
  local tests = {}
  for worker = 0, workers - 1 do
    for _, record in ipairs(records(("%s/worker-%d.journal"):format(folder, worker))) do
      if record.type == "interval" then
        local test = tests[record.test] or { runs = 0, submitted = 0, ok = 0, failed = 0, unfinished = 0, operations = {} }
        tests[record.test] = test
        test.runs = test.runs + record.runs
        for _, op in ipairs(record.ops) do
          local sum = test.operations[op.name] or { submitted = 0, ok = 0, failed = 0, unfinished = 0 }
          test.operations[op.name] = sum
          for name, value in pairs(sum) do
            sum[name] = value + op[name]
            test[name] = test[name] + op[name]
          end
        end
      end
    end
  end
  return tests
end

local function run_ok(dir, options, status)
  local r = bench.run(dir, options)
  assert.are.equal(status or 0, r.status, r.stdout .. r.stderr)
  return r, support.summary(dir)
end

-- ---- what must never be seen ----

-- Words and numbers of a page, without its script and style.
local function visible(html)
  return (html:gsub("<style>.-</style>", ""):gsub("<script>.-</script>", ""))
end

local function assert_finite(text, what)
  for _, word in ipairs({ "nan", "NaN", "inf", "Infinity", "undefined", "nil" }) do
    local at = text:find("%f[%w]" .. word .. "%f[^%w]")
    assert.is_nil(at, at and ("%s: …%s…"):format(what, text:sub(math.max(1, at - 60), at + 60)))
  end
end

local SLOW = "caliper: {connector: noop}\nnoop: {latency: exponential 4ms}\n"
local MIXED = [[
  return { run = function(_, ctx)
    ctx.sut:send({}, { operation = "one" })
    if ctx.index % 2 == 0 then
      ctx.sut:send({}, { operation = "two" })
    elseif ctx.index % 9 == 0 then
      error("bad luck", 0)
    end
  end }]]

describe("vernier report", function()
  local dir, folder, first, summary, r

  setup(function()
    dir = bench.workspace({ workers = 2, workload = MIXED, network = SLOW,
      rounds = bench.round({ label = "rate", number = 600, tps = 200 }) .. bench.round({ label = "load", duration = 1, load = 6 })
        .. bench.round({ label = "number", number = 101, tps = 1000, extra = "trim: 10" }) })
    r, summary, folder = run_ok(dir)
    first = { summary = support.read_file(folder .. "/summary.json"), html = support.read_file(folder .. "/report.html") }
  end)

  it("makes everything again from the journals, byte by byte, as often as it is asked to", function()
    for _ = 1, 2 do
      assert.are.equal(0, support.run({ "rm", folder .. "/summary.json", folder .. "/report.html" }).status)
      local again = support.vernier({ "report", folder })
      assert.are.equal(0, again.status, again.stderr)
      assert.are.equal(first.summary, support.read_file(folder .. "/summary.json"))
      assert.is_true(first.html == support.read_file(folder .. "/report.html"), "another report.html")
      assert.are.equal(r.stdout, again.stdout:sub(1, #r.stdout))
    end
  end)

  it("adds up what the journals say, by the word of another reader", function()
    local sums = added_up(folder, 2)
    assert.are.equal(3, #summary.tests)
    for id, test in ipairs(summary.tests) do
      local sum = sums[id]
      for _, name in ipairs({ "runs", "submitted", "ok", "failed", "unfinished" }) do
        assert.are.equal(sum[name], test[name], test.label .. " " .. name)
      end
      assert.are.equal(test.submitted, test.ok + test.failed + test.unfinished)
      for _, op in ipairs(test.operations) do
        for name, value in pairs(sum.operations[op.name]) do
          assert.are.equal(value, op[name], op.name .. " " .. name)
        end
        sum.operations[op.name] = nil
      end
      assert.is_nil(next(sum.operations))
    end
    -- 300 runs send twice; 33 send once and fail once more, by an error.
    assert.are.same({ 600, 600 + 300 + 33, 33 }, { summary.tests[1].runs, summary.tests[1].submitted, summary.tests[1].failed })
    -- The first and the last ten of each worker.
    assert.are.equal(101, summary.tests[3].runs)
    assert.is_true(summary.tests[3].trimmed >= 40)
  end)

  it("leaves a private folder with an interval per second and worker", function()
    local modes = support.run({ "stat", "-c", "%a %n", folder, folder .. "/manager.journal", folder .. "/worker-1.journal",
      folder .. "/summary.json", folder .. "/report.html" })
    for mode, name in modes.stdout:gmatch("(%d+) (%S+)\n") do
      assert.are.equal(name == folder and "700" or "600", mode, name)
    end
    local n, last = 0, 0
    for _, record in ipairs(records(folder .. "/worker-0.journal")) do
      if record.type == "interval" and record.test == 1 then
        n = n + 1
        assert.are.equal(last, record.from_us)
        assert.is_true(record.to_us > record.from_us)
        last = record.to_us
      end
    end
    assert.is_true(n >= 3, n .. " intervals in 3 s")
  end)

  it("shows the seconds in report.html", function()
    local chart = first.html:match("<figcaption><h4>Rate over time.-</svg>")
    local _, bands = chart:gsub('<rect class="band"', "")
    assert.are.equal(3, bands)
    for _, title in ipairs({ "Response time over time", "Service time over time", "Latency distribution" }) do
      assert.is_truthy(first.html:find("<h4>" .. title .. "</h4>", 1, true), title)
    end
  end)

  it("prints Caliper's table with the summary's numbers", function()
    local header = r.stdout:match("| Name [^\n]+")
    for _, title in ipairs({ "Succ", "Fail", "Send Rate (TPS)", "Max Latency", "Min Latency", "Avg Latency",
      "p50", "p95", "p99", "Throughput (TPS)" }) do
      assert.is_truthy(header:find(title, 1, true), title .. " is missing")
    end
    for _, test in ipairs(summary.tests) do
      local succ, fail, rate, rest = r.stdout:match("| " .. test.label .. " +| +(%d+) | +(%d+) | +([%d.]+) |([^\n]+)")
      assert.are.same({ test.ok, test.failed }, { tonumber(succ), tonumber(fail) })
      assert.is_true(math.abs(tonumber(rate) - test.send_rate) <= 0.051)
      assert.is_true(math.abs(tonumber(rest:match("([%d.]+) |$")) - test.throughput) <= 0.051)
    end
    assert.matches("bad luck", r.stdout)
  end)

  it("loads nothing from anywhere", function()
    local html = first.html
    assert.is_nil(html:find("%ssrc%s*="))
    assert.is_nil(html:find("@import", 1, true))
    assert.is_nil(html:find("url%("))
    assert.is_nil(html:find("<link", 1, true))
    for target in html:gmatch('href="([^"]*)"') do
      assert.matches("^#", target)
    end
    for _, call in ipairs({ "fetch(", "XMLHttpRequest", "import(", "WebSocket" }) do
      assert.is_nil(html:find(call, 1, true), call)
    end
    assert.is_true(first.html == support.read_file(dir .. "/report.html"), "the copy in the workspace is another one")
  end)
end)

describe("the results of one test, read while its workers write", function()
  it("never lose or double a transaction, and end as the summary's", function()
    local results = require("vernier.results")
    local dir = bench.workspace({ workers = 2, rounds = bench.round({ label = "before", number = 50, tps = 200 })
      .. bench.round({ label = "now", duration = 3.5, tps = 400 }) })
    local running = bench.start(dir)
    local folder = support.wait_for(function()
      return support.runs(dir)[1]
    end, 10, "the run's folder")
    local last, reads, grown, states = 0, 0, 0, {}
    while running:running() do
      local read = results.read(folder, { tests = { [2] = true } })
      local test = read and read.tests[1]
      if test then
        local ok = test.figures.ok
        assert.are.same({ 1, 2 }, { #read.tests, test.id })
        assert.is_true(ok >= last, ("%d after %d"):format(ok, last))
        assert.is_true(test.figures.submitted <= 1400)
        reads, grown, last = reads + 1, grown + (ok > last and 1 or 0), ok
        states[test.status] = true
      end
      support.sleep(0.005)
    end
    assert.are.equal(0, (running.process:status()))
    -- What is not flushed yet is seen, too: there are far more steps than intervals.
    assert.is_true(reads > 50 and grown > 30, ("%d reads, %d of them new"):format(reads, grown))
    assert.is_true(states.running)
    local summary = support.summary(dir)
    local read = results.read(folder, { tests = { [2] = true } })
    assert.are.same(summary.tests[2], cjson.decode(require("vernier.json").encode(read:test_summary(read.tests[1]))))
    assert.are.equal(1400, summary.tests[2].ok)
  end)
end)

describe("a round of one transaction, of none, or without a success", function()
  it("has null and - where there is no figure, and nothing infinite anywhere", function()
    local dir = bench.workspace({ workers = 2, rounds = bench.round({ label = "one", number = 1, tps = 10 })
      .. bench.round({ label = "none", duration = 0.2, rate = "{type: zero-rate}" })
      .. bench.round({ label = "empty", number = 5, tps = 100, module = "./empty.lua" })
      .. bench.round({ label = "bad", number = 5, tps = 100, module = "./bad.lua" }),
      files = { ["empty.lua"] = "return { run = function() end }", ["bad.lua"] = "return { run = function() error('no', 0) end }" } })
    local r, summary, folder = run_ok(dir, nil, 3)
    local one, none, empty, bad = unpack(summary.tests)
    assert.are.same({ 1, 1, "ok" }, { one.submitted, one.ok, one.status })
    assert.are.same({ null, null, null }, { one.send_rate, one.throughput, one.goodput })
    assert.are.equal(null, one.response_time_ns.stddev)
    assert.are.equal(one.response_time_ns.min, one.response_time_ns.max)
    assert.are.same({ 0, 0, 0, "ok" }, { none.runs, none.submitted, none.ok, none.status })
    assert.are.same({ 5, 5, 0, "ok" }, { empty.runs, empty.empty, empty.submitted, empty.status })
    assert.are.same({ 5, 5, 0, "failed" }, { bad.submitted, bad.failed, bad.ok, bad.status })
    for _, test in ipairs({ none, empty, bad }) do
      assert.are.equal(null, test.response_time_ns)
      assert.are.equal(null, test.service_time_ns)
    end
    for _, test in ipairs({ none, empty }) do
      assert.are.same({ null, null, null }, { test.send_rate, test.throughput, test.goodput })
      assert.matches("| " .. test.label .. " +|    0 |    0 | +%- | +%- | +%- | +%- | +%- | +%- | +%- | +%- |", r.stdout)
    end
    assert.are.same({ "none of 5 transactions succeeded" }, bad.reasons)
    assert_finite(support.read_file(folder .. "/summary.json"), "summary.json")
    assert_finite(visible(support.read_file(folder .. "/report.html")), "report.html")
    assert_finite(r.stdout, "stdout")
  end)
end)

describe("names with markup in them", function()
  it("are text in report.html, and steer no terminal", function()
    local evil = [["<script>alert(1)</script>&'\" \e[31m<u>"]]
    local dir = bench.workspace({ test = "  description: " .. evil .. "\n", network = "caliper: {connector: noop}\ninfo: {<i>x: " .. evil .. "}\n",
      rounds = bench.round({ label = evil, number = 4, tps = 100, extra = "description: " .. evil }), workload = [[
      return { run = function(_, ctx)
        ctx.sut:send({}, { operation = "<img src=x onerror=alert(2)>" })
        if ctx.index > 1 then error("</pre><script>alert(3)</script>\27[2J", 0) end
      end }]] })
    local r, _, folder = run_ok(dir)
    local html = support.read_file(folder .. "/report.html")
    for _, raw in ipairs({ "<script>alert", "<img", "<u>", "<i>", "onerror=alert(2)>", "\27" }) do
      assert.is_nil(visible(html):find(raw, 1, true), raw)
    end
    assert.is_nil(html:find("alert(1)</script>", 1, true))
    assert.is_truthy(html:find("&lt;script&gt;alert(1)&lt;/script&gt;&amp;", 1, true))
    assert.is_truthy(html:find("&lt;img src=x onerror=alert(2)&gt;", 1, true))
    assert.is_nil((r.stdout .. r.stderr):find("\27", 1, true))
  end)
end)

describe("progress", function()
  local ROUND = { rounds = bench.round({ label = "walk", number = 250, tps = 100 }), workers = 2 }

  it("is a plain line per interval where there is no terminal", function()
    local r = run_ok(bench.workspace(ROUND), { "--caliper-progress-reporting-interval", "500" })
    local n, last = 0, 0
    for submitted in r.stderr:gmatch("%[walk%] 1/1[^\n]-submitted (%d+)") do
      n = n + 1
      assert.is_true(tonumber(submitted) >= last)
      last = tonumber(submitted)
    end
    assert.is_true(n >= 4, r.stderr)
    assert.are.equal(250, last)
    assert.is_nil(r.stderr:find("[\r\27]"))
  end)

  it("is silent where it is switched off", function()
    local r = run_ok(bench.workspace({ rounds = bench.round({ duration = 1.2, tps = 100 }) }),
      { "--caliper-progress-reporting-enabled", "false", "--caliper-progress-reporting-interval", "300" })
    assert.are.equal("", r.stderr)
    assert.matches("| Name", r.stdout)
  end)

  it("is one block that is drawn again and again on a terminal", function()
    local dir = bench.workspace(ROUND)
    local command = support.quote(support.binary) .. " run benchmark.yaml network.yaml"
    local r = support.run({ "script", "-qec", command, "/dev/null", cwd = dir, timeout = 30, env = { TERM = "xterm" } })
    assert.are.equal(0, r.status, r.stdout)
    local drawn, lines = 0, 0
    for _ in r.stdout:gmatch("\27%[K") do
      drawn = drawn + 1
    end
    for line in r.stdout:gmatch("[^\n]+") do
      lines = lines + (line:find("█", 1, true) and 1 or 0)
    end
    assert.is_true(drawn >= 5, "drawn " .. drawn .. " times")
    assert.is_true(lines <= 3, "the block is " .. lines .. " lines")
    -- 50 a second on each worker; a turn more or less may fall into an interval.
    local rates, right = 0, 0
    for rate in r.stdout:gmatch("%% +(%d+) tx/s  ok [1-9]") do
      rates = rates + 1
      right = right + (math.abs(tonumber(rate) - 100) < 25 and 1 or 0)
    end
    assert.is_true(rates >= 3 and right > rates / 2, ("%d of %d rates are about 100/s"):format(right, rates))
    assert.are.equal(250, support.summary(dir).tests[1].ok)
  end)
end)

describe("memory", function()
  -- The most that a worker has had resident, as the kernel says, in a closed loop for so long.
  local function peak_kib(seconds)
    local dir = bench.workspace({ rounds = bench.round({ duration = seconds, load = 20 }) })
    local running = bench.start(dir, { "--caliper-observer-internal-interval", "100" })
    local pid = bench.worker_pid(running, 0)
    local peak = 0
    while running:running() do
      local hwm = support.read_file("/proc/" .. pid .. "/status"):match("VmHWM:%s+(%d+) kB")
      peak = math.max(peak, tonumber(hwm) or 0)
      support.sleep(0.02)
    end
    assert.are.equal(0, (running.process:status()))
    return peak, support.summary(dir).tests[1].ok
  end

  it("of a worker does not depend on how long it runs", function()
    if support.slow > 1 then
      pending("an instrument keeps freed memory")
      return
    end
    local short, few = peak_kib(1.5)
    local long, many = peak_kib(6)
    assert.is_true(few > 10000 and many > few)
    assert.is_true(short > 1000 and long < 1.3 * short, ("%d KiB after 1.5 s, %d KiB after 6 s"):format(short, long))
  end)
end)
