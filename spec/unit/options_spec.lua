-- Option declarations: vernier.options, vernier.units.
local options = require("vernier.options")
local units = require("vernier.units")

local function check(spec, value)
  local values, problems = options.check({ x = spec }, { x = value })
  return values and values.x, problems and problems[1]
end

describe("types", function()
  for _, case in ipairs({
    { { type = "number" }, 1.5, 1.5 },
    { { type = "integer" }, 7, 7 },
    { { type = "boolean" }, false, false },
    { { type = "string" }, "a", "a" },
    { { type = "string" }, 1.4, "1.4" },
    { { type = "table" }, { a = 1 }, { a = 1 } },
    { { type = "table" }, {}, {} },
    { { type = "list" }, { 1, 2 }, { 1, 2 } },
    { { type = "list" }, {}, {} },
    { { type = "duration" }, 2, 2 },
    { { type = "duration" }, "250ms", 0.25 },
    { { type = "duration", unit = "ms" }, 250, 250 },
    { { type = "duration", unit = "ms" }, "1.5s", 1500 },
    { { type = "size" }, "64k", 65536 },
    { { type = "size" }, 10, 10 },
    { { type = "enum", values = { "all", "drop" } }, "drop", "drop" },
    { {}, { 1, "a" }, { 1, "a" } },
    { { type = "number", convert = function(v) return v * 2 end }, 4, 8 },
    { { type = "ranges" }, "0..3,7", { 0, 1, 2, 3, 7 } },
    { { type = "ranges" }, " 5 , 1 .. 2,1", { 1, 2, 5 } },
    { { type = "ranges" }, 4, { 4 } },
    { { type = "ranges" }, { 3, "0..1", "7,1" }, { 0, 1, 3, 7 } },
    { { type = "ranges" }, {}, {} },
    { { type = "ranges" }, "5..5", { 5 } },
    { { type = "ranges", min = 2, max = 2 }, "1,2", { 1, 2 } },
    { { type = "key-value" }, "a: b; c : d:e ;f:", { a = "b", c = "d:e", f = "" } },
    { { type = "key-value" }, "", {} },
    { { type = "key-value" }, { a = 1.5, b = true, c = "x", d = "" }, { a = "1.5", b = "true", c = "x", d = "" } },
    { { type = "key-value" }, "__index: 1", { __index = "1" } },
    { { type = "duration" }, "1m 30s", 90 },
    { { type = "number" }, options.unchecked("later"), "later" },
    { { type = "list", of = { type = "integer" } }, { 1, options.unchecked("later") }, { 1, "later" } },
  }) do
    it(("take %s for %s"):format(tostring(case[2]), case[1].type or "anything"), function()
      assert.are.same(case[3], (check(case[1], case[2])))
    end)
  end

  for _, case in ipairs({
    { { type = "number" }, "5", "must be a number" },
    { { type = "number" }, 0 / 0, "must be a number" },
    { { type = "integer" }, 1.5, "must be a whole number" },
    { { type = "integer" }, math.huge, "must be a whole number" },
    { { type = "boolean" }, "yes", "must be true or false" },
    { { type = "string" }, true, "must be a text" },
    { { type = "table" }, { 1 }, "must be a mapping" },
    { { type = "list" }, { a = 1 }, "must be a list" },
    { { type = "duration" }, "5 parsecs", "must be a duration" },
    { { type = "duration" }, -1, "must be a duration" },
    { { type = "size" }, "many", "must be a size" },
    { { type = "number", min = 1 }, 0, "must be at least 1" },
    { { type = "number", max = 1 }, 1.5, "must be at most 1" },
    { { type = "list", min = 1 }, {}, "must have at least 1 entries" },
    { { type = "duration", unit = "ms", min = 100 }, "1ms", "must be at least 100" },
    { { type = "number", convert = function() return nil, "is unlucky" end }, 13, "is unlucky" },
    { { type = "ranges" }, "", "must be numbers and ranges such as 0..3,7" },
    { { type = "ranges" }, "1,", "must be numbers and ranges" },
    { { type = "ranges" }, "a..b", "must be numbers and ranges" },
    { { type = "ranges" }, "1...3", "must be numbers and ranges" },
    { { type = "ranges" }, "-1", "must be numbers and ranges" },
    { { type = "ranges" }, "1.5", "must be numbers and ranges" },
    { { type = "ranges" }, 1.5, "must be numbers from 0" },
    { { type = "ranges" }, -1, "must be numbers from 0" },
    { { type = "ranges" }, 0 / 0, "must be numbers from 0" },
    { { type = "ranges" }, math.huge, "must be numbers from 0" },
    { { type = "ranges" }, true, "must be numbers from 0" },
    { { type = "ranges" }, { a = 1 }, "must be numbers from 0" },
    { { type = "ranges" }, { 1, {} }, "must be numbers from 0" },
    { { type = "ranges" }, "3..1", "must not have a range that runs backwards, as 3..1 does" },
    { { type = "ranges" }, "0..65536", "must stand for no more than 65536 numbers" },
    { { type = "ranges" }, "0..99999999999999999999", "must stand for no more than 65536 numbers" },
    { { type = "ranges" }, ("0..9999,"):rep(7) .. "1", "must stand for no more than 65536 numbers" },
    { { type = "ranges" }, ("9"):rep(400), "must stand for no more than 65536 numbers" },
    { { type = "ranges", max = 2 }, "1..3", "must have at most 2 entries" },
    { { type = "key-value" }, "a", "must be a mapping of names to texts" },
    { { type = "key-value" }, ": a", "must be a mapping of names to texts" },
    { { type = "key-value" }, { "a" }, "must be a mapping of names to texts" },
    { { type = "key-value" }, 5, "must be a mapping of names to texts" },
    { { type = "key-value" }, { a = {} }, 'must have a text under "a"' },
    { { type = "key-value" }, "a: 1; a: 2", 'names "a" twice' },
  }) do
    it(("refuse %s for %s"):format(tostring(case[2]), case[1].type), function()
      local value, problem = check(case[1], case[2])
      assert.is_nil(value)
      assert.are.same({ "x" }, problem.path)
      assert.is_truthy(problem.message:find(case[3], 1, true), problem.message)
    end)
  end

  it("hint at the near value of an enum", function()
    local _, problem = check({ type = "enum", values = { "continue", "stop" } }, "contnue")
    assert.are.equal("must be one of continue, stop", problem.message)
    assert.are.equal("did you mean continue?", problem.hint)
  end)

  it("that do not exist are the declaring author's mistake", function()
    assert.has_error(function() check({ type = "numbr" }, 1) end)
  end)
end)

describe("a declaration", function()
  local DECLARATION = {
    url = { type = "string", required = true },
    tps = { type = "number", default = 10 },
    transactionLoad = { type = "integer", aliases = { "unfinished_per_client" } },
    tls = { type = "table", fields = { verify = { type = "boolean", default = true }, ca = { type = "string" } } },
    hosts = { type = "list", of = { type = "string" } },
  }

  it("fills in defaults and follows aliases", function()
    assert.are.same({ url = "u", tps = 10, transactionLoad = 5, tls = { verify = true, ca = "f" } },
      (options.check(DECLARATION, { url = "u", unfinished_per_client = 5, tls = { ca = "f" } })))
  end)

  it("does not touch the given values", function()
    local given = { url = "u", tls = {} }
    options.check(DECLARATION, given)
    assert.are.same({ url = "u", tls = {} }, given)
  end)

  it("tells everything that is wrong, with the way to it", function()
    local values, problems = options.check(DECLARATION, { tsp = 5, hosts = { "a", true }, tls = { verify = "no", cert = 1 } })
    assert.is_nil(values)
    local texts = {}
    for i, problem in ipairs(problems) do
      texts[i] = options.describe(problem)
    end
    assert.are.same({ 'missing option "url"', "hosts.2: must be a text", 'unknown option "cert"',
      "tls.verify: must be true or false", 'unknown option "tsp" (did you mean tps?)' }, texts)
  end)

  it("refuses an option given under two names", function()
    local _, problems = options.check(DECLARATION, { url = "u", transactionLoad = 1, unfinished_per_client = 1 })
    assert.are.equal('"transactionLoad" and "unfinished_per_client" are the same option', problems[1].message)
  end)

  it("takes nil for no values", function()
    assert.are.same({ tps = 10 }, (options.check({ tps = DECLARATION.tps }, nil)))
  end)
end)

describe("units", function()
  for text, seconds in pairs({ ["5s"] = 5, ["1m30s"] = 90, ["2h"] = 7200, ["1.5ms"] = 0.0015, ["100us"] = 1e-4, ["7ns"] = 7e-9,
    ["2 min"] = 120, ["1d"] = 86400, [".5s"] = 0.5, ["1m 30s"] = 90, ["1D 2H 3M 4S 5L"] = 93784.005, ["250l"] = 0.25,
    ["20MS"] = 0.02 }) do
    it("read the duration " .. text, function()
      assert.is_true(math.abs(units.seconds(text) - seconds) < 1e-15 * math.max(1, seconds))
    end)
  end
  for _, text in ipairs({ "", "5", "s", "5x", "-5s", "1..5s", "5s6", "5ll", "1m 30" }) do
    it(("find no duration in %q"):format(text), function() assert.is_nil(units.seconds(text)) end)
  end
  for text, bytes in pairs({ ["10"] = 10, ["5b"] = 5, ["4k"] = 4096, ["4KiB"] = 4096, ["1.5MB"] = 1572864, ["2 G"] = 2 ^ 31 }) do
    it("read the size " .. text, function() assert.are.equal(bytes, units.bytes(text)) end)
  end
  for _, text in ipairs({ "", "k", "5x", "-1k" }) do
    it(("find no size in %q"):format(text), function() assert.is_nil(units.bytes(text)) end)
  end
end)
