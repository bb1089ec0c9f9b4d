-- The Lua state's own memory: what lives keeps its bytes whatever is given back around it, and what is given back is used
-- again.
local process = require("vernier.core.process")
local support = require("spec.support")

local MIB = 2 ^ 20

local function sized(n, salt)
  return ("%d;"):format(n * 7 + salt):rep(math.ceil(n / 3) + 1):sub(1, n)
end

describe("memory of the Lua state", function()
  it("keeps what lives, of every size, while as much is dropped around it", function()
    for salt = 1, 3 do
      local kept = {}
      for n = 0, 2200 do
        kept[n] = sized(n, salt) -- and what it was made of is dropped
      end
      collectgarbage()
      local other = {}
      for n = 0, 2200 do
        other[n] = sized(n, salt + 20)
      end
      for n = 0, 2200 do
        assert(kept[n] == sized(n, salt) and other[n] == sized(n, salt + 20), n)
      end
    end
  end)

  it("moves what grows and shrinks with all it holds", function()
    local list, fields = {}, {}
    for i = 1, 3000 do
      list[i], fields["k" .. i] = i, { i }
    end
    for i = 1, 3000 do
      assert(list[i] == i and fields["k" .. i][1] == i)
      if i % 50 ~= 0 then
        list[i], fields["k" .. i] = nil, nil
      end
    end
    collectgarbage()
    for i = 50, 3000, 50 do
      assert(fields["k" .. i][1] == i)
    end
    local function deep(n) -- the stack of a coroutine grows through all sizes
      return n == 0 and 0 or 1 + deep(n - 1)
    end
    for n = 1, 200, 7 do
      assert.are.equal(n, coroutine.wrap(deep)(n))
    end
  end)

  it("uses again what was given back", function()
    local function round()
      local t = {}
      for i = 1, 30000 do
        t[i] = { ("%d"):format(i), i, x = { i } }
      end
      return #t
    end
    local room = (support.slow == 1 and 8 or 512) * MIB -- sanitizers keep what is freed for a while
    for _ = 1, 3 do
      round()
      collectgarbage()
    end
    local before = process.rss_anon()
    for _ = 1, 10 do
      round()
      collectgarbage()
    end
    assert.is_true(process.rss_anon() - before < room, (process.rss_anon() - before) / MIB .. " MiB more")
  end)
end)
