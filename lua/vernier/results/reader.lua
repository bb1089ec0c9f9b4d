-- Streams the records of a run directory: the manager's journal, then each worker's, each followed by the live
-- intervals that its process left open. One record is in memory at a time; what is damaged is reported and passed over.
local cjson = require("cjson")
local file = require("vernier.core.file")
local journal = require("vernier.core.journal")
local live = require("vernier.core.live")

local M = {}

local function without_null(t)
  for key, value in pairs(t) do
    if value == cjson.null then
      t[key] = nil
    elseif type(value) == "table" then
      without_null(value)
    end
  end
  return t
end

local function decode(text)
  local ok, record = pcall(cjson.decode, text)
  if ok and type(record) == "table" and type(record.type) == "string" then
    return without_null(record)
  end
end

-- Calls on_record(record) for each whole record and on_damage(message) for each other. False: it is no journal at all.
local function stream(path, on_record, on_damage)
  local j, message = journal.open(path)
  if not j then
    on_damage(message)
    return false
  end
  while true do
    local text, code
    text, message, code = j:next()
    if text then
      local record = decode(text)
      if record then
        on_record(record)
      else
        on_damage(path .. ": a record is not what a journal holds")
      end
    elseif code then
      on_damage(message)
    else
      break
    end
  end
  j:close()
  return true
end

-- Worker journals as {stem, worker, generation}, in order.
local function worker_journals(names)
  local list = {}
  for _, name in ipairs(names) do
    local stem, worker, generation = name:match("^(worker%-(%d+)%.?(%d*))%.journal$")
    if stem then
      list[#list + 1] = { stem = stem, worker = tonumber(worker), generation = tonumber(generation) or 0 }
    end
  end
  table.sort(list, function(a, b)
    if a.worker ~= b.worker then
      return a.worker < b.worker
    end
    return a.generation < b.generation
  end)
  return list
end

-- Follows one worker journal: which loads it began, and how far the intervals of each go.
local Follower = {}
Follower.__index = Follower

local function load_key(record)
  return tostring(record.test) .. "\0" .. tostring(record.load)
end

function Follower:see(record)
  if record.type == "begin" then
    self.begins[#self.begins + 1] = record
    self.seq[load_key(record)] = 0
  elseif record.type == "interval" then
    local key = load_key(record)
    self.seq[key] = math.max(self.seq[key] or 0, tonumber(record.seq) or 0)
  end
end

-- The load that a live file belongs to, by the name after its journal's: as the begin record says, else the load's own
-- name (the last that began), else its number among the journal's loads.
function Follower:load_of(name)
  for _, member in ipairs({ "live", "load" }) do
    for i = #self.begins, 1, -1 do
      if tostring(self.begins[i][member]) == name then
        return self.begins[i]
      end
    end
  end
  local number = tonumber(name)
  return number and self.begins[math.min(number, #self.begins)]
end

function Follower:has(record)
  return record.seq <= (self.seq[load_key(record)] or 0)
end

-- The part of a live file's name that follows its journal's stem: "worker-0-x.live" of "worker-0" is "x".
local function live_name(name, stem)
  if name:sub(1, #stem + 1) == stem .. "-" then
    return name:sub(#stem + 2):match("^(.*)%.live$")
  end
end

local function read_live(path, name, follower, handlers)
  local record, message = live.read(path)
  if not record then
    if message then
      handlers.damage(message)
    end
    return
  end
  local begin = follower:load_of(name)
  if not begin then
    -- A load that was made and never started has nothing to lose.
    if record.runs > 0 then
      handlers.damage(path .. ": no journal says which round this live interval belongs to")
    end
    return
  end
  record.type, record.worker, record.test, record.load = "interval", begin.worker, begin.test, begin.load
  if not follower:has(record) then
    handlers.record(record)
  end
end

local function read_worker(dir, worker, live_names, handlers)
  local follower = setmetatable({ begins = {}, seq = {} }, Follower)
  stream(dir .. "/" .. worker.stem .. ".journal", function(record)
    follower:see(record)
    handlers.record(record)
  end, handlers.damage)
  for _, file_name in ipairs(live_names) do
    local name = live_name(file_name, worker.stem)
    if name then
      read_live(dir .. "/live/" .. file_name, name, follower, handlers)
    end
  end
end

-- handlers: manager(record), record(record) of a worker, damage(message), worker_done(index).
-- Returns true; or nil, message when the folder holds no run.
function M.read(dir, handlers)
  local names, message = file.list(dir)
  if not names then
    return nil, message
  end
  local workers = worker_journals(names)
  local has_manager = file.kind(dir .. "/manager.journal") == "file"
  if not has_manager and #workers == 0 then
    return nil, dir .. ": not the directory of a run (no manager.journal)"
  end
  if has_manager then
    stream(dir .. "/manager.journal", handlers.manager, handlers.damage)
  else
    handlers.damage(dir .. "/manager.journal: missing")
  end
  local live_names = file.list(dir .. "/live") or {}
  for _, worker in ipairs(workers) do
    read_worker(dir, worker, live_names, handlers)
    handlers.worker_done(worker.worker)
  end
  return true
end

return M
