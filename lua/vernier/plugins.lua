-- Finds, loads and instantiates plug-ins: one Lua file with options and up to three hooks.
--
-- A name is looked up among the built-in ones of its kind, then as a path relative to the workspace ("./x.lua",
-- "dir/x.lua", "x.lua", "/abs/x.lua"), then by require. An instance is a fresh table whose __index is the module.
local inputs = require("vernier.inputs")
local options = require("vernier.options")
local near = require("vernier.near")
local sorted = require("vernier.sorted")

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
  inputs.note(path)
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

local HOOKS = { "init", "run", "end", "finish", "data", "acks", "deadline", "drain", "tolerates" }

-- What of a module is not what it has to be, or nil.
local function misshapen(module)
  for _, hook in ipairs(HOOKS) do
    if module[hook] ~= nil and type(module[hook]) ~= "function" then
      return ("%s must be a function, not a %s"):format(hook, type(module[hook]))
    end
  end
  for _, part in ipairs({ "options", "traits", "services" }) do
    if module[part] ~= nil and type(module[part]) ~= "table" then
      return ("%s must be a table, not a %s"):format(part, type(module[part]))
    end
  end
  for name, spec in pairs(module.options or {}) do
    if type(spec) ~= "table" then
      return ('the option "%s" must be declared by a table, not a %s'):format(tostring(name), type(spec))
    end
  end
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
  local wrong = misshapen(module)
  if wrong then
    return nil, ("%s %s: %s"):format(kind, name, wrong)
  end
  return module
end

-- The checked values; or nil and problems. With a scope, the values may hold expressions (vernier.properties).
local function checked(declaration, values, scope)
  if scope then
    return require("vernier.properties").evaluate(declaration, values or {}, scope)
  elseif declaration then
    return options.check(declaration, values)
  end
  return values or {}
end

local function instance_of(kind, name, module, declaration, values, scope)
  local accepted, problems = checked(declaration, values, scope)
  if not accepted then
    return nil, ("%s %s: %s"):format(kind, name, options.describe_all(problems)), problems
  end
  local checks = (kind == "stage" or kind == "connector") and module.check
  local contradiction, path, hint = nil, nil, nil
  if checks then
    contradiction, path, hint = checks(accepted)
  end
  if contradiction then
    return nil, ("%s %s: %s%s%s"):format(kind, name, path and table.concat(path, ".") .. ": " or "", contradiction,
      hint and (" (%s)"):format(hint) or "")
  end
  return setmetatable({ options = accepted, name = name, declaration = declaration }, { __index = module })
end

-- An instance with checked options in .options, and in .declaration what they were checked by; or nil, message, and the
-- problems with options (vernier.options). Where a scope is given, the values may hold expressions, and a stage takes what
-- all stages take. What its check(options) finds contradictory is refused.
function M.new(kind, name, values, workspace, scope)
  local module, message = M.load(kind, name, workspace)
  if not module then
    return nil, message
  end
  local declaration = module.options
  if kind == "stage" and scope then
    declaration = require("vernier.stage").declaration(module)
  end
  return instance_of(kind, name, module, declaration, values, scope)
end

-- The service of that name of a connector's module; or nil and the names of those that it has. The module itself is its
-- service "default", unless it has others and nothing of its own.
function M.service_of(module, name)
  local services, known = module.services or {}, {}
  if not services.default and (not module.services or module.run or module.traits) then
    if name == "default" then
      return module
    end
    known[1] = "default"
  end
  for _, other in ipairs(sorted(services)) do
    known[#known + 1] = other
  end
  return services[name], known
end

-- The module of a connector's service ("default" if no name is given); or nil, message.
function M.load_service(connector, service, workspace)
  local module, message = M.load("connector", connector, workspace)
  if not module then
    return nil, message
  end
  service = service or "default"
  local found, known = M.service_of(module, service)
  if not found then
    return nil, ('connector %s has no service "%s" (%s)'):format(connector, service,
      near.hint_or_known(service, known) or "it has none")
  end
  return found
end

-- An instance of a connector's service, as M.new gives one.
function M.service(connector, service, values, workspace, scope)
  local module, message = M.load_service(connector, service, workspace)
  if not module then
    return nil, message
  end
  return instance_of("connector", connector, module, module.options, values, scope)
end

-- The hook of that name, or nil; `end` is also accepted as `finish`.
function M.hook(instance, name)
  if name == "end" then
    return instance["end"] or instance.finish
  end
  return instance[name]
end

return M
