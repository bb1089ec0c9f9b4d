-- A run: its identity, its folder and the manager's journal.
local clock = require("vernier.core.clock")
local file = require("vernier.core.file")
local journal = require("vernier.core.journal")
local json = require("vernier.json")

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
  local self = setmetatable({ name = name, started_wall_us = clock.wall_us(), base = clock.base() }, Run)
  local dir, writer = make_folder(runs_path, folder_name(name, self.started_wall_us))
  if not dir then
    return nil, writer
  end
  self.dir, self._journal = dir, writer
  self.id = dir:match("[^/]+$")
  return self
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
