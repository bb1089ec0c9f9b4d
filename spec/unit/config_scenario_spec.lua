-- Scenario files (vernier.config.scenario): clusters, configurations, stages and what is wrong with them.
local benchmark = require("vernier.config.benchmark")
local config = require("spec.support.config")
local counter = require("vernier.properties.counter")
local document = require("vernier.config.document")
local scope = require("vernier.scope")
local support = require("spec.support")

local resolve, texts = config.resolve, config.texts

-- The errors of a text as "LINE:COLUMN message", and the hint of the first.
local function errors_of(text, options)
  local result, found = resolve(text, options)
  assert.are.equal(found.errors == 0, result ~= nil)
  for _, finding in ipairs(found) do
    if finding.severity == "error" then
      return texts(found, "error"), finding.hint
    end
  end
  return {}
end

local function refuses(cases, wrap)
  for text, expected in pairs(cases) do
    it("refuses " .. text:gsub("%s+", " "), function()
      local errors, hint = errors_of(wrap and wrap(text) or text)
      assert.are.same({ expected[1] }, errors)
      assert.are.equal(expected[2], hint)
    end)
  end
end

local function read(text)
  local result, found = resolve(text)
  assert(result, found:text())
  return result
end

describe("a scenario file", function()
  refuses({
    ["{clusters: [{size: 1}]}"] = { '1:1 the list of stages is missing: "scenario"' },
    ["{scenario: []}"] = { '1:12 "scenario" must be a list of stages, or {url: the file that holds one}' },
    ["{scenario: report}"] = { '1:12 "scenario" must be a list of stages, or {url: the file that holds one}' },
    ["{scenario: [report], orders: random}"] = { '1:22 unknown key "orders"', "did you mean order?" },
    ["{scenario: [report], workers: 3}"] = { '1:22 unknown key "workers"', "known: name, description, network, clusters, "
      .. "templates, configurations, restart, repetitions, order, init, scenario, destroy, cleanup, reports, monitors" },
    ["{scenario: [report], test: {rounds: []}}"] = { '1:12 a file has either "test" or "scenario"' },
    ["{scenario: [report], order: shuffled}"] = { '1:29 "order" must be one of sequential, interleaved, random' },
    ["{scenario: [report], restart: cells}"] = { '1:31 "restart" must be one of cell, configuration, never' },
    ["{scenario: [report], repetitions: 0}"] = { '1:35 "repetitions" must be at least 1' },
    ["{scenario: [report], repetitions: 1.5}"] = { '1:35 "repetitions" must be a whole number' },
    ["{scenario: [report], network: 5}"] = { '1:31 "network" must be the path of a network file or what stands in one' },
    ["{scenario: [report], init: report}"] = { '1:28 "init" attribute must be an array' },
    ["{scenario: [report], monitors: {resorce: []}}"] = { '1:33 monitors: unknown key "resorce"', "did you mean resource?" },
    ["{scenario: [report], reports: html}"] = { '1:31 "reports" must be a list of names', "reports: [html, json, text]" },
    ["{scenario: [report], reports: [htlm]}"] = { '1:32 unknown reporter "htlm"', "did you mean html?" },
    ["{scenario: [report], reports: [{html: 5}]}"] = { "1:33 Report 1: must be a name, or one name with its options", "- html" },
  })

  it("says nothing and is one cell", function()
    local result = read("scenario: [report]")
    assert.are.same({ "b", 1, 1, "cell", "sequential" }, { result.name, result.workers, result.repetitions, result.restart,
      result.order })
    assert.are.same({ { size = 1, groups = { { name = "default", size = 1, first = 0 } }, roles = {} } }, result.clusters)
    assert.are.same({ { name = "default", setups = {} } }, result.configurations)
    assert.are.same({ {}, {}, {}, {} }, { result.rounds, result.init, result.destroy, result.cleanup })
    assert.is_nil(result.reports)
  end)

  it("takes the workers of the command line unless it has clusters", function()
    assert.are.equal(5, resolve("scenario: [report]", { mode = "check", workers = 5 }).clusters[1].size)
    local errors, hint = errors_of("clusters: [{size: 2}]\nscenario: [report]", { mode = "check", workers = 5 })
    assert.are.same({ "1:11 the number of workers is that of the clusters" }, errors)
    assert.are.equal("--only size=5 runs one size", hint)
  end)

  it("has a form that Caliper's files share", function()
    local result = read("test: {workers: 3, rounds: []}")
    assert.are.same({ { size = 3, groups = { { name = "default", size = 3, first = 0 } }, roles = {} } }, result.clusters)
    assert.are.same({ { name = "default", setups = {} } }, result.configurations)
    assert.are.same({ "cell", 1, "sequential" }, { result.restart, result.repetitions, result.order })
    assert.is_nil(result.scenario)
  end)

  it("tells all that is wrong in one go", function()
    assert.are.same({ '1:19 "size" must be at least 1', '2:19 Configuration 1: unknown key "conector"',
      '4:3 Stage 1: unknown stage "reprot"', '5:23 Stage 2: unknown group "server"' },
      errors_of("clusters: [{size: 0}]\nconfigurations: [{conector: noop, name: a}]\nscenario:\n- reprot\n- stop-test: {groups: server}\n"))
  end)
end)

describe("clusters", function()
  refuses({
    ["5"] = { '1:11 "clusters" must be a list of sizes', "- size: 2" },
    ["[]"] = { '1:11 "clusters" must be a list of sizes', "- size: 2" },
    ["[2]"] = { "1:12 a cluster must be an object with a size", "- size: 2" },
    ["[{}]"] = { '1:12 a cluster must have a "size" or a "scale"', "- size: 2" },
    ["[{size: 2, sizes: 3}]"] = { '1:22 unknown key "sizes"', "did you mean size?" },
    ["[{size: 2.5}]"] = { '1:19 "size" must be a whole number' },
    ["[{size: 20000}]"] = { '1:19 "size" must be at most 10000' },
    ["[{size: 2}, {size: 2}]"] = { "1:30 a cluster of 2 is given twice", "the size is what cells are named by" },
    ["[{size: 2, scale: {from: 1, to: 2}}]"] = { '1:29 "size" and "scale" exclude each other' },
    ["[{scale: {from: 3, to: 2}}]"] = { '1:34 scale: "to" of 2 is less than "from" of 3' },
    ["[{scale: {from: 3}}]"] = { '1:20 scale: "to" is missing' },
    ["[{scale: {from: 1, to: 3, inc: 0}}]"] = { '1:42 scale: "inc" must be at least 1' },
    ["[{scale: {from: 1, to: 3, by: 1}}]"] = { '1:37 scale: unknown key "by"', "known: from, to, inc" },
    ["[{size: 3, groups: {a: 1, b: 1}}]"] = { "1:30 the groups have 2 workers, the cluster has 3" },
    ["[{size: 3, groups: 5}]"] = { '1:30 "groups" must be a mapping of names to sizes, or a list of {name, size}' },
    ["[{size: 1, groups: {a.b: 1}}]"] = { "1:31 the name of a group must be made of letters, digits, - and _" },
    ["[{size: 1, groups: [{name: a, size: 1}, {name: a, size: 1}]}]"] = { '1:58 group "a" is given twice' },
    ["[{size: 1, groups: [{size: 1}]}]"] = { "1:31 the name of a group must be made of letters, digits, - and _" },
    ["[{size: 1, groups: [a]}]"] = { "1:31 a group must be an object with a name and a size" },
    ["[{size: 1, groups: {a: x}}]"] = { '1:34 group "a" must be a whole number' },
    ["[{size: 4, groups: {a: '#{cluster.size / 3}'}}]"] = { '1:34 group "a" must be a whole number' },
    ["[{size: 4, groups: {a: '${cluster.siez}'}}]"] = { '1:34 group "a" unknown variable "cluster.siez"',
      "did you mean cluster.size?" },
    ["[{size: 2, roles: {leader: 2}}]"] = { '1:38 role "leader": there is no worker 2 in a cluster of 2', "workers are 0 to 1" },
    ["[{size: 2, roles: {leader: first}}]"] = { '1:38 role "leader" must be numbers and ranges such as 0..3,7' },
    ["[{size: 2, roles: [leader]}]"] = { '1:29 "roles" attribute must be an object' },
  }, function(text) return "clusters: " .. text .. "\nscenario: [report]" end)

  it("scale, with groups and roles by their size", function()
    local result = read([[
clusters:
- size: 2
- scale: {from: 3, to: 10, inc: 3}
  groups: {server: "#{cluster.size / 3}", client: "#{cluster.size * 2 / 3}"}
  roles: {leader: 0, follower: "1..2", last: "#{cluster.size - 1}"}
scenario: [report]
]])
    local sizes = {}
    for i, cluster in ipairs(result.clusters) do
      sizes[i] = cluster.size
    end
    assert.are.same({ 2, 3, 6, 9 }, sizes)
    assert.are.equal(9, result.workers)
    assert.are.same({ { name = "server", size = 2, first = 0 }, { name = "client", size = 4, first = 2 } }, result.clusters[3].groups)
    assert.are.same({ leader = { 0 }, follower = { 1, 2 }, last = { 5 } }, result.clusters[3].roles)
    assert.are.same({ line = 3, column = 3 }, result.clusters[3].position)
  end)

  it("hand workers to groups in the order of the file, mapping or list", function()
    for _, groups in ipairs({ "{zoo: 1, ant: 2}", "[{name: zoo, size: 1}, {name: ant, size: 2}]" }) do
      assert.are.same({ { name = "zoo", size = 1, first = 0 }, { name = "ant", size = 2, first = 1 } },
        read("clusters: [{size: 3, groups: " .. groups .. "}]\nscenario: [report]").clusters[1].groups)
    end
  end)
end)

describe("configurations", function()
  local HEAD = "clusters: [{size: 3, groups: {server: 1, client: 2}}]\nscenario: [report]\n"
  local function with(text) return HEAD .. "configurations: " .. text end

  refuses({
    ["5"] = { '3:17 "configurations" must be a list', "- {name: a, connector: http}" },
    ["[a]"] = { "3:18 Configuration 1: must be an object with a name" },
    ["[{connector: noop}]"] = { '3:18 Configuration 1: Missing "name" attribute' },
    ["[{name: a, connector: noop}, {name: a, connector: noop}]"] = { '3:53 Configuration 2: "a" is given twice' },
    ["[{name: 'a,b', connector: noop}]"] = { '3:25 Configuration 1: "name" must not hold "," or "|"',
      "--only config=A|B,size=3 could not choose it" },
    ["[{name: a, conector: noop}]"] = { '3:28 Configuration 1: unknown key "conector"', "did you mean connector?" },
    ["[{name: a, connector: nop}]"] = { '3:39 unknown connector "nop"', "did you mean noop?" },
    ["[{name: a, connector: noop, plugin: noop}]"] = { '3:53 Configuration 1: "plugin" and "connector" are the same' },
    ["[{name: a, connector: noop, service: fast}]"] = { '3:54 Configuration 1: connector noop has no service "fast"',
      "known: default" },
    ["[{name: a, connector: http, options: {url: 'http://x', timeot: 5s}}]"] = { '3:72 Configuration 1: options: unknown option "timeot"',
      "did you mean timeout?" },
    ["[{name: a, connector: http, options: {url: 'http://x', timeout: long}}]"] = { '3:81 Configuration 1: options: "timeout" '
      .. "must be a duration: a number (in s) or a text such as 250ms, 5s, 1m30s" },
    ["[{name: a, connector: noop, environment: {A: [b]}}]"] = { '3:62 Configuration 1: environment: "A" must be a text' },
    ["[{name: a, connector: noop, environment: {'A=': b}}]"] = { '3:59 Configuration 1: environment: "A=" is no name of a variable' },
    ["[{name: a, setup: []}]"] = { '3:35 Configuration 1: "setup" must be a list of setups, one for each group' },
    ["[{name: a, setup: [5]}]"] = { "3:36 Configuration 1: a setup must be an object" },
    ["[{name: a, connector: noop, setup: [{connector: noop}]}]"] = { '3:39 Configuration 1: "connector" and "setup" exclude each other' },
    ["[{name: a, setup: [{group: servr, connector: noop}]}]"] = { '3:44 Configuration 1: setup 1: unknown group "servr"',
      "did you mean server?" },
    ["[{name: a, setup: [{group: server}, {group: client}, {group: server}]}]"] = {
      '3:78 Configuration 1: setup 3: group "server" has a setup already' },
    ["[{name: a, setup: [{connector: noop}, {connector: noop}]}]"] = {
      "3:55 Configuration 1: setup 2: there is a setup for all groups already" },
    ["[{name: a, base: comon, connector: noop}]"] = { '3:34 Configuration 1: unknown template "comon"' },
    ["[{name: a, connector: noop, options: {latency: '${group.servr.size}ms'}}]"] = {
      '3:64 Configuration 1: options: "latency" unknown variable "group.servr.size"', "did you mean group.server.size?" },
  }, with)

  it("has one setup for all or one for each group", function()
    local result = read(with([[

- {name: one, plugin: noop, options: {latency: 1ms}}
- name: two
  setup:
  - {group: server, connector: noop, environment: {A: b, N: 5}}
  - {group: client, connector: ./client.lua, service: fast}
]]))
    local one, two = unpack(result.configurations)
    assert.are.same({ "one", "two" }, { one.name, two.name })
    assert.are.same({ { connector = "noop", service = "default", options = { latency = "1ms" }, environment = {},
      position = { line = 4, column = 3 } } }, one.setups)
    assert.are.same({ "server", "client" }, { two.setups[1].group, two.setups[2].group })
    assert.are.same({ A = "b", N = 5 }, two.setups[1].environment)
    assert.are.same({ "./client.lua", "fast" }, { two.setups[2].connector, two.setups[2].service })
  end)

  it("warns of a group whose workers have no service", function()
    local _, found = resolve(with("[{name: a, setup: [{group: server, connector: noop}]}]"))
    assert.are.same({ '3:18 configuration "a" has no setup for group "client": its workers have no service' },
      texts(found, "warning"))
    _, found = resolve(with("[{name: a, setup: [{group: server, connector: noop}]}]\nnetwork: n.yaml"))
    assert.are.equal(0, #found)
  end)
end)

describe("templates", function()
  local function with(templates, configuration)
    return "templates:\n" .. templates .. "configurations:\n- " .. (configuration or "{name: a, connector: noop}")
      .. "\nscenario: [report]\n"
  end

  refuses({

    ["  a: {base: a}\n"] = { '2:13 template a: template "a" is based on itself' },
    ["  common: {}\n  a: {base: comon}\n"] = { '3:13 template a: unknown template "comon"', "did you mean common?" },
    ["  a: {options: {}, env: {}}\n"] = { '2:20 template a: unknown key "env"',
      "known: base, connector, plugin, service, options, environment" },
    ["  a: 5\n"] = { "2:3 template a: must be an object" },
  }, with)

  it("that are based on each other are told once each", function()
    assert.are.same({ '2:13 template a: template "b" is based on itself', '3:13 template b: template "c" is based on itself',
      '4:13 template c: template "a" is based on itself' },
      errors_of(with("  a: {base: b}\n  b: {base: c}\n  c: {base: a}\n", "{name: x, base: a, connector: noop}")))
  end)

  it("are overridden per option and variable, lists as a whole", function()
    local setup = read(with([[
  common: {connector: ./x.lua, service: slow, options: {timeout: 5s, list: [1, 2], url: a}, environment: {A: b, B: c}}
  busy: {base: common, options: {url: b, size: 3}, environment: {B: d}}
]], "{name: a, base: busy, options: {list: [3], url: c}, environment: {C: e}}")).configurations[1].setups[1]
    assert.are.same({ timeout = "5s", list = { 3 }, url = "c", size = 3 }, setup.options)
    assert.are.same({ A = "b", B = "d", C = "e" }, setup.environment)
    assert.are.same({ "./x.lua", "slow" }, { setup.connector, setup.service })
  end)

  it("tell a wrong option at its own place", function()
    assert.are.same({ '2:22 Configuration 1: options: unknown option "latncy"' },
      errors_of(with("  common: {options: {latncy: 5ms}}\n", "{name: a, base: common, connector: noop, options: {latency: 1ms}}")))
  end)
end)

describe("the stages of a scenario", function()
  local HEAD = "clusters: [{size: 3, groups: {server: 1, client: 2}, roles: {leader: 0}}]\nscenario:\n"
  local function with(text) return HEAD .. text end

  refuses({
    ["- 5\n"] = { "3:3 Stage 1: must be a name, or one name with its properties", "- ./stage.lua or - ./stage.lua: {name: value}" },
    ["- reprot\n"] = { '3:3 Stage 1: unknown stage "reprot"', "did you mean report?" },
    ["- repaet: {}\n"] = { '3:3 Stage 1: unknown stage "repaet"', "did you mean repeat?" },
    ["- echo\n"] = { '3:3 Stage 1: missing option "message"' },
    ["- report: 5\n"] = { "3:3 Stage 1: its properties must be an object" },
    ["- report: {paht: 5}\n"] = { '3:12 Stage 1: unknown option "paht"' },
    ["- stop-test: {groups: servr}\n"] = { '3:23 Stage 1: unknown group "servr"', "did you mean server?" },
    ["- stop-test: {groups: [server, cleint]}\n"] = { '3:32 Stage 1: unknown group "cleint"', "did you mean client?" },
    ["- stop-test: {roles: leder}\n"] = { '3:22 Stage 1: unknown role "leder"', "did you mean leader?" },
    ["- stop-test: {groups: zz}\n"] = { '3:23 Stage 1: unknown group "zz"', "known: client, server" },
    ["- stop-test: {workers: '0..3'}\n"] = { "3:24 Stage 1: there is no worker 3 in any cluster", "workers are 0 to 2" },
    ["- report: {exit-on-failure: maybe}\n"] = { '3:29 Stage 1: "exit-on-failure" must be true or false' },
    ["- ./own.lua: {groups: servr}\n"] = { '3:23 Stage 1: unknown group "servr"', "did you mean server?" },
    ["- ./own.lua: {x: '${y'}\n"] = { '3:18 Stage 1: "x" "${" without its "}"', 'write $${ for a literal "${"' },
    ["- ./own.lua: {x: '#{1 +}'}\n"] = { '3:18 Stage 1: "x" unexpected symbol near \'<eof>\'' },
    ["- ./own.lua: {x: '${cluster.siez}'}\n"] = { '3:18 Stage 1: "x" unknown variable "cluster.siez"', "did you mean cluster.size?" },
    ["- ./own.lua: {x: '#{cluster.siez + 1}'}\n"] = { '3:18 Stage 1: "x" unknown variable "cluster.siez"', "did you mean cluster.size?" },
    ["- ./own.lua: {x: '${n} ${cluster.size} ${cluster.siez}'}\n"] = { '3:18 Stage 1: "x" unknown variable "cluster.siez"',
      "did you mean cluster.size?" },
    ["- ./own.lua: {x: '${group.server.1.port}'}\n"] = { '3:18 Stage 1: "x" unknown variable "group.server.1.port"',
      "did you mean group.server.0.*?" },
    ["- ./own.lua: {x: '${repeat.counter}'}\n"] = { '3:18 Stage 1: "x" unknown variable "repeat.counter"' },
    ["- ./own.lua: {x: {y: ['${worker.idx}']}}\n"] = { '3:23 Stage 1: "x.y.1" unknown variable "worker.idx"', "did you mean worker.index?" },
    ["- repeat: {times: 2}\n"] = { '3:11 Stage 1: repeat: "do" must be a list of stages' },
    ["- repeat: {times: 2, do: []}\n"] = { '3:26 Stage 1: repeat: "do" must be a list of stages' },
    ["- repeat: {do: [report]}\n"] = { '3:11 Stage 1: repeat: "to" or "times" is missing' },
    ["- repeat: {to: 3, times: 2, do: [report]}\n"] = { '3:11 Stage 1: repeat: "to" and "times" exclude each other' },
    ["- repeat: {to: 3, inc: 0, do: [report]}\n"] = { '3:24 Stage 1: repeat: "inc" must not be 0' },
    ["- repeat: {to: x, do: [report]}\n"] = { '3:16 Stage 1: repeat: "to" must be a number' },
    ["- repeat: {times: 1.5, do: [report]}\n"] = { '3:19 Stage 1: repeat: "times" must be a whole number' },
    ["- repeat: {from: 3, to: 1, do: [report]}\n"] = { "3:11 Stage 1: repeat: it never runs: from 3 to 1 by 1",
      "a negative inc counts down" },
    ["- repeat: {times: 2, until: 3, do: [report]}\n"] = { '3:22 Stage 1: repeat: unknown key "until"',
      "known: name, from, to, inc, times, do" },
    ["- repeat: {name: a.b, times: 2, do: [report]}\n"] = {
      '3:18 Stage 1: repeat: the "name" of a repeat must be made of letters, digits, - and _' },
    ["- repeat: {name: a, times: 2, do: [repeat: {name: a, times: 2, do: [report]}]}\n"] = {
      '3:51 Stage 1.1: repeat: a repeat around it has the name "a" already' },
    ["- repeat: {name: a, times: 2, do: [stop-test: {groups: servr}]}\n"] = { '3:56 Stage 1.1: unknown group "servr"',
      "did you mean server?" },
    ["- repeat: {name: step, times: 2, do: [./own.lua: {x: '${repeat.stp.counter}'}]}\n"] = {
      '3:54 Stage 1.1: "x" unknown variable "repeat.stp.counter"', "did you mean repeat.step.counter?" },
    ["- repeat: {name: step, times: 2, do: [report]}\n- ./own.lua: {x: '${repeat.step.counter}'}\n"] = {
      '4:18 Stage 2: "x" unknown variable "repeat.step.counter"' },
  }, with)

  it("are entries with places and raw properties, repeats nested", function()
    local result = read(with([[
- report
- ./own.lua: {x: "${repeat.counter:7}", groups: server, workers: 0}
- repeat:
    name: outer
    from: 30
    to: 10
    inc: -10
    do:
    - ./own.lua: {x: "${repeat.outer.counter}"}
    - repeat: {name: inner, times: "${repeat.outer.counter}", do: [./own.lua: {x: "${repeat.counter} of ${repeat.outer.counter}"}]}
]]))
    local first, second, third = unpack(result.scenario)
    assert.are.same({ stage = "report", properties = {}, position = { line = 3, column = 3 } }, first)
    assert.are.same({ "./own.lua", { x = "${repeat.counter:7}", groups = "server", workers = 0 }, { line = 4, column = 3 } },
      { second.stage, second.properties, second.position })
    assert.are.same({ "outer", 30, 10, -10 }, { third["repeat"].name, third["repeat"].from, third["repeat"].to, third["repeat"].inc })
    assert.are.same({ "./own.lua", "${repeat.outer.counter}" }, { third.entries[1].stage, third.entries[2]["repeat"].times })
    assert.are.same({ line = 12, column = 68 }, third.entries[2].entries[1].position)
  end)

  it("may use names that come later: of the cell, the worker, services, variables, with defaults", function()
    read(with([[- ./own.lua: {a: "${cluster.size}",
    b: "#{group.client.size * 2 + cluster.size + ${group.server.0.port}}", c: "${group.client.1.port}", d: "${anything}",
    e: "${worker.index} #{anything + other.thing}", f: "${group.none.size:3}", g: "${env.VERNIER_SPEC_NOT_SET:x}", h: "${random.int}"}
]]))
  end)

  it("of Caliper files may be repeated, too", function()
    local result = read("test:\n  rounds: []\n  stages:\n  - repeat: {times: 2, do: [./own.lua]}\n  - rounds\n")
    assert.are.same({ "./own.lua", "rounds" }, { result.stages[1].entries[1].stage, result.stages[2].stage })
    assert.are.same({ '4:29 Stage 1.1: its properties must be an object' },
      errors_of("test:\n  rounds: []\n  stages:\n  - repeat: {times: 2, do: [rounds: 5]}\n"))
    assert.are.same({ '4:29 Stage 1.1: unknown stage "rounds"' },
      errors_of("test:\n  rounds: []\n  stages:\n  - repeat: {times: 2, do: [rounds]}\n"))
  end)
end)

describe("variables of the environment", function()
  local function errors_in(mode, environment)
    local _, found = resolve("configurations: [{name: a, connector: noop, environment: {" .. environment .. "}}]\n"
      .. "scenario: [report: {exit-on-failure: '${env.VERNIER_SPEC_NOT_SET}'}]", { mode = mode })
    return texts(found, "error")
  end

  it("that are not set are an error before a run, unless a configuration sets them", function()
    assert.are.same({ '2:38 Stage 1: "exit-on-failure" environment variable "VERNIER_SPEC_NOT_SET" is not set' }, errors_in("run", ""))
    assert.are.same({}, errors_in("run", "VERNIER_SPEC_NOT_SET: x"))
    assert.are.same({}, errors_in("check", ""))
  end)
end)

describe("a scenario in a file of its own", function()
  local FILES = {
    ["list.yaml"] = "- report\n- stop-test: {workers: 0}\n",
    ["mapping.json"] = '{"scenario": ["report"]}',
    ["whole.yaml"] = "name: whole\nclusters: [{size: 9}]\nscenario: [report]\n",
    ["wrong.yaml"] = "- report\n- stop-test: {workers: 5}\n",
    ["other.yaml"] = "test: {rounds: []}\n",
    ["chain.yaml"] = "scenario: {url: list.yaml}\n",
    ["suite.lua"] = "return function(run) end",
    ["broken.yaml"] = "- [",
  }
  local dir = support.workspace(FILES)
  local function from(url)
    return resolve(("clusters: [{size: 2}]\nscenario: {url: %s}\n"):format(url), { mode = "check", workspace = dir })
  end

  for url, expected in pairs({
    ["none.yaml"] = "none.yaml: cannot be read",
    ["wrong.yaml"] = "wrong.yaml:2:24: Stage 2: there is no worker 5 in any cluster (workers are 0 to 1)",
    ["other.yaml"] = 'other.yaml:1:1: the file holds no list of stages under "scenario"',
    ["chain.yaml"] = 'chain.yaml:1:1: the file holds no list of stages under "scenario"',
    ["broken.yaml"] = "broken.yaml:2:1",
    ["5"] = "5: cannot be read",
    ["list.yaml, name: x"] = 'b.yaml:2:28: scenario: unknown key "name" (known: url)',
  }) do
    it("is refused: " .. url, function()
      local result, found = from(url)
      assert.is_nil(result)
      assert.is_truthy(found:text():find(expected, 1, true), found:text())
    end)
  end

  it("is a list, what holds one, or a script", function()
    assert.are.equal(2, #from("list.yaml").scenario)
    assert.are.equal("report", from("mapping.json").scenario[1].stage)
    assert.are.same({ 1, 2 }, { #from("whole.yaml").scenario, from("whole.yaml").workers })
    assert.are.equal("function", type(from("suite.lua").scenario))
    assert.are.equal(dir .. "/suite.lua", from("suite.lua").script)
    assert.are.same({ line = 2, column = 3, file = dir .. "/list.yaml" }, from("list.yaml").scenario[2].position)
  end)
end)

describe("a suite in Lua", function()
  local function load(text)
    local dir = support.workspace({ ["suite.lua"] = text })
    local result, found = benchmark.load(dir .. "/suite.lua", { mode = "check", workspace = dir })
    return result, found, dir
  end

  it("may return a function", function()
    local result, _, dir = load("return function(run) return run end")
    assert.are.equal("function", type(result.scenario))
    assert.are.same({ "suite", 1, dir .. "/suite.lua" }, { result.name, result.workers, result.script })
    assert.are.equal("function", type(document.read(dir .. "/suite.lua").value.scenario))
  end)

  it("or a table with one, whose other keys are checked", function()
    local result = load("return { clusters = { { size = 2, groups = { b = 1, a = 1 } } }, scenario = function() end }")
    assert.are.same({ { name = "a", size = 1, first = 0 }, { name = "b", size = 1, first = 1 } }, result.clusters[1].groups)
    local _, found = load("return { cluster = {}, scenario = function() end }")
    assert.is_truthy(found:text():find('suite.lua: unknown key "cluster" (did you mean clusters?)', 1, true), found:text())
  end)

  it("or the same as a file", function()
    local result = load([[return { scenario = { "report", { ["stop-test"] = { workers = 0 } },
      { ["repeat"] = { times = 2, ["do"] = { "report" } } } } }]])
    assert.are.same({ "report", "stop-test", "report" }, { result.scenario[1].stage, result.scenario[2].stage,
      result.scenario[3].entries[1].stage })
  end)
end)

describe("the counter of a repeat", function()
  for _, case in ipairs({
    { { to = 3 }, { first = 0, inc = 1, n = 4 } }, { { from = 10, to = 30, inc = 10 }, { first = 10, inc = 10, n = 3 } },
    { { from = 10, to = 35, inc = 10 }, { first = 10, inc = 10, n = 3 } },
    { { from = 3, to = 1, inc = -1 }, { first = 3, inc = -1, n = 3 } }, { { from = 3, to = 1 }, { first = 3, inc = 1, n = 0 } },
    { { from = 0, to = 1, inc = 0.1 }, { first = 0, inc = 0.1, n = 11 } }, { { times = 0 }, { first = 0, inc = 1, n = 0 } },
    { { times = 3, from = 5, inc = 2 }, { first = 5, inc = 2, n = 3 } },
    { { to = "#{n * 2}", name = "x", ["do"] = {} }, { first = 0, inc = 1, n = 9 } },
  }) do
    it("runs " .. require("vernier.json").encode(case[1]), function()
      assert.are.same(case[2], counter.range(case[1], scope.new({ n = 4 })))
    end)
  end

  it("is refused with a reason", function()
    for _, case in ipairs({
      { { inc = "${zero}", to = 1 }, '"inc" must not be 0' }, { { to = "${none}" }, '"to" unknown variable "none"' },
      { { times = "${minus}" }, '"times" must be at least 0' }, { { to = "${word}" }, '"to" must be a number' },
      { {}, '"to" or "times" is missing' },
    }) do
      local range, message = counter.range(case[1], scope.new({ zero = 0, minus = -1, word = "x" }))
      assert.is_nil(range)
      assert.are.equal(case[2], message)
    end
  end)
end)
