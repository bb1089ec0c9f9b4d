-- vernier resume RUN: goes on with a run that was interrupted or killed, at its first missing cell.
--
-- A cell that has ended, whether it was ok or failed, is a result and stays. One that was interrupted is begun anew as its
-- next attempt. Files, seed and settings are those of the run: what was measured before and after can be compared.
local file = require("vernier.core.file")
local inputs = require("vernier.inputs")
local program = require("vernier.cli.program")
local settings = require("vernier.settings")

local M = {
  usage = "resume RUN [--SETTING VALUE]…",
  summary = "go on with an interrupted run at its first missing cell",
  settings = true,
  raw = true,
  details = [[
RUN is the folder of a run. Its benchmark and network files and its scripts must be the same as then. Settings are those of
the run; what is given here goes before them, and a secret, which a run does not hold, has to be given again.
Exit status: that of vernier run; 0 when nothing is missing.]],
}

local function fail(message)
  return require("vernier.cli").fail("resume: " .. message)
end

-- Which cells of the plan are done, what the attempts at the others are called, and how those that are done have failed.
local function progress_of(state)
  local done, attempts, failures, missing = {}, {}, {}, 0
  for _, cell in ipairs(state.cells:list()) do
    if cell.status == "ok" or cell.status == "failed" then
      done[cell.cell] = true
    else
      attempts[cell.cell], missing = cell.attempt + 1, missing + 1
    end
    for _, reason in ipairs(cell.status == "failed" and cell.reasons or {}) do
      failures[#failures + 1] = reason
    end
  end
  return { done = done, attempts = attempts, failures = failures, missing = missing }
end

-- The first difference between the plan of the run and these cells, or nil.
local function difference(plan, cells)
  for i = 1, math.max(#plan, #cells) do
    local old, new = plan[i], cells[i]
    if not old or not new then
      return ("it had %d cells, now there are %d"):format(#plan, #cells)
    elseif old.cell ~= new.index or old.configuration ~= new.configuration.name or old.size ~= new.cluster.size
      or old.repetition ~= new.repetition then
      return ("cell %d was %s with %d nodes, now it is %s"):format(old.cell, old.configuration, old.size, new.label)
    end
  end
end

local function tell_changes(changes)
  for _, change in ipairs(changes) do
    fail(change)
  end
  return #changes > 0
end

-- The settings of the run and those given now; or nil and the exit status.
local function settings_of(record, argv)
  local resolved, problems = settings.again(record.settings, argv)
  if not resolved then
    io.stderr:write(program.problems_text(problems))
    return nil, 2
  end
  local seed = resolved:get("seed")
  if seed and seed ~= record.seed then
    return nil, fail(("the seed of the run is %.0f: another would make other cells"):format(record.seed))
  end
  return resolved
end

-- Loads what the run was made of; or nil and the exit status.
local function load(record, recorded, argv)
  local resolved, status = settings_of(record, argv)
  if not resolved then
    return nil, status
  elseif tell_changes(inputs.changes(recorded)) then
    return nil, 2
  elseif not file.chdir(record.workspace) then
    return nil, fail(("the workspace %s of the run is not there"):format(record.workspace))
  end
  local loaded = program.load(resolved, record.files, record.workspace)
  if not loaded or tell_changes(inputs.additions(recorded, loaded.inputs)) then
    return nil, 2
  end
  return loaded
end

local function start(run, state, progress, argv)
  local record = state.record
  local loaded, status = load(record, state.inputs, argv)
  if not loaded then
    return status
  end
  local cells, message = loaded:cells(record.seed)
  message = cells and difference(record.matrix, cells) or message
  if message then
    return fail("these are not the cells of the run: " .. message)
  end
  local report_path
  report_path, message = loaded:report_path()
  if not report_path then
    return fail(message)
  end
  loaded.inputs = state.inputs -- what the program has named before need not be told again
  return loaded:run({ run = run, cells = cells, seed = record.seed, report_path = report_path, resumed = true,
    command_line = "vernier resume " .. table.concat(settings.shown(argv), " "), starts = state.starts,
    last_test = state.last_test, done = progress.done, attempts = progress.attempts, failures = progress.failures })
end

local function resume(dir, argv)
  local run, state = require("vernier.run").open(dir)
  if not run then
    return fail(state)
  end
  local progress = progress_of(state)
  local status = 0
  if progress.missing == 0 then
    print(("nothing is missing in %s: all cells have ended (vernier report makes its reports again)"):format(dir))
  else
    status = start(run, state, progress, argv)
  end
  run:close()
  return status
end

function M.run(argv)
  if program.wants_help(argv) then
    return require("vernier.cli").command("help").run({ "resume", options = {} })
  end
  local resolved, rest = settings.again({}, argv)
  if not resolved then
    io.stderr:write(program.problems_text(rest))
    return 2
  elseif #rest ~= 1 then
    return fail("needs the folder of one run")
  end
  local dir, message = file.realpath(rest[1])
  if not dir then
    return fail(message)
  end
  return resume(dir, argv)
end

return M
