-- Streams the records of a run directory: the manager's journal, then each worker's, each followed by the live
-- intervals that its process left open. One record is in memory at a time; what is damaged is reported and passed over.
-- Live intervals are taken before the journal is read, so that none is missed while its process goes on.
local by = require("vernier.by")
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

-- for record, offset in … do over the whole records of an open journal, with on_damage(message) for each other;
-- skips(text), where given, says which need not even be decoded.
local function records(j, path, on_damage, skips)
  return function()
    while true do
      local at = j:offset()
      local text, message, code = j:next()
      local wanted = text and not (skips and skips(text))
      local record = wanted and decode(text)
      if record then
        return record, at
      elseif wanted then
        on_damage(path .. ": a record is not what a journal holds")
      elseif code then
        on_damage(message)
      elseif not text then
        return nil
      end
    end
  end
end

-- Calls on_record(record, offset) for each. False: it is no journal at all.
local function stream(path, on_record, on_damage, skips)
  local j, message = journal.open(path)
  if not j then
    on_damage(message)
    return false
  end
  for record, at in records(j, path, on_damage, skips) do
    on_record(record, at)
  end
  j:close()
  return true
end

-- The manager's records alone: on_record(record), on_damage(message).
function M.manager(dir, on_record, on_damage)
  return stream(dir .. "/manager.journal", on_record, on_damage)
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
  table.sort(list, by("worker", "generation"))
  return list
end

-- Follows one worker journal: which loads it began, and how far the intervals of each go.
local Follower = {}
Follower.__index = Follower

local function load_key(record)
  return tostring(record.test) .. "\0" .. tostring(record.load)
end

function Follower:see(record, on_damage)
  local key = load_key(record)
  if record.type == "begin" then
    self.begins[#self.begins + 1] = record
    self.seq[key] = 0
  elseif record.type == "interval" then
    local before, seq = self.seq[key] or 0, tonumber(record.seq) or 0
    if seq > before + 1 then
      on_damage(("worker %s: the intervals %d to %d of test %s are missing"):format(record.worker, before + 1, seq - 1,
        record.test))
    end
    self.seq[key] = math.max(before, seq)
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

-- The live intervals beside a journal: {{path, name, record | message}…}.
local function live_intervals(dir, stem)
  local list = {}
  for _, file_name in ipairs(file.list(dir .. "/live") or {}) do
    local name = live_name(file_name, stem)
    if name then
      local path = dir .. "/live/" .. file_name
      local record, message = live.read(path)
      if record or message then
        list[#list + 1] = { path = path, name = name, record = record, message = message }
      end
    end
  end
  return list
end

local function add_live(open, follower, handlers, path)
  local record = open.record
  if not record then
    -- A live worker takes the file away when its load has ended.
    if file.kind(open.path) == "file" then
      handlers.damage(open.message)
    end
    return
  end
  local begin = follower:load_of(open.name)
  if not begin then
    -- A load that was made and never started has nothing to lose.
    if record.runs > 0 then
      handlers.damage(open.path .. ": no journal says which round this live interval belongs to")
    end
    return
  end
  record.type, record.worker, record.test, record.load = "interval", begin.worker, begin.test, begin.load
  if not follower:has(record) then
    handlers.record(record, path)
  end
end

-- Whether an interval is of a test that is not wanted, by its text. A class of errors may be called "test", too: one
-- wanted number is enough to look closer. (Searched without patterns, which would cost as much as decoding.)
local function skips(wants)
  return wants and function(text)
    local _, at = text:find('"test":', 1, true)
    if not at or not text:find('"type":"interval"', 1, true) then
      return false
    end
    while at do
      if wants(tonumber(text:match("^%d+", at + 1))) then
        return false
      end
      _, at = text:find('"test":', at + 1, true)
    end
    return true
  end
end

-- The records of a worker's journal from that offset on, but for intervals of other tests: an iterator, and a function
-- that ends it early. What is damaged is passed over. nil, message when the journal cannot be read.
function M.from(path, offset, test)
  local j, message = journal.open(path)
  if not j then
    return nil, message
  end
  local ok
  ok, message = j:go_to(offset)
  if not ok then
    return nil, message
  end
  return records(j, path, function() end, skips(function(id)
    return id == test
  end)), function()
    j:close()
  end
end

-- How many journals each worker of a run has had: {[index] = number of the next}.
function M.generations(dir)
  local next_of = {}
  for _, one in ipairs(worker_journals(file.list(dir) or {})) do
    next_of[one.worker] = one.generation + 1
  end
  return next_of
end

local function read_worker(dir, worker, handlers)
  local follower = setmetatable({ begins = {}, seq = {} }, Follower)
  local open, path = live_intervals(dir, worker.stem), dir .. "/" .. worker.stem .. ".journal"
  stream(path, function(record, offset)
    follower:see(record, handlers.damage)
    handlers.record(record, path, offset)
  end, handlers.damage, skips(handlers.wants))
  for _, interval in ipairs(open) do
    add_live(interval, follower, handlers, path)
  end
end

-- handlers: manager(record), manager_done() when there are no more of them; record(record, path, offset) of a worker, from
-- its journal, or without offset from a live file beside it; damage(message), worker_done(index). manager_done may
-- set handlers.wants(test id): intervals of other tests are passed over undecoded.
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
  handlers.manager_done()
  for _, worker in ipairs(workers) do
    read_worker(dir, worker, handlers)
    handlers.worker_done(worker.worker)
  end
  return true
end

return M
