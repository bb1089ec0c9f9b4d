-- Expressions in texts: vernier.properties.template, vernier.properties.expression, vernier.properties.sandbox.
local properties = require("vernier.properties")
local random = require("vernier.core.random")
local sandbox = require("vernier.properties.sandbox")
local scope = require("vernier.scope")

local VALUES = {
  n = 7, half = 0.5, yes = true, no = false, name = "server", list = { 5, 6, 7 }, empty = {}, nested = { { 1, 2 }, { 3 } },
  ["cluster.size"] = 4, ["group.size"] = 9, ["group.server.size"] = 3, ["group.my-group.size"] = 2,
  ["group.server.0.port"] = 7000, ["group.end.size"] = 6, ["repeat.counter"] = 2, ["repeat.my-loop.counter"] = 5,
  max = 99, __index = 5, ["a.__index"] = 6, _G = "text",
}
local SCOPE = scope.new(VALUES)

local function value_of(code)
  return properties.text("#{" .. code .. "}", SCOPE)
end

local function failure_of(code)
  local value, message, hint = value_of(code)
  assert.is_nil(value, code:sub(1, 60))
  assert.are.equal("string", type(message))
  return message, hint
end

local function function_of(body)
  return "(function() " .. body .. " end)()"
end

-- What must not have changed, whatever ran.
local function process_state()
  local hook, mask, count = debug.gethook()
  local strings = getmetatable("")
  local globals = {}
  for key, value in pairs(_G) do
    globals[key] = value
  end
  return { hook = hook, mask = mask, count = count, strings = strings, methods = strings.__index, jit = jit.status(),
    globals = globals, library = { string.rep, string.format, table.concat, math.max } }
end

local before

before_each(function()
  before = process_state()
end)

after_each(function()
  assert.are.same(before, process_state())
  assert.are.equal(string, getmetatable("").__index)
  assert.are.equal("xx", ("x"):rep(2))
end)

describe("a hostile expression", function()
  local HOSTILE = {
    ["loops endlessly"] = { function_of("while true do end"), "100000 steps" },
    ["loops endlessly by goto"] = { function_of("::again:: goto again"), "100000 steps" },
    ["loops endlessly by repeat"] = { function_of("repeat local x = 1 until false"), "100000 steps" },
    ["counts for long"] = { function_of("local s = 0 for i = 1, 1e12 do s = s + i end return s"), "100000 steps" },
    ["calls itself"] = { function_of("local function f() return 1 + f() end return f()"), "stack overflow" },
    ["calls itself at the tail"] = { function_of("local function f() return f() end return f()"), "100000 steps" },
    ["calls itself and gets itself"] = { function_of("local function f(g) return g(g), 1 end return f(f)"), "stack overflow" },
    ["doubles a text"] = { function_of("local s = 'x' while true do s = s .. s end"), "512 KiB of memory" },
    ["doubles a text many times at once"] = { function_of("local s = 'xxxxxxxx' while true do s = s" ..
      (" .. s"):rep(30) .. " end"), "512 KiB of memory" },
    ["fills a table"] = { function_of("local t = {} for i = 1, 1e9 do t[i] = i end"), "512 KiB of memory" },
    ["fills a table with tables"] = { function_of("local t = {} while true do t = { t, t } end"), "512 KiB of memory" },
    ["makes a table with far keys"] = { function_of("local t = {} for i = 1, 1e9 do t[i * 1e6] = 'x' .. i end"), "512 KiB" },
    ["ranges far"] = { "range(1, 1e9)", "at most 10000 numbers" },
    ["ranges without a step"] = { "range(1, 2, 0)", "at most 10000 numbers" },
    ["ranges to nowhere"] = { "range(1, 0/0)", "at most 10000 numbers" },
    ["ranges over many ranges"] = { function_of("local t = {} for i = 1, 1e9 do t[i] = range(1, 9999) end"), "100000 steps" },
    ["repeats a text"] = { "('x'):rep(1e9)", "no methods" },
    ["repeats a text by a field"] = { "('x').rep('x', 1e9)", "no methods" },
    ["repeats a text by a computed field"] = { "('x')['r' .. 'ep']('x', 1e9)", "no methods" },
    ["bombs with a pattern"] = { "('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'):find(('a*'):rep(30) .. 'b')", "no methods" },
    ["formats widely"] = { "('%99999999d'):format(1)", "no methods" },
    ["wants the methods of numbers' text"] = { "(1 .. '').gsub", "no methods" },
    ["assigns a variable"] = { function_of("n = 1"), "cannot assign" },
    ["assigns a function"] = { function_of("max = nil"), "cannot assign" },
    ["assigns into a group"] = { function_of("cluster.size = 1"), "cannot assign" },
    ["assigns a method of texts"] = { function_of("('x').rep = 1"), "attempt to index" },
    ["gives itself"] = { function_of("local t = {} t[1] = t return t"), "nested deeper" },
    ["gives much"] = { function_of("local t = {} for i = 1, 60 do t[i] = range(1, 200) end return t"), "10000 entries" },
    ["gives the same much often"] = { function_of("local t = range(1, 900) return {t, t, t, t, t, t, t, t, t, t, t, t}"),
      "10000 entries" },
    ["gives a long text"] = { function_of("local s = 'x' for i = 1, 17 do s = s .. s end return s"), "65536 bytes" },
    ["gives a function"] = { "max", "is a function" },
    ["gives a group of names"] = { "cluster", '"cluster" is the beginning of names' },
    ["gives a group in a list"] = { "{1, cluster}", '"cluster" is the beginning of names' },
    ["gives a table with a table as key"] = { "{[{}] = 1}", "has a table as a key" },
    ["gives nothing"] = { "nil", "no value" },
    ["gives nothing by a function"] = { function_of(""), "no value" },
    ["gives no number"] = { "0/0", "not a finite number" },
    ["gives too large a number"] = { "1e308 * 10", "not a finite number" },
    ["gives an infinite number in a list"] = { "1, -1/0", "not a finite number" },
    ["gives an infinite number by division"] = { "5 / (n - 7)", "not a finite number" },
    ["divides by zero in gcd"] = { "gcd(1/0, 5)", "whole numbers" },
    ["uses an integer of the FFI"] = { "1LL", '"1LL" is no number' },
    ["uses an unsigned integer of the FFI"] = { "0xffULL", '"0xffULL" is no number' },
    ["uses a complex number of the FFI"] = { "1i", '"1i" is no number' },
    ["is two statements"] = { "1; error()", "expected" },
    ["ends the chunk early"] = { "1 end error()", "expected" },
    ["begins another chunk"] = { "1 return 2", "expected" },
    ["has a comment"] = { "1 -- 2", "comments" },
    ["has a long comment"] = { "1 --[[ x ]]", "comments" },
    ["has long brackets"] = { "[[x]]", "long brackets" },
    ["has longer long brackets"] = { "[==[x]==]", "long brackets" },
    ["takes the names of the chunk"] = { "__given", '"__given" cannot be a name' },
    ["takes the table of names"] = { "__names", '"__names" cannot be a name' },
    ["takes the table of names as a field"] = { "cluster.__names", '"__names" cannot be a name' },
    ["is bytecode"] = { "\27LJ\2\0", "unexpected character" },
    ["holds a zero byte"] = { "1\0", "unexpected character" },
    ["is empty"] = { "  ", "holds no expression" },
    ["opens a text"] = { "'abc", "single quotes" },
    ["opens a text over a line"] = { "'a\nb'", "single quotes" },
    ["opens a text by a backslash"] = { "'a\\'", "single quotes" },
    ["opens a variable"] = { "1 + ${n", "without its" },
    ["calls what is no function"] = { "n()", "attempt to call" },
    ["adds a boolean"] = { "yes + 1", "attempt to perform arithmetic" },
    ["compares unlike"] = { "n < name", "attempt to compare" },
    ["takes a list for a number"] = { "floor(list)", "needs numbers" },
    ["takes a text for a number"] = { "floor('x')", "needs numbers" },
    ["takes a boolean for a number"] = { "max(1, yes)", "needs numbers" },
    ["takes the largest of nothing"] = { "max(empty)", "needs numbers" },
    ["takes the size of a number"] = { "size(5)", "needs a list" },
    ["takes the size of a group"] = { "size(group)", "needs a list" },
    ["gets what is not there"] = { "get(list, 3)", "has no entry 3" },
    ["gets what is before"] = { "list.get(-1)", "has no entry -1" },
    ["gets half an entry"] = { "list.get(0.5)", "has no entry 0.5" },
    ["takes a function as a text"] = { "tostring(max)", "not a function" },
    ["converts to base 1"] = { "tonumber('1', 1)", "base" },
    ["indexes a group by a table"] = { "cluster[{}]", "no field" },
  }
  for what, case in pairs(HOSTILE) do
    it("that " .. what .. " is an error", function()
      local started = os.clock()
      local message = failure_of(case[1])
      assert.is_truthy(message:find(case[2], 1, true), message)
      assert.is_true(os.clock() - started < 1 * (tonumber(os.getenv("SPEC_SLOW")) or 1))
      assert.is_nil(message:find("__", 1, true) and not case[1]:find("__", 1, true) and message or nil)
      assert.is_nil(message:find("expression:", 1, true))
    end)
  end

  for _, name in ipairs({ "getmetatable", "setmetatable", "rawset", "rawget", "rawequal", "getfenv", "setfenv", "debug", "ffi",
    "io", "os", "require", "package", "load", "loadstring", "loadfile", "dofile", "coroutine", "pcall", "xpcall", "error",
    "assert", "print", "next", "pairs", "ipairs", "select", "unpack", "type", "newproxy", "collectgarbage", "module", "jit",
    "bit", "string", "table", "math", "arg", "gcinfo", "__metatable" }) do
    it("has no " .. name, function()
      assert.are.equal(('unknown variable "%s"'):format(name), (failure_of(name)))
      assert.are.equal(('unknown variable "%s"'):format(name), (failure_of(name .. "()")))
      failure_of(function_of("return " .. name .. "('')"))
    end)
  end

  it("cannot be longer than its limit", function()
    assert.is_truthy(failure_of("1" .. (" + 1"):rep(1100)):find("longer than 4096", 1, true))
    assert.is_truthy(failure_of(("1 "):rep(5e5)):find("longer than 4096", 1, true))
    assert.is_truthy(failure_of((" "):rep(1e6)):find("longer than 4096", 1, true))
    assert.is_truthy(failure_of("'" .. ("x"):rep(1e6) .. "'"):find("longer than 4096", 1, true))
  end)

  it("cannot be nested without end", function()
    for _, pair in ipairs({ { "(", ")" }, { "{", "}" }, { "-", "" }, { "not ", "" }, { "max(", ")" } }) do
      failure_of(pair[1]:rep(600) .. "1" .. pair[2]:rep(600))
    end
    assert.is_truthy(failure_of(("${x:#{"):rep(30) .. "1" .. ("}}"):rep(30)):find("nested deeper", 1, true))
  end)

  it("cannot join texts without end", function()
    assert.is_truthy(failure_of("name" .. (" .. name"):rep(33)):find("more than 32 times", 1, true))
  end)

  it("cannot use a text that is too long", function()
    local long = scope.new({ long = ("x"):rep(1e6) })
    local value, message = properties.text("#{long .. 'x'}", long)
    assert.is_nil(value)
    assert.is_truthy(message:find("65536 bytes", 1, true))
    value, message = properties.text("#{${long} == 'x'}", long)
    assert.is_nil(value)
    assert.is_truthy(message:find("65536 bytes", 1, true))
  end)

  it("leaves the memory as it was", function()
    local function all()
      for _, case in pairs(HOSTILE) do
        value_of(case[1])
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    all()
    local first = all()
    for _ = 1, 5 do
      all()
    end
    assert.is_true(all() - first < 256, "grows by each evaluation")
  end)

  it("leaves the collector running or stopped, as it was", function()
    local function grows_by()
      failure_of(function_of("local t = {} while true do t = { t } end"))
      local first = collectgarbage("count")
      for i = 1, 2e5 do
        before.last = { i }
      end
      before.last = nil
      return collectgarbage("count") - first
    end
    collectgarbage()
    collectgarbage("stop")
    local stopped = grows_by()
    collectgarbage("restart")
    collectgarbage()
    assert.is_true(stopped > 5000 and grows_by() < stopped / 2)
  end)

  it("leaves lists of the scope as they are", function()
    assert.are.equal(3, value_of(function_of("list[1] = 99 list[9] = 1 return size(range(1, 3))")))
    assert.are.same({ 5, 6, 7 }, VALUES.list)
    local result = value_of("list")
    result[1] = 100
    assert.are.same({ 5, 6, 7 }, VALUES.list)
    assert.is_nil(getmetatable(result))
  end)
end)

describe("an instruction hook that was set before", function()
  local calls
  local function watchdog()
    calls = calls + 1
  end

  before_each(function()
    calls = 0
    jit.off()
    debug.sethook(watchdog, "", 1000)
    before = process_state()
  end)

  after_each(function()
    debug.sethook()
    jit.on()
    before = process_state()
  end)

  for _, code in ipairs({ "1 + 1", "nosuch", "1/0", "1 +", function_of("while true do end"), "('x'):rep(5)",
    function_of("local function f() return 1 + f() end return f()"), function_of("local s = 'x' while true do s = s .. s end") }) do
    it("is in force again after " .. code, function()
      value_of(code)
      local hook, mask, count = debug.gethook()
      assert.are.equal(watchdog, hook)
      assert.are.equal("", mask)
      assert.are.equal(1000, count)
      calls = 0
      for i = 1, 1e5 do
        before.last = i
      end
      before.last = nil
      assert.is_true(calls > 100, "is not called")
    end)
  end
end)

describe("the limits", function()
  it("hold where the loop around is compiled, and in a coroutine", function()
    for _ = 1, 300 do
      assert.are.equal(8, value_of("n + 1"))
    end
    for _ = 1, 5 do
      failure_of(function_of("for i = 1, 1e9 do local x = i * 2 end"))
    end
    assert.is_truthy(coroutine.wrap(function() return failure_of(function_of("while true do end")) end)())
  end)

  it("hold after a stack overflow", function()
    failure_of(function_of("local function f() return 1 + f() end return f()"))
    assert.is_truthy(failure_of(function_of("while true do end")):find("steps", 1, true))
  end)

  it("are met at any instruction", function()
    local code = "local __given, __names = ... return " .. function_of("local s = 0 for i = 1, 3 do s = s + i end return s")
    local most, reached = sandbox.INSTRUCTIONS_MAX, false
    for limit = 0, 60 do
      sandbox.INSTRUCTIONS_MAX = limit
      local value, failure = sandbox.run(code, {}, VALUES.get, VALUES.get)
      assert.are.same(before, process_state())
      assert.is_true(value == 6 or failure.message:find("steps", 1, true) ~= nil)
      assert.is_false(reached and value == nil)
      reached = value == 6
    end
    sandbox.INSTRUCTIONS_MAX = most
    assert.is_true(reached)
  end)
end)

describe("an expression", function()
  for code, expected in pairs({
    ["cluster.size * 2"] = 8, ["cluster.size/8"] = 0.5, ["2^10 % 1000"] = 24, ["-n + 10"] = 3, ["2 - -2"] = 4,
    ["(1 + 2) * 3"] = 9, ["7 % 4"] = 3, ["1 .. 2"] = "12", ["'a' .. n"] = "a7", ["name .. '-' .. cluster.size"] = "server-4",
    ["yes and 1 or 2"] = 1, ["no and 1 or 2"] = 2, ["not yes"] = false, ["n >= 7"] = true, ["name == 'server'"] = true,
    ["max(1, 5, 3)"] = 5, ["min(4, 2)"] = 2, ["max(list)"] = 7, ["min({3, 2})"] = 2, ["floor(2.7)"] = 2, ["ceil(2.1)"] = 3,
    ["abs(-2)"] = 2, ["gcd(12, 18)"] = 6, ["gcd(12, 18, 9)"] = 3, ["gcd(0, -4)"] = 4, ["double(3) / 2"] = 1.5,
    ["double('2.5')"] = 2.5, ["size(list)"] = 3, ["list.size"] = 3, ["empty.size"] = 0, ["get(list, 0)"] = 5,
    ["list.get(2)"] = 7, ["list.get(list.size - 1)"] = 7, ["nested.get(0).get(1)"] = 2, ["list[1]"] = 5, ["(1..3).size"] = 3,
    ["#list"] = 3, ["tostring(n) .. 'x'"] = "7x", ["tonumber('ff', 16)"] = 255, ["tonumber('0x10')"] = 16, ["tonumber('1LL') == nil"] = true,
    ["${n} + 1"] = 8, ["${nosuch:3} + 1"] = 4, ["${nosuch:3} > 2"] = true, ["${group.${name}.size}"] = 3,
    ["${group.my-group.size} * 2"] = 4, ["group['my-group'].size"] = 2, ["group.server.size + group.size"] = 12,
    ["group[name].size"] = 3, ["group.server[0].port + 1"] = 7001, ["repeat.counter + 1"] = 3, ["group.end.size"] = 6,
    ["${repeat.my-loop.counter}"] = 5, ["'${name}' == 'server'"] = true, ["\"a-${name}-${n}\""] = "a-server-7",
    ["'a}b{'"] = "a}b{", ["'\\''"] = "'", ["${max}"] = 99, ["max(1, 2)"] = 2, ["${__index}"] = 5, ["__index"] = 5,
    ["a.__index"] = 6, ["_G"] = "text", [".5 + 1e1"] = 10.5, ["0x1F"] = 31, ["1e-2"] = 0.01, ["1.5"] = 1.5,
    [function_of("local s = 0 for i = 1, list.size do s = s + list[i] end return s")] = 18,
    ["(function(repeats) return repeats * 2 end)(4)"] = 8, ["\n  n +\n  1\n"] = 8,
    ["1..3"] = { 1, 2, 3 }, ["1..3, 7"] = { 1, 2, 3, 7 }, ["1, 2, n"] = { 1, 2, 7 }, ["range(0, 6, 2)"] = { 0, 2, 4, 6 },
    ["range(3, 1, -1)"] = { 3, 2, 1 }, ["range(3, 1)"] = {}, ["range(0, cluster.size - 1)"] = { 0, 1, 2, 3 },
    ["range(1e16, 1e16 + 2, 0.5)"] = { 1e16, 1e16, 1e16, 1e16 + 2, 1e16 + 2 }, ["{1, 2}"] = { 1, 2 },
    ["{a = 1, b = {2}}"] = { a = 1, b = { 2 } }, ["nested"] = { { 1, 2 }, { 3 } }, ["max(1..4)"] = 4, ["list, 8"] = { 5, 6, 7, 8 },
  }) do
    it("gives what it says: " .. code:gsub("%c", " "), function()
      local value, message = value_of(code)
      assert.are.same(expected, value, message)
    end)
  end

  it("compares the environment as what it says", function()
    local env = scope.new({ ["env.N"] = "10", ["env.ON"] = "true" })
    assert.are.equal(11, properties.text("#{env.N + 1}", env))
    assert.is_true(properties.text("#{env.N > 9}", env))
    assert.is_true(properties.text("#{${env.N} > 9 and env.ON == true}", env))
  end)

  it("draws random numbers", function()
    local value = properties.text("#{floor(random.double * 10)}", scope.new({}, random.new(1)))
    assert.is_true(value >= 0 and value < 10)
  end)

  it("keeps the value of a variable from being read as code", function()
    local hostile = scope.new({ x = '1}) os.exit(1) --', y = '"]]; error("code") --' })
    assert.are.equal("1}) os.exit(1) --!", properties.text("#{${x} .. '!'}", hostile))
    assert.are.equal(VALUES.n, properties.text("#{${y} == '' and 1 or 7}", hostile))
    assert.are.equal('"]]; error("code") --', properties.text("#{'${y}'}", hostile))
  end)

  for code, expected in pairs({
    ["clster.size"] = { 'unknown variable "clster.size"', "did you mean cluster.size?" },
    ["cluster.sise * 2"] = { 'unknown variable "cluster.sise"', "did you mean cluster.size?" },
    ["group.servr.size"] = { 'unknown variable "group.servr.size"', "did you mean group.server.size?" },
    ["repeat.my-loop.counter"] = { 'unknown variable "repeat.my"', "write ${repeat.my-loop.counter}" },
    ["0..cluster.size"] = { "0.. is not followed by a number alone", "write range(0, …), or blanks around .. to join texts" },
    ["1..3 + 1"] = { "1.. is not followed by a number alone", "write range(1, …), or blanks around .. to join texts" },
    ["5--3"] = { "comments cannot be in an expression", "write - - for a minus before a negative number" },
    ["1, nil, 2"] = { "an entry of the list has no value" },
    ["1 +"] = { "unexpected symbol near '<eof>'" },
    ["nosuch.size"] = { 'unknown variable "nosuch.size"' },
  }) do
    it("tells what is wrong with " .. code, function()
      local message, hint = failure_of(code)
      assert.are.equal(expected[1], message)
      assert.are.equal(expected[2], hint)
    end)
  end

  it("never tells a value of the environment", function()
    local secret = scope.new({ ["env.PW"] = "hunter2", list = { 1 } })
    for _, code in ipairs({ "cluster[env.PW]", "env[env.PW]", "list[env.PW]", "('x')[env.PW]", "floor(env.PW)", "env.PW + 1",
      "env.PW()", "env.PW < 1", "${${env.PW}}", "${a.${env.PW}}", "${env.${env.PW}}", "get(list, env.PW)", "{[env.PW] = 1/0}",
      "tonumber(env.PW, 99)", "range(env.PW, 1)", "'${env.PW}' + 1", "env.PW.x.y" }) do
      local value, message, hint = properties.text("#{" .. code .. "}", secret)
      assert.is_nil(value, code)
      assert.is_nil((message .. (hint or "")):find("hunter2", 1, true), message)
    end
  end)
end)

-- Pieces of the syntax in random order: whatever comes out, it comes out soon, and the process is as before.
describe("random texts", function()
  local PIECES = { "${", "#{", "}", "$${", "##{", ":", "n", "cluster", ".size", "list", ".get(", "(", ")", "[", "]", "{", "..", "...",
    "1", "0x", "1e", "'", '"', "\\", " ", "\n", "-", "--", "[[", "]]", "=", "==", "~", ",", ";", "#", "$", "and ", "or ", "not ", "nil",
    "function(", " end ", "return ", "local x = ", "while true do ", "repeat", "goto ", "::", "max(", "range(1,", "\27LJ", "\0",
    "\255", "%", "^", "env.", "PATH", "random.int", "__index", "__given", "string", ("x"):rep(200), "end", "if ", " then ", "for i=1,9 do " }

  local function text_of(draw)
    local pieces = { draw() < 0.7 and "#{" or "" }
    for i = 2, draw(30) do
      pieces[i] = PIECES[draw(#PIECES)]
    end
    return table.concat(pieces) .. (draw() < 0.7 and "}" or "")
  end

  it("are evaluated or refused", function()
    local draw, evaluated, refused = random.new(42), 0, 0
    for _ = 1, 20000 do
      local text = text_of(draw)
      local value, message = properties.text(text, SCOPE)
      assert.is_true(value ~= nil or type(message) == "string", text)
      evaluated, refused = evaluated + (value ~= nil and 1 or 0), refused + (value == nil and 1 or 0)
      assert.are.equal(string, getmetatable("").__index)
      assert.is_nil((debug.gethook()))
      properties.check({ text }, { "n" })
    end
    assert.is_true(evaluated > 500 and refused > 5000, ("%d evaluated, %d refused"):format(evaluated, refused))
  end)
end)
