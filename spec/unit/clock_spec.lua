-- The clock of a run: it is CLOCK_MONOTONIC, its base can be handed to other processes, and a stopped one goes on.
local clock = require("vernier.core.clock")
local ffi = require("ffi")
local scheduler = require("vernier.scheduler")

ffi.cdef([[
  struct spec_timespec { int64_t seconds, ns; };
  int clock_gettime(int clock, struct spec_timespec *t);
]])

local CLOCK_MONOTONIC = 1

-- CLOCK_MONOTONIC, read by the system's library, on the base of ours.
local function witness()
  local t, base = ffi.new("struct spec_timespec"), ffi.new("int64_t", 0)
  for digit in clock.base():gmatch("%d") do
    base = base * 10 + tonumber(digit)
  end
  return function()
    ffi.C.clock_gettime(CLOCK_MONOTONIC, t)
    return tonumber(t.seconds * 1000000000 + t.ns - base)
  end
end

describe("now", function()
  -- Between two readings of the witness, to what two readings of two clocks can differ by. Busy for a while, so that it
  -- goes through many of its spans; with pauses, so that it begins anew.
  it("is CLOCK_MONOTONIC, and never goes back", function()
    local real = witness()
    local until_ns, last, worst, pauses = clock.now() + 1.5e9, 0, 0, 0
    while last < until_ns do
      local before = real()
      local now = clock.now()
      local after = real()
      assert.is_true(now >= last, now - last)
      worst = math.max(worst, before - now, now - after)
      last = now
      if now > until_ns - 0.3e9 and pauses < 20 then
        pauses = pauses + 1
        scheduler.run(function()
          scheduler.sleep(pauses * 1e6)
        end)
      end
    end
    assert.is_true(worst < 1000, worst .. " ns beside CLOCK_MONOTONIC")
  end)

  it("says what it is read from", function()
    assert.is_true(clock.source() == "tsc" or clock.source() == "clock_gettime")
  end)
end)

describe("the clock", function()
  local base

  before_each(function()
    base = clock.base()
  end)

  after_each(function()
    assert(clock.set_base(base))
  end)

  it("takes no base that is not a number", function()
    for _, text in ipairs({ "", "12x", "x", "99999999999999999999" }) do
      local ok, message = clock.set_base(text)
      assert.is_nil(ok, text)
      assert.matches("not a decimal number", message, 1, true)
    end
    assert.are.equal(base, clock.base())
  end)

  it("goes on from a given instant, also one before the machine was started", function()
    for _, ns in ipairs({ 5e9, 0, 90 * 86400 * 1e9 }) do
      clock.set_now(ns)
      local now = clock.now()
      assert.is_true(now >= ns and now < ns + 1e9, tostring(now))
      local text = clock.base()
      clock.set_now(7e9)
      assert(clock.set_base(text))
      assert.is_true(clock.now() >= now and clock.now() < ns + 1e9)
    end
    assert.matches("^%-%d+$", (function()
      clock.set_now(100 * 365 * 86400 * 1e9)
      return clock.base()
    end)())
  end)
end)
