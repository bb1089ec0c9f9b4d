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

local function make_folder(base, name)
  for n = 1, 1000 do
    local dir = base .. "/" .. name .. (n > 1 and "." .. n or "")
    local kind = file.kind(dir)
    if not kind then
      local ok, message = file.mkdir(dir, PRIVATE)
      if ok then
        ok, message = file.mkdir(dir .. "/live", PRIVATE)
      end
      return ok and dir, message
    end
  end
  return nil, base .. ": a thousand runs of that name already"
end

-- Makes <runs>/<name>-<time>/ with the manager's journal in it. Returns the run, or nil, message.
function M.new(runs_path, name)
  local self = setmetatable({ name = name, started_wall_us = clock.wall_us(), base = clock.base() }, Run)
  local dir, message = make_folder(runs_path, folder_name(name, self.started_wall_us))
  if not dir then
    return nil, message
  end
  self.dir = dir
  self.id = dir:match("[^/]+$")
  self._journal, message = journal.create(dir .. "/manager.journal")
  if not self._journal then
    return nil, message
  end
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
