-- The files that a run is made of, with their fingerprints, by which they are known again when the run is resumed:
-- configuration files, included ones, and the user's scripts with the modules that those require. Whoever reads such a
-- file notes it; there is one list per process, as there is one package.loaded.
local file = require("vernier.core.file")
local sorted = require("vernier.sorted")

local M = {}

local noted, known = {}, {}

-- Modules of the program and of LuaJIT: what is there before any plug-in is.
local own = {}
for _, name in ipairs(package.loaded["vernier.embedded"]()) do
  own[name] = true
end
for name in pairs(package.loaded) do
  own[name] = true
end

-- A file has been read. Its place counts as it is now: the working folder may change later. Cheap for one that is read
-- again and again, as a stage of the user's is.
function M.note(path)
  if known[path] then
    return
  end
  local real = file.realpath(path)
  if real then
    noted[real] = true
    known[path] = path:sub(1, 1) == "/" or nil
  end
end

-- Modules in Lua that are not part of the program.
local function note_modules()
  for name in pairs(package.loaded) do
    local path = not own[name] and package.searchpath(name, package.path)
    if path then
      M.note(path)
    end
  end
end

-- {path = SHA-256} of all files so far; or nil, message where one cannot be read any more.
function M.hashes()
  note_modules()
  local hashes = {}
  for path in pairs(noted) do
    local hash, message = file.sha256(path)
    if not hash then
      return nil, message
    end
    hashes[path] = hash
  end
  return hashes
end

-- What has become of the files of recorded hashes: a list of "PATH: what is different", sorted; empty if nothing has.
function M.changes(recorded)
  local list = {}
  for _, path in ipairs(sorted(recorded)) do
    local hash, message = file.sha256(path)
    if not hash then
      list[#list + 1] = message
    elseif hash ~= recorded[path] then
      list[#list + 1] = path .. ": has changed"
    end
  end
  return list
end

-- Those of the current hashes that were not recorded: a list as of M.changes.
function M.additions(recorded, current)
  local list = {}
  for _, path in ipairs(sorted(current)) do
    if recorded[path] == nil then
      list[#list + 1] = path .. ": was not part of the run"
    end
  end
  return list
end

return M
