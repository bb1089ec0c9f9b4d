-- What a benchmark stands for, as lists of entries in the order of the run:
--
--   {before, init, scenario, destroy, cleanup, after}
--
-- An entry is {stage = name or path, properties, position, label, literal = no expressions in it} or {["repeat"] = {…},
-- entries, position}. `before` and `after` (start-command; report, end-command) run once; the others in every cell. A
-- Caliper file's setup, install and rounds are the scenario of its only cell; what failed does not end it (`goes_on`)
-- unless the benchmark says so. The scenario of a suite is a function.
local M = {}

local function round_entries(list, benchmark)
  for i, round in ipairs(benchmark.rounds or {}) do
    local policy = round.onFailure or benchmark.onFailure
    list[#list + 1] = { stage = "round", label = round.label, properties = { index = i }, goes_on = policy ~= "stop" }
  end
end

local function stage_entries(list, benchmark)
  local placed = false
  for _, entry in ipairs(benchmark.stages or {}) do
    if entry.stage == "rounds" then
      placed = true
      round_entries(list, benchmark)
    else
      list[#list + 1] = { stage = entry.stage, properties = entry.properties, position = entry.position,
        goes_on = benchmark.onFailure ~= "stop" }
    end
  end
  if not placed then
    round_entries(list, benchmark)
  end
end

-- A `${…}` in a command is the shell's.
local function command_entry(stage, command)
  return { stage = stage, properties = { command = command }, literal = true }
end

-- The scenario of a Caliper file.
local function rounds_scenario(benchmark, network, wanted)
  local list = {}
  if network and wanted("init") then
    list[#list + 1] = { stage = "setup", properties = {} }
  end
  if network and wanted("install") then
    list[#list + 1] = { stage = "install", properties = {} }
  end
  if wanted("test") then
    stage_entries(list, benchmark)
  end
  return list
end

-- What is left running ends last, where the file does not say otherwise.
local function with_destroy(list)
  local destroy = {}
  for i, entry in ipairs(list or {}) do
    destroy[i] = entry
    if entry.stage == "scenario-destroy" then
      return list
    end
  end
  destroy[#destroy + 1] = { stage = "scenario-destroy", properties = {} }
  return destroy
end

local function after(command, wanted)
  local list = {}
  if wanted("test") then
    list[1] = { stage = "report", properties = {} }
  end
  if command["end"] and wanted("end") then
    list[#list + 1] = command_entry("end-command", command["end"])
  end
  return list
end

local function of_scenario(benchmark)
  return { init = benchmark.init or {}, scenario = benchmark.scenario, destroy = with_destroy(benchmark.destroy),
    cleanup = benchmark.cleanup or {} }
end

-- The entries of a resolved benchmark and network, without those of phases that are not wanted (phases: set of start,
-- init, install, test, end; nil: all).
function M.expand(benchmark, network, phases)
  local command = network and network.command or {}
  local function wanted(phase)
    return not phases or phases[phase]
  end
  local sections = { init = {}, scenario = {}, destroy = {}, cleanup = {} }
  if benchmark.scenario == nil then
    sections.scenario = rounds_scenario(benchmark, network, wanted)
  elseif wanted("test") then
    sections = of_scenario(benchmark)
  end
  sections.before = { command.start and wanted("start") and command_entry("start-command", command.start) or nil }
  sections.after = after(command, wanted)
  return sections
end

return M
