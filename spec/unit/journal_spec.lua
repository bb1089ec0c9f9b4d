local file = require("vernier.core.file")
local journal = require("vernier.core.journal")

local CORRUPT, NOSPC, EXIST, INVAL = -15, -5, -18, -2

describe("a journal", function()
  local path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)

  after_each(function()
    os.remove(path)
  end)

  local function write(records)
    local j = assert(journal.create(path))
    for _, record in ipairs(records) do
      assert(j:append(record))
    end
    j:close()
  end

  -- The whole records, and how many damaged ones there were.
  local function read()
    local j, message = journal.open(path)
    if not j then
      return nil, message
    end
    local records, damaged = {}, 0
    while true do
      local record, why, code = j:next()
      if record then
        records[#records + 1] = record
      elseif code then
        assert.are.equal(CORRUPT, code)
        assert.matches(path, why, 1, true)
        damaged = damaged + 1
      else
        break
      end
    end
    assert.is_nil(j:next())
    j:close()
    return records, damaged
  end

  local function overwrite(text)
    assert(file.write(path, text, 384))
  end

  it("gives back what was appended, also nothing and any bytes", function()
    local bytes = {}
    for i = 0, 255 do
      bytes[#bytes + 1] = string.char(i)
    end
    local records = { "one", "", table.concat(bytes), ("x"):rep(300000), "last" }
    write(records)
    local got, damaged = read()
    assert.are.same(records, got)
    assert.are.equal(0, damaged)
  end)

  it("is for the owner's eyes, and is not written over", function()
    write({ "a" })
    local j, message = journal.create(path)
    assert.is_nil(j)
    assert.matches("exists", message)
    assert.are.same({ "a" }, (read()))
    local p = io.popen("stat -c %a " .. path)
    assert.are.equal("600", p:read("*l"))
    p:close()
  end)

  it("has the documented layout, with CRC-32C over length and payload", function()
    write({ "123456789" })
    -- The checksum was computed by another implementation: 5717d278.
    assert.are.equal("vnjl\1\0\0\0" .. "\9\0\0\0" .. "\120\210\23\87" .. "123456789", file.read(path))
  end)

  it("says which files are no journals", function()
    overwrite("hello, world")
    local j, message = journal.open(path)
    assert.is_nil(j)
    assert.matches("not a journal", message)
    overwrite("vnjl\9\0\0\0")
    j, message = journal.open(path)
    assert.is_nil(j)
    assert.matches("version 9", message)
    j, message = journal.open(path .. ".none")
    assert.is_nil(j)
    assert.matches("No such file", message)
  end)

  it("keeps all records before a tail torn at any byte", function()
    write({ "first", "second", "the last record" })
    local text = file.read(path)
    local last = #text - 8 - #"the last record"
    for len = last, #text - 1 do
      overwrite(text:sub(1, len))
      local records, damaged = read()
      assert.are.same({ "first", "second" }, records)
      assert.are.equal(len == last and 0 or 1, damaged)
    end
  end)

  it("survives a file header torn at any byte", function()
    write({})
    local text = file.read(path)
    for len = 0, #text - 1 do
      overwrite(text:sub(1, len))
      local records, damaged = read()
      assert.are.same({}, records)
      assert.are.equal(1, damaged)
    end
  end)

  it("notices any flipped bit, and goes on after a damaged record whose length is sound", function()
    write({ "first", "second", "third" })
    local text = file.read(path)
    local second = 8 + 8 + 5
    for i = second + 1, second + 8 + 6 do
      for bit = 0, 7 do
        local byte = require("bit").bxor(text:byte(i), 2 ^ bit)
        overwrite(text:sub(1, i - 1) .. string.char(byte) .. text:sub(i + 1))
        local records, damaged = read()
        assert.are.equal("first", records[1])
        assert.is_true(damaged >= 1)
        for _, record in ipairs(records) do
          assert.are_not.equal("second", record)
        end
        if i > second + 4 then
          assert.are.same({ "first", "third" }, records)
        end
      end
    end
  end)

  it("treats zeros at the end as a torn tail", function()
    write({ "first" })
    overwrite(file.read(path) .. ("\0"):rep(64))
    local records, damaged = read()
    assert.are.same({ "first" }, records)
    assert.is_true(damaged >= 1)
  end)

  it("does not believe a length of gigabytes", function()
    write({ "first" })
    overwrite(file.read(path) .. "\255\255\255\255\0\0\0\0abc")
    assert.are.same({ "first" }, (read()))
  end)

  it("refuses to append when open for reading, and to read when open for writing", function()
    local j = assert(journal.create(path))
    local _, _, code = j:next()
    assert.are.equal(INVAL, code)
    j:close()
    j = assert(journal.open(path))
    _, _, code = j:append("x")
    assert.are.equal(INVAL, code)
    j:close()
    j:close()
  end)

  it("stays valid on a full disk, and goes on when there is room", function()
    local folder = path .. ".disk"
    assert(file.mkdir(folder))
    finally(function()
      os.execute("umount " .. folder .. " 2>/dev/null")
      file.remove(folder)
    end)
    if os.execute("mount -t tmpfs -o size=64k tmpfs " .. folder .. " 2>/dev/null") ~= 0 then
      pending("needs the right to mount a file system")
      return
    end
    path = folder .. "/journal"
    local j = assert(journal.create(path))
    assert(j:append("first"))
    local ok, message, code = j:append(("x"):rep(200000))
    assert.is_nil(ok)
    assert.are.equal(NOSPC, code)
    assert.matches("No space left", message)
    assert(j:append("second"))
    assert.is_nil((j:append(("y"):rep(100000))))
    assert(j:append("third"))
    j:close()
    local records, damaged = read()
    assert.are.same({ "first", "second", "third" }, records)
    assert.are.equal(0, damaged)
  end)

  it("is not reopened where there is none, or something else", function()
    local j, message = journal.reopen(path)
    assert.is_nil(j)
    assert.matches("No such file", message)
    overwrite("hello, world")
    j, message = journal.reopen(path)
    assert.is_nil(j)
    assert.matches("not a journal", message)
    assert.are.equal("hello, world", file.read(path))
    overwrite("vnjl\9\0\0\0")
    assert.is_nil((journal.reopen(path)))
  end)

  it("is not reopened as long as somebody writes it, and by one only", function()
    local writer = assert(journal.create(path))
    local j, message, code = journal.reopen(path)
    assert.is_nil(j)
    assert.matches("another process", message)
    assert.are.equal(journal.BUSY, code)
    writer:close()
    local second = assert(journal.reopen(path))
    assert.are.equal(journal.BUSY, select(3, journal.reopen(path)))
    second:close()
    assert(journal.reopen(path)):close()
    assert.are.same({}, (read()))
  end)

  local function reopen_and_append(record)
    local j = assert(journal.reopen(path))
    assert.are.equal(INVAL, select(3, j:next()))
    assert(j:append(record))
    j:close()
  end

  it("goes on behind the last record, also of an empty journal", function()
    write({})
    reopen_and_append("first")
    reopen_and_append("second")
    local records, damaged = read()
    assert.are.same({ "first", "second" }, records)
    assert.are.equal(0, damaged)
  end)

  it("goes on after a tail torn at any byte, and is whole again", function()
    write({ "first", "the last record" })
    local text = file.read(path)
    for len = 0, #text - 1 do
      overwrite(text:sub(1, len))
      reopen_and_append("more")
      local records, damaged = read()
      assert.are.same(len < 8 + 8 + 5 and { "more" } or { "first", "more" }, records)
      assert.are.equal(0, damaged)
    end
  end)

  it("goes on after a damaged record, which stays where it is", function()
    write({ "first", "second", "third" })
    local text = file.read(path)
    overwrite((text:gsub("second", "sEcond")))
    reopen_and_append("more")
    local records, damaged = read()
    assert.are.same({ "first", "third", "more" }, records)
    assert.are.equal(1, damaged)
  end)

  it("says why it cannot be created", function()
    local j, message = journal.create("/nonexistent/folder/journal")
    assert.is_nil(j)
    assert.matches("No such file", message)
    local full = io.open("/dev/full", "r")
    if full then
      full:close()
      j, message = journal.create("/dev/full")
      assert.is_nil(j)
      assert.matches("exists", message)
    end
    assert.are.equal(EXIST, select(3, file.mkdir("/dev/null")))
  end)

  it("is read from any of its records on", function()
    write({ "one", "two", "three" })
    local j, offsets = assert(journal.open(path)), {}
    repeat
      offsets[#offsets + 1] = j:offset()
    until not j:next()
    for i, record in ipairs({ "one", "two", "three" }) do
      assert.are.equal(0, j:go_to(offsets[i]))
      assert.are.equal(record, j:next())
    end
    j:go_to(offsets[4])
    assert.is_nil(j:next())
    for _, offset in ipairs({ -1, 0, 0 / 0, math.huge }) do
      local ok, _, code = j:go_to(offset)
      assert.are.same({ nil, INVAL }, { ok, code })
    end
    j:go_to(offsets[1] + 1)
    assert.are.equal(CORRUPT, select(3, j:next()))
    j:go_to(offsets[2])
    assert.are.equal("two", j:next())
    j:close()
  end)
end)
