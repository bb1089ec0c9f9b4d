-- How the loop waits for an instant.
local clock = require("vernier.core.clock")
local loop = require("vernier.core.loop")
local process = require("vernier.core.process")
local support = require("spec.support")

local MS = 1e6

local function wait_until(instant)
  while loop.poll(instant) > 0 do -- luacheck: ignore
  end
  return clock.now()
end

-- How late the best tenth of n waits was at most, for instants as given by next(now).
local function least_late(n, next)
  local late = {}
  for i = 1, n do
    local instant = next(clock.now())
    late[i] = wait_until(instant) - instant
    assert.is_true(late[i] >= 0, "too early by " .. -late[i])
  end
  table.sort(late)
  return late[math.ceil(n / 10)]
end

describe("pacing", function()
  before_each(function()
    loop.poll(0)
  end)

  after_each(function()
    loop.set_pacing("precise")
  end)

  it("batched waits for the next whole millisecond, however many instants lie before it", function()
    loop.set_pacing("batched")
    for _ = 1, 20 do
      local instant = clock.now() + 0.3 * MS
      assert.is_true(wait_until(instant) >= math.ceil(instant / MS) * MS)
    end
  end)

  -- A machine that is busy with other things makes waits late, but hardly nine of ten.
  it("precise is more exact than economical, economical than batched", function()
    local late = {}
    for _, pacing in ipairs({ "precise", "economical", "batched" }) do
      loop.set_pacing(pacing)
      late[pacing] = least_late(101, function(now)
        return math.floor(now / MS + 2) * MS + 0.1 * MS
      end)
    end
    assert.is_true(late.precise < late.economical, late.precise .. " < " .. late.economical)
    assert.is_true(late.economical < late.batched, late.economical .. " < " .. late.batched)
  end)

  it("precise sees events that come while it spins", function()
    local scheduler = require("vernier.scheduler")
    support.undisturbed(function()
      local key, seen = {}, nil
      scheduler.run(function()
        scheduler.at(clock.now() + 0.02 * MS, function()
          seen = clock.now()
          scheduler.wake_key(key, true)
        end)
        local from = clock.now()
        scheduler.wait_key(key, from + 5 * MS)
        assert.is_true(seen ~= nil and clock.now() < from + 5 * MS)
      end)
    end)
  end)
end)

describe("outliers", function()
  -- Stops this process for a while in the middle of a wait.
  local function wait_and_be_stopped(pacing)
    loop.set_pacing(pacing)
    loop.poll(0)
    local before = loop.state.outliers
    local stopper = support.start({ "sh", "-c", ("sleep 0.1; kill -STOP %d; sleep 0.4; kill -CONT %d"):format(process.pid(),
      process.pid()) })
    local instant = clock.now() + 250 * MS
    wait_until(instant)
    local late = clock.now() - instant
    loop.set_pacing("precise")
    stopper:wait(5)
    return before, late
  end

  it("are waits that the machine made longer: counted and added up", function()
    for _, pacing in ipairs({ "precise", "economical" }) do
      local before, late = wait_and_be_stopped(pacing)
      assert.is_true(late > 100 * MS, "stopped for " .. late)
      assert.is_true(loop.state.outliers > before, pacing)
      assert.is_true(loop.state.longest_outlier_ns > 100 * MS)
      assert.is_true(loop.state.outlier_ns >= loop.state.longest_outlier_ns)
    end
  end)
end)
