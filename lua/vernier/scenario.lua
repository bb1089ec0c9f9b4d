-- A scenario: the ordered list of stages that a benchmark file stands for.
--
-- Each entry is {stage = name or path, properties = table, phase = start|init|install|test|end, label}. A Caliper file
-- expands to start-command, setup, install, round…, report, end-command; entries of `stages:` are put where they say.
local M = {}

local function round_entry(round, index)
  return { stage = "round", phase = "test", label = round.label, round = round, index = index }
end

local function add_rounds(list, benchmark)
  for i, round in ipairs(benchmark.rounds) do
    list[#list + 1] = round_entry(round, i)
  end
end

local function add_tests(list, benchmark)
  local placed = false
  for _, entry in ipairs(benchmark.stages or {}) do
    if entry.stage == "rounds" then
      placed = true
      add_rounds(list, benchmark)
    else
      list[#list + 1] = { stage = entry.stage, phase = "test", label = entry.stage, properties = entry.properties or {} }
    end
  end
  if not placed then
    add_rounds(list, benchmark)
  end
end

-- The stages of a resolved benchmark and network, without those whose phase is not wanted (phases: set of names).
function M.expand(benchmark, network, phases)
  local command = network and network.command or {}
  local list = {}
  if command.start then
    list[#list + 1] = { stage = "start-command", phase = "start", properties = { command = command.start } }
  end
  if network then
    list[#list + 1] = { stage = "setup", phase = "init", properties = {} }
    list[#list + 1] = { stage = "install", phase = "install", properties = {} }
  end
  add_tests(list, benchmark)
  list[#list + 1] = { stage = "report", phase = "test", properties = {}, always = true }
  if command["end"] then
    list[#list + 1] = { stage = "end-command", phase = "end", properties = { command = command["end"] }, always = true }
  end
  local wanted = {}
  for _, entry in ipairs(list) do
    if not phases or phases[entry.phase] then
      wanted[#wanted + 1] = entry
    end
  end
  return wanted
end

return M
