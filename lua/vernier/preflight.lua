-- Before a run starts: loads every plug-in of its files once, with its options, so that what can be known to fail is
-- told at its place in the file and nothing has been touched yet.
local findings = require("vernier.config.findings")
local plugins = require("vernier.plugins")

local M = {}

local PLACES = { manager = true, workers = true }

-- What a module of the kind must have to be used, as a message, or nil.
local function lack(kind, name, module)
  if not module.run then
    return ("%s %s has no run hook"):format(kind, name)
  elseif kind == "stage" and not PLACES[module.where] then
    return ('stage %s must say where = "manager" or "workers"'):format(name)
  end
end

local Check = {}
Check.__index = Check

function Check:problem(place, message)
  if not self.told[message] then
    self.told[message] = true
    self.found:error(place, message)
  end
end

-- place: {line, column} in the checked file.
function Check:plugin(kind, name, values, place)
  local module, message = plugins.load(kind, name, self.workspace)
  message = message or lack(kind, name, module)
  if not message and module.options then
    local _
    _, message = plugins.new(kind, name, values, self.workspace)
  end
  if message then
    self:problem(place, message)
  end
end

local function new_check(file, workspace)
  return setmetatable({ found = findings.new(file), told = {}, workspace = workspace }, Check)
end

local function place_of(position)
  return position and { position.line, position.column }
end

local function check_benchmark(check, benchmark)
  for _, round in ipairs(benchmark.rounds) do
    local place = place_of(round.position)
    check:plugin("workload", round.workload.module, round.workload.arguments, place)
    check:plugin("rate controller", round.rate.type, round.rate.opts, place_of(round.rate.position) or place)
  end
  for _, stage in ipairs(benchmark.stages or {}) do
    if stage.stage ~= "rounds" then
      check:plugin("stage", stage.stage, stage.properties, place_of(stage.position))
    end
  end
end

-- files: {benchmark = path, network = path} for the messages. True; or nil and the text of everything that is wrong.
function M.check(benchmark, network, workspace, files)
  local texts = {}
  local bench, net = new_check(files.benchmark, workspace), new_check(files.network, workspace)
  check_benchmark(bench, benchmark)
  net:plugin("connector", network.connector, network.options)
  for _, check in ipairs({ bench, net }) do
    if #check.found > 0 then
      texts[#texts + 1] = check.found:sort():text()
    end
  end
  return #texts == 0 or nil, table.concat(texts, "\n")
end

return M
