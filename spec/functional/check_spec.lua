-- vernier check on scenario files: what is wrong with them, and what they stand for (--expand).
local support = require("spec.support")

local OWN = [[
local M = { where = "manager", options = { threads = { type = "integer", min = 1, required = true },
  test = { type = "string", aliases = { "test-name" } } } }
function M:run() end
return M
]]

-- Two configurations, sizes 1, 2 and 4 with groups, templates, nested repeats: what RadarGun's own benchmarks do.
local CACHES = [[
name: caches
clusters:
- {size: 1, groups: {server: 1}}
- {scale: {from: 2, to: 4, inc: 2}, groups: {server: 1, client: "#{cluster.size - 1}"}, roles: {leader: 0}}
templates:
  common: {connector: http, options: {timeout: 5s}}
  far: {base: common, options: {timeout: 30s, url: "http://127.0.0.1:1"}}
configurations:
- name: near
  connector: noop
- name: far
  setup:
  - {group: server, base: far}
  - {group: client, connector: noop, options: {latency: 2ms}}
order: interleaved
repetitions: 2
init: [./own.lua: {threads: 1}]
scenario:
- ./own.lua: {test-name: warmup, threads: "#{cluster.size * 2}", groups: server}
- repeat:
    name: step
    from: 10
    to: 20
    inc: 10
    do:
    - ./own.lua: {test: "of ${config.name}", threads: "${repeat.step.counter}"}
    - repeat: {times: 2, do: [./own.lua: {test: "${repeat.counter} in ${repeat.step.counter}", threads: "${found:1}"}]}
- repeat: {times: "${found}", do: [./own.lua: {test: "${worker.index} ${repeat.counter}", threads: 1}]}
destroy: [report]
]]

local MATRIX = [[
caches: 12 cells, 2 configurations, 3 sizes, 2 repetitions, interleaved order
  cell  configuration  size  repetition  groups              services
  1     near           1     1           server 1            server noop
  2     far            1     1           server 1            server http
  3     near           2     1           server 1, client 1  server noop, client noop
  4     far            2     1           server 1, client 1  server http, client noop
  5     near           4     1           server 1, client 3  server noop, client noop
  6     far            4     1           server 1, client 3  server http, client noop
  7     near           1     2           server 1            server noop
  8     far            1     2           server 1            server http
  9     near           2     2           server 1, client 1  server noop, client noop
  10    far            2     2           server 1, client 1  server http, client noop
  11    near           4     2           server 1, client 3  server noop, client noop
  12    far            4     2           server 1, client 3  server http, client noop
]]

local STAGES = [[
far, size 4
  init      ./own.lua    threads=1
  scenario  ./own.lua    test-name=warmup threads=8 groups=server
  scenario  repeat step  counter=10
  scenario  ./own.lua    test=of far threads=10
  scenario  repeat       counter=0
  scenario  ./own.lua    test=0 in 10 threads=${found:1}
  scenario  repeat       counter=1
  scenario  ./own.lua    test=1 in 10 threads=${found:1}
  scenario  repeat step  counter=20
  scenario  ./own.lua    test=of far threads=20
  scenario  repeat       counter=0
  scenario  ./own.lua    test=0 in 20 threads=${found:1}
  scenario  repeat       counter=1
  scenario  ./own.lua    test=1 in 20 threads=${found:1}
  scenario  repeat       times=${found}
  scenario  ./own.lua    test=${worker.index} ${repeat.counter} threads=1
  destroy   report
]]

local function workspace(files)
  files["own.lua"] = OWN
  return support.workspace(files)
end

local function check(dir, ...)
  return support.vernier({ "check", "s.yaml", cwd = dir, ... })
end

local function expand(dir, ...)
  local command = { "check", "s.yaml", "--expand", cwd = dir }
  for i, word in ipairs({ ... }) do
    command[3 + i] = word
  end
  return support.vernier(command)
end

describe("vernier check of a scenario", function()
  it("tells every mistake with its place and what was meant", function()
    local dir = workspace({ ["s.yaml"] = CACHES:gsub("base: far", "base: faar"):gsub("groups: server}", "groups: servers}")
      :gsub("order: ", "ordr: "):gsub("%[report", "[reprot") .. "" })
    local r = check(dir)
    assert.are.equal(2, r.status)
    assert.are.same([[
s.yaml:13:27: Configuration 2: setup 1: unknown template "faar" (did you mean far?)
s.yaml:15:1: unknown key "ordr" (did you mean order?)
s.yaml:19:74: Stage 1: unknown group "servers" (did you mean server?)
s.yaml:29:11: Stage 1: unknown stage "reprot" (did you mean report?)
]], r.stdout)
    assert.are.equal("", r.stderr)
  end)

  it("is silent about one without mistakes", function()
    local r = check(workspace({ ["s.yaml"] = CACHES }))
    assert.are.same({ 0, "", "" }, { r.status, r.stdout, r.stderr })
  end)

  it("knows a scenario by any of its keys", function()
    for text, message in pairs({ ["clusters: [{size: 2}]\n"] = "the list of stages is missing",
      ["configurations: [{name: a, connector: noop}]\n"] = "the list of stages is missing",
      ["scenarios: [report]\n"] = "this is no benchmark, network or settings file" }) do
      local r = check(workspace({ ["s.yaml"] = text }))
      assert.are.equal(2, r.status)
      assert.matches(message, r.stdout, 1, true)
    end
  end)

  it("reads the same from JSON and Lua", function()
    for name, text in pairs({ ["s.json"] = '{"clusters": [{"size": 3}], "scenario": ["report"]}',
      ["s.lua"] = 'return { clusters = { { size = 3 } }, scenario = { "report" } }',
      ["f.lua"] = "return { clusters = { { size = 3 } }, scenario = function() end }" }) do
      local r = support.vernier({ "check", name, "--expand", cwd = workspace({ [name] = text }) })
      assert.are.equal(0, r.status, r.stdout .. r.stderr)
      assert.matches("1 cell, 1 configuration, 1 size, 1 repetition, sequential order", r.stdout, 1, true)
      assert.matches("default, size 3", r.stdout, 1, true)
      assert.matches(name == "f.lua" and "scenario  %(what the script decides%)" or "scenario  report", r.stdout)
    end
  end)

  it("checks the network that it brings along", function()
    local r = check(workspace({ ["s.yaml"] = "network: n.yaml\nscenario: [report]\n", ["n.yaml"] = "caliper: {connector: nop}\n" }))
    assert.are.equal(2, r.status)
    assert.matches('n.yaml:1:22: unknown connector "nop" (did you mean noop?)', r.stdout, 1, true)
  end)
end)

describe("vernier check --expand of a scenario", function()
  local dir = workspace({ ["s.yaml"] = CACHES })

  it("prints the matrix, and the stages of each configuration and size once", function()
    local r = expand(dir)
    assert.are.equal(0, r.status, r.stdout)
    assert.are.equal(MATRIX, r.stdout:sub(1, #MATRIX))
    assert.matches(STAGES, r.stdout, 1, true)
    local _, n = r.stdout:gsub("\n%a+, size %d\n", "")
    assert.are.equal(6, n)
  end)

  it("prints the chosen cells, with the numbers that they have in the whole matrix", function()
    local r = expand(dir, "--only", "config=far,size=2..4,repetition=2")
    assert.are.equal(0, r.status)
    assert.matches("caches: 2 cells, ", r.stdout, 1, true)
    assert.matches("\n  10    far            2 ", r.stdout, 1, true)
    assert.matches("\n  12    far            4 ", r.stdout, 1, true)
    assert.is_nil(r.stdout:find("near", 1, true))
  end)

  for only, message in pairs({
    ["config=fr"] = 'there is no configuration "fr" (did you mean far?)',
    ["size=3"] = "there is no size 3 (there are: 1, 2, 4)",
    ["sise=3"] = '"sise=3" chooses no cells (did you mean size?)',
  }) do
    it("refuses --only " .. only, function()
      local r = expand(dir, "--only", only)
      assert.are.same({ 2, "", "vernier check: --only: " .. message .. "\n" }, { r.status, r.stdout, r.stderr })
    end)
  end

  it("alone takes a choice of cells", function()
    local r = check(dir)
    assert.are.equal("", r.stdout)
    r = support.vernier({ "check", "s.yaml", "--only", "size=2", cwd = dir })
    assert.are.same({ 2, "vernier check: --only and --seed belong to --expand\n" }, { r.status, r.stderr })
  end)

  it("ends where a repeat has no end", function()
    local long = workspace({ ["s.yaml"] = "scenario: [repeat: {times: 100000000, do: [repeat: {times: 100000000, do: [report]}]}]\n" })
    local r = expand(long)
    assert.are.equal(0, r.status)
    assert.matches("… 99995000 more times\n  scenario  repeat  … 99999999 more times\n$", r.stdout)
  end)

  it("shuffles a random order by a seed, and says so without", function()
    local random = workspace({ ["s.yaml"] = (CACHES:gsub("interleaved", "random")) })
    assert.matches("random order (not shuffled here: no --seed)", expand(random).stdout, 1, true)
    local first, other = expand(random, "--seed", "1").stdout, expand(random, "--seed", "2").stdout
    assert.are.equal(first, expand(random, "--seed", "1").stdout)
    assert.are_not.equal(first, other)
    assert.matches("12 cells, .* random order\n", first)
  end)

  it("shows no secrets", function()
    local secret = workspace({ ["s.yaml"] = "scenario: [./own.lua: {password: hidden-1, token: '${env.HOME}', "
      .. "url: 'http://me:hidden-2@host', x: '${env.VERNIER_SPEC}'}]\n" })
    local r = support.vernier({ "check", "s.yaml", "--expand", cwd = secret, env = { VERNIER_SPEC = "hidden-3" } })
    assert.are.equal(0, r.status, r.stdout)
    assert.is_nil(r.stdout:find("hidden", 1, true), r.stdout)
    assert.matches("password=*** token=${env.HOME} url=http://***@host x=${env.VERNIER_SPEC}", r.stdout, 1, true)
  end)
end)

describe("vernier run of a scenario with a mistake that only loading shows", function()
  local function refused(scenario, message, files)
    files = files or {}
    files["s.yaml"], files["n.yaml"] = scenario, "caliper: {connector: noop}\n"
    local dir = workspace(files)
    local r = support.vernier({ "run", "s.yaml", "n.yaml", cwd = dir })
    assert.are.equal(2, r.status, r.stdout .. r.stderr)
    assert.matches(message, r.stderr, 1, true)
    assert.are.same({}, support.runs(dir))
  end

  it("tells wrong properties of one's own stage at their place", function()
    refused("scenario:\n- ./own.lua: {threads: 0}\n", 's.yaml:2:24: stage ./own.lua: "threads" must be at least 1')
    refused("scenario:\n- ./own.lua: {thread: 1, threads: '${n}'}\n",
      's.yaml:2:15: stage ./own.lua: unknown option "thread" (did you mean threads?)')
    refused("scenario:\n- repeat: {times: 2, do: [./own.lua]}\n", 's.yaml:2:27: stage ./own.lua: missing option "threads"')
  end)

  it("tells them in the file that holds the scenario", function()
    refused("scenario: {url: more.yaml}\n", 'more.yaml:2:24: stage ./own.lua: "threads" must be at least 1',
      { ["more.yaml"] = "- report\n- ./own.lua: {threads: -1}\n" })
  end)

  it("tells wrong options of a setup whose connector is that of the network", function()
    refused("configurations: [{name: a, options: {latncy: 5ms}}]\nscenario: [report]\n",
      's.yaml:1:38: connector noop: unknown option "latncy" (did you mean latency?)')
  end)

  it("tells a stage that declares what all stages have", function()
    refused("scenario: [./bad.lua]\n", 'stage ./bad.lua declares the option "groups", which all stages have',
      { ["bad.lua"] = 'return { where = "manager", options = { groups = {} }, run = function() end }' })
  end)

  it("tells wrong options and services of one's own connector", function()
    local connector = 'return { services = { fast = { options = { port = { type = "integer" } } } } }'
    for setup, message in pairs({
      ["service: fats"] = 's.yaml:1:18: connector ./c.lua has no service "fats" (did you mean fast?)',
      ["service: fast, options: {port: x}"] = 's.yaml:1:79: connector ./c.lua: "port" must be a whole number',
    }) do
      refused(("configurations: [{name: a, connector: ./c.lua, %s}]\nscenario: [report]\n"):format(setup), message,
        { ["c.lua"] = connector })
    end
  end)
end)
