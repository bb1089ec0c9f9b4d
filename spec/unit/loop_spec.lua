local loop = require("vernier.core.loop")
local clock = require("vernier.core.clock")
local scheduler = require("vernier.scheduler")

local MS = 1e6

describe("a poll", function()
  it("waits until its instant and no shorter, in every pacing", function()
    for _, pacing in ipairs({ "precise", "economical", "batched" }) do
      loop.set_pacing(pacing)
      local instant = clock.now() + 3 * MS
      while loop.poll(instant) > 0 do -- luacheck: ignore
      end
      assert.is_true(clock.now() >= instant, pacing)
    end
    loop.set_pacing("precise")
  end)

  it("returns at once when the instant has passed", function()
    local turns = loop.state.turns
    loop.poll(0)
    assert.are.equal(turns + 1, loop.state.turns)
  end)

  it("refuses an unknown pacing", function()
    assert.has_error(function()
      loop.set_pacing("sometimes")
    end)
  end)

  it("delivers timers in order, thousands of them", function()
    local seen = {}
    local now = clock.now()
    for i = 1, 5000 do
      local at = now + (i * 7919 % 5000) * 1000
      scheduler.at(at, function()
        seen[#seen + 1] = at
      end)
    end
    scheduler.run(function()
      while #seen < 5000 do
        scheduler.sleep(MS)
      end
    end)
    for i = 2, #seen do
      assert.is_true(seen[i - 1] <= seen[i])
    end
  end)

  it("counts stalls: long turns outside of it", function()
    loop.poll(0)
    local before = loop.state.stalls
    local until_ns = clock.now() + 15 * MS
    while clock.now() < until_ns do -- luacheck: ignore
    end
    loop.poll(0)
    assert.are.equal(before + 1, loop.state.stalls)
    assert.is_true(loop.state.longest_stall_ns >= 15 * MS)
  end)
end)

describe("signals", function()
  it("arrive as events", function()
    local got
    local tag = scheduler.on(function(event)
      got = event.n
    end)
    assert(loop.signal(tag, 10)) -- SIGUSR1
    os.execute("kill -USR1 " .. require("vernier.core.process").pid())
    scheduler.run(function()
      local deadline = scheduler.now() + 5e9
      while not got and scheduler.now() < deadline do
        scheduler.sleep(MS)
      end
    end)
    assert.are.equal(10, got)
  end)
end)

describe("the clock", function()
  it("has a base that another process can take over", function()
    local base = clock.base()
    assert.matches("^%d+$", base)
    local now = clock.now()
    assert(clock.set_base(base))
    assert.is_true(math.abs(clock.now() - now) < 1e9)
    local ok, message = clock.set_base("12x")
    assert.is_nil(ok)
    assert.matches("12x", message)
  end)
end)
