-- A run: its identity, its folder and the manager's journal; a new one, or one that is gone on with.
local cells = require("vernier.results.cells")
local clock = require("vernier.core.clock")
local file = require("vernier.core.file")
local journal = require("vernier.core.journal")
local json = require("vernier.json")
local reader = require("vernier.results.reader")
local records = require("vernier.results.records")

local M = {}
local Run = {}
Run.__index = Run

local PRIVATE = 448 -- 0700: configuration and results may be confidential

local function folder_name(name, wall_us)
  local plain = name:gsub("[^%w%._-]+", "-"):gsub("^%-+", ""):sub(1, 60)
  return (plain == "" and "run" or plain) .. "-" .. os.date("%Y%m%d-%H%M%S", math.floor(wall_us / 1e6))
end

-- The folder and its journal. Only one run can make the journal, also of those that start in the same second.
local function make_folder(base, name)
  for n = 1, 1000 do
    local dir = base .. "/" .. name .. (n > 1 and "." .. n or "")
    if not file.exists(dir) then
      local ok, message = file.mkdir(dir, PRIVATE) -- first: parents that are made on the way are open to all
      if ok then
        ok, message = file.mkdir(dir .. "/live", PRIVATE)
      end
      if not ok then
        return nil, message
      end
      local path = dir .. "/manager.journal"
      local writer, why = journal.create(path)
      if writer then
        return dir, writer
      elseif not file.exists(path) then
        return nil, why
      end
    end
  end
  return nil, base .. ": a thousand runs of that name already"
end

-- Makes <runs>/<name>-<time>/ with the manager's journal in it. Returns the run, or nil, message.
function M.new(runs_path, name)
  local self = setmetatable({ name = name, started_wall_us = clock.wall_us() }, Run)
  local dir, writer = make_folder(runs_path, folder_name(name, self.started_wall_us))
  if not dir then
    return nil, writer
  end
  self.dir, self._journal = dir, writer
  self.id = dir:match("[^/]+$")
  return self
end

-- ---- going on ----

M.FORMAT = 1 -- of the records

local see = {}

function see.run(state, record)
  state.record = record
  state.cells:planned(record.matrix)
  see.inputs(state, record)
end

function see.inputs(state, record)
  for path, hash in pairs(type(record.inputs) == "table" and record.inputs or {}) do
    state.inputs[path] = hash
  end
end

function see.cell(state, record)
  state.cells:began(record)
end

see["cell-end"] = function(state, record)
  state.cells:ended(record)
end

function see.test(state, record)
  state.last_test = math.max(state.last_test, record.test)
end

local function read_state(dir)
  local state = { cells = cells.new(), last_test = 0, last_us = 0, inputs = {} }
  reader.manager(dir, function(record)
    local checked = records.checked(record)
    if checked and see[record.type] then
      see[record.type](state, checked)
    end
    for _, name in ipairs({ "at_us", "start_us", "end_us", "to_us" }) do
      local at_us = record[name]
      state.last_us = math.max(state.last_us, type(at_us) == "number" and at_us or 0)
    end
  end, function(message)
    io.stderr:write("vernier: ", message, "\n")
  end)
  return state
end

local function why_not(dir, state)
  local record = state.record
  if not record then
    return dir .. ": the run was ended before it began: there is nothing to go on with"
  elseif record.format ~= M.FORMAT then
    return ("%s: the run is of format %s, this vernier goes on with runs of format %d"):format(dir, tostring(record.format),
      M.FORMAT)
  elseif type(record.inputs) ~= "table" or type(record.files) ~= "table" or type(record.settings) ~= "table"
    or type(record.seed) ~= "number" or type(record.started_wall_us) ~= "number" then
    return dir .. ": the run does not say what it was made of"
  end
end

-- Opens the folder of a run that has ended, to go on with it: its times go on from its first start. Gives the run and
-- what was found, {record (the run's), inputs (hashes), cells (vernier.results.cells), last_test, starts = processes that
-- each worker has had}; or nil, message.
function M.open(dir)
  local path = dir .. "/manager.journal"
  if file.kind(path) ~= "file" then
    return nil, dir .. ": not the folder of a run (no manager.journal)"
  end
  local writer, message, code = journal.reopen(path)
  if not writer then
    return nil, code == journal.BUSY and dir .. ": the run goes on: another vernier is writing it" or message
  end
  local state = read_state(dir)
  message = why_not(dir, state)
  if message then
    writer:close()
    return nil, message
  end
  local started = state.record.started_wall_us
  -- The wall clock may have been set back meanwhile.
  clock.set_now(math.max(clock.wall_us() - started, state.last_us) * 1e3)
  state.starts = reader.generations(dir)
  return setmetatable({ name = state.record.name, started_wall_us = started, dir = dir,
    id = dir:match("[^/]+$"), _journal = writer }, Run), state
end

-- Appends a record to the manager's journal. A failure (full disk) is remembered in .damage and reported once.
function Run:record(record)
  local ok, message = self._journal:append(json.line(record))
  if not ok and not self.damage then
    self.damage = message
    io.stderr:write(("vernier: cannot write %s/manager.journal: %s\n"):format(self.dir, message))
  end
  return ok
end

function Run:event(what, message, worker)
  return self:record({ type = "event", at_us = clock.now() / 1e3, what = what, message = message, worker = worker })
end

function Run:close()
  self._journal:close()
end

return M
