-- Checks the plug-ins that a configuration file refers to: is there such a one, and does it take these options?
--
-- A context is {findings, mode, workspace}. What cannot be run is an error in mode "run" and a warning in mode "check",
-- where a file may well be looked at on a machine that lacks its workloads. Kinds are those of vernier.plugins.
local known = require("vernier.known")
local near = require("vernier.near")
local options = require("vernier.options")
local plugins = require("vernier.plugins")
local section = require("vernier.config.section")

local M = {}

local function exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

local function report(context, place, message, hint)
  local how = context.mode == "run" and "error" or "warning"
  context.findings[how](context.findings, place, message, hint)
end

-- A user's file is compiled, not run: its syntax errors are told before anything starts.
local function check_syntax(context, path)
  local chunk, message = loadfile(path)
  if not chunk then
    local line, reason = message:match(":(%d+): (.*)$")
    context.findings:add("error", { tonumber(line), 1 }, reason or message, nil, (path:gsub("^%./", "")))
  end
end

local function report_missing(context, kind, name, path, place)
  if name:find("%.js$") then
    return report(context, place, ('%s "%s" is JavaScript'):format(kind, name),
      ("vernier runs Lua: write %s beside it"):format((name:gsub("%.js$", ".lua"))))
  end
  report(context, place, ('%s "%s" does not exist'):format(kind, name),
    not name:find("%.lua$") and exists(path .. ".lua") and ("did you mean %s.lua?"):format(name)
      or ("paths start from the workspace %s"):format(context.workspace or "."))
end

local function check_path(context, kind, name, place)
  local path = plugins.path_of(name, context.workspace or ".")
  if not exists(path) then
    report_missing(context, kind, name, path, place)
    return name
  end
  check_syntax(context, path)
  return (name:gsub("%.js$", ".lua"))
end

local function nearest(kind, name, more)
  local names = known.names(kind)
  for _, other in ipairs(more or {}) do
    names[#names + 1] = other
  end
  return near.hint(name, names)
end

-- The name to load the plug-in by: the given one, or the .lua file beside a .js file. Problems are reported at the place.
-- more: names that are no plug-ins but could have been meant. prefix: begins what is said of an unknown name.
function M.check(context, kind, name, place, more, prefix)
  if plugins.looks_like_path(name) then
    return check_path(context, kind, name, place)
  end
  local status, hint = known.status(kind, name)
  if status == "planned" then
    report(context, place, ('%s "%s" is not built yet'):format(kind, name))
  elseif not status and not package.searchpath(name, package.path) then
    context.findings:error(place, ('%sunknown %s "%s"'):format(prefix or "", kind, name), nearest(kind, name, more) or hint)
  end
  return name
end

-- Checks option values against the declaration of a built-in plug-in; user plug-ins are checked when they are loaded.
function M.check_options(context, kind, name, values, prefix)
  local loaded, module = plugins.is_built_in(kind, name), nil
  if loaded then
    loaded, module = pcall(plugins.load, kind, name)
  end
  if not loaded or type(module) ~= "table" or type(module.options) ~= "table" then
    return
  end
  local accepted, problems = options.check(module.options, values)
  if accepted and module.check then
    local contradiction, path, hint = module.check(accepted)
    problems = contradiction and { { path = path or {}, message = contradiction, hint = hint } }
  end
  section.report(context.findings, values, problems or {}, prefix)
end

return M
