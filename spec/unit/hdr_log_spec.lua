-- Interval logs: what is written is read again, and lines that are none are told with their place.
local hdr_log = require("vernier.hdr_log")
local histogram = require("vernier.core.histogram")
local support = require("spec.support")

local function of(...)
  local h = histogram.new(3)
  for _, v in ipairs({ ... }) do
    h:record(v)
  end
  return h
end

local function all(path)
  local log, list = assert(hdr_log.open(path)), {}
  while true do
    local interval, message = log:next()
    if not interval and not message then
      break
    end
    list[#list + 1] = interval or message
  end
  log:close()
  return list, log
end

local function written(text)
  local path = support.workspace({ ["a.hlog"] = text }) .. "/a.hlog"
  return path
end

describe("an interval log", function()
  it("is read as it was written", function()
    local path = support.tmpdir() .. "/a.hlog"
    local log = assert(hdr_log.create(path, { started = 1700000000.25, comments = { "two\nlines" } }))
    log:add("get.response", 0, 1.0004, of(5e6, 7e6))
    log:add("a b,c%d\n", 1, 2, of(3))
    log:add(nil, 2, 2, of())
    assert.is_nil(io.open(path)) -- not before it is whole
    assert.are.equal(path, log:finish())
    local text = support.read_file(path)
    assert.matches("^#%[two lines%]\n#%[Histogram log format version 1%.3%]\n#%[StartTime: 1700000000%.250 ", text)
    assert.matches('\n"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n', text)
    assert.matches("\nTag=get.response,0.000,1.000,7.000,HISTF", text, 1, true)
    assert.matches("\n2.000,0.000,0.000,HISTF", text, 1, true)
    local list, read = all(path)
    assert.are.equal(3, #list)
    assert.are.equal(1700000000.25, read.started)
    assert.are.same({ "get.response", 1700000000.25, 1700000001.25, 7, 2 },
      { list[1].tag, list[1].from, list[1].to, list[1].max, list[1].histogram:count() })
    assert.are.same({ "a%20b%2Cc%25d%0A", 3 }, { list[2].tag, list[2].histogram:max() })
    assert.is_nil(list[3].tag)
  end)

  it("that cannot be made is told", function()
    local log, message = hdr_log.create("/nowhere/at/all.hlog", {})
    assert.is_nil(log)
    assert.matches("nowhere", message)
    assert.is_nil((hdr_log.open("/nowhere/at/all.hlog")))
  end)

  it("that does not fit is told at its end, and leaves no file", function()
    local path = support.tmpdir() .. "/full.hlog"
    assert(os.execute("ln -s /dev/full " .. path .. ".part") == 0)
    local log = assert(hdr_log.create(path, {}))
    log:add("t", 0, 1, of(5))
    local ok, message = log:finish()
    assert.is_nil(ok)
    assert.matches("No space", message)
    assert.is_nil(io.open(path))
    assert.is_nil(io.open(path .. ".part"))
  end)

  it("has lines that are none told with their place, and the others read", function()
    local good = of(9):encode_hdr()
    local path = written("#[StartTime: x]\n\nTag=a,1,2\nTag=b,1,2,3," .. good .. "\r\nnan,1,1," .. good .. "\n0x10,1,1," .. good .. "\n1,1,1,"
      .. good .. ",x\n1,1,1,HISTFAAAA\n  1.5, 2, 3, " .. good)
    local list = all(path)
    assert.matches("a.hlog:3: not %[Tag=", list[1])
    assert.are.equal("b", list[2].tag)
    for i, line in ipairs({ 5, 6, 7 }) do
      assert.matches("a.hlog:" .. line .. ": not [Tag=", list[2 + i], 1, true)
    end
    assert.matches("a.hlog:8: ", list[6], 1, true)
    assert.are.same({ 1.5, 3.5, 9 }, { list[7].from, list[7].to, list[7].histogram:max() })
    assert.are.equal(7, #list)
  end)

  it("counts from its base time, or from its start time where timestamps are much earlier", function()
    local h = of(1):encode_hdr()
    for head, from in pairs({
      [""] = 5, ["#[BaseTime: 100.5 (seconds since epoch)]\n"] = 105.5,
      ["#[StartTime: 1700000000.000 (seconds since epoch), x]\n"] = 1700000005, ["#[StartTime: 1000 (seconds)]\n"] = 5,
      ["#[StartTime: 1700000000 ]\n#[BaseTime: 7 ]\n"] = 12,
    }) do
      assert.are.equal(from, all(written(head .. "5,1,1," .. h .. "\n"))[1].from, head)
    end
  end)
end)
