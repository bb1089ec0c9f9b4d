-- The settings of a run: one name each, from the command line, the environment, the project's, the user's and the
-- machine's file, or their default, in this order.
local keys = require("vernier.settings.keys")
local names = require("vernier.settings.names")
local redact = require("vernier.config.redact")
local sorted = require("vernier.sorted")
local sources = require("vernier.settings.sources")

local M = {}

local Settings = {}
Settings.__index = Settings

local PHASES = { "start", "init", "install", "test", "end" }

local function exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

local function lookup(layers, name)
  for _, layer in ipairs(layers) do
    if layer[name] then
      return layer[name].value
    end
  end
end

-- A path as it is seen from the workspace.
local function in_workspace(layers, path)
  local workspace = lookup(layers, "caliper-workspace") or "."
  return (path:find("^/") or workspace == ".") and path or workspace:gsub("/+$", "") .. "/" .. path
end

local function add_file(layers, problems, path)
  if exists(path) then
    layers[#layers + 1] = sources.file(path, problems)
  else
    problems[#problems + 1] = { message = ('settings file "%s" does not exist'):format(path) }
  end
end

-- A file counts only if a source above it names it.
local function add_files(layers, problems)
  local project = lookup(layers, "caliper-projectconfig")
  if project then
    add_file(layers, problems, in_workspace(layers, project))
  else
    for _, name in ipairs({ in_workspace(layers, "vernier.yaml"), in_workspace(layers, "caliper.yaml") }) do
      if exists(name) then
        layers[#layers + 1] = sources.file(name, problems)
      end
    end
  end
  for _, key in ipairs({ "caliper-userconfig", "caliper-machineconfig" }) do
    local path = lookup(layers, key)
    if path then
      add_file(layers, problems, in_workspace(layers, path))
    end
  end
end

-- Entries of table settings are merged over all layers; everything else comes from the first layer that has it.
local function merge(layers)
  local merged = {}
  for i = #layers, 1, -1 do
    for name, held in pairs(layers[i]) do
      local below = merged[name]
      if below and type(below.value) == "table" and type(held.value) == "table" and #held.value == 0 then
        local value = {}
        for key, entry in pairs(below.value) do
          value[key] = entry
        end
        for key, entry in pairs(held.value) do
          value[key] = entry
        end
        merged[name] = { value = value, source = held.source }
      else
        merged[name] = held
      end
    end
  end
  return merged
end

local function warnings_of(merged)
  local warnings = {}
  for name, held in pairs(merged) do
    local spec = names.find(names.stem(name))
    if spec.built == false then
      warnings[#warnings + 1] = ("%s: %s has no effect yet"):format(held.source, name)
    end
  end
  table.sort(warnings)
  return warnings
end

-- options: argv (list of words), env (name -> value; the process's own without one), workspace (instead of any setting).
-- The settings and the words of argv that are no settings; or nil and a list of {message, hint, file, line, column}.
function M.resolve(options)
  local problems = {}
  local layers = { options.workspace and { ["caliper-workspace"] = { value = options.workspace, source = "program" } } }
  local rest
  layers[#layers + 1], rest = sources.command_line(options.argv or {}, problems)
  layers[#layers + 1] = sources.environment(options.env or sources.process_environment(), problems)
  add_files(layers, problems)
  if #problems > 0 then
    return nil, problems
  end
  local merged = merge(layers)
  return setmetatable({ _set = merged, warnings = warnings_of(merged) }, Settings), rest
end

local function has_mark(value)
  if type(value) == "table" then
    for _, entry in pairs(value) do
      if has_mark(entry) then
        return true
      end
    end
  end
  return type(value) == "string" and value:find(redact.MARK, 1, true) ~= nil
end

-- The settings of a run that is gone on with: those that it had (of Settings:public), and over them the words of argv. The
-- settings and the other words; or nil and problems as of M.resolve: also a secret was not recorded, and is given again.
function M.again(recorded, argv)
  local problems, below = {}, {}
  local above, rest = sources.command_line(argv, problems)
  for name, value in pairs(recorded) do
    if names.find(names.stem(name) or "") then
      below[name] = { value = value, source = "the run" }
    else
      problems[#problems + 1] = { message = ("the run has a setting %s, which this vernier does not know"):format(name) }
    end
  end
  local merged = merge({ above, below })
  for _, name in ipairs(sorted(merged)) do
    if has_mark(merged[name].value) then
      problems[#problems + 1] = { message = ("%s was a secret, so the run does not hold it: give it again (--%s VALUE)")
        :format(name, name) }
    end
  end
  if #problems > 0 then
    return nil, problems
  end
  return setmetatable({ _set = merged, warnings = {} }, Settings), rest
end

-- The words of a command line as they may be written down: without the values of secret settings.
function M.shown(argv)
  local words, hides = {}, false
  for i, word in ipairs(argv) do
    local name, value = word:match("^%-%-([^=]+)=(.*)$")
    name = name or word:match("^%-%-(.+)$")
    local spec, _, entry = names.find(names.stem(names.normalise(name or "")) or "")
    local secret = spec ~= nil and (spec.secret or redact.is_secret(entry))
    if hides then
      words[i] = redact.MARK
    elseif secret and value then
      words[i] = ("--%s=%s"):format(name, redact.MARK)
    else
      words[i] = redact.text(word)
    end
    hides = secret and not value and not hides
  end
  return words
end

-- Checks a settings file that was read already; a list of {message, hint, file, line, column, severity}.
function M.check(doc)
  local problems = {}
  local layer = sources.document(doc, problems)
  for name, held in pairs(layer) do
    local line, column = held.source:match(":(%d+):(%d+)$")
    if names.find(names.stem(name)).built == false then
      problems[#problems + 1] = { severity = "warning", file = doc.file, line = tonumber(line),
        column = tonumber(column), message = ("%s has no effect yet"):format(name) }
    end
  end
  return problems
end

local function find(name)
  local spec, full = names.find(names.stem(name) or name)
  if not spec then
    error(('there is no setting "%s"'):format(name), 3)
  end
  return spec, full
end

-- The value, in the unit of its declaration. The prefix caliper- or vernier- may be left out.
function Settings:get(name)
  local spec, full = find(name)
  if self._set[full] then
    return self._set[full].value
  end
  return spec.default
end

-- "command line", "environment", "caliper.yaml:3:5", "program" or "default".
function Settings:source(name)
  local _, full = find(name)
  return self._set[full] and self._set[full].source or "default"
end

-- A path from a setting as seen from here: relative ones start at the workspace.
function Settings:path(name)
  local path = self:get(name)
  return path and in_workspace({ self._set }, path)
end

local function all(self)
  local list = {}
  for _, spec in ipairs(keys.list) do
    if not spec.name:find("<", 1, true) then
      list[#list + 1] = { name = spec.name, spec = spec }
    end
  end
  local extra = {}
  for name in pairs(self._set) do
    local spec = names.find(names.stem(name))
    if spec.name ~= name then
      extra[#extra + 1] = { name = name, spec = spec }
    end
  end
  table.sort(extra, function(a, b) return a.name < b.name end)
  for _, item in ipairs(extra) do
    list[#list + 1] = item
  end
  return list
end

-- for name, value, source, spec in settings:each()
function Settings:each()
  local list, i = all(self), 0
  return function()
    i = i + 1
    local item = list[i]
    if item then
      return item.name, self:get(item.name), self:source(item.name), item.spec
    end
  end
end

-- What was set, by name, without secrets: for the record of a run.
function Settings:public()
  local public = {}
  for name, held in pairs(self._set) do
    local spec = names.find(names.stem(name))
    public[name] = spec.secret and redact.MARK or redact.copy(held.value)
  end
  return public
end

local function flagged(self, kind)
  local list = {}
  for _, phase in ipairs(PHASES) do
    if self:get(("caliper-flow-%s-%s"):format(kind, phase)) then
      list[#list + 1] = phase
    end
  end
  return list
end

-- The phases that run, as a set {start = true, …}; or nil and why the settings contradict each other.
function Settings:phases()
  local skip, only = flagged(self, "skip"), flagged(self, "only")
  if #skip > 0 and #only > 0 then
    return nil, "Incompatible benchmark flow parameters specified, caliper-flow-skip-x and caliper-flow-only-x flags "
      .. "may not be mixed"
  elseif #only > 1 then
    return nil, "Incompatible benchmark flow parameters specified, only one of [caliper-flow-only-"
      .. table.concat(PHASES, ", caliper-flow-only-") .. "] may be specified at a time"
  end
  local phases = {}
  for _, phase in ipairs(#only > 0 and only or PHASES) do
    phases[phase] = true
  end
  for _, phase in ipairs(skip) do
    phases[phase] = nil
  end
  return phases
end

-- Every declaration (name, type, default, unit, doc, built) in the order of the reference.
function M.list()
  return keys.list
end

return M
