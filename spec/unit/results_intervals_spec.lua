-- The intervals of a test, one after the other: each measured value is in exactly one, whatever the workers did.
local results = require("vernier.results")
local rundir = require("spec.support.rundir")

local MS = 1e6

local function op(n, ns, name)
  local times = {}
  for i = 1, n do
    times[i] = ns
  end
  return { name = name, submitted = n, ok = n, failed = 0, unfinished = 0, trimmed = 0, response = times }
end

describe("the intervals of a test", function()
  local run

  before_each(function()
    run = rundir.new()
    run:run()
  end)

  after_each(function()
    run:close()
    rundir.remove(run.path)
  end)

  local function intervals(id)
    run:close()
    local r = assert(results.read(run.path))
    local list = {}
    for interval in r:intervals(assert(r:test(id or 1))) do
      local operations = {}
      for i, one in ipairs(interval.operations) do
        operations[i] = { one.name, one.ok, one.response:figures().count, one.response:figures().max }
      end
      list[#list + 1] = { from = interval.from_us / 1e6, to = interval.to_us / 1e6, runs = interval.runs, operations = operations }
    end
    return list
  end

  it("are none where nothing was measured", function()
    run:test({ label = "a" })
    assert.are.same({}, intervals())
  end)

  it("add up all workers, and keep operations apart", function()
    run:test({ label = "a" })
    for worker = 0, 2 do
      local stem = "worker-" .. worker
      run:begin(stem, worker, 1)
      for second = 0, 2 do
        run:interval(stem, worker, 1, { from = second + 0.001 * worker, to = second + 1 + 0.001 * worker, runs = 7,
          ops = { op(5, (second + 1) * MS, "put"), op(2, MS, "get") } })
      end
      run:finish(stem, worker, 1)
    end
    local list = intervals()
    assert.are.equal(3, #list)
    for i, interval in ipairs(list) do
      assert.are.same({ from = i - 1, to = i + 0.002, runs = 21, operations = { { "get", 6, 6, MS }, { "put", 15, 15, i * MS } } },
        interval)
    end
  end)

  it("leave out the journal's other tests, before, between and after", function()
    for id = 1, 3 do
      run:test({ test = id, label = "t" .. id })
      run:begin("worker-0", 0, id)
      run:interval("worker-0", 0, id, { from = 0, to = 1, ops = { op(id, MS) } })
      if id == 2 then
        run:interval("worker-0", 0, 1, { from = 1, to = 2, load = "late", ops = { op(100, MS) } })
      end
      run:interval("worker-0", 0, id, { from = 1, to = 2, ops = { op(10 * id, MS) } })
      run:finish("worker-0", 0, id)
    end
    local list = intervals(2)
    assert.are.same({ 2, 20 }, { list[1].operations[1][2], list[2].operations[1][2] })
    assert.are.equal(2, #list)
  end)

  it("hold everything once where a worker paused, and where threads have their own loads", function()
    run:test({ label = "a" })
    run:begin("worker-0", 0, 1, { load = "x", thread = 0 })
    run:begin("worker-0", 0, 1, { load = "y", thread = 1 })
    for second = 0, 5 do
      for _, load in ipairs({ "x", "y" }) do
        run:interval("worker-0", 0, 1, { from = second, to = second + 1, load = load, runs = 1, ops = { op(1, MS) } })
      end
    end
    run:finish("worker-0", 0, 1, nil, nil, "x")
    run:finish("worker-0", 0, 1, nil, nil, "y")
    run:begin("worker-1", 1, 1)
    run:interval("worker-1", 1, 1, { from = 0, to = 1, runs = 10, ops = { op(10, MS) } })
    run:interval("worker-1", 1, 1, { from = 1, to = 5.5, runs = 20, ops = { op(20, MS) } })
    run:interval("worker-1", 1, 1, { from = 5.5, to = 5.5, runs = 40, ops = { op(40, MS) } })
    run:finish("worker-1", 1, 1)
    local runs, count, last = 0, 0, -1
    for _, interval in ipairs(intervals()) do
      runs, count = runs + interval.runs, count + interval.operations[1][3]
      assert.is_true(interval.from >= last and interval.to >= interval.from)
      last = interval.from
    end
    assert.are.same({ 82, 82 }, { runs, count })
  end)

  it("of a journal that ends in the middle are those that it holds, damaged ones left out", function()
    run:test({ label = "a" })
    run:begin("worker-0", 0, 1)
    run:interval("worker-0", 0, 1, { from = 0, to = 1, ops = { op(3, MS) } })
    run:interval("worker-0", 0, 1, { from = 1, to = 2, ops = { op(4, MS) } })
    run:close()
    local path = run.path .. "/worker-0.journal"
    local f = assert(io.open(path, "rb"))
    local text = f:read("*a")
    f:close()
    f = assert(io.open(path, "wb"))
    f:write(text:sub(1, -5))
    f:close()
    local list = intervals()
    assert.are.same({ 1, 3 }, { #list, list[1].operations[1][3] })
  end)
end)
