local scheduler = require("vernier.scheduler")
local loop = require("vernier.core.loop")

local MS = 1e6

-- Runs fn as the main task.
local function run(fn)
  return scheduler.run(fn)
end

describe("tags", function()
  it("are reused with a new generation, so that old events are stale", function()
    run(function()
      local tag = scheduler.tag()
      scheduler.forget(tag)
      local again = scheduler.tag()
      assert.are_not.equal(tag, again)
      assert.are.equal(tag % 2 ^ 20, again % 2 ^ 20)
      scheduler.forget(again)
    end)
  end)

  it("that are forgotten drop their events, which are counted", function()
    run(function()
      local before = loop.state.tags_stale
      local called = false
      local tag = scheduler.at(scheduler.now() + MS, function()
        called = true
      end)
      scheduler.forget(tag)
      scheduler.sleep(5 * MS)
      assert.is_false(called)
      assert.are.equal(before + 1, loop.state.tags_stale)
    end)
  end)

  it("may be forgotten twice", function()
    run(function()
      local tag = scheduler.tag()
      scheduler.forget(tag)
      scheduler.forget(tag)
      local a, b = scheduler.tag(), scheduler.tag()
      assert.are_not.equal(a, b)
      scheduler.forget(a)
      scheduler.forget(b)
    end)
  end)
end)

describe("waiting", function()
  it("sleeps at least so long, in order of the instants", function()
    local order = {}
    run(function()
      local done, from = 0, scheduler.now() -- of all, since the machine may stall between two of them
      for _, ms in ipairs({ 9, 3, 6, 1 }) do
        scheduler.spawn(function()
          local now = scheduler.now()
          scheduler.sleep(ms * MS)
          assert.is_true(scheduler.now() - now >= ms * MS)
          done = done + 1
        end)
        scheduler.spawn(function()
          scheduler.sleep_until(from + ms * MS)
          assert.is_true(scheduler.now() - from >= ms * MS)
          order[#order + 1] = ms
          done = done + 1
        end)
      end
      while done < 8 do
        scheduler.sleep(MS)
      end
    end)
    assert.are.same({ 1, 3, 6, 9 }, order)
  end)
end)

describe("keys", function()
  it("wake everyone who waits, in order, with value and instant", function()
    local seen = {}
    run(function()
      for i = 1, 1000 do
        scheduler.spawn(function()
          local value, at = scheduler.wait_key("block", scheduler.now() + 1e9)
          seen[i] = { value, at }
        end)
      end
      assert.are.equal(1000, scheduler.wake_key("block", "v", 42))
      assert.are.equal(0, scheduler.wake_key("block", "v", 42))
      scheduler.sleep(0)
    end)
    for i = 1, 1000 do
      assert.are.same({ "v", 42 }, seen[i])
    end
  end)

  it("give nil to who waited too long, and only to them", function()
    local early, late
    run(function()
      scheduler.spawn(function()
        early = scheduler.wait_key("k", scheduler.now() + MS) or "timed out"
      end)
      scheduler.spawn(function()
        late = scheduler.wait_key("k", scheduler.now() + 1e9)
      end)
      scheduler.sleep(4 * MS)
      scheduler.wake_key("k", "here")
      scheduler.sleep(0)
    end)
    assert.are.equal("timed out", early)
    assert.are.equal("here", late)
  end)
end)

describe("tasks", function()
  it("are pooled: thousands one after the other need one coroutine", function()
    local coroutines = {}
    run(function()
      for _ = 1, 1000 do
        scheduler.spawn(function()
          coroutines[coroutine.running()] = true
        end)
      end
    end)
    local n = 0
    for _ in pairs(coroutines) do
      n = n + 1
    end
    assert.are.equal(1, n)
  end)

  it("that end others' tasks begin later in the same turn, however many", function()
    local n = 0
    local function again(left)
      n = n + 1
      if left > 0 then
        scheduler.spawn_later(again, left - 1)
      end
    end
    scheduler.run(function()
      again(5000)
      assert.are.equal(1, n)
      scheduler.sleep(1e6)
    end)
    assert.are.equal(5001, n)
  end)

  it("that fail call their guard, which is theirs alone", function()
    local seen
    run(function()
      scheduler.spawn(function()
        scheduler.guard({ _failed = function(_, text)
          seen = text
        end })
        scheduler.sleep(0)
        error("guarded")
      end)
      scheduler.spawn(function()
        scheduler.guard({ _failed = function()
          seen = "the wrong one"
        end })
      end)
      scheduler.sleep(2 * MS)
    end)
    assert.matches("guarded.*traceback", seen)
    assert.has_error(function()
      run(function()
        error("nobody guards")
      end)
    end)
  end)

  it("that fail end the program with a traceback", function()
    local ok, err = pcall(run, function()
      scheduler.sleep(0)
      error("broken")
    end)
    assert.is_false(ok)
    assert.matches("broken", err)
    assert.matches("traceback", err)
  end)
end)

describe("pumps", function()
  it("are asked every turn and wake the loop when they wish", function()
    local asked, key = 0, {}
    local function pump()
      asked = asked + 1
      if asked == 10 then
        scheduler.wake_key(key, true)
      end
      return scheduler.now() + 2 * MS
    end
    run(function()
      scheduler.add_pump(pump)
      local woken = scheduler.wait_key(key, scheduler.now() + 5000 * MS) -- nothing else wakes the loop before
      scheduler.remove_pump(pump)
      assert.is_true(woken, asked .. " turns")
    end)
  end)
end)
