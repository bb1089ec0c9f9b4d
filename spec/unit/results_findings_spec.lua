-- What rate controllers have found, as results and reports have it, from records that may hold anything.
local cjson = require("cjson")
local findings = require("vernier.results.findings")
local json = require("vernier.json")
local plugins = require("vernier.plugins")
local results = require("vernier.results")
local rundir = require("spec.support.rundir")

local CURVE = { columns = { { name = "rate", unit = "tx/s" }, { name = "p99", unit = "ns" }, { name = "verdict" } },
  rows = { { rate = 400, p99 = 9e6, verdict = "failed" }, { rate = 100, p99 = 2e6, verdict = "passed" },
    { rate = 200, verdict = "passed" } } }

describe("findings", function()
  local run

  before_each(function()
    run = rundir.new()
    run:run()
    run:test({ label = "search", duration = 10 })
    run:begin("worker-0", 0, 1)
  end)

  after_each(function()
    run:close()
    rundir.remove(run.path)
  end)

  local function read(...)
    for _, record in ipairs({ ... }) do
      record.type, record.test, record.load, record.worker = "finding", 1, "load", record.worker or 0
      run:append("worker-0", record)
    end
    run:interval("worker-0", 0, 1, { from = 0, to = 4, runs = 1, ops = {} })
    run:finish("worker-0", 0, 1)
    run:test_end(1, 4)
    run:run_end()
    run:close()
    return assert(results.read(run.path))
  end

  local function report(name, r)
    local reporter, written = assert(plugins.new("reporter", name, {}, ".")), {}
    assert(reporter:run({ dir = run.path, write = function(text) written[#written + 1] = text end }, r))
    return table.concat(written)
  end

  it("are in the test and in summary.json, every row with every column", function()
    local r = read({ name = "capacity-search", outcome = "found", text = "200", value = 200, unit = "tx/s", low = 200, high = 400,
      curve = CURVE })
    local f = cjson.decode(json.encode(r:representation("summary"))).tests[1].findings
    assert.are.equal(1, #f)
    assert.are.same({ 200, 200, 400, "tx/s", "found", 0 }, { f[1].value, f[1].low, f[1].high, f[1].unit, f[1].outcome, f[1].worker })
    assert.are.same({ rate = 200, p99 = cjson.null, verdict = "passed" }, f[1].curve.rows[3])
    assert.are.same({ name = "verdict", unit = cjson.null }, f[1].curve.columns[3])
  end)

  it("are shown by rate, with a chart of their times", function()
    local r = read({ name = "capacity-search", text = "it <can> do 200", value = 200, curve = CURVE })
    local text = report("text", r)
    assert.matches("search, capacity%-search: it <can> do 200\n", text)
    assert.matches("100 | 2%.00 ms | passed .*200 |         | passed .*400 | 9%.00 ms | failed ", text)
    report("html", r)
    local f = io.open(run.path .. "/report.html")
    local html = f:read("*a")
    f:close()
    assert.is_truthy(html:find("it &lt;can&gt; do 200", 1, true))
    assert.is_nil(html:find("<can>", 1, true))
    assert.is_truthy(html:find('aria-label="Times by rate"', 1, true))
    assert.is_truthy(html:find("<title>rate (tx/s) 100\np99 2.00 ms\nverdict passed</title>", 1, true))
  end)

  it("without numbers, or of one row, break no report", function()
    local r = read({ name = "a", text = "t", curve = { columns = { { name = "x" }, { name = "t", unit = "ns" } },
      rows = { { x = "low", t = 5 }, { x = "high" } } } },
      { name = "b", text = "t", curve = { columns = { { name = "x" }, { name = "t", unit = "ns" } }, rows = { { x = 0, t = 0 } } } },
      { name = "c", text = "t", curve = { columns = { { name = "x" }, { name = "t", unit = "ns" } }, rows = { { x = 5, t = 7 } } } },
      { name = "d", text = "t", curve = { columns = { { name = "x" } }, rows = { { x = -5 } } } })
    assert.matches("search, d: t\n", report("text", r))
    assert.is_true(report("html", r) == "")
  end)

  it("of records that hold anything else are what is sound of them", function()
    local r = read({}, { name = {}, text = 5, value = "many", low = 1, curve = "no" },
      { name = "x", curve = { columns = { { name = "rate" }, { unit = "ns" }, 5 }, rows = { 5, { rate = {} }, { rate = 7, other = 8 } } } },
      { name = "y", curve = { columns = {}, rows = { {} } } }, { name = "z", curve = { columns = 5, rows = 6 } })
    local list = r.tests[1].findings
    assert.are.same({ name = "finding", text = "", worker = 0 }, list[1])
    assert.are.same({ name = "finding", text = "5", low = 1, worker = 0 }, list[2])
    assert.are.same({ columns = { { name = "rate" } }, rows = { {}, { rate = 7 } } }, list[3].curve)
    assert.is_nil(list[4].curve or list[5].curve)
    report("text", r)
    report("html", r)
    assert.is_truthy(json.encode(r:representation("summary")))
  end)

  it("are told apart by worker where several have found something of that name", function()
    local list = { { name = "a", worker = 0 }, { name = "a", worker = 1 }, { name = "b", worker = 1 } }
    assert.are.same({ " of worker 0", " of worker 1", "" },
      { findings.who(list, list[1]), findings.who(list, list[2]), findings.who(list, list[3]) })
  end)

  it("and a controller that was done make a round by duration as long as it lasted", function()
    local r = read({ name = "a", text = "t" })
    assert.are.equal(4, r.tests[1].seconds)
    assert.are.equal("ok", r.tests[1].status)
    assert.are.equal(4e6, r.tests[1]:_length_us())
  end)
end)
