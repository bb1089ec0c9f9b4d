-- Marks of operations in the results and in every form in which they are reported.
local cjson = require("cjson")
local hdr_log = require("vernier.hdr_log")
local load = require("vernier.core.load")
local results = require("vernier.results")
local rundir = require("spec.support.rundir")
local support = require("spec.support")

local MS = 1e6

local function operation(name, n, marks)
  return { name = name, submitted = n, ok = n, failed = 0, unfinished = 0, trimmed = 0, response = { 100 * MS },
    service = { 99 * MS }, marks = marks }
end

local function mark(name, ...)
  local response, service = { ... }, {}
  for i, ms in ipairs(response) do
    response[i], service[i] = ms * MS, (ms - 1) * MS
  end
  return { name = name, response = response, service = service }
end

describe("marks", function()
  local run

  before_each(function()
    run = rundir.new()
    run:run()
    run:test({ label = "transfers", number = 4 })
  end)

  after_each(function()
    run:close()
    rundir.remove(run.path)
  end)

  local function interval(worker, second, ...)
    run:interval("worker-" .. worker, worker, 1, { from = second, to = second + 1, runs = 1, last_finish_us = 3e6, ops = { ... } })
  end

  -- Two workers, of which the second meets "included" first, and one operation without marks.
  -- marks: what operations have instead of theirs.
  local function write(marks)
    local function op(name, n, theirs)
      return operation(name, n, marks or theirs)
    end
    run:begin("worker-0", 0, 1)
    interval(0, 0, op("open", 2, { mark("accepted", 10, 20) }), op("query", 1))
    interval(0, 1, op("open", 2, { mark("accepted", 30), mark("included", 200) }))
    run:finish("worker-0", 0, 1)
    run:begin("worker-1", 1, 1)
    interval(1, 0, op("open", 1, { mark("included", 300), mark("accepted", 40) }), op("transfer", 1, { mark("accepted", 5) }))
    run:finish("worker-1", 1, 1)
    run:test_end(1, 3)
  end

  local function read()
    run:close()
    return assert(results.read(run.path))
  end

  local function summary()
    assert(require("vernier.reporters.json"):run({ dir = run.path }, read()))
    return cjson.decode(support.read_file(run.path .. "/summary.json"))
  end

  local function text_of(name)
    local out = {}
    assert(require("vernier.reporters." .. name).run({ options = {} }, { dir = run.path, write = function(text)
      out[#out + 1] = text
    end }, read()))
    return table.concat(out)
  end

  it("are added up over workers and intervals, for each operation, in the order of their medians", function()
    write()
    local operations = read():test(1).operation_figures
    local open, query, transfer = unpack(operations)
    assert.are.same({ "open", "query", "transfer" }, { open.name, query.name, transfer.name })
    local accepted, included = unpack(open.marks)
    assert.are.same({ 2, 0, 1 }, { #open.marks, #query.marks, #transfer.marks })
    assert.are.same({ "accepted", 4, 10 * MS, 25 * MS, 40 * MS },
      { accepted.name, accepted.count, accepted.response_time.min, accepted.response_time.mean, accepted.response_time.max })
    assert.are.same({ 9 * MS, 24 * MS, 39 * MS },
      { accepted.service_time.min, accepted.service_time.mean, accepted.service_time.max })
    assert.are.same({ "included", 2, 200 * MS, 300 * MS },
      { included.name, included.count, included.response_time.min, included.response_time.max })
    assert.are.same({ "accepted", 1, 5 * MS }, { transfer.marks[1].name, transfer.marks[1].count, transfer.marks[1].response_time.max })
  end)

  it("change no counter, rate or time of operations and tests", function()
    write()
    local marked = read():test(1)
    rundir.remove(run.path)
    run = rundir.new()
    run:run()
    run:test({ label = "transfers", number = 4 })
    write({})
    local plain = read():test(1)
    for _, figures in ipairs(marked.operation_figures) do
      figures.marks = {}
    end
    assert.are.same(plain.operation_figures, marked.operation_figures)
    assert.are.same(plain.figures, marked.figures)
    assert.are.same(plain.workers, marked.workers)
  end)

  it("are in summary.json where there are any, and nowhere else", function()
    write()
    local t = summary().tests[1]
    local open, query = t.operations[1], t.operations[2]
    assert.are.equal(2, #open.marks)
    local accepted = open.marks[1]
    assert.are.same({ "accepted", 4, 10 * MS, 9 * MS, 40 * MS },
      { accepted.name, accepted.count, accepted.response_time_ns.min, accepted.service_time_ns.min, accepted.response_time_ns.p99_99 })
    assert.is_nil(query.marks)
    assert.is_nil(t.marks)
    assert.is_nil(t.workers[1].marks)
  end)

  it("are rows of the table of times, below their operation", function()
    write()
    local lines = {}
    for line in text_of("text"):gmatch("| (%s*%S+)%s+| response") do
      lines[#lines + 1] = line
    end
    assert.are.same({ "transfers", "  open", "    accepted", "    included", "  query", "  transfer", "    accepted" }, lines)
  end)

  it("are below their test where that has one operation", function()
    run:begin("worker-0", 0, 1)
    interval(0, 0, operation("default", 1, { mark("\27[31mred", 10) }))
    run:finish("worker-0", 0, 1)
    local text = text_of("text")
    assert.matches("\n| transfers +| response", text)
    assert.matches("\n|    %[31mred +| response [^\n]+\n| +| service", text)
    assert.is_nil(text:find("\27", 1, true))
  end)

  it("are a table of the HTML report, escaped; without marks there is none", function()
    run:begin("worker-0", 0, 1)
    interval(0, 0, operation("default", 1, { mark("<b>&", 10) }))
    run:finish("worker-0", 0, 1)
    local html = require("vernier.html.round")
    local r = read()
    local page = html.html(r, r:test(1))
    assert.matches("<h3>Marks</h3>", page, 1, true)
    assert.matches("&lt;b&gt;&amp;", page, 1, true)
    assert.is_nil(page:find("<b>&", 1, true))
    r:test(1).operation_figures[1].marks = {}
    assert.is_nil(html.html(r, r:test(1)):find("Marks", 1, true))
  end)

  it("have tags of their own in interval logs", function()
    write()
    local paths = require("vernier.reporters.hdr-log").run({ options = {} }, { dir = run.path }, read())
    local log, counts = assert(hdr_log.open(paths[1])), {}
    for entry in function() return log:next() end do
      counts[entry.tag] = (counts[entry.tag] or 0) + entry.histogram:count()
    end
    log:close()
    assert.are.same({ 4, 4, 2, 2, 1, nil }, { counts["open:accepted.response"], counts["open:accepted.service"],
      counts["open:included.response"], counts["open:included.service"], counts["transfer:accepted.response"],
      counts["open:accepted.lateness"] })
    assert.are.equal(3, counts["open.response"])
  end)

  it("that are damaged are said and cost nothing else", function()
    run:begin("worker-0", 0, 1)
    local good = mark("accepted", 10)
    interval(0, 0, operation("open", 1, { good, { name = "included", response = "damaged", service = { MS } }, { name = "x", response = {} } }))
    interval(0, 1, operation("open", 1))
    run:finish("worker-0", 0, 1)
    local r = read()
    assert.are.equal(1, #r.damages)
    assert.matches("worker 0, test 1: ", r.damages[1])
    local figures = r:test(1).operation_figures[1]
    assert.are.same({ 2, 1, "accepted" }, { figures.ok, #figures.marks, figures.marks[1].name })
  end)

  it("may be anything in a journal that is not ours", function()
    run:begin("worker-0", 0, 1)
    for _, marks in ipairs({ 5, "x", true, { 5, "x" }, { {} }, { { name = {}, h = 5 } }, { { name = "n", h = { response = {} } } } }) do
      local record = operation("open", 1)
      record = rundir.operation(record)
      run:append("worker-0", { type = "interval", worker = 0, test = 1, load = "default", seq = 1, from_us = 0, to_us = 1e6,
        runs = 1, ops = { { name = "open", submitted = 1, ok = 1, failed = 0, h = record.h, marks = marks } } })
    end
    local figures = read():test(1).operation_figures[1]
    assert.are.same({ 7, 0 }, { figures.ok, #figures.marks })
  end)

  it("of a killed worker come from its live file", function()
    run:begin("worker-0", 0, 1)
    interval(0, 0, operation("open", 1, { mark("accepted", 10) }))
    local handle = assert(load.new({ late_after_ns = 1e12, max_in_flight = 10, budget_ns = 1e12,
      live_path = run.path .. "/live/worker-0-default.live" }))
    load.start(handle, require("vernier.core.clock").now() - 1e9)
    load.next_interval(handle)
    local number = load.operation(handle, "open")
    load.permit(handle, 0, 0)
    local ref = load.tx(handle, load.open_tx(handle, load.take(handle), number))
    ref:mark("accepted", ref.intended_ns + 30 * MS)
    load.keep(handle)
    load.free(handle)
    local figures = read():test(1).operation_figures[1]
    assert.are.same({ "open", 2, 1, 1 }, { figures.name, figures.submitted, figures.ok, figures.unfinished })
    local accepted = figures.marks[1]
    assert.are.same({ 2, 10 * MS, 30 * MS }, { accepted.count, accepted.response_time.min, accepted.response_time.max })
  end)
end)
