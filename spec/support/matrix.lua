-- Scenarios over a matrix for functional specs, and what their journals tell.
--
--   matrix.workspace(scenario text, files)   with a network file (noop), a workload w.lua, and the stage gate.lua
--   matrix.run(dir, words…), matrix.start(dir, words…), matrix.resume(dir, words…)
--   matrix.journal(run folder, type, live)   the manager's records of that type (all without one); live: it still runs
--   matrix.gates(dir)                        what gate.lua has noted: "CELL:POINT ATTEMPT" in order
--
-- gate.lua is a stage on the manager that notes where it is. It waits where the file `hold` says "CELL:POINT", and fails
-- where the file `fail` does; the verdict is the file's second line.
local cjson = require("cjson")
local journal = require("vernier.core.journal")
local support = require("spec.support")

local M = {}

local GATE = [[
local M = { where = "manager", options = { point = { type = "string" } } }
local function line_of(name, n)
  local f, line = io.open(name), nil
  for _ = 1, f and n or 0 do
    line = f:read("*l")
  end
  return line, f and f:close()
end
function M:run(ctx, options)
  local here = ("%d:%s"):format(ctx.cell.index, options.point)
  local f = io.open("gates.txt", "a")
  f:write(("%s %d\n"):format(here, ctx.cell.attempt))
  f:close()
  if line_of("hold", 1) == here then
    ctx:sleep(50)
  end
  if line_of("fail", 1) == here then
    return line_of("fail", 2) or "fail", "as told"
  end
end
return M
]]

local WORKLOAD = "return { run = function(_, ctx) ctx.sut:send({ n = ctx.index }) end }\n"

function M.workspace(scenario, files)
  local all = { ["s.yaml"] = "name: spec\nnetwork: n.yaml\n" .. scenario, ["n.yaml"] = "caliper: {connector: noop}\n",
    ["w.lua"] = WORKLOAD, ["gate.lua"] = GATE }
  for name, text in pairs(files or {}) do
    all[name] = text
  end
  return support.workspace(all)
end

local function command(dir, first, more)
  local list = { cwd = dir, timeout = 60 }
  for _, word in ipairs(first) do
    list[#list + 1] = word
  end
  for _, word in ipairs(more) do
    list[#list + 1] = word
  end
  return list
end

function M.run(dir, ...)
  return support.vernier(command(dir, { "run", "s.yaml" }, { ... }))
end

function M.start(dir, ...)
  return support.start_vernier(command(dir, { "run", "s.yaml" }, { ... }))
end

-- The folder of the newest run.
function M.folder(dir)
  local list = support.runs(dir)
  return list[#list]
end

function M.resume(dir, ...)
  return support.vernier(command(dir, { "resume", M.folder(dir) }, { ... }))
end

function M.start_resume(dir, ...)
  return support.start_vernier(command(dir, { "resume", M.folder(dir) }, { ... }))
end

-- live: the file is being written, so its end may be torn.
function M.records(path, live)
  local j, list = assert(journal.open(path)), {}
  while true do
    local text, message = j:next()
    assert(live or not message, message)
    if not text then
      break
    end
    list[#list + 1] = cjson.decode(text)
  end
  j:close()
  return list
end

function M.journal(folder, kind, live)
  local list = {}
  for _, record in ipairs(M.records(folder .. "/manager.journal", live)) do
    if not kind or record.type == kind then
      list[#list + 1] = record
    end
  end
  return list
end

function M.gates(dir)
  local list = {}
  for line in support.read_file(dir .. "/gates.txt"):gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

-- Waits until the run has come to a place: "CELL:POINT ATTEMPT".
function M.wait_at(dir, place)
  support.wait_for(function()
    local list = M.gates(dir)
    return list[#list] == place
  end, 20, place)
end

return M
