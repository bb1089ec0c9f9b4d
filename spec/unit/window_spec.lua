-- A load's window: the runs that were due in a stretch, in the core and as workers tell each other of it.
local clock = require("vernier.core.clock")
local core = require("vernier.core.load")
local loads = require("spec.support.loads")
local window = require("vernier.window")

local MS = 1e6

clock.set_now(10e9) -- loads here began before this process did

-- A load that began a second ago, with runs due at these ms.
local function load_with(dues, more)
  more = more or {}
  more.start_ns, more.max_in_flight = clock.now() - 1000 * MS, more.max_in_flight or 100
  local h = loads.new(more)
  for i, due in ipairs(dues) do
    assert.are.equal(0, core.permit(h, i - 1, due * MS))
  end
  return h, core.operation(h, "x"), more.start_ns
end

local function read(h)
  return window.read(core.window(h), core.window_times(h))
end

-- Sends in the next run; ends after so many ms since the round's start, ok or not.
local function one(h, op, start, ends, class)
  local run = core.take(h)
  assert(run >= 0, run)
  local tx = core.open_tx(h, run, op)
  core.tx(h, tx).finished_ns = start + ends * MS
  core.close_tx(h, tx, class or -1)
  core.release(h, run)
end

describe("a window", function()
  it("has the runs that were due in it, from its beginning on and before its end", function()
    local h, op, start = load_with({ 0, 99, 100, 150, 199, 200, 300 })
    assert.are.equal(0, core.watch(h, 100 * MS, 200 * MS))
    for i = 1, 7 do
      one(h, op, start, 400 + i)
    end
    local w = read(h)
    assert.are.same({ 3, 3, 3, 0, 0, 0 }, { w.runs, w.submitted, w.ok, w.failed, w.dropped, w.finished })
    local response = loads.times(w.response)
    assert.are.same({ 3, 206 * MS, 303 * MS }, { response:count(), response:min(), response:max() })
    assert.are.equal(3, loads.times(w.lateness):count())
    core.free(h)
  end)

  it("has completions by when they were, of whatever run", function()
    local h, op, start = load_with({ 0, 50, 100, 150 })
    core.watch(h, 100 * MS, 200 * MS)
    for _, ends in ipairs({ 99, 100, 199, 200 }) do
      one(h, op, start, ends)
    end
    assert.are.equal(2, read(h).finished)
    core.free(h)
  end)

  it("tells failures from successes, and times only the latter", function()
    local h, op, start = load_with({ 10, 20 })
    core.watch(h, 0, 100 * MS)
    one(h, op, start, 30, core.class(h, "timeout"))
    one(h, op, start, 40)
    local w = read(h)
    assert.are.same({ 2, 1, 1, 1 }, { w.submitted, w.ok, w.failed, loads.times(w.response):count() })
    core.free(h)
  end)

  it("does not take the runs of the one before for its own, however late they end", function()
    local h, op, start = load_with({ 10, 110 })
    core.watch(h, 0, 100 * MS)
    local run = core.take(h)
    local tx = core.open_tx(h, run, op)
    core.watch(h, 100 * MS, 200 * MS)
    one(h, op, start, 120)
    core.tx(h, tx).finished_ns = start + 150 * MS
    core.close_tx(h, tx, -1)
    local second = core.open_tx(h, run, op) -- a further send of the old run
    core.close_tx(h, second, -1)
    local w = read(h)
    assert.are.same({ 1, 1, 1, 2 }, { w.runs, w.submitted, w.ok, w.finished })
    core.free(h)
  end)

  it("counts what was dropped, late, or filled the in-flight limit", function()
    local h, op = load_with({ 10, 20, 990 }, { catch_up = "drop", late_after_ns = 500 * MS })
    core.watch(h, 15 * MS, 999 * MS)
    one(h, op, clock.now(), 0)
    assert.are.equal(1, read(h).dropped) -- and that at 10 ms was due before
    core.free(h)
    h, op = load_with({ 10, 20, 30 }, { max_in_flight = 2, late_after_ns = 1 * MS })
    core.watch(h, 0, 100 * MS)
    core.take(h)
    core.take(h)
    assert.are.equal(core.LIMIT, core.take(h))
    local w = read(h)
    assert.are.same({ 2, 2, 1 }, { w.runs, w.late, w.limited })
    assert.is_truthy(op)
    core.free(h)
  end)

  it("is none before the first, and is refused with no beginning or end", function()
    local h = load_with({})
    assert.is_nil(core.window_times(h))
    for _, bad in ipairs({ { -1, 5 }, { 5, 5 }, { 6, 5 }, { 0 / 0, 5 }, { 0, 0 / 0 } }) do
      local ok, message = core.watch(h, bad[1], bad[2])
      assert.is_nil(ok)
      assert.matches("a window needs", message)
    end
    core.free(h)
  end)

  it("costs nothing that is seen elsewhere: intervals and statistics are the same with it", function()
    local function stats(watch)
      local h, op, start = load_with({ 10, 20, 30 })
      if watch then
        core.watch(h, 0, 25 * MS)
      end
      for i = 1, 3 do
        one(h, op, start, 40 + i)
      end
      local s = core.stats(h)
      local out = { s.runs, s.submitted, s.ok, s.finished, s.response_sum_ns, s.last_finish_ns }
      core.free(h)
      return out
    end
    local plain, watched = stats(false), stats(true)
    for i, value in ipairs(plain) do
      assert.is_true(math.abs(value - watched[i]) < 1, i)
    end
  end)
end)

describe("windows of several workers", function()
  it("add up: counters, and histograms by cell", function()
    local parts = {}
    for worker = 1, 3 do
      local h, op, start = load_with({ 10, 20 })
      core.watch(h, 0, 100 * MS)
      one(h, op, start, 20 * worker)
      one(h, op, start, 30 * worker)
      parts[worker] = read(h)
      core.free(h)
    end
    local sum = window.sum(parts)
    assert.are.same({ 6, 6, 6 }, { sum.runs, sum.submitted, sum.ok })
    assert.are.same({ 6, 10 * MS, 70 * MS }, { sum.response:count(), sum.response:min(), sum.response:max() })
    assert.are.equal(0, window.sum({}).runs)
  end)
end)
