-- The collector in steps of ours.
local collector = require("vernier.core.collector")

local LATER = math.huge

local function garbage(bytes)
  local kept = {} -- what nobody sees, the compiler does not make
  for i = 1, bytes / 1000 do
    kept[i % 7] = ("x"):rep(970) .. math.random()
  end
  assert.is_truthy(kept[1])
end

describe("the collector", function()
  local weak

  before_each(function()
    collectgarbage()
    collectgarbage()
    weak = setmetatable({ {} }, { __mode = "v" })
    collector.start()
    collector.reset()
  end)

  after_each(function()
    collector.finish()
  end)

  it("collects nothing by itself between start and finish", function()
    garbage(20e6)
    assert.is_truthy(weak[1])
    assert.is_true(collectgarbage("count") > 10000)
    assert.are.equal(0, collector.total_ns)
  end)

  it("has a step to make when the heap has grown, and is through after some", function()
    assert.is_false(collector.due())
    local steps = 0
    while weak[1] and steps < 1e5 do
      garbage(60e3)
      if collector.due() then
        collector.step(LATER)
        steps = steps + 1
      end
    end
    assert.is_true(steps > 3 and steps < 1e5, steps)
    assert.is_true(collector.total_ns > 0 and collector.longest_ns <= collector.total_ns)
  end)

  -- The most KB that the heap has, of turns that allocate so many bytes each.
  local function most_of(turns, bytes)
    local most = 0
    for _ = 1, turns do
      garbage(bytes)
      if collector.due() then
        collector.step(LATER)
      end
      most = math.max(most, collectgarbage("count"))
    end
    return most
  end

  it("lets the heap of a load that goes on for long grow no further", function()
    local most = most_of(3000, 60e3)
    assert.is_true(most < 10000, most)
  end)

  it("keeps up with whatever is allocated between two turns", function()
    local most = most_of(60, 3e6)
    assert.is_true(most < 14000, most)
  end)

  it("waits when something is due at once, but not for ever", function()
    garbage(4e6)
    garbage(4e6)
    local before = collector.total_ns
    collector.step(0)
    assert.is_true(collector.total_ns > before, "8 MB are no reason to wait")
    repeat
      collector.step(LATER)
    until not collector.due()
    before = collector.total_ns
    garbage(50e3)
    collector.step(0)
    assert.are.equal(before, collector.total_ns)
  end)

  it("tells pauses: a step that could not be divided", function()
    local large = {}
    for i = 1, 6e6 do
      large[i] = i
    end
    garbage(100e6)
    repeat
      collector.step(LATER)
      garbage(60e3)
    until not collector.due() or collector.pauses > 0
    assert.is_true(collector.pauses > 0 and collector.longest_ns > 1e6, collector.longest_ns)
    collector.reset()
    assert.are.same({ 0, 0 }, { collector.pauses, collector.longest_ns })
    assert.are.equal(6e6, #large)
  end)

  it("may be started more than once", function()
    collector.start()
    collector.finish()
    garbage(20e6)
    assert.is_truthy(weak[1])
  end)

  it("leaves it to itself again at the end", function()
    collector.finish()
    garbage(50e6)
    assert.is_nil(weak[1])
    assert.is_false(collector.due())
    collector.start()
  end)
end)
