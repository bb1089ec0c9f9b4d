-- Reads a benchmark file (YAML, JSON or a Lua suite) of any generation and resolves it to one form:
--
--   {name, description, workers, rounds = {{label, description, number | duration (s), rate = {type, opts, position},
--    workload = {module, arguments}, trim, position, and those of rounds.OWN that were given}…},
--    stages = {{stage, properties, position} | {stage = "rounds"}…} | nil, monitors = {resource, transaction, observer},
--    onFailure = "continue" | "stop" | nil, legacy = whether it uses clients,
--    network = path or mapping of the system under test | nil}
--
-- Tables below opts, arguments and options are the parsed ones: nobody may change them.
local document = require("vernier.config.document")
local findings = require("vernier.config.findings")
local monitors = require("vernier.config.monitors")
local rounds = require("vernier.config.rounds")
local section = require("vernier.config.section")
local stages = require("vernier.config.stages")

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

local function resolve(context, root, file)
  local test = section.open(context.findings, root:mapping("test"), TEST, "")
  context.legacy = test:get("clients") ~= nil
  local read_count = context.legacy and test:get("workers") == nil and read_clients or read_workers
  local benchmark = { name = test:text("name") or stem(file), description = test:get("description"),
    workers = read_count(context, test), legacy = context.legacy, stages = stages.read(context, test),
    onFailure = read_policy(test) }
  benchmark.workers = context.workers or benchmark.workers
  benchmark.rounds = read_rounds(context, test, benchmark.stages ~= nil)
  benchmark.monitors = monitors.read(context, root)
  benchmark.network = read_network(root)
  check_limits(context, benchmark.rounds, benchmark.workers)
  return benchmark
end

-- Old files hold parts that today belong to the network file.
local function root_keys(value)
  local keys = { known = ROOT.known, anchors = true, ignored = {} }
  for _, name in ipairs(WRONG_FILE) do
    if value[name] ~= nil then
      keys.ignored[#keys.ignored + 1] = name
    end
  end
  return keys
end

-- What a document of configuration says; for callers that have read it already.
function M.resolve(doc, options)
  local found = findings.new(doc.file)
  local context = { findings = found, mode = options.mode or "run", workspace = options.workspace,
    workers = options.workers }
  if not section.is_mapping(doc.value) then
    found:error(nil, "a benchmark file must be a mapping", "begin it with test:")
    return nil, found
  end
  local keys = root_keys(doc.value)
  local root = section.open(found, doc.value, keys)
  for _, name in ipairs(keys.ignored) do
    found:warning({ doc.value, name }, ('"%s" is ignored: it belongs to the network file'):format(name))
  end
  local benchmark
  if root:get("test") == nil then
    root:error("test", 'Benchmark configuration file is missing the "test.rounds" attribute')
  elseif not section.is_mapping(root:get("test")) then
    root:error("test", '"test" attribute must be an object')
  else
    benchmark = resolve(context, root, doc.file)
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
