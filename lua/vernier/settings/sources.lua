-- Where settings come from: each source is read into a layer, full name -> {value, source, place}.
--
-- What a text stands for (command line, environment) follows from the setting's type, so a path that looks like a number
-- stays a path. An empty value is "not set". problems collects {message, hint, file, line, column}.
local cjson = require("cjson")
local document = require("vernier.config.document")
local names = require("vernier.settings.names")
local options = require("vernier.options")
local yaml = require("vernier.core.yaml")

local M = {}

local function add(problems, place, message, hint)
  problems[#problems + 1] = { message = message, hint = hint, file = place.file, line = place.line,
    column = place.column }
end

local STRUCTURED = { table = true, list = true, any = true }
local NUMERIC = { number = true, integer = true, duration = true, size = true }

local function decode(text)
  local ok, value = false, nil
  if text:find("^%s*[%[{\"]") then
    ok, value = pcall(cjson.decode, text)
  end
  return ok and value or text
end

local function value_of(spec, text)
  local kind = spec.type
  if (kind == "boolean" or kind == "any") and (text == "true" or text == "false") then
    return text == "true"
  elseif NUMERIC[kind] or kind == "any" and not text:find("^0%d") then
    return tonumber(text) or STRUCTURED[kind] and decode(text) or text
  end
  return STRUCTURED[kind] and decode(text) or text
end

-- Checks the value and puts it into the layer; place is {source, file, line, column, shown = the name as written}.
local function set(layer, problems, spec, name, entry, value, place)
  if value == nil or value == "" or value == yaml.null then
    return
  end
  if entry then
    local held = layer[name] or { value = {}, source = place.source }
    held.value[entry], layer[name] = value, held
    return
  end
  local found = {}
  local checked = options.value(spec, value, found, { name })
  for _, problem in ipairs(found) do
    add(problems, place, ('%s"%s" %s'):format(place.prefix or "", place.shown, problem.message), problem.hint)
  end
  if #found == 0 then
    layer[name] = { value = checked, source = place.source }
  end
end

local CommandLine = {}
CommandLine.__index = CommandLine

function CommandLine:unknown(shown, name)
  local message, hint = names.unknown(name)
  add(self.problems, {}, ("command line: %s"):format(message:gsub('".*"', '"' .. shown .. '"')), hint)
end

-- The value of an option that was written without "=": the next word, unless it is a flag.
function CommandLine:following(spec)
  local word = self.argv[self.at + 1]
  if spec.type == "boolean" then
    if word == "true" or word == "false" then
      self.at = self.at + 1
      return word
    end
    return "true"
  elseif word ~= nil and (not word:find("^%-%-") or word:find("^%-%d")) then
    self.at = self.at + 1
    return word
  end
end

local ENTRY = { type = "any" } -- of a table setting

function CommandLine:option(shown, stem, value)
  local spec, name, entry = names.find(stem)
  if not spec then
    return self:unknown(shown, shown:gsub("^%-+", ""))
  elseif spec.once and self.layer[name] then
    return add(self.problems, {}, ("Option [%s] can only be specified once"):format(name))
  end
  value = value or self:following(entry and ENTRY or spec)
  if value == nil then
    return add(self.problems, {}, ('command line: "%s" needs a value'):format(shown))
  end
  set(self.layer, self.problems, spec, name, entry, value_of(entry and ENTRY or spec, value),
    { source = "command line", prefix = "command line: ", shown = shown })
end

function CommandLine:negated(shown, stem)
  local spec, name = names.find(stem)
  if not spec then
    return self:unknown(shown, "caliper-" .. stem)
  elseif spec.type ~= "boolean" then
    return add(self.problems, {}, ('command line: "%s" is for settings that are true or false'):format(shown))
  end
  self.layer[name] = { value = false, source = "command line" }
end

-- True if the word is a setting's.
function CommandLine:word(word)
  local dashes, name, value = word:match("^(%-%-?)([^=]+)=(.*)$")
  if not dashes then
    dashes, name = word:match("^(%-%-?)(.+)$")
  end
  if not dashes or name == "-" then
    return false
  end
  local normal = names.normalise(name)
  local stem = dashes == "--" and names.stem(normal) or names.short(name)
  local negated = dashes == "--" and names.stem(normal:match("^no%-(.+)$") or "")
  if negated then
    self:negated(dashes .. name, negated)
  elseif stem then
    self:option(dashes .. name, stem, value)
  end
  return (negated or stem) ~= nil
end

-- The layer, and the words that are no settings in their order. Everything after "--" is left alone.
function M.command_line(argv, problems)
  local self = setmetatable({ argv = argv, at = 1, layer = {}, problems = problems }, CommandLine)
  local rest, open = {}, true
  while self.at <= #argv do
    local word = argv[self.at]
    open = open and word ~= "--"
    if not open or not self:word(word) then
      rest[#rest + 1] = word
    end
    self.at = self.at + 1
  end
  return self.layer, rest
end

-- The variables that this process was started with.
function M.process_environment()
  local env = {}
  local file = io.open("/proc/self/environ", "rb")
  for name, value in (file and file:read("*a") or ""):gmatch("([^%z=]+)=([^%z]*)") do
    env[name] = value
  end
  if file then
    file:close()
  end
  return env
end

function M.environment(env, problems)
  local layer, sorted = {}, {}
  for variable in pairs(env) do
    sorted[#sorted + 1] = variable
  end
  table.sort(sorted)
  for _, variable in ipairs(sorted) do
    local name = names.normalise(variable)
    local stem = names.stem(name)
    local spec, full, entry = names.find(stem or "")
    local place = { source = "environment", prefix = "environment: ", shown = variable }
    if spec then
      set(layer, problems, spec, full, entry, value_of(entry and ENTRY or spec, env[variable]), place)
    elseif stem then
      local _, hint = names.unknown(name)
      add(problems, place, ('environment: unknown setting "%s"'):format(variable), hint)
    end
  end
  return layer
end

local function place_of(file, t, key, shown)
  local line, column = yaml.position(t, key)
  local source = line and ("%s:%d:%d"):format(file, line, column) or file
  return { source = source, file = file, line = line, column = column, shown = shown }
end

local function read_mapping(layer, problems, file, t, prefix)
  for _, key in ipairs(yaml.keys(t)) do
    local value = t[key]
    local name = prefix .. key
    local stem = names.stem(name)
    local spec, full, entry = names.find(stem or "")
    local place = place_of(file, t, key, name)
    local nested = type(value) == "table" and yaml.kind(value) ~= "sequence"
    if spec and not (nested and not STRUCTURED[spec.type]) then
      set(layer, problems, spec, full, entry, value, place)
    elseif nested then
      read_mapping(layer, problems, file, value, name .. "-")
    elseif value ~= nil then
      local message, hint = names.unknown(name)
      add(problems, place, message, stem and hint or "settings are written under caliper: or vernier:")
    end
  end
end

-- A settings file that was read already.
function M.document(doc, problems)
  local layer = {}
  if type(doc.value) ~= "table" or yaml.kind(doc.value) == "sequence" then
    add(problems, { file = doc.file, line = 1, column = 1 }, "a settings file must be a mapping",
      "begin it with caliper: or vernier:")
  else
    read_mapping(layer, problems, doc.file, doc.value, "")
  end
  return layer
end

function M.file(path, problems)
  local doc, errors = document.read(path)
  if not doc then
    for _, e in ipairs(errors) do
      problems[#problems + 1] = e
    end
    return {}
  end
  return M.document(doc, problems)
end

return M
