-- More than can be sent in time: what each policy (catchUp) and the in-flight limit make of it, as the server has seen it.
--
-- The witness is the demo server's arrival log. A stall of the server itself moves arrivals together, so bounds on bursts
-- leave room for one of some 60 ms; what the policies do differs by more.
local bench = require("spec.support.bench")
local support = require("spec.support")

local MS = 1e6
local POLICIES = { "all", "drop", "spread" }
local TPS, GAP_MS, LATE_MS = 500, 2, 10

-- Sends its index; the run number `at` first keeps its worker busy.
local function stalling(at, seconds)
  return ([[
    local now = require("vernier.core.clock").now
    return { run = function(_, ctx)
      if ctx.index == %d then
        local until_ns = now() + %g * 1e9
        while now() < until_ns do end
      end
      ctx.sut:send({ path = "/query?account=x&index=" .. ctx.index, expect = { status = 404 } })
    end }]]):format(at, seconds)
end

-- One round against a server of its own: its arrivals {at (ns), index}, and the test.
local function run(o)
  local server = support.arrival_server(unpack(o.server or {}))
  local dir = bench.workspace({ workers = o.workers, workload = o.workload,
    rounds = bench.round({ number = o.number, duration = o.duration, tps = o.tps or TPS,
      extra = ("catchUp: %s\nlateAfter: %dms\n%s"):format(o.policy, LATE_MS, o.extra or "") }),
    network = ("caliper: {connector: http}\nhttp: {url: %q}\n"):format(server.url) })
  local r = bench.run(dir)
  assert.are.equal(0, r.status, r.stdout .. r.stderr)
  local arrivals = server.arrivals()
  for _, arrival in ipairs(arrivals) do
    arrival.index = tonumber(arrival.path:match("index=(%d+)$"))
  end
  return arrivals, support.summary(dir).tests[1]
end

-- The largest number of arrivals in any window of so many ms.
local function most_within(arrivals, ms)
  local most, first = 0, 1
  for i, arrival in ipairs(arrivals) do
    while arrival.at - arrivals[first].at >= ms * MS do
      first = first + 1
    end
    most = math.max(most, i - first + 1)
  end
  return most
end

local function by_index(arrivals)
  local at = {}
  for _, arrival in ipairs(arrivals) do
    assert.is_nil(at[arrival.index], "run " .. arrival.index .. " came twice")
    at[arrival.index] = arrival.at
  end
  return at
end

local function span_ms(arrivals)
  return (arrivals[#arrivals].at - arrivals[1].at) / MS
end

local function assert_counted(arrivals, test, planned)
  assert.are.same({ planned, test.runs, test.runs }, { test.runs + test.dropped, #arrivals, test.ok })
end

-- A worker that is busy from 0.1 to 0.7 s of the round: 300 runs are overdue then.
local STALL_AT, STALL_S, OVERDUE, NUMBER = 50, 0.6, 300, 900

describe("after a stall of the worker", function()
  local function stalled(policy)
    local arrivals, test = run({ policy = policy, number = NUMBER, workload = stalling(STALL_AT, STALL_S) })
    assert_counted(arrivals, test, NUMBER)
    return arrivals, test
  end

  it("catchUp: all sends every run, the overdue ones in a burst", function()
    local arrivals, test = stalled("all")
    assert.are.equal(0, test.dropped)
    assert.is_true(most_within(arrivals, 100) >= OVERDUE * 0.8, most_within(arrivals, 100))
    assert.is_true(test.late >= OVERDUE * 0.9, test.late)
  end)

  it("catchUp: drop leaves out what is late, and counts each", function()
    local arrivals, test = stalled("drop")
    assert.is_true(test.dropped >= OVERDUE - LATE_MS / GAP_MS - 1, test.dropped)
    assert.is_true(test.dropped <= OVERDUE * 1.5, test.dropped)
    assert.is_true(most_within(arrivals, 100) <= 100 / GAP_MS + LATE_MS / GAP_MS + 30, most_within(arrivals, 100))
    local at = by_index(arrivals)
    assert.is_nil(at[STALL_AT + 100], "a run that was due in the middle of the stall was sent")
  end)

  it("catchUp: spread sends every run, at no more than twice the planned rate, and returns to the plan", function()
    local arrivals, test = stalled("spread")
    assert.are.equal(0, test.dropped)
    local bound = (2 * 100 + 3 * LATE_MS) / GAP_MS + 1
    assert.is_true(most_within(arrivals, 100) <= bound + 30, most_within(arrivals, 100))
    assert.is_true(most_within(arrivals, 300) <= (2 * 300 + 3 * LATE_MS) / GAP_MS + 1 + 30, most_within(arrivals, 300))
    local at = by_index(arrivals)
    -- What was overdue needs half of its own length, and then nothing is behind any more.
    assert.is_true(at[STALL_AT + OVERDUE] - at[STALL_AT + 1] >= OVERDUE * GAP_MS / 2 * MS - 100 * MS)
    local behind = at[NUMBER - 50] - at[0] - (NUMBER - 50) * GAP_MS * MS
    assert.is_true(behind <= 100 * MS, behind)
    -- The delay that remains is not hidden: it counts from the plan, for all that came after the stall.
    assert.is_true(test.late >= OVERDUE * 1.5, test.late)
    assert.is_true(test.lateness_ns.max >= 0.55e9, test.lateness_ns.max)
    assert.is_true(test.response_time_ns.max >= 0.55e9, test.response_time_ns.max)
  end)
end)

describe("a round by duration ends on time", function()
  for _, policy in ipairs(POLICIES) do
    -- The burst of a stall shortly before the end: what a policy has no time for is dropped.
    it("with a stall shortly before its end, catchUp: " .. policy, function()
      local arrivals, test = run({ policy = policy, duration = 1, workload = stalling(300, 0.3) })
      assert_counted(arrivals, test, 500)
      assert.is_true(span_ms(arrivals) <= 1000 + LATE_MS + 60, span_ms(arrivals))
      assert.is_true(test.seconds >= 1 and test.seconds < 1.5, test.seconds)
      if policy == "all" then
        assert.is_true(test.dropped <= 30, test.dropped)
      else
        assert.is_true(test.dropped >= 50, test.dropped)
      end
    end)

    it("with a stall beyond its end, catchUp: " .. policy, function()
      local arrivals, test = run({ policy = policy, duration = 1, workload = stalling(350, 0.5) })
      assert_counted(arrivals, test, 500)
      assert.is_true(test.dropped >= 140, test.dropped)
      assert.is_true(test.seconds >= 1.15 and test.seconds < 1.7, test.seconds) -- a hook that goes on cannot be ended
    end)
  end
end)

describe("maxInFlight", function()
  local LIMIT, LATENCY_MS = 6, 100

  for _, policy in ipairs(POLICIES) do
    -- No answer comes before LATENCY_MS, so whatever arrives within that time is being served at once.
    it("is never exceeded, and the round ends on time, catchUp: " .. policy, function()
      local arrivals, test = run({ policy = policy, workers = 2, tps = 200, duration = 1, extra = "maxInFlight: " .. LIMIT,
        server = { "--latency", ("constant %dms"):format(LATENCY_MS) }, workload = stalling(-1, 0) })
      assert_counted(arrivals, test, 200)
      assert.are.equal(LIMIT, most_within(arrivals, LATENCY_MS - 1))
      assert.is_true(test.dropped >= 200 - LIMIT * (1000 / LATENCY_MS + 1), test.dropped)
      assert.is_true(span_ms(arrivals) <= 1000 + LATE_MS + 60, span_ms(arrivals))
      assert.is_true(test.seconds >= 1 and test.seconds < 1.6, test.seconds)
    end)
  end

  it("is let go of in a burst by catchUp: all, and not by spread", function()
    local most = {}
    for _, policy in ipairs({ "all", "spread" }) do
      local arrivals, test = run({ policy = policy, tps = 200, number = 600, extra = "maxInFlight: 100", workload = stalling(-1, 0),
        server = { "--stall", "at 0s for 2500ms" } }) -- the limit is reached after half a second of the round
      assert_counted(arrivals, test, 600)
      assert.are.equal(0, test.dropped)
      most[policy] = most_within(arrivals, 20)
    end
    assert.is_true(most.spread <= (2 * 20 + 3 * LATE_MS) / 5 + 1 + 12, most.spread)
    assert.is_true(most.all > most.spread, ("%d and %d"):format(most.all, most.spread))
  end)
end)
