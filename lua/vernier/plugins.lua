-- Finds, loads and instantiates plug-ins: one Lua file with options and up to three hooks.
--
-- A name is looked up among the built-in ones of its kind, then as a path relative to the workspace ("./x.lua",
-- "dir/x.lua", "x.lua", "/abs/x.lua"), then by require. An instance is a fresh table whose __index is the module.
local options = require("vernier.options")
local near = require("vernier.near")

local M = {}

local FOLDERS = {
  workload = "workloads",
  ["rate controller"] = "ratecontrollers",
  connector = "connectors",
  stage = "vernier.stages",
  observer = "vernier.observers",
  monitor = "vernier.monitors",
  reporter = "vernier.reporters",
}

local embedded

-- Names of the built-in plug-ins of a kind, sorted.
function M.names(kind)
  embedded = embedded or package.loaded["vernier.embedded"]()
  local prefix, names = FOLDERS[kind] .. ".", {}
  for _, module in ipairs(embedded) do
    if module:sub(1, #prefix) == prefix then
      names[#names + 1] = module:sub(#prefix + 1)
    end
  end
  table.sort(names)
  return names
end

function M.is_built_in(kind, name)
  for _, known in ipairs(M.names(kind)) do
    if known == name then
      return true
    end
  end
  return false
end

function M.looks_like_path(name)
  return name:find("/", 1, true) ~= nil or name:match("%.lua$") ~= nil or name:match("%.js$") ~= nil
end

-- Where a path-like name lies; a .js name stands for the .lua file beside it.
function M.path_of(name, workspace)
  local path = name:gsub("%.js$", ".lua")
  if path:sub(1, 1) ~= "/" then
    path = workspace .. "/" .. path
  end
  return (path:gsub("/%./", "/"))
end

-- Lets a user's script require the files beside it and in its workspace.
local function extend_path(folder)
  local entry = folder .. "/?.lua;" .. folder .. "/?/init.lua;"
  if not package.path:find(entry, 1, true) then
    package.path = entry .. package.path
  end
end

local function load_path(kind, name, workspace)
  local path = M.path_of(name, workspace)
  extend_path(workspace)
  extend_path(path:match("^(.*)/[^/]*$"))
  local chunk, message = loadfile(path)
  if not chunk then
    return nil, ("cannot load %s %s: %s"):format(kind, name, message)
  end
  local ok, result = xpcall(chunk, debug.traceback)
  if not ok then
    return nil, ("%s %s failed to load: %s"):format(kind, name, result)
  end
  return result
end

local function load_module(kind, name)
  local ok, result = pcall(require, name)
  if ok then
    return result
  end
  local hint = near.hint(name, M.names(kind))
  local missing = tostring(result):find("module '" .. name .. "' not found", 1, true)
  if missing then
    return nil, ('no %s named "%s"%s'):format(kind, name, hint and " (" .. hint .. ")" or "")
  end
  return nil, ("%s %s failed to load: %s"):format(kind, name, result)
end

-- The plug-in's module table, or nil, message.
function M.load(kind, name, workspace)
  local module, message
  if M.is_built_in(kind, name) then
    module = require(FOLDERS[kind] .. "." .. name)
  elseif M.looks_like_path(name) then
    module, message = load_path(kind, name, workspace)
  else
    module, message = load_module(kind, name)
  end
  if message then
    return nil, message
  end
  if type(module) ~= "table" then
    return nil, ("%s %s must return a table, it returned %s"):format(kind, name, type(module))
  end
  return module
end

-- An instance with checked options in .options; or nil, message, and the problems with options (vernier.options).
function M.new(kind, name, values, workspace)
  local module, message = M.load(kind, name, workspace)
  if not module then
    return nil, message
  end
  local instance = setmetatable({}, { __index = module })
  if module.options then
    local checked, problems = options.check(module.options, values)
    if not checked then
      local texts = {}
      for i, problem in ipairs(problems) do
        texts[i] = options.describe(problem)
      end
      return nil, ("%s %s: %s"):format(kind, name, table.concat(texts, "; ")), problems
    end
    instance.options = checked
  else
    instance.options = values or {}
  end
  instance.name = name
  return instance
end

-- The hook of that name, or nil; `end` is also accepted as `finish`.
function M.hook(instance, name)
  if name == "end" then
    return instance["end"] or instance.finish
  end
  return instance[name]
end

return M
