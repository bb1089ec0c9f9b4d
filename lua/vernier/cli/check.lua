-- vernier check: says what is wrong with benchmark, network and settings files, all of it, without running anything.
local benchmark = require("vernier.config.benchmark")
local document = require("vernier.config.document")
local expand = require("vernier.cli.expand")
local findings = require("vernier.config.findings")
local matrix = require("vernier.matrix")
local network = require("vernier.config.network")
local section = require("vernier.config.section")
local settings = require("vernier.settings")

local M = {
  usage = "check FILE… [--expand [--only config=A,size=3]]",
  summary = "Checks benchmark, network and settings files",
  options = {
    expand = { type = "boolean", default = false, doc = "also print the cells, stages and rounds that a benchmark stands for" },
    only = { type = "string", doc = "with --expand: the cells of a scenario to print, as in config=A|B,size=3..5,repetition=1" },
    seed = { type = "integer", min = 0, doc = "with --expand: the seed of a random order" },
    workspace = { type = "string", default = ".", doc = "where the paths in the files start from" },
  },
}

local function names_connector(caliper)
  return caliper.blockchain ~= nil or caliper.connector ~= nil or caliper.command ~= nil or caliper.sutOptions ~= nil
end

local function kind_of(value)
  if not section.is_mapping(value) then
    return nil
  elseif value.test ~= nil or benchmark.is_scenario(value) then
    return "benchmark"
  elseif section.is_mapping(value.caliper) and names_connector(value.caliper) then
    return "network"
  end
  for key in pairs(value) do
    if key:find("^caliper") or key:find("^vernier") then
      return "settings"
    end
  end
end

local read = {}

function read.benchmark(doc, options)
  return benchmark.resolve(doc, { mode = "check", workspace = options.workspace })
end

function read.network(doc, options)
  return network.resolve(doc, "check", options.workspace)
end

function read.settings(doc)
  local found = findings.new(doc.file)
  found:add_all(settings.check(doc))
  return nil, found:sort()
end

-- What was read, the findings and the kind of the file.
local function check_file(path, options)
  local found = findings.new(path)
  local doc, errors = document.read(path)
  if not doc then
    found:add_all(errors)
    return nil, found
  end
  local kind = kind_of(doc.value)
  if not kind then
    found:error({ 1, 1 }, "this is no benchmark, network or settings file",
      "a benchmark begins with test: or scenario:, a network with caliper: {connector: …}, settings with vernier:")
    return nil, found
  end
  local result
  result, found = read[kind](doc, options)
  return result, found, kind
end

-- The network that a benchmark brings along. 2 if there is an error in it.
local function check_network_of(owner, path, options, resolved)
  if not owner or not owner.network then
    return nil
  end
  local result, found = network.of_benchmark(owner, path, "check", options.workspace)
  if #found > 0 then
    print(found:text())
  end
  resolved.network = resolved.network or result
  return found.errors > 0 and 2 or nil
end

-- Prints what the benchmarks stand for. 2 if a choice of cells does not fit.
local function print_expanded(resolved, options)
  local status
  for _, one in ipairs(resolved.benchmark) do
    local only, message, hint
    if options.only then
      only, message, hint = matrix.only(options.only, one)
    end
    if message then
      io.stderr:write(("vernier check: --only: %s%s\n"):format(message, hint and (" (%s)"):format(hint) or ""))
      status = 2
    else
      print(expand.text(one, resolved.network, { only = only, seed = options.seed }))
    end
  end
  return status
end

-- args: paths, and options = {expand, only, seed, workspace}. 0, or 2 if there is an error in any file.
function M.run(args)
  local options, status = args.options or {}, 0
  local resolved = { benchmark = {} }
  if #args == 0 then
    io.stderr:write("vernier check: no file given\n")
    return 2
  elseif (options.only or options.seed) and not options.expand then
    io.stderr:write("vernier check: --only and --seed belong to --expand\n")
    return 2
  end
  for _, path in ipairs(args) do
    local result, found, kind = check_file(path, options)
    if #found > 0 then
      print(found:text())
    end
    status = found.errors > 0 and 2 or status
    if kind == "benchmark" then
      table.insert(resolved.benchmark, result)
      status = check_network_of(result, path, options, resolved) or status
    elseif kind == "network" then
      resolved.network = result
    end
  end
  return options.expand and print_expanded(resolved, options) or status
end

return M
