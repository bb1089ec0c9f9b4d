local ffi = require("ffi")
local link = require("vernier.core.link")
local scheduler = require("vernier.scheduler")

ffi.cdef("ssize_t write(int fd, const void *data, size_t len);")

-- Two ends in one process: messages and events of each.
local function pair()
  local a, b = { got = {}, beats = 0 }, { got = {}, beats = 0 }
  local fd_a, fd_b = link.pair()
  for end_, fd in pairs({ [a] = fd_a, [b] = fd_b }) do
    end_.tag = scheduler.on(function(event)
      if event.kind == link.MESSAGE then
        end_.got[#end_.got + 1] = link.text(event)
      elseif event.kind == link.HEARTBEAT then
        end_.beats = end_.beats + 1
        end_.turns = event.value
      elseif event.kind == link.CLOSED then
        end_.closed = link.text(event)
      end
    end)
    end_.link = assert(link.open(end_.tag, fd))
  end
  return a, b
end

local function close(...)
  for _, end_ in ipairs({ ... }) do
    end_.link:close()
    scheduler.forget(end_.tag)
  end
end

local function wait(condition)
  local deadline = scheduler.now() + 10e9
  while not condition() do
    assert.is_true(scheduler.now() < deadline, "waited in vain")
    scheduler.sleep(1e6)
  end
end

describe("a link", function()
  it("keeps messages whole and in order, both ways, of any size", function()
    scheduler.run(function()
      local a, b = pair()
      local sent = { "", "x", ("y"):rep(70000), ("z"):rep(3000000) }
      for _, text in ipairs(sent) do
        assert(a.link:send(text))
        assert(b.link:send("answer to " .. #text))
      end
      wait(function()
        return #b.got == #sent and #a.got == #sent
      end)
      assert.are.same(sent, b.got)
      assert.are.equal("answer to 3000000", a.got[4])
      close(a, b)
    end)
  end)

  it("reports the end of the peer once, after its last message", function()
    scheduler.run(function()
      local a, b = pair()
      a.link:send("last words")
      a.link:flush(1e9)
      a.link:close()
      wait(function()
        return b.closed
      end)
      assert.are.same({ "last words" }, b.got)
      local ok, message = b.link:send("anybody?")
      assert.is_nil(ok)
      assert.matches("closed", message)
      scheduler.forget(a.tag)
      close(b)
    end)
  end)

  it("beats from a thread, also while Lua does not come back to the loop", function()
    scheduler.run(function()
      local a, b = pair()
      assert(a.link:start_heartbeat(5e6))
      wait(function()
        return b.beats >= 3
      end)
      local before, turns = b.beats, b.turns
      local until_ns = scheduler.now() + 100e6
      while scheduler.now() < until_ns do -- luacheck: ignore
      end
      wait(function()
        return b.beats >= before + 5
      end)
      assert.is_true(b.turns >= turns)
      close(a, b)
    end)
  end)

  it("refuses what is too large and gives up on a peer that does not read", function()
    scheduler.run(function()
      local a, b = pair()
      local ok, message = a.link:send(("x"):rep(64 * 1024 * 1024 + 1))
      assert.is_nil(ok)
      assert.matches("over the limit", message)
      local chunk, failed = ("x"):rep(8 * 1024 * 1024), nil
      for _ = 1, 40 do
        ok, failed = a.link:send(chunk)
        if not ok then
          break
        end
      end
      assert.matches("does not read", failed)
      local flushed, why = a.link:flush(1e6)
      assert.is_nil(flushed)
      assert.matches("does not read", why)
      close(a, b)
    end)
  end)

  it("ends on a frame that is no message", function()
    scheduler.run(function()
      local fd_a, fd_b = link.pair()
      local closed
      local tag = scheduler.on(function(event)
        closed = event.kind == link.CLOSED and link.text(event)
      end)
      local mine = assert(link.open(tag, fd_a))
      assert.are.equal(12, tonumber(ffi.C.write(fd_b, "\255\255\255\255\9garbage", 12)))
      link.close_fd(fd_b)
      wait(function()
        return closed
      end)
      assert.are.equal("a frame that is no message", closed)
      mine:close()
      scheduler.forget(tag)
    end)
  end)
end)
