local cjson = require("cjson")
local file = require("vernier.core.file")
local format = require("vernier.format")
local results = require("vernier.results")
local rundir = require("spec.support.rundir")
local svg = require("vernier.svg")

local MS = 1e6
local EVIL = "<script>alert('1')</script>&\"\27[31m\255"

-- Four rounds: one that ran, one that failed, one of a single transaction, one without anything.
local function write_run()
  local run = rundir.new()
  run:run({ name = EVIL, description = EVIL, version = "0.1.0", seed = 7, workers = 1, command = "vernier run " .. EVIL,
    machine = { cpu = EVIL, cores = 2, memory = 2 ^ 34 }, network_info = { Name = EVIL, Nested = { a = EVIL } },
    benchmark = { test = { name = EVIL } }, settings = { ["caliper-x"] = EVIL } })
  local stem = "worker-0"
  run:test({ test = 1, label = EVIL, description = EVIL, duration = 3, workers = 1,
    rate = { type = EVIL, opts = { tps = EVIL } }, workload = { module = EVIL } })
  run:begin(stem, 0, 1)
  for second = 0, 2 do
    run:interval(stem, 0, 1, {
      from = second, to = second + 1, runs = 100, dropped = 1, last_finish_us = second * 1e6 + 999000,
      ops = {
        { name = EVIL, submitted = 60, ok = 57, failed = 2, unfinished = 0, trimmed = 0, classes = { [EVIL] = 2 },
          response = { 0.23e6, 1.5 * MS, 20 * MS }, service = { 0.2e6, 1.4 * MS, 1232.2 * MS }, lateness = { 900 } },
        { name = "plain", submitted = 40, ok = 40, failed = 0, unfinished = 0, trimmed = 0, response = { MS }, service = { MS } },
      },
      errors = { { class = EVIL, message = EVIL .. "\nsecond line", count = 2, first_us = 0, last_us = 5 } },
    })
  end
  run:finish(stem, 0, 1)
  run:test_end(1, 3.1)
  run:test({ test = 2, label = "down", number = 24 })
  run:begin(stem, 0, 2)
  run:interval(stem, 0, 2, { from = 0, to = 4.5, runs = 24, last_due_us = 4.444e6, last_finish_us = 4.5e6,
    ops = { { submitted = 24, ok = 0, failed = 24, unfinished = 0, trimmed = 0, classes = { connect = 24 } } } })
  run:finish(stem, 0, 2, "failed", EVIL)
  run:test_end(2, 5, "failed", { EVIL })
  run:test({ test = 3, label = "one", number = 1 })
  run:begin(stem, 0, 3)
  run:interval(stem, 0, 3, { from = 0, to = 0.25, runs = 1, last_finish_us = 250000,
    ops = { { submitted = 1, ok = 1, failed = 0, unfinished = 0, trimmed = 0, response = { 250 * MS }, service = { 250 * MS } } } })
  run:finish(stem, 0, 3)
  run:test_end(3, 0.3)
  run:test({ test = 4, number = 5 })
  run:append("manager", { type = "event", at_us = 1e6, what = "warning", message = EVIL })
  run:close()
  return run.path
end

local function report(name, path, ctx)
  local read = assert(results.read(path))
  local out = {}
  ctx = ctx or {}
  ctx.dir = path
  ctx.write = function(text)
    out[#out + 1] = text
  end
  local reporter = setmetatable({ options = {} }, { __index = require("vernier.reporters." .. name) })
  local files, message = reporter:run(ctx, read)
  return files, message, table.concat(out)
end

-- Whole pages make unreadable failure messages.
local function has(text, part)
  assert.is_true(text:find(part, 1, true) ~= nil, "missing: " .. part)
end

local function lacks(text, part)
  assert.is_nil(text:find(part, 1, true), "unwanted: " .. part)
end

describe("the reporters", function()
  local path

  setup(function()
    path = write_run()
  end)

  teardown(function()
    rundir.remove(path)
  end)

  it("json: writes summary.json, the same each time, for its owner", function()
    local files = assert(report("json", path))
    assert.are.same({ path .. "/summary.json" }, files)
    local text = file.read(files[1])
    local s = cjson.decode(text)
    assert.are.equal(1, s.format)
    assert.are.equal(4, #s.tests)
    assert.are.equal(0, s.tests[2].response_time_ns == cjson.null and 0 or 1)
    assert.are.equal("interrupted", s.run.status)
    report("json", path)
    assert.are.equal(text, file.read(files[1]))
  end)

  it("json: says when it cannot write", function()
    local read = assert(results.read(path))
    local files, message = require("vernier.reporters.json"):run({ dir = path .. "/none" }, read)
    assert.is_nil(files)
    assert.matches("No such file", message)
  end)

  describe("text:", function()
    local function rows(text)
      local list = {}
      for line in text:gmatch("[^\n]+") do
        local cells = {}
        for cell in line:gmatch("|([^|]*)") do
          cells[#cells + 1] = cell:match("^%s*(.-)%s*$")
        end
        if #cells > 1 then
          list[#list + 1] = cells
        end
      end
      return list
    end

    it("prints Caliper's columns, and the others where they say something", function()
      local _, _, text = report("text", path)
      local table_ = rows(text)
      assert.are.same({
        "Name", "Succ", "Fail", "Unfinished", "Dropped", "Send Rate (TPS)", "Max Latency", "Min Latency",
        "Avg Latency", "p50", "p95", "p99", "Throughput (TPS)",
      }, { unpack(table_[1], 1, 13) })
      local first = table_[2]
      assert.are.same({ "291", "6", "3", "3", "100.0", "20.0 ms", "230 µs", "5.68 ms" }, { unpack(first, 2, 9) })
      assert.are.equal("99.0", first[13])
    end)

    it("prints - where there is nothing to divide", function()
      local _, _, text = report("text", path)
      local table_ = rows(text)
      assert.are.same({ "down", "0", "24", "0", "0", "5.2", "-", "-", "-", "-", "-", "-", "5.3" }, { unpack(table_[3], 1, 13) })
      assert.are.same({ "one", "1", "0", "0", "0", "-", "250 ms", "250 ms", "250 ms", "250 ms", "250 ms", "250 ms", "-" },
        { unpack(table_[4], 1, 13) })
      assert.are.same({ "unknown", "0", "0", "0", "0", "-", "-", "-", "-", "-", "-", "-", "-" }, { unpack(table_[5], 1, 13) })
      assert.is_nil(text:lower():find("nan", 1, true))
      assert.is_nil(text:lower():find("inf", 1, true))
    end)

    it("aligns, lists failures with their reasons, and lets nobody steer the terminal", function()
      local _, _, text = report("text", path)
      assert.is_nil(text:find("\27", 1, true))
      local width
      for line in text:match("^(.-)\n\n"):gmatch("[^\n]+") do
        local _, characters = line:gsub("[^\128-\191]", "")
        width = width or characters
        assert.are.equal(width, characters)
      end
      has(text, "round 2 (down): failed")
      has(text, "none of 24 transactions succeeded")
      has(text, "24 x connect")
      has(text, "round 4 (unknown): interrupted")
      has(text, "Certificate: SUSPECT")
      has(text, " 1.23 s")
      lacks(text, "second line")
    end)

    it("is coloured on a terminal only", function()
      local _, _, text = report("text", path, { terminal = true })
      assert.matches("\27%[31m", text)
      assert.is_nil(text:gsub("\27%[%d+m", ""):find("\27", 1, true))
    end)

    it("says when there was no round", function()
      local run = rundir.new()
      run:run()
      run:run_end()
      run:close()
      local _, _, text = report("text", run.path)
      rundir.remove(run.path)
      assert.matches("No round was started", text)
      assert.matches("VALID", text)
    end)
  end)

  describe("html:", function()
    local html

    setup(function()
      assert(report("html", path, { report_path = path .. "/deep/copy.html" }))
      html = file.read(path .. "/report.html")
    end)

    it("writes the report, and a copy where it is wanted", function()
      assert.are.equal(html, file.read(path .. "/deep/copy.html"))
      local files = report("html", path)
      assert.are.same({ path .. "/report.html" }, files)
      files = report("html", path, { report_path = "/dev/full" })
      assert.is_nil(files)
    end)

    it("escapes everything that comes from outside", function()
      local _, scripts = html:gsub("<script", "")
      assert.are.equal(1, scripts)
      lacks(html, "alert('1')")
      assert.is_nil(html:find("[%z\1-\8\11\12\14-\31]"))
      lacks(html, "\255")
      local _, shown = html:gsub("&lt;script&gt;alert%(&#39;1&#39;%)", "")
      assert.is_true(shown > 15)
    end)

    it("loads nothing", function()
      assert.is_nil(html:find("https?://"))
      assert.is_nil(html:find("%ssrc="))
      assert.is_nil(html:find("<link"))
      assert.is_nil(html:find("@import"))
      assert.is_nil(html:find("url%("))
      has(html, "default-src 'none'")
    end)

    it("nests its elements properly", function()
      local void = { meta = true, br = true }
      local stack = {}
      local body = html:gsub("<!DOCTYPE html>", ""):gsub("<style>.-</style>", ""):gsub("<script>.-</script>", "")
      for slash, name, rest in body:gmatch("<(/?)(%w+)([^>]*)>") do
        if slash == "/" then
          assert.are.equal(table.remove(stack), name)
        elseif not void[name] and rest:sub(-1) ~= "/" then
          stack[#stack + 1] = name
        end
      end
      assert.are.same({}, stack)
      local ids = {}
      for id in html:gmatch(' id="([^"]*)"') do
        assert.is_nil(ids[id])
        ids[id] = true
      end
      for target in html:gmatch('href="#([^"]*)"') do
        assert.is_true(ids[target])
      end
    end)

    it("has no coordinate that is not a number", function()
      assert.is_nil(html:find("[\" ,ML]%-?nan"))
      assert.is_nil(html:find("[\" ,ML]%-?inf[\" ,LZ]"))
    end)

    it("shows failed rounds with their reasons first, and what each round asked for", function()
      local wrong, summary = html:find("What went wrong", 1, true), html:find("Summary of performance metrics", 1, true)
      assert.is_true(wrong < summary)
      for _, part in ipairs({
        "none of 24 transactions succeeded", "24 runs", "1 of 4 rounds failed", ">interrupted<", "certificate SUSPECT",
        "Rate over time", "Latency distribution", "Response time over time", "Service time over time", "16.0 GiB",
      }) do
        has(html, part)
      end
    end)
  end)
end)

describe("vernier report", function()
  local function vernier(arguments)
    local binary = io.open("/proc/self/cmdline"):read("*a"):match("^[^%z]+")
    local p = io.popen(("%s report %s 2>&1; echo status $?"):format(binary, arguments))
    local text = p:read("*a")
    p:close()
    return text, tonumber(text:match("status (%d+)\n$"))
  end

  it("makes everything again, and its status is the run's", function()
    local path = write_run()
    local text, status = vernier(path)
    assert.are.equal(130, status)
    assert.matches("Succ", text)
    assert.are.equal("file", file.kind(path .. "/summary.json"))
    assert.are.equal("file", file.kind(path .. "/report.html"))
    rundir.remove(path)
    for expected, record in pairs({ [0] = { "ok", 0 }, [3] = { "failed", 3 } }) do
      local run = rundir.new()
      run:run()
      run:run_end(unpack(record))
      run:close()
      text, status = vernier(run.path .. "/")
      assert.are.equal(expected, status)
      assert.matches(run.path .. "/report.html", text, 1, true)
      rundir.remove(run.path)
    end
  end)

  it("says what is wrong with the folder", function()
    for _, arguments in ipairs({ "", "/nonexistent", "/tmp", "a b" }) do
      local text, status = vernier(arguments)
      assert.are.equal(2, status)
      assert.matches("^vernier: report: ", text)
    end
  end)
end)

describe("format", function()
  it("gives durations three digits and a unit", function()
    local cases = { [0] = "0 ns", [1] = "1.00 ns", [812] = "812 ns", [999.6] = "1.00 µs", [1234567] = "1.23 ms", [45.6e6] = "45.6 ms",
      [999.9e6] = "1.00 s", [86400e9] = "86400 s" }
    for ns, text in pairs(cases) do
      assert.are.equal(text, format.duration(ns))
    end
    assert.are.equal("-", format.duration(nil))
  end)

  it("groups digits and names spans and sizes", function()
    assert.are.equal("1,234,567.8", format.grouped("1234567.8"))
    assert.are.equal("123", format.grouped("123"))
    assert.are.equal("-", format.grouped("-"))
    assert.are.same({ "350 ms", "2 min 5 s", "3 h 20 min" }, { format.span(0.35), format.span(125), format.span(12000) })
    assert.are.same({ "16.0 GiB", "512 B" }, { format.bytes(2 ^ 34), format.bytes(512) })
  end)
end)

describe("svg", function()
  it("escapes for content and attributes", function()
    assert.are.equal("&lt;a href=&quot;&#39;&amp;&quot;&gt;", svg.escape([[<a href="'&">]]))
  end)

  local function values(scale)
    local list = {}
    for i, tick in ipairs(scale.ticks) do
      list[i] = tonumber(("%.9g"):format(tick.value))
    end
    return list
  end

  it("has round ticks within its scales", function()
    assert.are.same({ 0, 200, 400, 600, 800 }, values(svg.linear(790)))
    assert.are.same({ 0, 0.2, 0.4, 0.6, 0.8, 1 }, values(svg.linear(0)))
    assert.are.same({ 100, 200, 500, 1000, 2000 }, values(svg.log(130, 1900)))
    assert.are.same({ 0, 15, 30, 45, 60, 75, 90, 105, 120 }, values(svg.time(0, 120)))
    assert.are.same({ 0, 50, 90, 99, 99.9 }, values(svg.percentile(5000)))
    for _, scale in ipairs({ svg.linear(790), svg.log(130, 1900), svg.log(0, 0), svg.time(5, 5), svg.percentile(0) }) do
      for _, tick in ipairs(scale.ticks) do
        local place = scale.place(tick.value)
        assert.is_true(place >= -1e-9 and place <= 1 + 1e-9)
      end
    end
  end)

  it("is logarithmic only where a linear scale would hide the low values", function()
    assert.are.equal(0, svg.auto(10, 100).low)
    assert.are.equal(10, svg.auto(10, 1000).low)
    assert.are.equal(0, svg.auto(0, 1000).low)
  end)

  it("breaks a line where values are missing, and draws a lonely one as a dot", function()
    local chart = svg.chart({
      label = "x", x = svg.time(0, 4), y = svg.linear(10),
      series = { { class = "s", points = { { 0, 1 }, { 1, 2 }, { 2, nil }, { 3, 5 } } } },
    })
    local _, lines = chart:gsub('class="line s"', "")
    local _, dots = chart:gsub('class="dot s"', "")
    assert.are.same({ 1, 1 }, { lines, dots })
  end)
end)
