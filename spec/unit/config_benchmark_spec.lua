-- Benchmark files of all generations (vernier.config.benchmark); their rounds are in config_rounds_spec.lua.
local benchmark = require("vernier.config.benchmark")
local check = require("vernier.cli.check")
local config = require("spec.support.config")
local document = require("vernier.config.document")
local support = require("spec.support")
local yaml = require("vernier.core.yaml")

local resolve, texts, round_text = config.resolve, config.texts, config.round_text

describe("the top level", function()
  local ROUND = "{label: a, txNumber: 1, rateControl: {type: fixed-rate}, workload: {module: simple.lua}}"
  for text, expected in pairs({
    ["{}"] = 'Benchmark configuration file is missing the "test.rounds" attribute',
    ["{test: {}}"] = 'Benchmark configuration file is missing the "test.rounds" attribute',
    ["{test: {rounds: null}}"] = 'Benchmark configuration file is missing the "test.rounds" attribute',
    ["{test: {rounds: {}}}"] = 'Benchmark configuration attribute "test.rounds" must be an array',
    ["{test: {rounds: x}}"] = 'Benchmark configuration attribute "test.rounds" must be an array',
    ["{test: {rounds: []}}"] = false,
    ["{test: {rounds: [" .. ROUND .. ", " .. ROUND .. "]}}"] = false,
    ["{test: {rounds: [" .. ROUND .. ", {}]}}"] = 'Round 2: Missing "label" attribute',
    ["{test: {rounds: [null]}}"] = "Round 1: must be an object with a label",
    ["{test: 5}"] = '"test" attribute must be an object',
    ["[1]"] = "a benchmark file must be a mapping",
    ["{test: {rounds: [], name: [a]}}"] = '"name" attribute must be a string',
    ["{test: {rounds: [], workers: {number: -1}}}"] = '"number" attribute must be a whole number of at least 1',
    ["{test: {rounds: [], workers: {number: '5'}}}"] = '"number" attribute must be a whole number of at least 1',
    ["{test: {rounds: [], workers: {number: 0}}}"] = false,
    ["{test: {rounds: [], onFailure: sotp}}"] = '"onFailure" must be one of continue, stop',
  }) do
    it("like " .. text:gsub(ROUND, "ROUND"), function()
      local result, found = resolve(text)
      local errors = texts(found, "error")
      assert.are.equal(expected == false, result ~= nil)
      assert.is_truthy(expected == false or (errors[1] or ""):find(expected, 1, true), errors[1])
    end)
  end

  it("counts workers as Caliper does", function()
    for text, n in pairs({ ["workers: {number: 3}"] = 3, ["workers: {type: local}"] = 1, ["workers: {number: 0}"] = 1,
      ["workers: 4"] = 4, ["clients: {type: local, number: 5}"] = 5, ["clients: {type: local}"] = 1,
      ["clients: {type: zookeeper, zoo: {server: s, clientsPerHost: 5}}"] = 5 }) do
      assert.are.equal(n, resolve("test: {" .. text .. ", rounds: []}").workers)
    end
    assert.are.equal(9, resolve("test: {workers: 2, rounds: []}", { mode = "check", workers = 9 }).workers)
  end)

  it("ignores holders of anchors silently, other keys with a warning", function()
    local _, found = resolve("args: &a {x: 1}\nholder: {deep: &b 5}\ntset: 1\ntest:\n  rounds: []\n  roundz: []\n  x-note: 1\n")
    assert.are.same({ '3:1 unknown key "tset" is ignored', '6:3 unknown key "roundz" is ignored',
      '7:3 unknown key "x-note" is ignored' }, texts(found))
    assert.are.equal("did you mean test?", found[1].hint)
    assert.are.equal("did you mean rounds?", found[2].hint)
  end)
end)

describe("all problems", function()
  it("are told in one go, in the order of the file", function()
    local _, found = resolve("monitors: {resource: [{module: dokcer}]}\ntest:\n  rounds:\n  - txNumber: -1\n    rateControl: x\n"
      .. "  - label: b\n    txDuration: 5\n    rateControl: {type: fixed-rat}\n    workload: {modul: x}\n")
    assert.are.same({ '1:32 unknown monitor "dokcer"', '4:5 Round 1: Missing "label" attribute',
      '4:5 Round 1: Missing "workload" attribute',
      '4:15 Round 1: "txNumber" attribute must be a whole number of at least 1, not -1',
      '5:18 Round 1: "rateControl" attribute must be an object', '8:25 unknown rate controller "fixed-rat"',
      '9:15 Round 2: Missing "workload.module" attribute' }, texts(found, "error"))
    assert.are.same({ '9:16 Round 2: unknown key "modul" is ignored' }, texts(found, "warning"))
  end)
end)

describe("monitors", function()
  local function monitors_of(text)
    return resolve(text .. "\ntest: {rounds: []}")
  end

  for text, expected in pairs({
    ["observer: {}"] = "Benchmark configuration is missing required property 'observer.type'",
    ["observer: {type: none}"] = false,
    ["observer: {type: local}"] = "Benchmark configuration is missing required property 'observer.interval'",
    ["observer: {type: local, interval: 5}"] = false,
    ["observer: {type: prometheus}"] = "Benchmark configuration is missing required property 'observer.interval'",
    ["observer: {type: prometheus, interval: 5}"] = false,
    ["observer: {type: remote, interval: 5}"] =
      "Benchmark configuration has an invalid property 'observer.type' value of 'remote'",
    ["observer: {type: local, interval: 5}\nmonitor: {type: prometheus}"] =
      "Benchmark configuration has an incompatible types of 'observer.type.local' and 'monitor.type.prometheus'",
    ["observer: {type: local, interval: 5}\nmonitor: {type: [docker, prometheus]}"] =
      "Benchmark configuration has an incompatible types of 'observer.type.local' and 'monitor.type.prometheus'",
    ["observer: {type: local, interval: 5}\nmonitor: {type: docker}"] = false,
    ["observer: {type: none}\nmonitor: {type: prometheus}"] = false,
    ["monitor: {type: dokcer}"] = 'unknown monitor "dokcer"',
    ["monitor: {type: {}}"] = '"monitor.type" attribute must be a text',
    ["monitors: {resource: {}}"] = '"resource" attribute must be an array',
    ["monitors: {resource: [docker]}"] = "must be an object with a module",
    ["monitors: {resource: [{}]}"] = 'Missing "module" attribute',
    ["monitors: {transaction: [{module: loging}]}"] = 'unknown observer "loging"',
    ["monitors: {transaction: [{module: logging}]}"] = false,
    ["monitors: {resource: []}"] = false,
  }) do
    it("like " .. text:gsub("\n", ", "), function()
      local result, found = monitors_of(text)
      local errors = texts(found, "error")
      assert.are.equal(expected == false, result ~= nil)
      assert.is_truthy(expected == false or (errors[1] or ""):find(expected, 1, true), errors[1])
    end)
  end

  it("are kept in one form", function()
    local result = monitors_of("monitors:\n  resource:\n  - module: docker\n    options: {containers: [all]}\n"
      .. "  transaction:\n  - module: prometheus\nobserver: {type: local, interval: 5}")
    assert.are.same({ { module = "docker", options = { containers = { "all" } } } }, result.monitors.resource)
    assert.are.same({ { module = "prometheus", options = {} } }, result.monitors.transaction)
    assert.are.same({ type = "local", interval = 5 }, result.monitors.observer)
  end)
end)

describe("stages beside the rounds", function()
  local function stages_of(list)
    local result, found = resolve("test:\n  rounds: []\n  stages:\n" .. list)
    return result and result.stages, found
  end

  it("are an ordered list with a place for the rounds", function()
    local stages = stages_of("  - ./a.lua\n  - rounds\n  - ./b.lua: {count: 3}\n  - ./c.lua:\n")
    assert.are.same({ { stage = "./a.lua", properties = {}, position = { line = 4, column = 5 } }, { stage = "rounds" },
      { stage = "./b.lua", properties = { count = 3 }, position = { line = 6, column = 5 } },
      { stage = "./c.lua", properties = {}, position = { line = 7, column = 5 } } }, stages)
  end)

  it("come before the rounds without a mark; rounds may be absent", function()
    assert.are.same("rounds", stages_of("  - ./a.lua\n")[2].stage)
    assert.are.same({}, resolve("test: {stages: [./a.lua]}").rounds)
    assert.is_nil(resolve("test: {rounds: []}").stages)
  end)

  for list, expected in pairs({
    ["  - 5\n"] = "Stage 1: must be a name",
    ["  - {a.lua: {}, b.lua: {}}\n"] = "Stage 1: must be a name",
    ["  - a.lua: 5\n"] = "Stage 1: its properties must be an object",
    ["  - rounds\n  - rounds\n"] = "Stage 2: the rounds have their place already",
    ["  - nostage\n"] = 'unknown stage "nostage"',
  }) do
    it("are refused: " .. list:gsub("%s+", " "), function()
      local stages, found = stages_of(list)
      assert.is_nil(stages)
      assert.is_truthy(texts(found, "error")[1]:find(expected, 1, true))
    end)
  end
end)

describe("modules", function()
  local workspace

  before_each(function()
    workspace = support.workspace({ ["w/ok.lua"] = "return {}", ["w/broken.lua"] = "return {\n  1 +\n" })
  end)

  local function findings_for(module, mode)
    local result, found = resolve(round_text({ workload = ("{module: %s}"):format(module) }),
      { mode = mode, workspace = workspace })
    local list = {}
    for i, f in ipairs(found) do
      list[i] = found.format(f)
    end
    return list, result
  end

  it("in JavaScript get the name of the Lua file that is expected", function()
    assert.are.same({ 'b.yaml:7:24: warning: workload "w/open.js" is JavaScript (vernier runs Lua: write w/open.lua beside it)' },
      (findings_for("w/open.js", "check")))
    assert.are.same({ 'b.yaml:7:24: workload "w/open.js" is JavaScript (vernier runs Lua: write w/open.lua beside it)' },
      (findings_for("w/open.js", "run")))
  end)

  it("in JavaScript are replaced by the Lua file beside them", function()
    local list, result = findings_for("w/ok.js", "run")
    assert.are.same({}, list)
    assert.are.equal("w/ok.lua", result.rounds[1].workload.module)
  end)

  it("that do not exist are an error in a run, a warning in a check", function()
    local list, result = findings_for("w/none.lua", "check")
    assert.are.equal(1, #list)
    assert.is_truthy(list[1]:find('warning: workload "w/none.lua" does not exist', 1, true))
    assert.is_truthy(result)
    list, result = findings_for("w/none.lua", "run")
    assert.is_truthy(list[1]:find('7:24: workload "w/none.lua" does not exist', 1, true))
    assert.is_nil(result)
    assert.is_truthy(findings_for("w/ok", "run")[1]:find("did you mean w/ok.lua?", 1, true))
  end)

  it("with syntax errors are told with their own place", function()
    assert.are.same({ workspace .. "/w/broken.lua:3:1: unexpected symbol near '<eof>'" }, (findings_for("w/broken.lua", "check")))
  end)

  it("that are neither built in nor to be required are unknown", function()
    assert.is_truthy(findings_for("nonsense-workload", "check")[1]:find('7:24: unknown workload "nonsense-workload"', 1, true))
  end)

  it("of Caliper that are not built yet are an error in a run, a warning in a check", function()
    for mode, expected in pairs({ check = "warning: ", run = "" }) do
      local _, found = resolve(round_text({ rateControl = "{type: pid-rate}", workload = "{module: w/ok.lua}" }),
        { mode = mode, workspace = workspace })
      assert.are.equal(('b.yaml:6:25: %srate controller "pid-rate" is not built yet'):format(expected), found:text())
    end
  end)
end)

describe("a Lua suite", function()
  local function load(text)
    local dir = support.workspace({ ["suite.lua"] = text, ["w.lua"] = "return {}" })
    return dir, benchmark.load(dir .. "/suite.lua", { mode = "run", workspace = dir })
  end

  it("is a script that returns the same table", function()
    local _, result = load([[#!/usr/bin/env vernier
local rounds = {}
for i, tps in ipairs({ 100, 200 }) do
  rounds[i] = { label = "at " .. tps, txDuration = 5, rateControl = { type = "fixed-rate", opts = { tps = tps } },
    workload = { module = "w.lua" } }
end
return { test = { name = "ladder", workers = 2, rounds = rounds } }
]])
    assert.are.same({ "ladder", 2, 2, "at 200", 200 }, { result.name, result.workers, #result.rounds, result.rounds[2].label,
      result.rounds[2].rate.opts.tps })
  end)

  it("is validated as other files are", function()
    local dir, result, found = load('return { test = { rounds = { { label = "a", txNumber = 1.5 } } } }')
    assert.is_nil(result)
    assert.are.equal(3, found.errors)
    assert.are.equal(dir .. '/suite.lua: Round 1: "txNumber" attribute must be a whole number of at least 1, not 1.5',
      found.format(found[1]))
  end)

  for _, case in ipairs({
    { "return {\n  1 +\n", "suite.lua:3:1: unexpected symbol near '<eof>'" },
    { "local x\n\nreturn x.y", "suite.lua:3:1: attempt to index local 'x' (a nil value)" },
    { "error('no rounds today')", "suite.lua:1:1: no rounds today" },
    { "return 5", "suite.lua: the script returned number, not a table or a function "
      .. "(end it with: return { test = { … } }, or return function(run) … end)" },
    { "local x = 1", "suite.lua: the script returned nothing, not a table" },
  }) do
    it("that fails is told with its line: " .. case[1]:gsub("%s+", " "), function()
      local dir, result, found = load(case[1])
      assert.is_nil(result)
      assert.is_truthy(found:text():find(dir .. "/" .. case[2], 1, true), found:text())
    end)
  end
end)

describe("JSON", function()
  local function read(text)
    local dir = support.workspace({ ["b.json"] = text })
    return document.read(dir .. "/b.json")
  end

  it("has places", function()
    local doc = read('{\n\t"a": {"b": 1},\n\t"c": "\\/"\n}')
    assert.are.same({ a = { b = 1 }, c = "/" }, doc.value)
    assert.are.same({ 2, 8 }, { yaml.position(doc.value.a, "b") })
  end)

  it("that only a JSON reader takes is read, too", function()
    local doc = read('{"a"\n: "\\ud83d\\ude00 12345678901234567890", "n": 9007199254740993, "m": -12345678901234567890,'
      .. ' "o": null, "l": [null, 1.5e3, 9007199254740992], "q": "\\"9007199254740993"}')
    assert.are.same({ a = "\240\159\152\128 12345678901234567890", n = "9007199254740993", m = "-12345678901234567890",
      l = { yaml.null, 1500, 2 ^ 53 }, q = '"9007199254740993' }, doc.value)
  end)

  it("that is wrong has the place of the problem", function()
    local _, errors = read('{"a": 1,\n "b" 2}')
    assert.are.equal(1, #errors)
    _, errors = read('{"a": 1,\n "a": "\\ud83d\\ude00"}')
    assert.are.equal(2, errors[1].line)
  end)
end)

describe("files that cannot be read", function()
  for name, expected in pairs({ ["none.yaml"] = "cannot be read: No such file or directory",
    ["."] = "cannot be read: Is a directory",
    ["empty.yaml"] = "the file is empty" }) do
    it(name, function()
      local dir = support.workspace({ ["empty.yaml"] = " \n\n" })
      local result, found = benchmark.load(dir .. "/" .. name)
      assert.is_nil(result)
      assert.are.equal(dir .. "/" .. name .. ": " .. expected, found:text())
    end)
  end
end)

describe("Caliper's own sample files", function()
  local FOLDER = support.CALIPER_SAMPLES

  it("all check without an error", function()
    local files = support.caliper_samples("*")
    if #files == 0 then
      return pending("the sample files are not here")
    end
    assert.are.equal(41, #files)
    for _, path in ipairs(files) do
      local result, found = benchmark.load(path, { mode = "check" })
      assert.is_truthy(result, found:text())
      for _, finding in ipairs(found) do
        assert.is_truthy(finding.line, finding.message)
        assert.is_truthy(finding.message:find("is JavaScript") or finding.message:find("is not built yet")
          or finding.message:find("network file") or finding.message:find("zookeeper"), found:text())
      end
    end
  end)

  -- rounds and workers of the acceptance list
  for path, expected in pairs({
    ["latest/benchmarks/api/fabric/base.yaml"] = { 13, 5 }, ["latest/benchmarks/api/fabric/test.yaml"] = { 14, 2 },
    ["latest/benchmarks/api/fabric/no-op.yaml"] = { 1, 24 }, ["latest/benchmarks/api/fabric/get-asset-batch.yaml"] = { 7, 10 },
    ["latest/benchmarks/samples/fabric/fabcar/config.yaml"] = { 4, 5 },
    ["latest/benchmarks/scenario/simple/config.yaml"] = { 3, 1 },
    ["latest/benchmarks/scenario/smallbank/config.yaml"] = { 3, 5 },
    ["latest/benchmarks/scenario/ERC-721/config.yaml"] = { 2, 1 },
    ["v0.1.0/benchmarks/scenario/simple/config_linear.yaml"] = { 22, 5 },
    ["v0.1.0/benchmarks/scenario/simple/config-record-replay-rate.yaml"] = { 6, 5 },
    ["v0.1.0/benchmarks/scenario/simple/config-zookeeper.yaml"] = { 2, 5 },
    ["v0.3.2/benchmarks/samples/fabric/fabcar/config.yaml"] = { 4, 5 },
    ["v0.3.2/benchmarks/samples/fabric/marbles/config-prometheus.yaml"] = { 2, 1 },
  }) do
    it("expand: " .. path, function()
      local result = benchmark.load(FOLDER .. "/" .. path, { mode = "check" })
      if not result then
        return pending("the sample files are not here")
      end
      assert.are.same(expected, { #result.rounds, result.workers })
    end)
  end

  it("keep merged arguments and shared numbers", function()
    local result = benchmark.load(FOLDER .. "/latest/benchmarks/scenario/simple/config.yaml", { mode = "check" })
    if not result then
      return pending("the sample files are not here")
    end
    assert.are.equal(1000, result.rounds[1].number)
    assert.are.same({ initialMoney = 10000, moneyToTransfer = 100, numberOfAccounts = 1000, money = 100 },
      result.rounds[3].workload.arguments)
    assert.is_truthy(result.rounds[1].description:find("deployed contract.$"))
  end)
end)

describe("vernier check", function()
  local function run(files, args, options)
    local dir = support.workspace(files)
    local printed, real = {}, print
    for i, name in ipairs(args) do
      args[i] = dir .. "/" .. name
    end
    args.options = options or {}
    _G.print = function(text) printed[#printed + 1] = text end
    local ok, status = pcall(check.run, args)
    _G.print = real
    assert(ok, status)
    return status, (table.concat(printed, "\n"):gsub(dir:gsub("%p", "%%%0") .. "/", ""))
  end

  local ROUNDS = "test:\n  workers: {number: 2}\n  rounds:\n  - label: open\n    txNumber: 1000\n"
    .. "    rateControl: {type: fixed-rate, opts: {tps: 50}}\n    workload: {module: w.js}\n  - label: rest\n    txDuration: 5\n"
    .. "    trim: 1\n    rateControl: {type: zero-rate}\n    workload: {module: w.js}\n"

  it("exits with 2 after errors and prints one line for each finding", function()
    local status, text = run({ ["b.yaml"] = "test:\n  rounds:\n  - labl: x\n", ["n.yaml"] = "caliper: {blockchain: htpt}\n" },
      { "b.yaml", "n.yaml" })
    assert.are.equal(2, status)
    assert.are.equal('b.yaml:3:5: Round 1: Missing "label" attribute', text:match("^[^\n]+\n([^\n]+)"))
    assert.is_truthy(text:find('b.yaml:3:5: warning: Round 1: unknown key "labl" is ignored (did you mean label?)', 1, true))
    assert.is_truthy(text:find('n.yaml:1:23: unknown connector "htpt" (did you mean http?)', 1, true))
  end)

  it("exits with 0 after warnings", function()
    local status, text = run({ ["b.yaml"] = ROUNDS }, { "b.yaml" })
    assert.are.equal(0, status)
    assert.is_truthy(text:find("b.yaml:7:24: warning: ", 1, true))
  end)

  it("expands a benchmark with its network into one line for each stage", function()
    local status, text = run({ ["b.yaml"] = ROUNDS .. "  stages:\n  - ./probe.lua: {count: 3}\n", ["probe.lua"] = "return {}",
      ["w.lua"] = "return {}", ["n.yaml"] = "caliper: {connector: noop, command: {start: ./up.sh -d, end: ./down.sh}}\n" },
      { "b.yaml", "n.yaml" }, { expand = true, workspace = "/" })
    assert.are.equal(0, status)
    assert.are.equal([[
b: 2 workers, 2 rounds
  start-command  ./up.sh -d
  setup
  install
  ./probe.lua    count=3
  round 1        open  1000 runs  fixed-rate tps=50  w.js
  round 2        rest  5 s        zero-rate          w.js  trim=1
  report
  end-command    ./down.sh]], text:match("b: 2 workers.*$"))
  end)

  it("checks settings files", function()
    local status, text = run({ ["s.yaml"] = "caliper:\n  reprt: {path: x}\n  worker: {remote: true}\n" }, { "s.yaml" })
    assert.are.equal(2, status)
    assert.are.equal('s.yaml:2:11: unknown setting "caliper-reprt-path" (did you mean caliper-report-path?)\n'
      .. "s.yaml:3:12: warning: caliper-worker-remote has no effect yet", text)
  end)

  it("says what it does not know", function()
    local status, text = run({ ["x.yaml"] = "a: 1\n" }, { "x.yaml" })
    assert.are.equal(2, status)
    assert.is_truthy(text:find("x.yaml:1:1: this is no benchmark, network or settings file", 1, true))
  end)
end)
