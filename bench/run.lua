-- Runs the benchmarks, prints a table of each and writes build/bench.json. usage: vernier lua bench/run.lua [NAME]…
-- REPEAT=5 turns and SECONDS_EACH=5 long runs, from the environment; OUT= names the JSON file.
package.path = assert(arg[0]:match("^(.*)/[^/]*$"), "usage: vernier lua bench/run.lua [NAME]…") .. "/?.lua;" .. package.path

local figures = require("support.figures")
local file = require("vernier.core.file")
local machine = require("vernier.machine")
local peers = require("support.peers")
local process = require("vernier.core.process")
local quiet = require("support.quiet")
local work = require("support.work")

local ALL = { "startup", "cells", "noop", "http", "lateness", "controllers", "memory", "histogram", "traces", "ethereum-signing",
  "ethereum" }

local settings = { repeats = tonumber(os.getenv("REPEAT") or 5), seconds = tonumber(os.getenv("SECONDS_EACH") or 5) }

local function one(name)
  print(("\n%s: medians of %d turns"):format(name, settings.repeats))
  io.stdout:flush()
  local turns, quiet_ones = quiet.turns, quiet.quiet
  local ok, message = pcall(require(name), settings)
  if message == work.INTERRUPTED then
    error(message, 0)
  elseif not ok then
    io.stderr:write(("bench: %s: %s\n"):format(name, message))
  end
  io.stdout:write(figures.text(name))
  if quiet.turns > turns then
    print(("turns on quiet cores: %d of %d"):format(quiet.quiet - quiet_ones, quiet.turns - turns))
  end
  io.stdout:flush()
  return ok
end

local function write()
  local path = os.getenv("OUT") or work.bench .. "/../build/bench.json"
  local text = figures.json({ machine = machine.describe(), version = process.version(), peers = peers.versions(),
    when = os.date("!%Y-%m-%dT%H:%M:%SZ"), settings = settings,
    turns = quiet.turns, quiet_turns = quiet.quiet })
  assert(file.write(path, text))
  return path
end

-- The names that the command line asks for; or nil and one that there is not.
local function chosen()
  for i = 1, #arg do
    if not (" " .. table.concat(ALL, " ") .. " "):find(" " .. arg[i] .. " ", 1, true) then
      return nil, arg[i]
    end
  end
  return #arg > 0 and { unpack(arg) } or ALL
end

local function main()
  local names, unknown = chosen()
  if not names then
    io.stderr:write(("bench: no benchmark %s; there are %s\n"):format(unknown, table.concat(ALL, ", ")))
    return 2
  end
  local m, failed = machine.describe(), 0
  print(("%s, %d cores, Linux %s, vernier %s"):format(m.cpu, m.cores, m.kernel, process.version()))
  for _, name in ipairs(names) do
    failed = failed + (one(name) and 0 or 1)
  end
  local met, missed = figures.count()
  print(("\n%d targets met, %d missed; %s"):format(met, missed, write()))
  return failed == 0 and 0 or 1
end

local ok, status = xpcall(main, function(message)
  return message == work.INTERRUPTED and message or debug.traceback(message)
end)
work.finish()
if status == work.INTERRUPTED then
  return 130
end
return ok and status or error(status, 0)
