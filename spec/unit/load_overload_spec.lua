-- The C half of a load that is late: what the policies make of it.
local clock = require("vernier.core.clock")
local core = require("vernier.core.load")
local live = require("vernier.core.live")
local loads = require("spec.support.loads")

local MS = 1e6
local new = loads.new

describe("overload", function()
  it("catchUp all: everything is executed, counted late", function()
    local h = new({ late_after_ns = MS, start_ns = clock.now() - 50 * MS })
    for i = 0, 4 do
      core.permit(h, i, i * MS)
    end
    for _ = 0, 4 do
      assert.is_true(core.take(h) >= 0)
    end
    local interval = live.interval(core.live(h))
    assert.are.same({ 5, 5, 0 }, { interval.runs, interval.late, interval.dropped })
    core.free(h)
  end)

  it("catchUp drop: what is late is dropped and counted", function()
    local h = new({ late_after_ns = 10 * MS, start_ns = clock.now() - 50 * MS, catch_up = "drop" })
    for i = 0, 4 do
      core.permit(h, i, i * MS)
    end
    core.permit(h, 5, 10000 * MS)
    assert.are.equal(core.AGAIN, core.take(h))
    local interval = live.interval(core.live(h))
    assert.are.same({ 0, 5 }, { interval.runs, interval.dropped })
    core.free(h)
  end)

  -- Takes runs as soon as they may start until there is none left; calls taken(run record, now) for each.
  local function take_all(h, n, taken)
    while n > 0 do
      local run = core.take(h)
      if run >= 0 then
        n = n - 1
        taken(core.runs(h)[run], clock.now())
        core.release(h, run)
      end
    end
  end

  -- Time is real here and the machine is shared: what a stall of the spec itself does to the spacing is allowed for by
  -- looking at how much of the plan was taken up to an instant, which a stall can only delay. The instants are those of
  -- the core: the bound is met exactly, and a clock that is read behind the first run would move it.
  it("catchUp spread: overdue runs are taken at no more than twice the planned rate, and all of them", function()
    local gap, slack, behind = 2 * MS, 4 * MS, 60 * MS
    local h = new({ late_after_ns = slack, catch_up = "spread", start_ns = clock.now() - behind })
    for i = 0, 79 do
      assert.are.equal(0, core.permit(h, i, i * gap))
    end
    local n, first = 0, nil
    take_all(h, 80, function(record)
      local now = record.started_ns
      n, first = n + 1, first or now
      assert.is_true(record.intended_ns <= now)
      assert.is_true((n - 1) * gap <= 2 * (now - first) + 3 * slack, ("%d runs within %.1f ms"):format(n, (now - first) / MS))
    end)
    local interval = live.interval(core.live(h))
    assert.are.same({ 80, 0 }, { interval.runs, interval.dropped })
    assert.is_true(interval.late >= (behind - 2 * slack) / gap, interval.late)
    core.free(h)
  end)

  it("catchUp spread: is back at the plan after the time that it was behind", function()
    local gap, slack, behind = 2 * MS, 4 * MS, 40 * MS
    local on_time, attempts = false, 0
    while not on_time and attempts < 50 do -- the machine may stall in one attempt
      attempts = attempts + 1
      local from = clock.now()
      local h = new({ late_after_ns = slack, catch_up = "spread", start_ns = from - behind })
      for i = 0, 79 do
        core.permit(h, i, i * gap)
      end
      local recovered
      take_all(h, 80, function(record, now)
        recovered = recovered or now - record.intended_ns <= slack and now or nil
      end)
      core.free(h)
      on_time = recovered ~= nil and recovered - from <= behind + slack
    end
    assert.is_true(on_time)
  end)

  it("catchUp spread: tells when the next run may start", function()
    local start = clock.now() - 1000 * MS
    local h = new({ late_after_ns = 10 * MS, catch_up = "spread", start_ns = start })
    core.permit(h, 0, 0)
    core.permit(h, 1, 100 * MS)
    assert.are.equal(start, core.next_due(h))
    local before = clock.now()
    assert.is_true(core.take(h) >= 0)
    local after = clock.now()
    assert.is_true(core.next_due(h) >= before + 40 * MS and core.next_due(h) <= after + 40 * MS)
    core.free(h)
  end)

  it("catchUp spread: what is not late does not wait", function()
    local h = new({ late_after_ns = 100 * MS, catch_up = "spread", start_ns = clock.now() - 50 * MS })
    for i = 0, 4 do
      core.permit(h, i, i * 10 * MS)
    end
    for i = 0, 4 do
      assert.are.equal(i, core.runs(h)[core.take(h)].index)
    end
    core.free(h)
  end)

  it("catchUp spread: in closed models nothing is spread: there is no plan to return to", function()
    local h = new({ late_after_ns = MS, catch_up = "spread", start_ns = clock.now() - 1000 * MS, feedback = true })
    for i = 0, 4 do
      core.permit(h, i, i * 100 * MS)
      assert.is_true(core.take(h) >= 0)
    end
    core.free(h)
  end)

  it("catchUp spread: what waits behind the in-flight limit is blocked, also while it is spread", function()
    local h = new({ max_in_flight = 1, late_after_ns = 2 * MS, catch_up = "spread", start_ns = clock.now() })
    for i = 0, 9 do
      core.permit(h, i, i * MS)
    end
    local first = core.take(h)
    local until_ns = clock.now() + 20 * MS
    while clock.now() < until_ns do -- luacheck: ignore
    end
    core.release(h, first)
    local held = {}
    take_all(h, 9, function(record, now)
      held[#held + 1] = now - record.started_ns
    end)
    for i, ns in ipairs(held) do
      assert.is_true(ns >= 9 * MS, ("%d: %.2f ms"):format(i, ns / MS))
    end
    core.free(h)
  end)

  it("at the end of the duration: sending stops, overdue runs are dropped", function()
    local h = new({ duration_ns = 10 * MS, late_after_ns = MS, start_ns = clock.now() - 20 * MS })
    for i = 0, 3 do
      core.permit(h, i, i * MS)
    end
    assert.are.equal(core.DONE, core.take(h))
    assert.are.equal(4, live.interval(core.live(h)).dropped)
    core.free(h)
  end)

  it("what feedback permitted and nobody took was no promise", function()
    local h = new({ duration_ns = 10 * MS, start_ns = clock.now() - 20 * MS, feedback = true })
    core.permit(h, 0, 0)
    assert.are.equal(core.DONE, core.take(h))
    assert.are.equal(0, live.interval(core.live(h)).dropped)
    core.free(h)
  end)
end)
