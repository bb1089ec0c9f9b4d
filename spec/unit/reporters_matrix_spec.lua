-- What the reporters make of a run over configurations, cluster sizes and repetitions.
local comparison = require("vernier.results.comparison")
local file = require("vernier.core.file")
local results = require("vernier.results")
local rundir = require("spec.support.rundir")
local support = require("spec.support")
local svg = require("vernier.svg")

local MS = 1e6
local count = support.count
local EVIL = "<script>alert('1')</script>&\"\27[31m\255"

local function stage(run, cell, record)
  record.type, record.cell = "stage", cell
  record.section, record.from_us, record.to_us = record.section or "scenario", record.from_us or 1e6, record.to_us or 2e6
  run:append("manager", record)
end

-- Two configurations x sizes 1 and 2 x two repetitions: cell 3 failed before its test, cell 8 never ran.
local function write_matrix()
  local run = rundir.new()
  local matrix = rundir.matrix({ "A", EVIL }, { 1, 2 }, 2)
  run:run({ name = "matrix", matrix = matrix, repetitions = 2, order = "random", restart = "cell", workers = 2 })
  for _, cell in ipairs(matrix) do
    if cell.cell < 8 then
      run:cell({ cell = cell.cell, configuration = cell.configuration, size = cell.size, repetition = cell.repetition,
        groups = { { name = EVIL, size = cell.size } } })
      stage(run, cell.cell, { stage = "service-start", label = EVIL, properties = { [EVIL] = EVIL, groups = { "server" } },
        status = "ok", workers = { 0 } })
      if cell.cell == 3 then
        stage(run, 3, { stage = "test", status = "fail", reason = EVIL, from_us = 2e6, to_us = 2e6 })
        run:cell_end(3, "failed", { reasons = { EVIL } })
      else
        local n = cell.repetition == 1 and 100 or 120
        local workers = { { 0, n, MS * cell.size, journal = "worker-0." .. cell.cell } }
        if cell.size == 2 then
          workers[2] = { 1, n / 2, MS * cell.size, journal = "worker-1." .. cell.cell }
        end
        run:whole_test({ test = cell.cell, cell = cell.cell, attempt = 1, configuration = cell.configuration, size = cell.size,
          repetition = cell.repetition, name = "stress", label = "stress", group_of = { ["0"] = EVIL, ["1"] = "clients" },
          workers = workers })
        run:append("manager", { type = "result", cell = cell.cell, attempt = 1, test = "stress", name = EVIL, value = 1234567.25,
          unit = EVIL, iteration = 1, workers = { ["0"] = 1, ["10"] = EVIL } })
        run:cell_end(cell.cell, "ok")
      end
    end
  end
  run:run_end("failed", 3)
  return run:close()
end

-- One configuration, two sizes, three iterations by a property's value; in size 2 the third was not reached.
local function write_iterations()
  local run = rundir.new()
  run:run({ matrix = rundir.matrix({ "A" }, { 1, 2 }) })
  local id = 0
  for size = 1, 2 do
    run:cell({ cell = size, configuration = "A", size = size })
    for iteration = 1, 4 - size do
      id = id + 1
      run:whole_test({ test = id, cell = size, attempt = 1, configuration = "A", size = size, name = "climb", label = "climb",
        iteration = iteration, iteration_value = 10 * iteration, iteration_name = "total-threads",
        workers = { { 0, 50 * iteration, iteration * MS, journal = "worker-0." .. id } } })
    end
    run:cell_end(size, "ok")
  end
  run:run_end("ok", 0)
  return run:close()
end

local function report(name, path)
  local out = {}
  local reporter = setmetatable({ options = {} }, { __index = require("vernier.reporters." .. name) })
  assert(reporter:run({ dir = path, write = function(text)
    out[#out + 1] = text
  end }, assert(results.read(path))))
  return table.concat(out)
end

local function has(text, part)
  assert.is_true(text:find(part, 1, true) ~= nil, "missing: " .. part)
end

describe("over a matrix", function()
  local path, climb

  setup(function()
    path, climb = write_matrix(), write_iterations()
  end)

  teardown(function()
    rundir.remove(path)
    rundir.remove(climb)
  end)

  describe("the comparison", function()
    it("folds repetitions, and says why there is no figure", function()
      local entries = comparison.of(assert(results.read(path)))
      assert.are.equal(1, #entries)
      local entry = entries[1]
      assert.are.same({ "stress", false, 2, 4 }, { entry.name, entry.iterations, entry.repetitions, #entry.rows })
      local first, second, _, last = unpack(entry.rows)
      assert.are.same({ "A", 1, "ok", "ok" }, { first.configuration, first.size, first.status, first.status_text })
      assert.are.same({ mean = 110, min = 100, max = 120, n = 2, sum = 220 }, first.throughput)
      assert.are.same({ "failed", "failed, 1 of 2 ok", 1 }, { second.status, second.status_text, second.throughput.n })
      assert.are.same({ EVIL, 2, "not run" }, { last.configuration, last.size, last.status })
    end)

    it("has a row per iteration, in order", function()
      local entry = comparison.of(assert(results.read(climb)))[1]
      local list = {}
      for i, row in ipairs(entry.rows) do
        list[i] = ("%d:%d=%d"):format(row.size, row.iteration, row.iteration_value)
      end
      assert.are.same({ "1:1=10", "1:2=20", "1:3=30", "2:1=10", "2:2=20" }, list)
      assert.is_true(entry.iterations)
    end)

    it("has the configurations in the order of the file, whatever the order of the run was", function()
      local run = rundir.new()
      run:run({ matrix = rundir.matrix({ "late", "early" }, { 1 }),
        benchmark = { configurations = { { name = "early" }, 5, { name = "late" } } } })
      run:cell({ cell = 1, configuration = "late", size = 1 })
      run:whole_test({ test = 1, cell = 1, attempt = 1, configuration = "late", size = 1, name = "t", label = "t",
        workers = { { 0, 10, MS } } })
      local dir = run:close()
      local rows = comparison.of(assert(results.read(dir)))[1].rows
      assert.are.same({ "early", "late" }, { rows[1].configuration, rows[2].configuration })
      rundir.remove(dir)
    end)

    it("has rows per operation where a test has several", function()
      assert.are.same({}, comparison.operations(comparison.of(assert(results.read(climb)))[1]))
      local run = rundir.new()
      run:run({ matrix = rundir.matrix({ "A" }, { 1 }, 2) })
      for cell = 1, 2 do
        run:cell({ cell = cell, configuration = "A", size = 1, repetition = cell })
        run:test({ test = cell, cell = cell, configuration = "A", size = 1, repetition = cell, name = "t", duration = 1 })
        run:begin("worker-0." .. cell, 0, cell)
        run:interval("worker-0." .. cell, 0, cell, { from = 0, to = 1, runs = 30, last_finish_us = 1e6, ops = {
          { name = "put", submitted = 10 * cell, ok = 10 * cell, failed = 0, response = { cell * MS } },
          { name = "get", submitted = 20, ok = 18, failed = 2, response = { MS } } } })
        run:finish("worker-0." .. cell, 0, cell)
        run:test_end(cell, 1)
        run:cell_end(cell)
      end
      local read = assert(results.read(run:close()))
      rundir.remove(run.path)
      local rows = comparison.operations(comparison.of(read)[1])
      assert.are.same({ 2, "get", "put" }, { #rows, rows[1].operation, rows[2].operation })
      assert.are.same({ 20, 2, 15, 10, 20 }, { rows[1].throughput.mean, rows[1].failed.mean, rows[2].throughput.mean,
        rows[2].throughput.min, rows[2].throughput.max })
      has(require("vernier.html.compare").html(comparison.of(read)[1], 1), "<summary>Per operation</summary>")
    end)

    it("has a row for a cell that never came to the test", function()
      local run = rundir.new()
      run:run({ matrix = rundir.matrix({ "A", "B" }, { 1 }) })
      for cell = 1, 2 do
        run:cell({ cell = cell, configuration = cell == 1 and "A" or "B", size = 1 })
        if cell == 1 then
          run:whole_test({ test = 1, cell = 1, configuration = "A", size = 1, name = "t", workers = { { 0, 5, MS } } })
        end
        run:cell_end(cell, "ok")
      end
      local rows = comparison.of(assert(results.read(run:close())))[1].rows
      rundir.remove(run.path)
      assert.are.same({ "no data", {} }, { rows[2].status, rows[2].tests })
      assert.is_nil(rows[2].throughput)
    end)
  end)

  describe("text:", function()
    it("has a row per cell and a table per test, aligned, and steers no terminal", function()
      local text = report("text", path)
      assert.is_nil(text:find("\27", 1, true))
      local widths, tables = nil, 0
      for line in text:gmatch("[^\n]*") do
        local _, width = line:gsub("[^\128-\191]", "")
        if line:match("^[|+]") then
          tables = tables + (widths and 0 or 1)
          widths = widths or width
          assert.are.equal(widths, width, line)
        elseif line ~= "" then
          widths = nil
        end
      end
      assert.are.equal(2, tables)
      assert.matches("| A +|    1 | +2 | ok +|", text)
      assert.matches("| A +|    2 | +1 | failed +| 4.00 s |", text)
      assert.matches("| +2 | +2 | not run | +%- |", text)
      assert.matches("| A +|    1 | ok +| +110.0 ± 10.0 | 1.00 ms ± 0 ns |", text)
      assert.matches("failed, 1 of 2 ok", text)
      assert.is_nil(text:find("Send Rate", 1, true))
    end)

    it("names iterations by their value", function()
      local text = report("text", climb)
      has(text, "| 3: total-threads 30 |")
      assert.is_nil(text:find("±", 1, true))
    end)
  end)

  describe("html:", function()
    local html, iterations

    setup(function()
      report("html", path)
      report("html", climb)
      html, iterations = file.read(path .. "/report.html"), file.read(climb .. "/report.html")
    end)

    it("escapes, loads nothing, nests and links properly", function()
      for _, page in ipairs({ html, iterations }) do
        assert.are.equal(1, count(page, "<script"))
        assert.is_nil(page:find("[%z\1-\8\11\12\14-\31\255]"))
        for _, pattern in ipairs({ "https?://", "%ssrc=", "<link", "@import", "url%(", "[\" ,ML]%-?nan", "[\" ,ML:]%-?inf[\" ,LZ%%]" }) do
          assert.is_nil(page:find(pattern), pattern)
        end
        local stack, ids = {}, {}
        local body = page:gsub("<!DOCTYPE html>", ""):gsub("<style>.-</style>", ""):gsub("<script>.-</script>", "")
        for slash, name, rest in body:gmatch("<(/?)(%w+)([^>]*)>") do
          if slash == "/" then
            assert.are.equal(table.remove(stack), name)
          elseif name ~= "meta" and name ~= "br" and rest:sub(-1) ~= "/" then
            stack[#stack + 1] = name
          end
        end
        assert.are.same({}, stack)
        for id in page:gmatch(' id="([^"]*)"') do
          assert.is_nil(ids[id], id)
          ids[id] = true
        end
        for target in page:gmatch('href="#([^"]*)"') do
          assert.is_true(ids[target], target)
        end
      end
      has(html, "&lt;script&gt;alert(&#39;1&#39;)")
    end)

    it("shows failed cells first, and every cell and stage", function()
      local wrong, compared = html:find("What went wrong", 1, true), html:find('id="compare-1"', 1, true)
      assert.is_true(wrong < compared)
      for cell = 1, 8 do
        has(html, ('<details class="cell" id="cell-%d"'):format(cell))
      end
      for _, part in ipairs({ "1 of 8 cells failed", "8 cells", ">not run</span>", "Order</dt><dd>random", "2 stages of A, size 2, repetition 1",
        'class="gantt"', "service-start", "1,234,567", "worker 10" }) do
        has(html, part)
      end
      assert.is_nil(html:find("nil", 1, true))
    end)

    it("draws bars with their range and boxes, per configuration over sizes", function()
      local chart = html:match("<h4>Throughput</h4>.-</svg>")
      assert.are.equal(4, count(chart, 'class="bar inner'))
      assert.are.equal(2, count(chart, 'class="range"')) -- of those with two repetitions
      assert.are.equal(2, count(chart, 'class="bar inner s2"'))
      has(chart, "A: throughput 110.0 (100.0 – 120.0)")
      assert.are.equal(4, count(html:match("<h4>Response time</h4>.-</svg>"), 'class="bar outer'))
      assert.are.equal(4, count(html:match("<h4>Response times</h4>.-</svg>"), 'class="box '))
      has(html, "<small class=\"none\">100.0 – 120.0</small>")
    end)

    it("marks suspects, and names groups", function()
      assert.are.equal(2, count(html, '>suspect</span>')) -- worker 1 in the two cells of size 2 that ran
      has(html, "clients")
    end)

    it("draws iterations as lines over their value", function()
      local chart = iterations:match("<h4>Throughput, transactions a second</h4>.-</svg>")
      assert.are.same({ 2, 5 }, { count(chart, 'class="line s1 dash'), count(chart, 'class="dot s1') })
      has(chart, "over total-threads")
      has(chart, "size 2: 100.0")
      has(iterations, "climb · 20")
      assert.is_nil(iterations:find("<h4>Throughput</h4>", 1, true))
    end)
  end)
end)

describe("a run of one cell", function()
  local function write(n)
    local run = rundir.new()
    run:run({ matrix = rundir.matrix({ "default" }, { 1 }) })
    run:cell({ cell = 1, configuration = "default", size = 1 })
    for id = 1, n do
      run:test({ test = id, cell = 1, label = "r" .. id, duration = 1, configuration = "default", size = 1, repetition = 1 })
      run:test_end(id, 1, id == 1 and "ok" or "failed", { "because" })
    end
    stage(run, 1, { stage = "round", status = "ok" })
    stage(run, nil, { stage = "start-command", status = "ok", section = "run" })
    run:cell_end(1)
    run:run_end()
    return run:close()
  end

  it("is shown as ever, with its stages, and compares nothing", function()
    local path = write(1)
    local text = report("text", path)
    report("html", path)
    local html = file.read(path .. "/report.html")
    rundir.remove(path)
    assert.matches("| Name | Succ |", text)
    assert.is_nil(text:find("Cells", 1, true))
    has(html, "<summary>2 stages</summary>")
    has(html, "<small>Round 1</small>r1")
    for _, part in ipairs({ 'class="cell"', 'id="cells"', 'id="compare-1"' }) do
      assert.is_nil(html:find(part, 1, true), part)
    end
  end)

  it("does not bury the end of the text under its failures", function()
    local path = write(33)
    local text = report("text", path)
    rundir.remove(path)
    has(text, "round 31 (r31): failed")
    assert.is_nil(text:find("round 32", 1, true))
    has(text, "… and 2 more tests with failures")
  end)
end)

describe("records with members of any type", function()
  local TYPES = { "cell", "cell-end", "stage", "result", "resumed", "test", "test-start", "test-end", "event" }
  local MEMBERS = { "cell", "attempt", "configuration", "size", "repetition", "groups", "at_us", "status", "reasons", "section",
    "stage", "label", "properties", "from_us", "to_us", "reason", "workers", "test", "name", "iteration", "iteration_value",
    "iteration_name", "warmup", "threads", "group_of", "value", "unit", "matrix", "duration", "rate", "workload", "start_us", "end_us" }
  local VALUES = { 1, 2, 3, 1, 2, -1.5, "x", "2", true, false, {}, { "a", { name = "g" } }, { k = { 1 } } }

  local state = 20261122
  local function draw(n)
    state = state * 48271 % 2147483647
    return state % n + 1
  end

  local function record(kind, share)
    local out = {}
    for _, member in ipairs(MEMBERS) do
      if draw(share) == 1 then
        out[member] = VALUES[draw(#VALUES)]
      end
    end
    out.type, out.cell, out.test = kind, draw(2) == 1 and draw(3) or out.cell, draw(2) == 1 and draw(4) or out.test
    return out
  end

  it("break no reporter", function()
    for _ = 1, 60 do
      local run = rundir.new()
      run:run({ matrix = { { cell = 1, configuration = "A", size = 1, groups = VALUES[draw(#VALUES)] }, VALUES[draw(#VALUES)],
        { cell = 2, configuration = "B", size = 2, repetition = 1 } }, repetitions = VALUES[draw(#VALUES)] })
      for _ = 1, 25 do
        run:append("manager", record(TYPES[draw(#TYPES)], 3))
      end
      for _, kind in ipairs({ "begin", "interval", "end" }) do
        local of_worker = record(kind, 4)
        of_worker.test, of_worker.worker, of_worker.ops = draw(4), draw(2), { { name = "x", submitted = 9, ok = 5, failed = 1 } }
        run:append("worker-0", of_worker)
      end
      run:close()
      for _, name in ipairs({ "json", "html", "text" }) do
        report(name, run.path)
      end
      rundir.remove(run.path)
    end
  end)
end)

describe("bars and boxes", function()
  it("leave out what has no value, and stay within the chart", function()
    local chart = svg.bars({ label = "x", y = svg.linear(10), categories = { { name = "1", text = "t" }, { name = "2", text = "t" } },
      series = { { class = "s1", values = { { mean = 5, min = 5, max = 5 } } },
        { class = "s2", values = { [2] = { mean = 10, min = 9, max = 99, outer = 50 } } } } })
    assert.are.same({ 2, 1, 1 }, { count(chart, "bar inner"), count(chart, "bar outer"), count(chart, "range") })
    for y in chart:gmatch(' y="(%-?[%d.]+)"') do
      assert.is_true(tonumber(y) >= 0)
    end
  end)

  it("shorten long names by whole characters", function()
    local box = { min = 1, whisker_low = 1, q1 = 2, median = 3, q3 = 4, whisker_high = 5, max = 9 }
    local chart = svg.boxes({ label = "x", x = svg.linear(9), rows = { { name = ("ü"):rep(40), class = "s1", box = box, text = "t" },
      { name = ("ü"):rep(30), class = "s1", box = box, text = "t" } } })
    has(chart, ">" .. ("ü"):rep(29) .. "…</text>")
    has(chart, ">" .. ("ü"):rep(30) .. "</text>")
  end)
end)
