-- Reads a network file (YAML, JSON or Lua): which connector drives which system.
--
--   {connector, name, version, description, info, command = {start, ["end"]}, sutOptions, root = the connector's key,
--    options = what stands under it, value = the whole file}
--
-- Options of a built-in connector are checked against its declaration here, with their places.
local document = require("vernier.config.document")
local findings = require("vernier.config.findings")
local known = require("vernier.known")
local plugins = require("vernier.plugins")
local reference = require("vernier.config.reference")
local section = require("vernier.config.section")

local M = {}

local CALIPER = { known = { "blockchain", "connector", "command", "commands", "sutOptions" } }
local ROOTS = { besu = "ethereum" } -- connectors whose options stand under another name

local MISSING = 'Network configuration file is missing its "caliper.%s" string attribute'
local WRITE = "write caliper: {connector: http}, or another connector"

local function root_of(connector)
  return ROOTS[connector] or connector:match("([^/]+)%.lua$") or connector:match("([^/]+)%.js$") or connector
end

local function read_connector(context, caliper)
  local key = caliper:get("connector") ~= nil and "connector" or "blockchain"
  local name = caliper:get(key)
  if type(name) ~= "string" or name == "" then
    return caliper:error(key, MISSING:format(key), WRITE)
  elseif key == "connector" and caliper:get("blockchain") ~= nil and caliper:get("blockchain") ~= name then
    caliper:error("blockchain", '"caliper.blockchain" and "caliper.connector" name different connectors')
  end
  return reference.check(context, "connector", name, caliper:place(key))
end

local function read_command(command, key)
  local text = command:get(key)
  if text == nil or text == "" then
    return nil
  elseif type(text) ~= "string" then
    return command:error(key, ('"caliper.command.%s" must be a string'):format(key))
  elseif not text:find("%S") then
    return command:error(key, ('"caliper.command.%s" must not be blank'):format(key))
  end
  return text
end

local function read_commands(context, caliper)
  if caliper:get("commands") ~= nil then
    caliper:warning("commands", '"commands" is read as "command"', "write command: {start, end}")
  end
  local key = caliper:get("command") == nil and "commands" or "command"
  local command = section.open(context.findings, caliper:mapping(key), { known = { "start", "end" } })
  return { start = read_command(command, "start"), ["end"] = read_command(command, "end") }
end

local function resolve(context, value)
  local caliper = section.open(context.findings, value.caliper, CALIPER)
  local connector = read_connector(context, caliper)
  local network = { connector = connector, command = read_commands(context, caliper),
    sutOptions = caliper:mapping("sutOptions") }
  network.root = connector and root_of(connector)
  return network
end

-- Other roots are news only where we know what the connector reads.
local function root_keys(network)
  local checked = network.connector and not plugins.looks_like_path(network.connector)
    and known.status("connector", network.connector) == "built"
  return { known = { "caliper", "info", "name", "version", "description", network.root }, anchors = true,
    free = not checked }
end

-- For callers that have read the document already.
function M.resolve(doc, mode, workspace)
  local found = findings.new(doc.file)
  local context = { findings = found, mode = mode or "run", workspace = workspace }
  if not section.is_mapping(doc.value) then
    found:error(nil, "a network file must be a mapping", "begin it with caliper:")
    return nil, found
  elseif not section.is_mapping(doc.value.caliper) then
    found:error({ doc.value, doc.value.caliper and "caliper" }, MISSING:format("blockchain"), WRITE)
    return nil, found
  end
  local network = resolve(context, doc.value)
  local root = section.open(found, doc.value, root_keys(network))
  network.name, network.version, network.description = root:text("name"), root:text("version"), root:text("description")
  network.info, network.value = root:mapping("info"), doc.value
  network.options = network.root and root:mapping(network.root) or {}
  if network.connector then
    reference.check_options(context, "connector", network.connector, network.options, network.root .. ": ")
  end
  return found.errors == 0 and network or nil, found:sort()
end

-- mode "run" or "check" as in vernier.config.benchmark. The network, or nil if there are errors; and the findings.
function M.load(path, mode, workspace)
  local doc, errors = document.read(path)
  if not doc then
    local found = findings.new(path)
    found:add_all(errors)
    return nil, found
  end
  return M.resolve(doc, mode, workspace)
end

-- The network that a benchmark brings along (see vernier.config.benchmark): by its path in the workspace, or in itself.
-- The network or nil, the findings, and the file in which it stands.
function M.of_benchmark(benchmark, benchmark_path, mode, workspace)
  local within = benchmark.network
  if type(within) == "string" then
    local path = within:sub(1, 1) == "/" and within or workspace .. "/" .. within
    local network, found = M.load(path, mode, workspace)
    return network, found, path
  end
  local network, found = M.resolve({ file = benchmark_path, value = within }, mode, workspace)
  return network, found, benchmark_path
end

return M
