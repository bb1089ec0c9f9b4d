-- Marks of transactions in the C half of a load: what is recorded, and that none counts for another transaction.
local clock = require("vernier.core.clock")
local core = require("vernier.core.load")
local live = require("vernier.core.live")
local loads = require("spec.support.loads")
local support = require("spec.support")

local MS = 1e6
local times = loads.times

-- A load that began a second ago, and its operation "x".
local function new(more)
  more = more or {}
  more.start_ns = more.start_ns or clock.now() - 1e9
  local h = loads.new(more)
  return h, core.operation(h, "x")
end

local n_permits = 0

-- Opens a transaction in a run of its own: its number, the connector's reference, the run.
local function open(h, op, due)
  n_permits = n_permits + 1
  assert.are.equal(0, core.permit(h, n_permits, due or 0))
  local run = core.take(h)
  assert.is_true(run >= 0)
  local tx = core.open_tx(h, run, op)
  return tx, core.tx(h, tx), run
end

local function close(h, tx, run, class)
  core.close_tx(h, tx, class or -1)
  core.release(h, run)
end

-- One after the other, none of which is marked.
local function transactions(h, op, n)
  for _ = 1, n do
    local tx, _, run = open(h, op)
    close(h, tx, run)
  end
end

-- The marks of an operation as {[name] = {responses (ms), services (ms)}}, of single or equal values.
local function marks_of(h, name)
  local out = {}
  for _, op in ipairs(live.interval(core.live(h)).ops) do
    for _, mark in ipairs(op.name == (name or "x") and op.marks or {}) do
      local response, service = times(mark.h.response), times(mark.h.service)
      assert.are.equal(response:count(), service:count())
      out[mark.name] = { n = response:count(), response:max() / MS, service:max() / MS }
    end
  end
  return out
end

describe("a mark", function()
  it("has the time from the intended instant, and from when the transaction was sent", function()
    local h, op = new()
    local tx, ref, run = open(h, op)
    ref.sent_ns = ref.started_ns + 2 * MS
    ref:mark("accepted", ref.intended_ns + 60000 * MS)
    ref:mark("included", ref.sent_ns + 20 * MS)
    local waited = (ref.sent_ns - ref.intended_ns) / MS
    local marks = marks_of(h)
    assert.are.equal(60000, marks.accepted[1])
    assert.is_true(math.abs(marks.accepted[2] - (60000 - waited)) < 1e-3)
    assert.are.equal(20, marks.included[2])
    assert.is_true(math.abs(marks.included[1] - (20 + waited)) < 1e-3)
    close(h, tx, run)
    core.free(h)
  end)

  it("is now unless told, and counts from the start where nothing was sent", function()
    local h, op = new()
    local _, ref = open(h, op)
    ref.sent_ns = 0
    local before = clock.now()
    ref:mark("now")
    local after, marks = clock.now(), marks_of(h)
    assert.is_true(before <= ref.started_ns + marks.now[2] * MS + 1 and ref.started_ns + marks.now[2] * MS <= after + 1)
    core.free(h)
  end)

  it("before the sending is 0, and after a day is a day", function()
    local h, op = new()
    local _, ref = open(h, op)
    ref:mark("early", ref.intended_ns - 1)
    ref:mark("late", clock.now() + 2 * 86400e9)
    local marks = marks_of(h)
    assert.are.same({ n = 1, 0, 0 }, marks.early)
    assert.are.same({ n = 1, 86400e3, 86400e3 }, marks.late)
    core.free(h)
  end)

  it("is in the live interval at once, and stays where its transaction fails or never ends", function()
    local h, op = new()
    local tx, ref, run = open(h, op)
    ref:mark("accepted")
    assert.are.equal(1, marks_of(h).accepted.n)
    close(h, tx, run, core.class(h, "timeout"))
    local _, unfinished = open(h, op)
    unfinished:mark("accepted")
    core.finish(h)
    assert.are.equal(2, marks_of(h).accepted.n)
    local record = live.interval(core.live(h)).ops[1]
    assert.are.same({ 2, 0, 1, 1 }, { record.submitted, record.ok, record.failed, record.unfinished })
    assert.is_nil(record.h.response)
    core.free(h)
  end)

  it("counts as often as it is made", function()
    local h, op = new()
    local _, ref = open(h, op)
    for _ = 1, 3 do
      ref:mark("retried")
    end
    assert.are.equal(3, marks_of(h).retried.n)
    core.free(h)
  end)

  it("belongs to its operation and is in no total of it", function()
    local h, x = new()
    local y = core.operation(h, "y")
    local tx, ref, run = open(h, x)
    ref:mark("accepted")
    close(h, tx, run)
    local z = core.operation(h, "accepted")
    for _, op in ipairs({ y, z }) do
      local other, other_ref, other_run = open(h, op)
      other_ref:mark("accepted")
      other_ref:mark("x")
      close(h, other, other_run)
    end
    local interval = live.interval(core.live(h))
    assert.are.equal(3, #interval.ops)
    for i, name in ipairs({ "x", "y", "accepted" }) do
      local record = interval.ops[i]
      assert.are.same({ name, 1, 1, 1 }, { record.name, record.submitted, record.ok, times(record.h.response):count() })
      assert.are.same(i == 1 and { "accepted" } or { "accepted", "x" }, { record.marks[1].name, (record.marks[2] or {}).name })
    end
    assert.are.equal(3, core.stats(h).ok)
    assert.are.equal(x, core.operation(h, "x"))
    assert.are.equal(z, core.operation(h, "accepted"))
    core.free(h)
  end)

  it("of a trimmed transaction counts as little as that", function()
    local h, op = new({ ramp_ns = 100 * MS, duration_ns = 60e9 })
    local _, trimmed = open(h, op, 0)
    trimmed:mark("accepted")
    assert.are.same({}, marks_of(h))
    local _, kept = open(h, op, 100 * MS)
    kept:mark("accepted")
    assert.are.equal(1, marks_of(h).accepted.n)
    core.free(h)
  end)

  it("is of the interval in which it was made", function()
    local h, op = new()
    local _, ref = open(h, op)
    ref:mark("accepted")
    core.live(h)
    core.next_interval(h)
    assert.are.same({}, live.interval(core.live(h)).ops)
    ref:mark("included")
    local record = live.interval(core.live(h)).ops[1]
    assert.are.same({ "x", 0, 1, "included" }, { record.name, record.submitted, #record.marks, record.marks[1].name })
    core.free(h)
  end)

  it("of a request that is not timed does nothing, and is checked", function()
    local tx = core.untimed_tx()
    tx:mark("accepted")
    tx:mark("accepted", 1)
    assert.has_error(function()
      tx:mark()
    end, "tx:mark(name, at_ns): the name is a text, not a nil")
  end)
end)

describe("a mark that cannot be", function()
  local h, ref

  before_each(function()
    local op
    h, op = new()
    ref = select(2, open(h, op))
  end)

  after_each(function()
    core.free(h)
  end)

  local function refused(pattern, ...)
    local ok, message = pcall(ref.mark, ref, ...)
    assert.is_false(ok)
    assert.matches(pattern, message)
    assert.are.same({}, marks_of(h))
  end

  it("is refused by its name", function()
    for _, name in ipairs({ "", ("n"):rep(64), "a\0b" }) do
      refused("the name of a mark has 1 to 63 bytes, none of them 0", name)
    end
    refused("the name is a text, not a nil")
    refused("the name is a text, not a number", 5)
    ref:mark(("n"):rep(63))
    assert.are.equal(1, marks_of(h)[("n"):rep(63)].n)
  end)

  it("is refused by its instant", function()
    for _, at in ipairs({ 0 / 0, math.huge, -math.huge }) do
      refused("the instant of a mark is a finite number", "x", at)
    end
    refused("the instant is a number of ns since the clock base, not a string", "x", "1")
  end)

  it("says where it was made", function()
    local _, message = pcall(function()
      ref:mark("")
    end)
    assert.matches('load_marks_spec.lua:%d+: tx:mark%(""%): the name', message)
  end)

  it("is refused where there are 64 others, which go on; operations have room of their own", function()
    for i = 1, 64 do
      ref:mark("m" .. i)
    end
    assert.has_error(function()
      ref:mark("m65")
    end)
    assert.matches('more than 64 marks, "m65" of operation "x" is one too many', select(2, pcall(ref.mark, ref, "m65")))
    ref:mark("m64")
    assert.are.equal(2, marks_of(h).m64.n)
    for i = 2, 64 do
      assert.is_truthy(core.operation(h, "op" .. i))
    end
    assert.is_nil(core.operation(h, "one more"))
  end)
end)

describe("a mark that is late", function()
  local OVER = "tx:mark%(\"late\"%): its transaction is over"

  local function refused(ref)
    local ok, message = pcall(ref.mark, ref, "late")
    assert.is_false(ok)
    assert.matches(OVER, message)
  end

  it("is an error, and counts for nobody who has the slot by then", function()
    local h, op = new({ max_in_flight = 1 })
    local kept = {}
    for i = 1, 10 do
      local tx, ref, run = open(h, op)
      for _, old in ipairs(kept) do
        refused(old)
      end
      close(h, tx, run)
      refused(ref)
      kept[i] = ref
    end
    assert.are.same({}, marks_of(h))
    core.free(h)
  end)

  it("is one in a load that began to mark after a while, too", function()
    local h, op = new({ max_in_flight = 1 })
    transactions(h, op, 50)
    local tx, shared, run = open(h, op)
    assert.is_true(tx < core.FRESH)
    shared:mark("first")
    close(h, tx, run)
    local next_tx, ref = open(h, op)
    assert.is_true(next_tx >= core.FRESH)
    refused(shared)
    ref:mark("second")
    assert.are.same({ 1, 1 }, { marks_of(h).first.n, marks_of(h).second.n })
    core.free(h)
  end)

  it("is one where transactions share a reference and none has the slot", function()
    local h, op = new({ max_in_flight = 1 })
    local first_tx, first, first_run = open(h, op)
    close(h, first_tx, first_run)
    transactions(h, op, 50)
    local tx, shared, run = open(h, op)
    close(h, tx, run)
    refused(shared)
    open(h, op)
    refused(first)
    assert.are.same({}, marks_of(h))
    core.free(h)
  end)

  it("does nothing once the load is over, whatever has its memory then", function()
    local h, op = new()
    local tx, ref, run = open(h, op)
    local other_tx, closed, other_run = open(h, op)
    close(h, other_tx, other_run)
    core.finish(h)
    ref:mark("late")
    closed:mark("late")
    assert.are.same({}, marks_of(h))
    close(h, tx, run)
    core.free(h)
    ref:mark("late")
    for _ = 1, 3 do
      local later, later_op = new()
      local _, later_ref = open(later, later_op)
      ref:mark("late")
      closed:mark("late")
      ref.finished_ns, closed.sent_ns = 5, 5
      assert.are.same({}, marks_of(later))
      assert.are.equal(0, later_ref.finished_ns)
      assert.is_true(later_ref.sent_ns > 5)
      core.free(later)
    end
  end)
end)

describe("references", function()
  it("are one for all that a slot holds where nobody marks", function()
    local h, op = new()
    transactions(h, op, 15)
    assert.is_true((open(h, op)) >= core.FRESH)
    transactions(h, op, 1)
    local tx, ref, run = open(h, op)
    assert.is_true(tx < core.FRESH)
    close(h, tx, run)
    local again = open(h, op)
    assert.are.equal(tx, again)
    ref.finished_ns = ref.intended_ns + 5000 * MS
    core.close_tx(h, again, -1)
    assert.is_true(times(live.interval(core.live(h)).ops[1].h.response):max() >= 4990 * MS)
    core.free(h)
  end)

  it("stay one each where one of the first was marked", function()
    local h, op = new()
    local tx, ref, run = open(h, op)
    ref:mark("accepted")
    close(h, tx, run)
    transactions(h, op, 100)
    assert.is_true((open(h, op)) >= core.FRESH)
    core.free(h)
  end)

  it("know no other member than a transaction has", function()
    local h, op = new()
    local _, ref = open(h, op)
    assert.matches("has no member named 'send_ns'", select(2, pcall(function()
      ref.send_ns = 5
    end)))
    assert.matches("has no member named 'marks'", select(2, pcall(function()
      return ref.marks
    end)))
    core.free(h)
  end)

  it("are marked without a byte of Lua's memory", function()
    local h, op = new()
    local _, ref = open(h, op)
    local function mark(n)
      for _ = 1, n do
        ref:mark("accepted", 5)
      end
    end
    mark(1000)
    collectgarbage()
    collectgarbage("stop")
    local before = collectgarbage("count")
    mark(100000)
    local grown = collectgarbage("count") - before
    collectgarbage("restart")
    assert.is_true(grown < 10, grown .. " KB")
    assert.are.equal(101000, marks_of(h).accepted.n)
    core.free(h)
  end)
end)

describe("the live file of a killed worker", function()
  local path = os.tmpname()

  before_each(function()
    os.remove(path)
  end)

  after_each(function()
    os.remove(path)
  end)

  local function leave()
    local h, op = new({ live_path = path })
    for i = 1, 3 do
      local tx, ref, run = open(h, op)
      ref:mark("accepted", ref.intended_ns + i * 10 * MS)
      ref:mark("included", ref.intended_ns + i * 20 * MS)
      if i < 3 then
        close(h, tx, run)
      end
    end
    core.live(h)
    core.keep(h)
    core.free(h)
  end

  local function patch(name, change)
    local text = support.read_file(path)
    local at = assert(text:find(name .. "\0", 1, true))
    local f = assert(io.open(path, "r+b"))
    f:seek("set", at - 1 + 64)
    f:write(change)
    f:close()
  end

  it("has its marks", function()
    leave()
    local record = assert(live.read(path)).ops[1]
    assert.are.same({ 3, 2, 2 }, { record.submitted, record.ok, #record.marks })
    for i, name in ipairs({ "accepted", "included" }) do
      local mark = record.marks[i]
      assert.are.same({ name, 3, i * 30 * MS }, { mark.name, times(mark.h.response):count(), times(mark.h.response):max() })
    end
  end)

  it("is refused where a mark is of no operation before it, or of a mark", function()
    -- It is the third of the file: itself, the mark before it, none there is, and negative ones.
    for _, change in ipairs({ "\3\0\0\0", "\2\0\0\0", "\9\0\0\0", "\255\255\255\255", "\0\0\0\128" }) do
      os.remove(path)
      leave()
      patch("included", change)
      local record, message = live.read(path)
      assert.is_nil(record)
      assert.matches("a mark of no operation", message)
    end
  end)
end)
