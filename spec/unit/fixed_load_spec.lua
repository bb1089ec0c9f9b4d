-- The rate controller fixed-load, asked as a load asks it.
local context = require("vernier.context")
local plugins = require("vernier.plugins")

local function controller(options, worker, workers)
  local instance, message = plugins.new("rate controller", "fixed-load", options, ".")
  assert(instance, message)
  instance:init({ worker = worker or 0, workers = workers or 1, share = context.share })
  return instance
end

local function stats(permitted, finished, dropped)
  return { permitted = permitted, runs_finished = finished, dropped = dropped or 0 }
end

-- The due times (s) of a worker's whole window.
local function window(options, worker, workers)
  local instance, dues = controller(options, worker, workers), {}
  while true do
    local due = instance:run(nil, #dues, stats(#dues, 0), 0)
    if not due then
      return dues
    end
    dues[#dues + 1] = due / 1e9
  end
end

describe("fixed-load", function()
  it("refuses fewer places than workers, and wrong times", function()
    assert.has_error(function()
      controller({ transactionLoad = 2 }, 0, 3)
    end, "transactionLoad of 2 is fewer than the 3 workers: every worker needs at least one")
    assert.is_nil((plugins.new("rate controller", "fixed-load", { thinkTime = "soon" }, ".")))
    assert.is_nil((plugins.new("rate controller", "fixed-load", { rampUp = -1 }, ".")))
  end)

  it("shares the window out exactly, the remainder to the first workers", function()
    assert.are.same({ 3, 2, 2 }, { #window({ transactionLoad = 7 }, 0, 3), #window({ transactionLoad = 7 }, 1, 3),
      #window({ transactionLoad = 7 }, 2, 3) })
  end)

  it("fills the window at once and permits one run for each that ends", function()
    local c = controller({ transactionLoad = 2 })
    assert.are.same({ 0, 0 }, { c:run(nil, 0, stats(0, 0), 5), c:run(nil, 1, stats(1, 0), 5) })
    assert.is_nil(c:run(nil, 2, stats(2, 0), 5))
    assert.are.equal(7, c:run(nil, 2, stats(2, 1), 7))
    assert.is_nil(c:run(nil, 3, stats(3, 1), 7))
    assert.are.equal(9, c:run(nil, 3, stats(3, 1, 1), 9)) -- one was dropped
  end)

  it("lets thinkTime pass between the end of a run and the next in its place, not before the first", function()
    local c = controller({ transactionLoad = 1, thinkTime = "50ms" })
    assert.are.equal(0, c:run(nil, 0, stats(0, 0), 0))
    assert.are.equal(1e6 + 50e6, c:run(nil, 1, stats(1, 1), 1e6))
  end)

  it("fills the window evenly over rampUp, all workers in turns", function()
    assert.are.same({ 0, 0.5, 1, 1.5 }, window({ transactionLoad = 4, rampUp = 2 }))
    assert.are.same({ 0, 1 }, window({ transactionLoad = 4, rampUp = 2 }, 0, 2))
    assert.are.same({ 0.5, 1.5 }, window({ transactionLoad = 4, rampUp = 2 }, 1, 2))
    local all = {}
    for worker = 0, 2 do
      for _, due in ipairs(window({ transactionLoad = 7, rampUp = 7 }, worker, 3)) do
        all[#all + 1] = math.floor(due + 0.5)
        assert.is_true(math.abs(due - all[#all]) < 1e-9)
      end
    end
    table.sort(all)
    assert.are.same({ 0, 1, 2, 3, 4, 5, 6 }, all)
  end)
end)
