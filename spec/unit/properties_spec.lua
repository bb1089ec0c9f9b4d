-- Properties of stages with variables in them: vernier.properties, vernier.properties.evaluation, vernier.stage.
local properties = require("vernier.properties")
local scalar = require("vernier.core.scalar")
local scope = require("vernier.scope")
local stage = require("vernier.stage")

local SCOPE = scope.new({ n = 7, half = 0.5, big = 2 ^ 53, yes = true, no = false, name = "server", digits = "007", list = { 1, 2 },
  names = { "a", "b" }, mapping = "k: v", ["cluster.size"] = 4, ["group.server.size"] = 3, ["repeat.my-loop.counter"] = 2,
  ["worker.index"] = 0, __index = "proto", ["env.SIZE"] = "12", ["env.PW"] = "hunter2", ["env.EMPTY"] = "", text = "${n}" })

local function text(t)
  return properties.text(t, SCOPE)
end

local function one(spec, raw, how)
  local values, problems = properties.evaluate({ x = spec }, { x = raw }, SCOPE, how)
  if values then
    return values.x
  end
  return nil, problems[1].message, problems
end

describe("a text that cannot be evaluated", function()
  for t, expected in pairs({
    ["${clster.size}"] = { 'unknown variable "clster.size"', "did you mean cluster.size?" },
    ["a${nosuch}b"] = { 'unknown variable "nosuch"' },
    ["${group.${name}.sise}"] = { 'unknown variable "group.server.sise"', "did you mean group.server.size?" },
    ["${group.${nosuch}.size}"] = { 'unknown variable "nosuch"' },
    ["${nosuch:${other}}"] = { 'unknown variable "other"' },
    ["${cluster}"] = { 'unknown variable "cluster"' },
    ["${env.VERNIER_NEVER_SET}"] = { 'environment variable "VERNIER_NEVER_SET" is not set',
      "give a default: ${env.VERNIER_NEVER_SET:…}" },
    ["${env.${env.PW}}"] = { 'environment variable "${env.PW}" is not set', "give a default: ${env.${env.PW}:…}" },
    ["${group.${env.PW}.size}"] = { 'unknown variable "group.${env.PW}.size"' },
    ["${"] = { '"${" without its "}"', 'write $${ for a literal "${"' },
    ["${n"] = { '"${" without its "}"', 'write $${ for a literal "${"' },
    ["${n:"] = { '"${" without its "}"', 'write $${ for a literal "${"' },
    ["${n:{}"] = { '"${" without its "}"', 'write $${ for a literal "${"' },
    ["${a${n}"] = { '"${" without its "}"', 'write $${ for a literal "${"' },
    ["${}"] = { "${…} names nothing", 'write $${ for a literal "${"' },
    ["${ }"] = { "${…} names nothing", 'write $${ for a literal "${"' },
    ["${:5}"] = { "${…} names nothing", 'write $${ for a literal "${"' },
    ["${a\nb}"] = { "a name in ${…} holds a control character" },
    ["#{"] = { '"#{" without its "}"', 'write ##{ for a literal "#{"' },
    [("${"):rep(1e5)] = { "${…} nested deeper than 20" },
    [("${a:"):rep(1e5)] = { "${…} nested deeper than 20" },
    [("x"):rep(2 ^ 20) .. "${n}"] = { "is longer than 1048576 bytes" },
  }) do
    it("is told: " .. t:sub(1, 40):gsub("%c", " "), function()
      local value, message, hint = text(t)
      assert.is_nil(value)
      assert.are.equal(expected[1], message)
      assert.are.equal(expected[2], hint)
    end)
  end

  it("may not grow without end", function()
    local value, message = properties.text(("${x}"):rep(20), scope.new({ x = ("x"):rep(1e5) }))
    assert.is_nil(value)
    assert.is_truthy(message:find("longer than 1048576 bytes", 1, true))
  end)

  it("may not hold a mapping", function()
    local value, message = text("a#{ {a = 1} }")
    assert.is_nil(value)
    assert.are.equal("a mapping cannot be a part of a text", message)
  end)
end)

describe("a text", function()
  for t, expected in pairs({
    ["plain"] = "plain", [""] = "", ["5"] = "5", ["a $ b # c } {"] = "a $ b # c } {", ["$n"] = "$n", ["#"] = "#",
    ["${n}"] = 7, ["${ n }"] = 7, ["${yes}"] = true, ["${no}"] = false, ["${name}"] = "server", ["${digits}"] = "007",
    ["${list}"] = { 1, 2 }, ["${big}"] = 2 ^ 53, ["n=${n}"] = "n=7", ["${n}${n}"] = 77, ["${name}-${n}"] = "server-7",
    ["${half}s"] = "0.5s", ["${yes}?"] = "true?", ["${list}!"] = "1, 2!", ["${big}b"] = "9.007199254741e+15b",
    ["${nosuch:5}"] = 5, ["${nosuch:}"] = "", ["${nosuch: 5}"] = " 5", ["${nosuch:a b}"] = "a b", ["${nosuch:true}"] = true,
    ["${nosuch:${n}}"] = 7, ["${nosuch:${other:9}}"] = 9, ["${nosuch:a:b}"] = "a:b", ["${nosuch:{1}}x"] = "{1}x",
    ["${nosuch:http://h:${n}/}"] = "http://h:7/", ["${nosuch:#{n + 1}}"] = 8, ["${n:nosuch}"] = 7, ["${no:5}"] = false,
    ["${group.${name}.size}"] = 3, ["${group.${nosuch:server}.size}"] = 3, ["${repeat.my-loop.counter}"] = 2,
    ["$${n}"] = "${n}", ["##{n}"] = "#{n}", ["$$${n}"] = "$${n}", ["$${n}${n}"] = "${n}7", ["$n ${n}"] = "$n 7", ["${text}"] = "${n}",
    ["${nosuch:$${n}}"] = "${n}", ["#{n}"] = 7, ["#{n}#{n}"] = 77, ["a#{1..3}"] = "a1, 2, 3", ["${__index}"] = "proto",
    ["${env.SIZE}"] = 12, ["${env.PW}"] = "hunter2", ["${env.EMPTY}"] = "", ["${env.EMPTY:5}"] = "", ["${env.SIZE}k"] = "12k",
    ["${env.VERNIER_NEVER_SET:x}"] = "x", ["größe ${n} µs"] = "größe 7 µs",
  }) do
    it("becomes what it says: " .. t, function()
      assert.are.same(expected, (text(t)))
    end)
  end
end)

describe("a type", function()
  for _, case in ipairs({
    { { type = "string" }, "${digits}", "007" }, { { type = "string" }, "${nosuch:007}", "007" }, { { type = "string" }, "${n}", "7" },
    { { type = "string" }, "${nosuch:true}", "true" }, { { type = "string" }, "${nosuch:}", "" },
    { { type = "string" }, "$${HOME}", "${HOME}" },
    { { type = "number" }, "${digits}", 7 }, { { type = "number" }, "${nosuch:1.5}", 1.5 }, { { type = "integer" }, "${env.SIZE}", 12 },
    { { type = "integer" }, "#{'5'}", 5 }, { { type = "integer" }, "1${n}", 17 }, { { type = "boolean" }, "${nosuch:true}", true },
    { { type = "boolean" }, "${no}", false }, { { type = "boolean" }, "#{n > 8}", false },
    { { type = "duration" }, "${n}s", 7 }, { { type = "duration" }, "${nosuch:1m 30s}", 90 }, { { type = "duration" }, "${nosuch:5}", 5 },
    { { type = "duration", unit = "ms" }, "#{n * 10}", 70 }, { { type = "size" }, "${n}k", 7168 }, { { type = "size" }, "${n}", 7 },
    { { type = "enum", values = { "a", 7 } }, "${nosuch:7}", 7 }, { { type = "enum", values = { "007" } }, "${digits}", "007" },
    { { type = "ranges" }, "0..${n}", { 0, 1, 2, 3, 4, 5, 6, 7 } }, { { type = "ranges" }, "#{0..2}", { 0, 1, 2 } },
    { { type = "ranges" }, { "${n}", "1..2" }, { 1, 2, 7 } }, { { type = "ranges" }, "${list}", { 1, 2 } },
    { { type = "key-value" }, "${mapping}", { k = "v" } }, { { type = "key-value" }, { a = "${digits}", b = "${n}" }, { a = "007", b = "7" } },
    { { type = "list", of = { type = "string" } }, "a, b ,c", { "a", "b", "c" } },
    { { type = "list", of = { type = "string" } }, "[a, b]", { "a", "b" } }, { { type = "list", of = { type = "string" } }, "a", { "a" } },
    { { type = "list", of = { type = "string" } }, "", {} }, { { type = "list", of = { type = "string" } }, "${names}", { "a", "b" } },
    { { type = "list", of = { type = "string" } }, "${names}, ${name}", { "a", "b", "server" } },
    { { type = "list", of = { type = "integer" } }, 5, { 5 } }, { { type = "list", of = { type = "integer" } }, "0, ${n}", { 0, 7 } },
    { { type = "list", of = { type = "integer" } }, { "${n}", 8 }, { 7, 8 } }, { { type = "list", of = { type = "integer" } }, "${n}", { 7 } },
    { { type = "list", of = { type = "list", of = { type = "integer" } } }, "[0,1],[2]", { { 0, 1 }, { 2 } } },
    { { type = "list", of = { type = "list", of = { type = "integer" } } }, "[0, ${n}]", { { 0, 7 } } },
    { { type = "list" }, { "${n}", "${nosuch:x}" }, { 7, "x" } }, { { type = "table" }, { a = { b = "${n}" } }, { a = { b = 7 } } },
    { { type = "table", fields = { at = { type = "duration" } } }, { at = "${n}s" }, { at = 7 } },
    { {}, "${nosuch:5}", 5 }, { {}, { "${digits}", "${nosuch:007}" }, { "007", 7 } }, { {}, "#{'5'}", "5" }, { {}, "5", "5" },
    { { type = "number", convert = function(v) return v * 2 end }, "${n}", 14 },
  }) do
    it(("%s takes %s"):format(case[1].type or "any", type(case[2]) == "table" and "a table" or tostring(case[2])), function()
      local value, message = one(case[1], case[2])
      assert.are.same(case[3], value, message)
    end)
  end

  for _, case in ipairs({
    { { type = "number" }, "7", "must be a number" }, { { type = "number" }, "${name}", "must be a number" },
    { { type = "number" }, "${nosuch:}", "must be a number" }, { { type = "number" }, "$${n}", "must be a number" },
    { { type = "boolean" }, "${nosuch:yes}", "must be true or false" }, { { type = "integer" }, "${half}", "must be a whole number" },
    { { type = "number", min = 8 }, "${n}", "must be at least 8" }, { { type = "string" }, "${yes}", "must be a text" },
    { { type = "string" }, "${list}", "must be a text" }, { { type = "list" }, "a, b", "must be a list" },
    { { type = "list", of = { type = "integer" } }, "0, a", "must be a whole number" },
    { { type = "ranges" }, "${n}..2", "must not have a range that runs backwards, as 7..2 does" },
    { { type = "key-value" }, "${name}", 'must be a mapping of names to texts, or a text such as "name: value; other: value"' },
    { { type = "duration" }, "${n} parsecs", "must be a duration: a number (in s) or a text such as 250ms, 5s, 1m30s" },
  }) do
    it(("%s refuses %s"):format(case[1].type, case[2]), function()
      local value, message = one(case[1], case[2])
      assert.is_nil(value)
      assert.are.equal(case[3], message)
    end)
  end
end)

local DECLARATION = stage.declaration({ options = {
  ["test-name"] = { type = "string", default = "Test" }, ["num-operations"] = { type = "integer" },
  duration = { type = "duration", required = true }, args = { type = "table" }, token = { type = "string", secret = true },
  limits = { type = "table", fields = { ["max-size"] = { type = "size" }, p99 = { type = "duration" } } },
  hosts = { type = "list", of = { type = "string" }, aliases = { "host-list" } },
} })

local function problems_of(raw, how)
  local values, problems = properties.evaluate(DECLARATION, raw, SCOPE, how)
  assert.is_nil(values)
  local lines = {}
  for i, problem in ipairs(problems) do
    lines[i] = ("%s: %s%s"):format(table.concat(problem.path, "."), problem.message, problem.hint and " | " .. problem.hint or "")
  end
  return lines
end

describe("properties", function()
  it("are told all that is wrong, where it is written", function()
    assert.are.same({
      ': missing option "duration"',
      "args.list.2.x: unknown variable \"nosuch\"",
      "hosts.2: must be a text",
      "limits.maxSize: must be a size: a number of bytes or a text such as 64k, 16M",
      'num_operation: unknown option "num_operation" | did you mean num-operations?',
      "testName: unknown variable \"nmae\" | did you mean name?",
      "workers: must not have a range that runs backwards, as 3..0 does",
    }, problems_of({ testName = "${nmae}", num_operation = "${n}", hosts = { "a", "${yes}" }, workers = "3..0",
      limits = { maxSize = "${name}" }, args = { list = { "ok", { x = "${nosuch}" } } } }))
  end)

  it("that failed to evaluate are not missing, too", function()
    assert.are.same({ 'duration: unknown variable "nosuch"' }, problems_of({ duration = "${nosuch}" }))
  end)

  it("cannot be given in two spellings", function()
    assert.are.same({ 'test_name: "testName" and "test_name" are the same option' },
      problems_of({ duration = 1, testName = "a", test_name = "b" }))
    assert.are.same({ 'limits.maxSize: "max-size" and "maxSize" are the same option' },
      problems_of({ duration = 1, limits = { ["max-size"] = 1, maxSize = 2 } }))
  end)

  it("cannot be given by name and alias", function()
    assert.are.same({ 'hosts: "host-list" and "hosts" are the same option' },
      problems_of({ duration = 1, hosts = {}, hostList = {} }))
  end)

  it("cannot be nested without end", function()
    local endless = {}
    endless.again = endless
    assert.is_truthy(problems_of({ duration = 1, args = endless })[1]:find("is nested deeper than 64", 1, true))
  end)

  it("have to be a mapping", function()
    assert.are.same({ ': must be a mapping of names to values' }, problems_of({ "a" }))
  end)

  it("never show a value of the environment", function()
    local raw = { duration = 1, workers = "${env.PW}", token = "${env.PW}${nosuch}", limits = { ["max-size"] = "${env.PW}" },
      ["num-operations"] = "${env.PW}", groups = "${env.PW},[${env.PW}" }
    for _, line in ipairs(problems_of(raw)) do
      assert.is_nil(line:find("hunter2", 1, true), line)
    end
    local declaration = { x = { type = "string", convert = function(v) return nil, "cannot be " .. v, "not " .. v end },
      y = { type = "key-value" }, z = { type = "list", convert = function(v) return nil, "has " .. v[1] end } }
    local values, problems = properties.evaluate(declaration, { x = "${env.PW}", y = "${env.PW}: 1; ${env.PW}: 2",
      z = { "${env.PW}" } }, SCOPE)
    assert.is_nil(values)
    assert.are.equal(3, #problems)
    for _, problem in ipairs(problems) do
      assert.are.equal("does not take the value that comes from the environment", problem.message)
      assert.is_nil(problem.hint)
    end
  end)

  it("get their defaults and their declared names", function()
    assert.are.same({ ["test-name"] = "server", duration = 7, ["exit-on-failure"] = true, ["num-operations"] = 5,
      limits = { ["max-size"] = 65536, p99 = 0.25 }, hosts = { "a", "b" }, workers = { 0, 1, 2, 7 }, groups = { "x" } },
      properties.evaluate(DECLARATION, { test_name = "${name}", duration = "${n}s", exitOnFailure = true, numOperations = 5,
        limits = { max_size = "64k", p99 = "250ms" }, host_list = "a, b", workers = "0..2,7", groups = { "x" } }, SCOPE))
    assert.are.same({ ["test-name"] = "Test", duration = 1, ["exit-on-failure"] = false },
      properties.evaluate(DECLARATION, { duration = 1 }, SCOPE))
  end)

  it("are left as they were given", function()
    local raw = { duration = "${n}", args = { a = { "${n}" } }, hostList = "a, b" }
    properties.evaluate(DECLARATION, raw, SCOPE)
    properties.check(raw, {})
    assert.are.same({ duration = "${n}", args = { a = { "${n}" } }, hostList = "a, b" }, raw)
  end)

  it("need no declaration", function()
    assert.are.same({ a = 7, b = { 5, "x7", true }, ["test-name"] = 1, testName = 2 },
      properties.evaluate(nil, { a = "${n}", b = { "${nosuch:5}", "x${n}", true }, ["test-name"] = 1, testName = 2 }, SCOPE))
    assert.are.same({}, properties.evaluate(nil, nil, SCOPE))
    assert.are.same({ scalar.null }, properties.evaluate(nil, { scalar.null }, SCOPE))
  end)

  it("take names that mean something to Lua", function()
    assert.are.same({ __index = "proto", __newindex = 7 }, properties.evaluate(nil, { __index = "${__index}", __newindex = "${n}" }, SCOPE))
    assert.are.same({ '__index: unknown option "__index"' }, problems_of({ duration = 1, __index = "${n}" }))
  end)
end)

describe("properties that are not all known yet", function()
  local function is_state(name)
    return name:find("^state%.") ~= nil
  end

  it("stay as they are, unchecked", function()
    assert.are.same({ ["test-name"] = "t-${state.a}", duration = "${state.d}", ["num-operations"] = "#{state.n * n}",
      ["exit-on-failure"] = false, workers = "0..${state.last}", hosts = { "server", "${state.h}" }, groups = { "a", "b" },
      limits = { ["max-size"] = "${state.s}", p99 = 7 }, args = { a = "${state.x:5}", b = 7, c = "${random.int}" } },
      properties.evaluate(DECLARATION, { testName = "t-${state.a}", duration = "${state.d}", num_operations = "#{state.n * n}",
        workers = "0..${state.last}", hosts = { "${name}", "${state.h}" }, groups = "a,b",
        limits = { maxSize = "${state.s}", p99 = "${n}" }, args = { a = "${state.x:5}", b = "${n}", c = "${random.int}" } },
        SCOPE, { partial = is_state }))
  end)

  it("are wrong where a name will not be known", function()
    assert.are.same({ 'args.a: unknown variable "sttae.x"', 'duration: unknown variable "other.d"',
      'hosts: environment variable "VERNIER_NEVER_SET" is not set | give a default: ${env.VERNIER_NEVER_SET:…}',
      "test-name: \"${\" without its \"}\" | write $${ for a literal \"${\"" },
      problems_of({ duration = "${other.d}", args = { a = "#{sttae.x}" }, hosts = "${env.VERNIER_NEVER_SET}", ["test-name"] = "${" },
        { partial = is_state }))
  end)

  it("are wrong where what is known is wrong", function()
    assert.are.same({ "duration: must be a duration: a number (in s) or a text such as 250ms, 5s, 1m30s" },
      problems_of({ duration = "${name}", args = { a = "${state.x}" } }, { partial = true }))
  end)

  it("may use any name", function()
    assert.are.same({ x = "${a}", y = "#{b.c + max(1, n)}", z = 7 },
      properties.evaluate(nil, { x = "${a}", y = "#{b.c + max(1, n)}", z = "#{max(1, n)}" }, SCOPE, { partial = true }))
  end)

  it("are left to the converter until they are known", function()
    local function never() error("was called") end
    assert.are.same({ x = { "a", "${state.b}", { "7" } }, y = { k = "${state.v}" } }, properties.evaluate({
      x = { type = "list", convert = never }, y = { type = "key-value", convert = never } },
      { x = { "a", "${state.b}", { "7" } }, y = { k = "${state.v}" } }, SCOPE, { partial = true }))
  end)
end)

describe("a check without a scope", function()
  local KNOWN = { "n", "cluster.size", "group.a.size", "repeat.*", "list" }

  local function check(raw, known)
    local lines = {}
    for i, problem in ipairs(properties.check(raw, known)) do
      lines[i] = ("%s: %s%s"):format(table.concat(problem.path, "."), problem.message, problem.hint and " | " .. problem.hint or "")
    end
    return lines
  end

  it("finds errors of syntax", function()
    assert.are.same({ "a.2: \"${\" without its \"}\" | write $${ for a literal \"${\"", "b: unexpected symbol near '<eof>'",
      "c.d: comments cannot be in an expression | write - - for a minus before a negative number" },
      check({ a = { "x", "${" }, b = "#{1 +}", c = { d = "${x:#{1 -- 2}}" }, e = 5 }))
  end)

  it("finds names that nobody knows", function()
    assert.are.same({ 'a: unknown variable "clster.size" | did you mean cluster.size?', 'b: unknown variable "m"',
      'c: unknown variable "x"', 'd: unknown variable "y"', 'e: unknown variable "repeated.counter"' },
      check({ a = "#{clster.size * 2}", b = "${m}", c = "${group.${x}.size}", d = "${z:${y}}", e = "#{'${repeated.counter}'}" }, KNOWN))
  end)

  it("finds nothing wrong with what is right", function()
    assert.are.same({}, check({ "${n}", "${m:5}", "#{cluster.size + max(1, n)}", "${repeat.loop.counter}", "#{repeat.counter}",
      "#{list.get(0) + list.size}", "#{group['a'].size}", "${env.ANY}", "${random.int}", "#{env.ANY}", "${group.${n}.size}",
      "#{(function(x) return x end)(1)}", "$${x}", "##{x}", 5, true }, KNOWN))
    assert.are.same({}, check(nil, KNOWN))
    assert.are.same({}, check({ "${anything}" }))
  end)
end)

describe("properties for a file or a report", function()
  it("show no secret and no environment", function()
    local raw = { duration = "${n}s", token = "abc", testName = "${env.PW}", hosts = { "a", "${env.PW}" }, hostList = nil,
      args = { url = "http://u:p@h/", password = "abc", x = "#{env.PW}", n = "${n}" }, limits = { maxSize = "${env.SIZE}" } }
    local values = properties.evaluate(DECLARATION, raw, SCOPE)
    assert.are.equal("hunter2", values["test-name"])
    assert.are.same({ duration = 7, token = "***", ["test-name"] = "${env.PW}", hosts = { "a", "${env.PW}" }, ["exit-on-failure"] = false,
      args = { url = "http://***@h/", password = "***", x = "#{env.PW}", n = 7 }, limits = { ["max-size"] = "${env.SIZE}" } },
      properties.shown(DECLARATION, raw, values))
    assert.are.equal("hunter2", values["test-name"])
  end)

  it("are shown by alias, too, and without a declaration", function()
    local raw = { duration = 1, host_list = "${env.PW}, b" }
    assert.are.equal("${env.PW}, b", properties.shown(DECLARATION, raw, properties.evaluate(DECLARATION, raw, SCOPE)).hosts)
    assert.are.same({ a = { "${env.PW}" }, b = 7 }, properties.shown(nil, { a = { "${env.PW}" }, b = "${n}" }, { a = { "hunter2" }, b = 7 }))
    assert.are.same({}, properties.shown(nil, nil, {}))
  end)
end)

describe("a stage's declaration", function()
  it("is its own options and those of all stages", function()
    local declaration = stage.declaration({ options = { a = { type = "string" } } })
    assert.are.same({ type = "string" }, declaration.a)
    assert.are.equal(stage.COMMON.workers, declaration.workers)
    assert.is_nil(stage.COMMON.a)
    assert.are.same(stage.COMMON, stage.declaration({}))
  end)

  it("cannot have a common option of its own", function()
    assert.has_error(function() stage.declaration({ options = { workers = {} } }) end,
      'a stage cannot declare the option "workers", which all stages have')
  end)
end)
