-- YAML and JSON as values with places: src/yaml.c, vernier.core.yaml, vernier.core.scalar.
local yaml = require("vernier.core.yaml")

local function value_of(text)
  local doc, errors = yaml.parse(text, "x.yaml")
  assert(doc, errors and errors[1] and errors[1].message)
  return doc.value
end

local function errors_of(text)
  local doc, errors = yaml.parse(text, "x.yaml")
  assert.is_nil(doc)
  return errors
end

local function place(e)
  return ("%d:%d"):format(e.line, e.column)
end

describe("the core schema", function()
  local NUMBERS = {
    ["0"] = 0, ["-7"] = -7, ["+5"] = 5, ["0666"] = 666, ["0o17"] = 15, ["0x1F"] = 31, ["1.5"] = 1.5, [".5"] = 0.5,
    ["5."] = 5, ["1e3"] = 1000, ["-2.5E-1"] = -0.25, ["9007199254740992"] = 2 ^ 53, [".inf"] = math.huge,
    ["-.INF"] = -math.huge,
  }
  for text, number in pairs(NUMBERS) do
    it("reads " .. text .. " as a number", function()
      assert.are.equal(number, value_of("a: " .. text).a)
    end)
  end

  local TEXTS = { "yes", "no", "on", "off", "Yes", "9007199254740993", "-12345678901234567890", "1e999", "0o8", "0xg", "1.2.3",
    "1_000", "0b1", "1e", ".", "-", "+", "12:30:45", "2020-01-01", "tRUE", "0x123456789abcdef", "nan", "inf" }
  for _, text in ipairs(TEXTS) do
    it("reads " .. text .. " as a text", function()
      assert.are.equal(text, value_of("a: '" .. text .. "'").a)
      if text ~= "-" then
        assert.are.equal(text, value_of("a: " .. text).a)
      end
    end)
  end

  it("reads true and false in three spellings", function()
    assert.are.same({ true, true, true, false, false, false }, value_of("[true, True, TRUE, false, False, FALSE]"))
  end)

  it("reads .nan", function()
    local nan = value_of("a: .nan").a
    assert.is_true(nan ~= nan)
  end)

  it("takes quoted and block scalars as texts", function()
    assert.are.same({ "1", "true", "", "~" }, value_of("['1', \"true\", '', '~']"))
    assert.are.equal("1\n", value_of("a: |\n  1\n").a)
  end)

  it("obeys the tags of the core schema", function()
    local t = value_of("{a: !!str 5, b: !!int '5', c: !!float .inf, d: !!bool true, e: !!str true, f: ! 7, g: !!map {}}")
    assert.are.same({ a = "5", b = 5, c = math.huge, d = true, e = "true", f = "7", g = {} }, t)
  end)

  for text, message in pairs({ ["!!int x"] = '"x" is no int', ["!ruby x"] = 'unknown tag "!ruby"', ["!!set {}"] = "unknown tag",
    ["!!seq {}"] = "unknown tag", ["!!bool 1"] = "is no bool" }) do
    it("refuses " .. text, function()
      local e = errors_of("\na: " .. text)
      assert.are.equal(1, #e)
      assert.are.equal("2:4", place(e[1]))
      assert.is_truthy(e[1].message:find(message, 1, true))
    end)
  end
end)

describe("null", function()
  it("is an absent key of a mapping, which keys() still names", function()
    local t = value_of("a:\nb: ~\nc: null\nd: 1")
    assert.are.same({ d = 1 }, t)
    assert.are.same({ "a", "b", "c", "d" }, yaml.keys(t))
    assert.are.equal(2, (yaml.position(t, "b")))
  end)

  it("keeps its place in a list", function()
    assert.are.same({ 1, yaml.null, 3 }, value_of("[1, ~, 3]"))
  end)

  it("is the value of an empty document", function()
    for _, text in ipairs({ "", "# nothing\n", "---\n", "~" }) do
      assert.is_nil(value_of(text))
    end
  end)
end)

describe("kinds", function()
  it("are known of empty collections, too", function()
    local t = value_of("a: {}\nb: []")
    assert.are.equal("mapping", yaml.kind(t.a))
    assert.are.equal("sequence", yaml.kind(t.b))
  end)

  it("are guessed of tables that were not parsed", function()
    assert.are.equal("mapping", yaml.kind({ a = 1 }))
    assert.are.equal("sequence", yaml.kind({ 1 }))
    assert.is_nil(yaml.kind({}))
    assert.are.same({ "a", "b" }, yaml.keys({ b = 1, a = 2 }))
    assert.is_nil(yaml.position({ a = 1 }, "a"))
  end)
end)

describe("places", function()
  it("are those of keys, values, entries and tables, in characters", function()
    local t = value_of("é: {k: 1}\ntest:\n  rounds:\n  - label: a\n    ü: x\n  - b\n")
    assert.are.same({ 1, 4 }, { yaml.value_position(t, "é") })
    assert.are.same({ 1, 5 }, { yaml.position(t["é"], "k") })
    local rounds = t.test.rounds
    assert.are.same({ 3, 3 }, { yaml.position(t.test, "rounds") })
    assert.are.same({ 4, 3 }, { yaml.position(rounds) })
    assert.are.same({ 4, 5 }, { yaml.position(rounds, 1) })
    assert.are.same({ 4, 5 }, { yaml.position(rounds[1]) })
    assert.are.same({ 5, 5 }, { yaml.position(rounds[1], "ü") })
    assert.are.same({ 5, 8 }, { yaml.value_position(rounds[1], "ü") })
    assert.are.same({ 6, 5 }, { yaml.value_position(rounds, 2) })
  end)

  it("do not keep the tables alive", function()
    local weak = setmetatable({ value_of("a: 1") }, { __mode = "v" })
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
  end)
end)

describe("anchors and merge keys", function()
  it("share what an anchor names, also a scalar and a key", function()
    local t = value_of("a: &a {n: &n 5}\nb: *a\nc: *n\n&k key: 1\nd: {*k : 2}")
    assert.are.equal(t.a, t.b)
    assert.are.equal(5, t.c)
    assert.are.equal(2, t.d.key)
    assert.is_true(yaml.anchored(t, "a"))
    assert.is_false(yaml.anchored(t, "c"))
  end)

  it("merge: own keys win, also as null, then the first source; places are the source's", function()
    local t = value_of("a: &a {p: 1, q: 2, n: 3}\nb: &b {q: 5, r: 6}\nc:\n  << : [*a, *b]\n  p: 9\n  n:\n")
    assert.are.same({ p = 9, q = 2, r = 6 }, t.c)
    assert.are.same({ 1, 14 }, { yaml.position(t.c, "q") })
    assert.are.same({ 2, 14 }, { yaml.position(t.c, "r") })
    assert.are.same({ "p", "n", "q", "r" }, yaml.keys(t.c))
  end)

  it("take a quoted << for an ordinary key", function()
    assert.are.same({ ["<<"] = 1 }, value_of("'<<': 1"))
  end)

  for text, expected in pairs({
    ["a: *x"] = { "1:4", "refers to no anchor" },
    ["a: &k [*k]"] = { "1:8", "contains itself" },
    ["a: {<<: 1}"] = { "1:9", "merges a mapping" },
    ["a: {<<: [1]}"] = { "1:9", "merges a mapping" },
    ["b: &b {}\na:\n  <<: *b\n  <<: *b"] = { "4:3", 'duplicate key "<<"' },
  }) do
    it("refuse " .. text:gsub("\n", "\\n"), function()
      local e = errors_of(text)
      assert.are.equal(1, #e)
      assert.are.equal(expected[1], place(e[1]))
      assert.is_truthy(e[1].message:find(expected[2], 1, true))
    end)
  end

  it("name the anchors there are", function()
    assert.are.equal("anchors so far: &rate", errors_of("a: &rate 1\nb: *rte")[1].hint)
  end)
end)

describe("what other readers tolerate", function()
  it("is tolerated: tabs after scalars, on empty lines, in flow style; a byte order mark; Windows line ends", function()
    local t = value_of("\239\187\191a: x\t\t\r\nb: 'q'\t\r\n\t\r\nc: {\n\t\"d\": 1,\n\te: 2}\t\nf: [1]\t # end\n")
    assert.are.same({ a = "x", b = "q", c = { d = 1, e = 2 }, f = { 1 } }, t)
  end)

  it("is tolerated: folded scalars", function()
    assert.are.equal("one two\nthree", value_of("a: >-\n  one\n  two\n\n  three\n").a)
  end)
end)

describe("errors", function()
  it("are all told in one go, with both places of a duplicate", function()
    local e = errors_of("a: 1\na: 2\nb:\n  c: 1\n  \"c\": 2\nd: *none\n")
    assert.are.equal(3, #e)
    assert.are.equal('duplicate key "a", first given at 1:1', e[1].message)
    assert.are.equal("2:1", place(e[1]))
    assert.are.equal('duplicate key "c", first given at 4:3', e[2].message)
    assert.are.equal("5:3", place(e[2]))
    assert.are.equal("6:4", place(e[3]))
    assert.are.equal("x.yaml", e[1].file)
  end)

  for _, case in ipairs({
    { "a: b: c", "1:5", "mapping values are not allowed", "quotes" },
    { "a: 'x\nb: 1\n", "1:4", "unexpected end of stream", "never closed" },
    { "a: [1, 2\nb: 3\n", "1:4", "did not find expected", "brackets" },
    { "a: 1\n\tb: 2", "2:1", "tab", "use spaces" },
    { "a:\n\t- 2\n", "2:1", "cannot start any token", "use spaces" },
    { "a: @x", "1:4", "cannot start any token", 'begins with "@"' },
    { "a:\n  - 1\n - 2\n", "3:2", "did not find expected", "indentation" },
    { "a: - b", "1:4", "block sequence entries", "line of its own" },
    { "a: 1\n---\nb: 1\n", "2:1", "second document", "---" },
    { "? [a]\n: 1", "1:3", "a key must be a text" },
    { "é: \255\254", "1:4", "invalid leading UTF-8 octet" },
    { "é: \1", "1:4", "control characters" },
  }) do
    it("have the place, reason and hint: " .. case[1]:gsub("%c", "."), function()
      local e = errors_of(case[1])
      assert.are.equal(1, #e)
      assert.are.equal(case[2], place(e[1]))
      assert.is_truthy(e[1].message:find(case[3], 1, true), e[1].message)
      assert.are.equal(case[4] ~= nil, e[1].hint ~= nil)
      assert.is_truthy(not case[4] or e[1].hint:find(case[4], 1, true), e[1].hint)
    end)
  end

  it("stop at a bound", function()
    assert.are.equal(yaml.ERRORS_MAX, #errors_of(("a: 1\n"):rep(500)))
  end)
end)

describe("limits", function()
  it("hold for the depth of the text", function()
    assert.is_truthy(value_of(("["):rep(100) .. ("]"):rep(100)))
    local e = errors_of(("["):rep(101) .. ("]"):rep(101))
    assert.are.equal("1:101", place(e[1]))
    assert.is_truthy(e[1].message:find("nested deeper than 100", 1, true))
    assert.is_truthy(errors_of(("["):rep(200000))[1].message:find("nested deeper", 1, true))
  end)

  it("hold for the depth through aliases", function()
    local lines = { "a0: &a0 " .. ("["):rep(40) .. ("]"):rep(40) }
    for i = 1, 3 do
      lines[#lines + 1] = ("a%d: &a%d %s*a%d%s"):format(i, i, ("["):rep(30), i - 1, ("]"):rep(30))
    end
    local e = errors_of(table.concat(lines, "\n"))
    assert.are.equal(3, e[1].line)
    assert.is_truthy(e[1].message:find("nested deeper", 1, true))
  end)

  it("hold for what aliases stand for (a billion laughs)", function()
    local lines = { "a: &a [x, x, x, x, x, x, x, x, x, x]" }
    for c = ("b"):byte(), ("j"):byte() do
      local before = "*" .. string.char(c - 1)
      lines[#lines + 1] = ("%s: &%s [%s]"):format(string.char(c), string.char(c), (before .. ", "):rep(9) .. before)
    end
    local e = errors_of(table.concat(lines, "\n"))
    assert.are.equal(1, #e)
    assert.is_truthy(e[1].message:find("more than 1000000 nodes", 1, true))
  end)

  it("hold for the size", function()
    local e = errors_of((" "):rep(16 * 1024 * 1024 + 1))
    assert.is_truthy(e[1].message:find("16777217 bytes are more than", 1, true))
  end)

  it("leave room for a large file", function()
    local lines = {}
    for i = 1, 100000 do
      lines[i] = "- {a: " .. i .. ", b: x}"
    end
    local t = value_of(table.concat(lines, "\n"))
    assert.are.equal(100000, #t)
    assert.are.same({ 100000, 4 }, { yaml.position(t[100000], "a") })
  end)
end)

describe("any text", function()
  local SEEDS = {
    "test:\n  name: a\n  rounds:\n  - {label: x, txNumber: 1}\n  - label: 'y'\n    n: &n [1, 2]\n    m: *n\n",
    "a: &a {b: 1}\nc:\n  <<: *a\n  d: >-\n    x\n    y\n? e\n: !!str 5\n",
    '{"a": [1, -2.5e3, null, "\\u00e9"], "b": {"c": true}}',
  }
  local PIECES = { "", ":", "- ", "\n", "\t", "'", '"', "*n", "&n ", "<<: ", "{", "}", "[", "]", "---\n",
    "!!int ", "? ", "~", "\0", "#" }

  local function mutate(text, random)
    for _ = 1, random(4) do
      local at = random(#text + 1)
      text = text:sub(1, at - 1) .. PIECES[random(#PIECES)] .. text:sub(at + random(3) - 1)
    end
    return text
  end

  it("is a value whose keys have places, or has errors with places", function()
    local state = 42
    local function random(n)
      state = (state * 1103515245 + 12345) % 2 ^ 31
      return math.floor(state / 65536) % n + 1
    end
    local values = 0
    for i = 1, 3000 do
      local doc, errors = yaml.parse(mutate(SEEDS[i % #SEEDS + 1], random), "x")
      if doc and type(doc.value) == "table" then
        values = values + 1
        for _, key in ipairs(yaml.keys(doc.value)) do
          assert.is_truthy(yaml.position(doc.value, key) and yaml.value_position(doc.value, key))
        end
      end
      for _, e in ipairs(errors or {}) do
        assert.is_true(e.line >= 1 and e.column >= 1 and #e.message > 0)
      end
      assert.is_true((doc ~= nil) ~= (errors ~= nil))
    end
    assert.is_true(values > 300)
  end)
end)
