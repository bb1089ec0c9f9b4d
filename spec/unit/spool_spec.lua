-- Texts that are kept in order, in memory and in a file.
local spool = require("vernier.spool")
local support = require("spec.support")

local function in_file()
  return spool.in_file(assert(io.open(support.tmpdir() .. "/spool", "w+b")))
end

local function text_of(i)
  return (i .. "\0\n" .. string.char(i % 256)):rep(i % 97)
end

for name, new in pairs({ memory = spool.in_memory, file = in_file }) do
  describe("a spool in " .. name, function()
    it("gives what was put, in order, over many chunks", function()
      local s = new()
      for i = 1, 5000 do
        assert.is_true(s:put(text_of(i), i))
      end
      assert.is_truthy(s:finish())
      assert.is_true(s.bytes > 10 * 65536)
      for i = 1, 5000 do
        local text, tag = s:take()
        assert.is_true(text == text_of(i) and tag == i, i)
      end
      s:close()
    end)

    it("keeps empty texts, ones longer than a chunk, and the largest tag", function()
      local s, long = new(), ("x"):rep(200000)
      for _, text in ipairs({ "", long, "" }) do
        assert(s:put(text, 65535))
      end
      assert(s:finish())
      assert.are.same({ "", 65535 }, { s:take() })
      assert.are.same({ long, 65535 }, { s:take() })
      assert.are.same({ "", 65535 }, { s:take() })
      s:close()
    end)

    it("may have nothing in it", function()
      local s = new()
      assert.is_truthy(s:finish())
      s:close()
    end)
  end)
end

describe("a spool in a file", function()
  it("says when the disk is full, while it fills and at its end", function()
    local s = spool.in_file(assert(io.open("/dev/full", "w+b")))
    assert.is_true(s:put("a", 0))
    local ok, message = s:put(("x"):rep(100000), 0)
    assert.is_nil(ok)
    assert.matches("[Nn]o space", message)
    s:close()
    s = spool.in_file(assert(io.open("/dev/full", "w+b")))
    assert.is_true(s:put("a", 0))
    ok, message = s:finish()
    assert.is_nil(ok)
    assert.matches("[Nn]o space", message)
    s:close()
  end)

  it("says when the file has become shorter", function()
    local path = support.tmpdir() .. "/spool"
    local s = spool.in_file(assert(io.open(path, "w+b")))
    assert(s:put(("x"):rep(1000), 0))
    assert(s:finish())
    assert(io.open(path, "wb")):close()
    local text, message = s:take()
    assert.is_nil(text)
    assert.matches("shorter", message)
    s:close()
  end)
end)
