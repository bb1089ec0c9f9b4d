-- Reads a benchmark file (YAML, JSON or a Lua suite): Caliper's of any generation, which lists rounds, or a scenario
-- (vernier.config.scenario). Both are resolved to one form:
--
--   {name, description, file = path of the file, workers = those of the largest cluster,
--    clusters = {{size, groups = {{name, size, first = index of its first worker}…}, roles = {name = {indices}}, position}…},
--    configurations = {{name, position, setups = {{group (nil: all), connector (nil: the network's), service, options,
--      environment, position}…}}…}, restart = "cell" | "configuration" | "never", repetitions,
--    order = "sequential" | "interleaved" | "random", monitors = {resource, transaction, observer},
--    network = path or mapping of the system under test | nil}
--
-- with, of Caliper's files:
--
--   {rounds = {{label, description, number | duration (s), rate = {type, opts, position},
--    workload = {module, arguments}, trim, position, and those of rounds.OWN that were given}…},
--    stages = entries (vernier.config.entries) with one {stage = "rounds"} | nil, onFailure = "continue" | "stop" | nil,
--    legacy = whether it uses clients}
--
-- and of scenarios:
--
--   {init, scenario, destroy, cleanup = entries; scenario may be a function, then the file is a program;
--    rounds = {}, reports = {{reporter, options}…} | nil}
--
-- Tables below opts, arguments, options, environment, properties and repeat are the parsed ones: nobody may change them.
local clusters = require("vernier.config.clusters")
local configurations = require("vernier.config.configurations")
local document = require("vernier.config.document")
local entries = require("vernier.config.entries")
local findings = require("vernier.config.findings")
local monitors = require("vernier.config.monitors")
local rounds = require("vernier.config.rounds")
local scenario = require("vernier.config.scenario")
local section = require("vernier.config.section")

local M = {}

local ROOT = { known = { "test", "monitors", "monitor", "observer", "network" }, anchors = true }
local TEST = { known = { "name", "description", "workers", "clients", "rounds", "stages", "onFailure" } }
local WRONG_FILE = { "blockchain", "command", "caliper", "info" }

local is_missing = section.is_missing

local function checked_count(owner, key, value)
  if is_missing(value) then
    return 1
  elseif type(value) ~= "number" or value < 1 or value % 1 ~= 0 or value == math.huge then
    owner:error(key, ('"%s" attribute must be a whole number of at least 1'):format(key))
    return 1
  end
  return value
end

local function read_workers(context, test)
  local value = test:get("workers")
  if value == nil or type(value) == "number" then
    return checked_count(test, "workers", value)
  end
  local workers = section.open(context.findings, test:mapping("workers"), { known = { "number", "type" } }, "workers: ")
  return checked_count(workers, "number", workers:get("number"))
end

-- clients: {type: local, number} or {type: zookeeper, zoo: {server, clientsPerHost}}
local function read_clients(context, test)
  local clients = section.open(context.findings, test:mapping("clients"), { known = { "number", "type", "zoo" } }, "clients: ")
  if clients:get("type") == "zookeeper" then
    local zoo = section.open(context.findings, clients:mapping("zoo"), { known = { "server", "clientsPerHost" } }, "zoo: ")
    clients:warning("type", "zookeeper clients are run as local workers", "number: n says how many")
    return checked_count(zoo, "clientsPerHost", clients:get("number") or zoo:get("clientsPerHost"))
  end
  return checked_count(clients, "number", clients:get("number"))
end

local function read_rounds(context, test, has_stages)
  local list = test:get("rounds")
  if list == nil and has_stages then
    return {}
  elseif is_missing(list) then
    test:error("rounds", 'Benchmark configuration file is missing the "test.rounds" attribute')
  elseif not section.is_list(list) then
    test:error("rounds", 'Benchmark configuration attribute "test.rounds" must be an array')
  else
    return rounds.read(context, list)
  end
  return {}
end

local function check_limits(context, list, workers)
  for i, round in ipairs(list) do
    if round.maxInFlight and round.maxInFlight < workers then
      context.findings:error({ round.position.line, round.position.column },
        ('Round %d: "maxInFlight" of %d is fewer than the %d workers: every worker needs at least one'):format(i,
          round.maxInFlight, workers))
    end
  end
end

local function read_policy(test)
  local policy = test:get("onFailure")
  if policy ~= nil and policy ~= "continue" and policy ~= "stop" then
    test:error("onFailure", '"onFailure" must be one of continue, stop')
  end
  return policy
end

local function stem(path)
  return path:match("([^/]+)%.%w+$") or path
end

-- The system under test, where the file brings it along: the path of a network file, or what stands in one.
local function read_network(root)
  local network = root:get("network")
  if network ~= nil and type(network) ~= "string" and not section.is_mapping(network) then
    root:error("network", '"network" must be the path of a network file or what stands in one')
  end
  return network
end

local function resolve_rounds(context, root, name)
  local test = section.open(context.findings, root:mapping("test"), TEST, "")
  context.legacy = test:get("clients") ~= nil
  local read_count = context.legacy and test:get("workers") == nil and read_clients or read_workers
  local benchmark = { name = test:text("name") or name, description = test:get("description"),
    workers = read_count(context, test), legacy = context.legacy, onFailure = read_policy(test) }
  benchmark.workers = context.workers or benchmark.workers
  benchmark.clusters, benchmark.configurations = clusters.single(benchmark.workers), configurations.single()
  benchmark.restart, benchmark.repetitions, benchmark.order = "cell", 1, "sequential"
  context.names = scenario.names(benchmark)
  benchmark.stages = entries.read(context, test, "stages", "rounds")
  benchmark.rounds = read_rounds(context, test, benchmark.stages ~= nil)
  benchmark.monitors = monitors.read(context, root)
  benchmark.network = read_network(root)
  check_limits(context, benchmark.rounds, benchmark.workers)
  return benchmark
end

-- Old files hold parts that today belong to the network file: the keys, and which of those there are.
local function root_keys(value)
  local keys, wrong = { known = ROOT.known, anchors = true, ignored = {} }, {}
  for _, name in ipairs(WRONG_FILE) do
    if value[name] ~= nil then
      wrong[#wrong + 1], keys.ignored[#keys.ignored + 1] = name, name
    end
  end
  for _, name in ipairs(scenario.MARKS) do
    keys.ignored[#keys.ignored + 1] = name
  end
  return keys, wrong
end

local function read_caliper(context, doc)
  local keys, wrong = root_keys(doc.value)
  local root = section.open(context.findings, doc.value, keys)
  for _, name in ipairs(wrong) do
    context.findings:warning({ doc.value, name }, ('"%s" is ignored: it belongs to the network file'):format(name))
  end
  for _, key in ipairs(scenario.MARKS) do
    if doc.value[key] ~= nil then
      root:error(key, ('a file has either "test" or "%s"'):format(key))
    end
  end
  if root:get("test") == nil then
    root:error("test", 'Benchmark configuration file is missing the "test.rounds" attribute')
  elseif not section.is_mapping(root:get("test")) then
    root:error("test", '"test" attribute must be an object')
  else
    return resolve_rounds(context, root, stem(doc.file))
  end
end

local function read_scenario(context, doc)
  local root = section.open(context.findings, doc.value, scenario.ROOT)
  return scenario.resolve(context, root, stem(doc.file), read_network(root))
end

-- Whether what a file holds is a scenario (vernier.config.scenario) rather than a list of rounds.
function M.is_scenario(value)
  if section.is_mapping(value) and value.test == nil then
    for _, key in ipairs(scenario.MARKS) do
      if value[key] ~= nil then
        return true
      end
    end
  end
  return false
end

-- What a document of configuration says; for callers that have read it already.
function M.resolve(doc, options)
  local is_scenario = M.is_scenario(doc.value)
  local found = findings.new(doc.file, is_scenario)
  local context = { findings = found, mode = options.mode or "run", workspace = options.workspace,
    workers = options.workers }
  if not section.is_mapping(doc.value) then
    found:error(nil, "a benchmark file must be a mapping", "begin it with test: or scenario:")
    return nil, found
  end
  local benchmark = (is_scenario and read_scenario or read_caliper)(context, doc)
  if benchmark then
    benchmark.file = doc.file
  end
  return found.errors == 0 and benchmark or nil, found:sort()
end

-- options: mode = "run" (what cannot be run is an error) or "check" (a warning), workspace, workers (instead of the
-- file's). The benchmark, or nil if there are errors; and the findings.
function M.load(path, options)
  local doc, errors = document.read(path)
  if not doc then
    local found = findings.new(path)
    found:add_all(errors)
    return nil, found
  end
  return M.resolve(doc, options or {})
end

return M
