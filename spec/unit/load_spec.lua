-- The C half of a load, driven without runners: queue, slots, stamps, counters, live interval.
local clock = require("vernier.core.clock")
local core = require("vernier.core.load")
local live = require("vernier.core.live")
local loads = require("spec.support.loads")
local loop = require("vernier.core.loop")
local support = require("spec.support")

local MS = 1e6
local new, times = loads.new, loads.times

describe("the queue", function()
  it("gives runs at their due times and not before", function()
    support.undisturbed(function()
      local h = new()
      local permitted = core.permit(h, 7, 0) + core.permit(h, 8, 50 * MS)
      local index, before = core.runs(h)[core.take(h)].index, core.take(h)
      while core.take(h) == core.AGAIN do -- luacheck: ignore
      end
      local runs = core.stats(h).runs
      core.free(h)
      assert.are.same({ 0, 7, core.AGAIN, 2 }, { permitted, index, before, runs })
    end)
  end)

  it("is bounded", function()
    local h = new()
    local n = 0
    while core.permit(h, n, n) == 0 do
      n = n + 1
    end
    assert.are.equal(4096, n)
    assert.are.equal(4096, core.queued(h))
    core.free(h)
  end)

  it("takes no more than the worker's number of runs", function()
    local h = new({ number = 3 })
    for i = 0, 2 do
      assert.are.equal(0, core.permit(h, i, 0))
    end
    assert.are.equal(core.DONE, core.permit(h, 3, 0))
    core.free(h)
  end)

  it("permits nothing at or after the duration", function()
    local h = new({ duration_ns = 10 * MS })
    assert.are.equal(0, core.permit(h, 0, 10 * MS - 1))
    assert.are.equal(core.DONE, core.permit(h, 1, 10 * MS))
    core.free(h)
  end)
end)

describe("a run that is due in a moment", function()
  local AHEAD_NS = loop.state.lead_ns / 2

  after_each(function()
    loop.set_pacing("precise")
  end)

  -- What take gives for it, so long after the turn has begun and with so many in flight; and how early it began then, in ns.
  local function take_ahead(turn_ns, more, in_flight)
    local h = new(more)
    local start = clock.now()
    core.start(h, start)
    for i = 1, in_flight or 0 do
      core.permit(h, i, 0)
      assert(core.take(h) >= 0)
    end
    loop.poll(0)
    core.turn(h)
    local begun = clock.now()
    while clock.now() < begun + turn_ns do -- luacheck: ignore
    end
    core.permit(h, 0, clock.now() - start + AHEAD_NS)
    local run = core.take(h)
    local early = run >= 0 and core.runs(h)[run].intended_ns - core.runs(h)[run].started_ns
    core.free(h)
    return run, early
  end

  -- Nobody gets to it in time each time: a busy machine makes it due meanwhile.
  local function is_refused_once(...)
    for _ = 1, 1000 do
      if take_ahead(...) == core.AGAIN then
        return true
      end
    end
    return false
  end

  it("is waited for and does not begin before its instant", function()
    local taken = 0
    for _ = 1, 100 do
      local run, early = take_ahead(0)
      assert.is_true(not early or early <= 0, early)
      taken = taken + (run >= 0 and 1 or 0)
    end
    assert.is_true(taken > 50, taken)
  end)

  it("is left to the loop where the network has waited long enough", function()
    assert.is_true(is_refused_once(3 * loop.state.lead_ns))
  end)

  it("is left to the loop where waiting is not to cost CPU", function()
    for _, pacing in ipairs({ "economical", "batched" }) do
      loop.set_pacing(pacing)
      assert.is_true(is_refused_once(0), pacing)
    end
  end)

  it("is not waited for at the in-flight limit", function()
    assert.is_true(is_refused_once(0, { max_in_flight = 1 }, 1))
  end)
end)

describe("the end", function()
  local function late_by(ms)
    local h = new({ duration_ns = 10 * MS, late_after_ns = 1000 * MS, start_ns = clock.now() - (10 + ms) * MS })
    assert.are.equal(0, core.permit(h, 0, 9.9 * MS))
    local run = core.take(h)
    local stats = core.stats(h)
    local runs, dropped = stats.runs, stats.dropped
    core.free(h)
    return run, runs, dropped
  end

  it("takes what was due before it, as late as runs may be elsewhere", function()
    local run, runs, dropped = late_by(0)
    assert.are.same({ 0, 1, 0 }, { run, runs, dropped })
  end)

  it("drops what is later", function()
    local run, runs, dropped = late_by(1001)
    assert.are.same({ core.DONE, 0, 1 }, { run, runs, dropped })
  end)
end)

describe("permits out of order", function()
  -- The indices of runs as they are taken, of permits {index, due (ms)}.
  local function taken(permits)
    local h, list = new({ start_ns = clock.now() - 1e9, max_in_flight = 100 }), {}
    for _, permit in ipairs(permits) do
      assert.are.equal(0, core.permit(h, permit[1], permit[2] * MS))
    end
    for i = 1, #permits do
      list[i] = core.runs(h)[core.take(h)].index
    end
    assert.are.equal(core.AGAIN, core.take(h))
    core.free(h)
    return list
  end

  it("are taken by due time, those of the same in their order", function()
    assert.are.same({ 2, 0, 1, 3 }, taken({ { 0, 20 }, { 1, 30 }, { 2, 10 }, { 3, 30 } }))
    assert.are.same({ 3, 2, 1, 0 }, taken({ { 0, 40 }, { 1, 30 }, { 2, 20 }, { 3, 10 } }))
    assert.are.same({ 0, 1, 2, 3 }, taken({ { 0, 5 }, { 1, 5 }, { 2, 5 }, { 3, 5 } }))
  end)

  it("make the earliest one the next", function()
    local start = clock.now()
    local h = new({ start_ns = start })
    core.permit(h, 0, 5000 * MS)
    assert.are.equal(start + 5000 * MS, core.next_due(h))
    core.permit(h, 1, 4000 * MS)
    assert.are.equal(start + 4000 * MS, core.next_due(h))
    core.free(h)
  end)

  it("stay in order when the queue has wrapped around", function()
    local h = new({ start_ns = clock.now() - 10e9, max_in_flight = 1 })
    for i = 0, 4089 do
      core.permit(h, i, i)
      core.release(h, core.take(h))
    end
    for i, due in ipairs({ 9000, 8000, 7000, 9500, 6000, 8500, 5000, 9900, 5500, 6500 }) do
      assert.are.equal(0, core.permit(h, 10000 + i, due))
    end
    local last = -math.huge
    for _ = 1, 10 do
      local run = core.take(h)
      local intended = core.runs(h)[run].intended_ns
      assert.is_true(intended > last)
      last = intended
      core.release(h, run)
    end
    assert.are.equal(0, core.queued(h))
    core.free(h)
  end)
end)

describe("run slots", function()
  it("are limited; what waits for one is due at infinity", function()
    local h = new({ max_in_flight = 2 })
    for i = 0, 2 do
      core.permit(h, i, 0)
    end
    local a = core.take(h)
    assert.is_true(a >= 0 and core.take(h) >= 0)
    assert.are.equal(core.LIMIT, core.take(h))
    assert.are.equal(math.huge, core.next_due(h))
    core.release(h, a)
    assert.is_true(core.take(h) >= 0)
    core.free(h)
  end)

  it("are given up to the network when the budget is used", function()
    local h = new({ budget_ns = 0 })
    core.permit(h, 0, 0)
    assert.are.equal(core.AGAIN, core.take(h))
    core.free(h)
  end)
end)

describe("the time that the in-flight limit takes", function()
  it("is blocked, not late", function()
    support.undisturbed(function()
      local h = new({ max_in_flight = 1, late_after_ns = 15 * MS })
      core.permit(h, 0, 0)
      core.permit(h, 1, 0)
      local op = core.operation(h, "x")
      local first, limit = core.take(h), core.take(h)
      local until_ns = clock.now() + 20 * MS
      while clock.now() < until_ns do
        core.take(h)
      end
      core.release(h, first)
      core.close_tx(h, core.open_tx(h, core.take(h), op), -1)
      local interval = live.interval(core.live(h))
      core.free(h)
      assert.are.equal(core.LIMIT, limit)
      assert.are.equal(0, interval.late)
      assert.is_true(times(interval.ops[1].h.blocked):max() >= 19 * MS)
      assert.is_true(times(interval.ops[1].h.lateness):max() < 15 * MS)
      assert.is_true(times(interval.ops[1].h.response):max() >= 20 * MS)
    end)
  end)
end)

describe("transactions", function()
  it("carry four stamps: response counts from intended, service from sent", function()
    local start = clock.now() - 30 * MS
    local h = new({ start_ns = start })
    core.permit(h, 0, 5 * MS)
    local op, run = core.operation(h, "x"), core.take(h)
    local tx = core.open_tx(h, run, op)
    local record = core.tx(h, tx)
    assert.are.equal(start + 5 * MS, record.intended_ns)
    record.sent_ns = record.started_ns + 2 * MS
    record.finished_ns = record.sent_ns + 10 * MS
    core.close_tx(h, tx, -1)
    local op_record = live.interval(core.live(h)).ops[1]
    local service, response = times(op_record.h.service), times(op_record.h.response)
    assert.are.equal(10 * MS, service:max())
    assert.are.equal(2 * MS, times(op_record.h.blocked):max())
    assert.is_true(response:max() >= 37 * MS, response:max())
    assert.are.equal(1, op_record.ok)
    core.free(h)
  end)

  it("after the first of a run intend the moment of their call", function()
    local h = new({ start_ns = clock.now() - 1000 * MS })
    core.permit(h, 0, 0)
    local op, run = core.operation(h, "x"), core.take(h)
    core.close_tx(h, core.open_tx(h, run, op), -1)
    core.close_tx(h, core.open_tx(h, run, op), -1)
    local record = live.interval(core.live(h)).ops[1]
    assert.are.equal(2, times(record.h.response):count())
    assert.is_true(times(record.h.response):min() < 100 * MS)
    assert.are.equal(1, times(record.h.lateness):count())
    core.free(h)
  end)

  it("that fail are counted by class, without response and service time", function()
    local h = new()
    core.permit(h, 0, 0)
    local op, run = core.operation(h, "x"), core.take(h)
    core.close_tx(h, core.open_tx(h, run, op), core.class(h, "timeout"))
    local record = live.interval(core.live(h)).ops[1]
    assert.are.same({ timeout = 1 }, record.classes)
    assert.is_nil(record.h.response)
    assert.are.equal(1, times(record.h.blocked):count())
    core.free(h)
  end)

  it("left open are unfinished, and closing them later does nothing", function()
    local h = new()
    core.permit(h, 0, 0)
    local op, run = core.operation(h, "x"), core.take(h)
    local tx = core.open_tx(h, run, op)
    core.finish(h)
    core.close_tx(h, tx, -1)
    local record = live.interval(core.live(h)).ops[1]
    assert.are.same({ 1, 0, 0, 1 }, { record.submitted, record.ok, record.failed, record.unfinished })
    core.free(h)
  end)

  it("none in a run makes it empty", function()
    local h = new()
    core.permit(h, 0, 0)
    core.release(h, core.take(h))
    assert.are.equal(1, live.interval(core.live(h)).empty)
    core.free(h)
  end)
end)

describe("a trace", function()
  it("has the first transaction of each run, by when it was sent, of runs that were due in time", function()
    clock.set_now(10e9)
    local start = clock.now() - 1000 * MS
    local h = new({ start_ns = start, max_in_flight = 100 })
    local op = core.operation(h, "x")
    assert.are.same({}, core.sent_times(h, 0, math.huge))
    core.trace(h)
    for i, due in ipairs({ 0, 100, 200, 300 }) do
      core.permit(h, i - 1, due * MS)
    end
    local sent = { 950, 940, 930, 0 } -- of the last, the connector knows none
    local runs = {}
    for i = 1, 4 do
      runs[i] = core.take(h)
      local tx = core.open_tx(h, runs[i], op)
      core.tx(h, tx).sent_ns = start + sent[i] * MS
      core.tx(h, tx).started_ns = start + (i == 4 and 990 or 920) * MS
      if i ~= 3 then
        core.close_tx(h, tx, -1)
      end
    end
    core.close_tx(h, core.open_tx(h, runs[1], op), -1) -- a second send is none of it
    core.finish(h) -- and the third has no answer
    assert.are.same({ 930 * MS, 940 * MS, 950 * MS, 990 * MS }, core.sent_times(h, 0, math.huge))
    assert.are.same({ 930 * MS, 940 * MS }, core.sent_times(h, 100 * MS, 300 * MS))
    core.free(h)
  end)
end)

describe("trim", function()
  local function trimmed(options, dues)
    options.max_in_flight = 100
    options.start_ns = clock.now() - 1e9
    local h = new(options)
    local op = core.operation(h, "x")
    for i, due in ipairs(dues) do
      core.permit(h, i - 1, due)
    end
    for _ = 1, #dues do
      local run = core.take(h)
      core.close_tx(h, core.open_tx(h, run, op), -1)
      core.release(h, run)
    end
    local record = live.interval(core.live(h)).ops[1]
    core.free(h)
    return record.trimmed, record.h.response and times(record.h.response):count() or 0
  end

  it("leaves out the first and last runs", function()
    local dues = {}
    for i = 1, 10 do
      dues[i] = i
    end
    assert.are.same({ 4, 6 }, { trimmed({ number = 10, trim_runs = 2 }, dues) })
    assert.are.same({ 10, 0 }, { trimmed({ number = 10, trim_runs = 5 }, dues) })
  end)

  it("leaves out the first and last seconds of intended time", function()
    local dues = { 0, 0.19e9, 0.2e9, 0.5e9, 0.79e9, 0.8e9, 0.9e9 }
    assert.are.same({ 2, 5 }, { trimmed({ duration_ns = 60e9, trim_ns = 0.2e9 }, dues) })
    assert.are.same({ 4, 3 }, { trimmed({ duration_ns = 1.1e9, trim_ns = 0.35e9 }, { 0, 0.34e9, 0.35e9, 0.5e9, 0.74e9, 0.75e9, 0.9e9 }) })
  end)

  it("leaves out what is due in the ramp-up, by duration and by number", function()
    local dues = { 0, 0.1e9, 0.19e9, 0.2e9, 0.5e9 }
    assert.are.same({ 3, 2 }, { trimmed({ duration_ns = 60e9, ramp_ns = 0.2e9 }, dues) })
    assert.are.same({ 3, 2 }, { trimmed({ number = 5, ramp_ns = 0.2e9 }, dues) })
    assert.are.same({ 0, 5 }, { trimmed({ number = 5 }, dues) })
  end)
end)

describe("the live interval", function()
  local path = os.tmpname()

  before_each(function()
    os.remove(path)
  end)

  it("lies in a file that another process can read at any time, and goes with the load", function()
    local h = new({ live_path = path })
    core.permit(h, 0, 0)
    local op, run = core.operation(h, "x"), core.take(h)
    core.close_tx(h, core.open_tx(h, run, op), -1)
    local seen = assert(live.read(path))
    assert.are.same({ 1, 1, "x", 1 }, { seen.seq, seen.runs, seen.ops[1].name, seen.ops[1].ok })
    core.live(h)
    core.next_interval(h)
    seen = assert(live.read(path))
    assert.are.same({ 2, 0, 0 }, { seen.seq, seen.runs, #seen.ops })
    core.free(h)
    assert.is_nil(io.open(path))
  end)

  it("is kept when told", function()
    local h = new({ live_path = path })
    core.keep(h)
    core.free(h)
    assert.is_table(live.read(path))
    os.remove(path)
  end)

  it("is refused where the file exists or the folder does not", function()
    local ok, message = core.new({ late_after_ns = 1, max_in_flight = 1, budget_ns = 1, live_path = "/nowhere/x" })
    assert.is_nil(ok)
    assert.matches("/nowhere/x", message)
  end)

  it("bounds operations and classes", function()
    local h = new()
    for i = 1, 64 do
      assert.are.equal(i - 1, core.operation(h, "op" .. i))
    end
    assert.are.equal(3, core.operation(h, "op4"))
    local n, message = core.operation(h, "one more")
    assert.is_nil(n)
    assert.matches("more than 64 operations", message)
    for i = 1, 32 do
      assert.is_truthy(core.class(h, "c" .. i))
    end
    assert.is_nil(core.class(h, "one more"))
    core.free(h)
  end)
end)
