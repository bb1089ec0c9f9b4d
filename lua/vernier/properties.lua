-- Evaluates the properties of stages, services and clusters: `${…}` and `#{…}` in their texts, then their types.
--
-- An evaluated text is read as YAML reads a plain scalar where the declaration wants a number or a boolean, and stays
-- what it is where it wants a text. Where nothing is declared, values keep their type, and what has none of its own is
-- read as YAML does. Problems lead to the place as it is written, and never show values of the environment.
local evaluation = require("vernier.properties.evaluation")
local options = require("vernier.options")
local redact = require("vernier.config.redact")
local sorted = require("vernier.sorted")
local template = require("vernier.properties.template")

local M = { DEPTH_MAX = 64 }

-- The value of one text, as where nothing is declared; or nil, message and hint.
function M.text(text, scope)
  if not template.is_template(text) then
    return text
  end
  local value, typed = evaluation.new(scope):read(text)
  if value == nil then
    return nil, typed.message, typed.hint
  end
  return typed and value or evaluation.plain(value)
end

local ANY, TEXT = { type = "any" }, { type = "string" }
-- What their entries are read as; and the types whose messages quote the value.
local ENTRIES = { ["key-value"] = TEXT, ranges = TEXT }
local SCALARS = { number = true, integer = true, boolean = true, duration = true, size = true }

-- scope; later; problems; spelling: canonical path -> key as given; quoted: canonical paths of values whose problems
-- would quote the environment; unknown, secrets: number of texts whose value is not known yet, that read the environment.
local Walk = {}
Walk.__index = Walk

local function below(path, key)
  local longer = { unpack(path) }
  longer[#longer + 1] = key
  return longer
end

local function id_of(path)
  local keys = {}
  for i, key in ipairs(path) do
    keys[i] = tostring(key)
  end
  return table.concat(keys, "\0")
end

local function in_values(spec, value)
  for _, allowed in ipairs(spec.values) do
    if allowed == value then
      return true
    end
  end
  return false
end

-- The entries of "a, [b, c]": commas in brackets do not count.
local function split(text)
  local entries, depth, from = {}, 0, 1
  for at, char in text:gmatch("()([%[%],])") do
    if char == "[" then
      depth = depth + 1
    elseif char == "]" then
      depth = depth - 1
    elseif depth == 0 then
      entries[#entries + 1], from = text:sub(from, at - 1), at + 1
    end
  end
  if text:find("%S") then
    entries[#entries + 1] = text:sub(from)
  end
  for i, entry in ipairs(entries) do
    entries[i] = entry:match("^%s*(.-)%s*$")
  end
  return entries
end

local adapt

-- "a, b" and "[a, b]" as a list, "[0,1],[2]" as a list of lists; anything else is a list of one.
local function list_of(spec, value)
  if type(value) ~= "string" then
    return { value }
  end
  local entries = split(spec.of.type ~= "list" and value:match("^%s*%[(.*)%]%s*$") or value)
  for i, entry in ipairs(entries) do
    entries[i] = adapt(spec.of, entry, true, false)
  end
  return entries
end

-- Makes of a value what the declaration wants, as far as YAML's reading and lists go. computed: it is the result of an
-- evaluation; typed: its type is meant.
function adapt(spec, value, computed, typed)
  local kind = spec.type or "any"
  if kind == "list" and spec.of and type(value) ~= "table" then
    return list_of(spec, value)
  elseif not computed or type(value) ~= "string" then
    return value
  elseif SCALARS[kind] or kind == "any" and not typed or kind == "enum" and not in_values(spec, value) then
    return evaluation.plain(value)
  end
  return value
end

function Walk:problem(path, message, hint)
  self.problems[#self.problems + 1] = { path = path, message = message, hint = hint }
end

function Walk:text(spec, text, path)
  local reading = evaluation.new(self.scope, self.later)
  local value, typed = reading:read(text)
  self.secrets = self.secrets + (reading.secret and 1 or 0)
  if value ~= nil then
    return adapt(spec, value, true, typed)
  elseif not typed.later then
    self:problem(path, typed.message, typed.hint)
  end
  self.unknown = self.unknown + 1
  return options.unchecked(text)
end

local function without_marks(value)
  if options.is_unchecked(value) then
    return value.value
  elseif type(value) == "table" then
    for key, entry in next, value do
      value[key] = without_marks(entry)
    end
  end
  return value
end

-- testName and test_name as test-name.
local function spelled(name)
  return (name:gsub("([%l%d])(%u)", "%1-%2"):gsub("_", "-"):lower())
end

M.spelled = spelled

-- Spelling with dashes -> declared name or alias, and -> name of the option.
local function spellings(fields)
  local names, owners = {}, {}
  for name, spec in pairs(fields) do
    names[spelled(name)], owners[spelled(name)] = name, name
    for _, alias in ipairs(spec.aliases or {}) do
      names[spelled(alias)], owners[spelled(alias)] = alias, name
    end
  end
  return names, owners
end

-- The key under which options.check will know an option that is written otherwise.
function Walk:canonical(names, copy, key, path, canonical_path)
  local name = type(key) == "string" and names[spelled(key)] or key
  local id = id_of(below(canonical_path, name))
  if copy[name] ~= nil then
    self:problem(path, ('"%s" and "%s" are the same option'):format(self.spelling[id] or name, key))
  end
  self.spelling[id] = key
  return name
end

function Walk:mapping(spec, raw, path, canonical_path)
  local fields = spec.type == "table" and spec.fields or nil
  local names, owners = spellings(fields or {})
  local copy = {}
  for _, key in ipairs(sorted(raw)) do
    local here = below(path, key)
    local name = fields and self:canonical(names, copy, key, here, canonical_path) or key
    local owner = fields and owners[spelled(tostring(name))]
    copy[name] = self:value(owner and fields[owner] or ENTRIES[spec.type] or ANY, raw[key], here,
      below(canonical_path, name))
  end
  return copy
end

function Walk:list(spec, raw, path, canonical_path)
  local of, copy = spec.type == "list" and spec.of or ENTRIES[spec.type] or ANY, {}
  for i, entry in ipairs(raw) do
    copy[i] = self:value(of, entry, below(path, i), below(canonical_path, i))
  end
  return copy
end

function Walk:evaluate(spec, raw, path, canonical_path)
  if #path > M.DEPTH_MAX then
    self:problem(path, ("is nested deeper than %d"):format(M.DEPTH_MAX))
    return nil
  elseif type(raw) == "string" and template.is_template(raw) then
    return self:text(spec, raw, path)
  elseif type(raw) ~= "table" then
    return adapt(spec, raw, false, true)
  elseif #raw > 0 then
    return self:list(spec, raw, path, canonical_path)
  end
  return self:mapping(spec, raw, path, canonical_path)
end

-- A copy of the raw value, evaluated. What is not known (yet) is marked as unchecked for options.check.
function Walk:value(spec, raw, path, canonical_path)
  local unknown_before, secrets_before = self.unknown, self.secrets
  local value = self:evaluate(spec, raw, path, canonical_path)
  local whole = spec.convert ~= nil or ENTRIES[spec.type] ~= nil
  if self.secrets > secrets_before and (whole or type(raw) == "string" and type(value) == "table") then
    self.quoted[id_of(canonical_path)] = true
  end
  if self.unknown > unknown_before and type(raw) == "table" and (whole or not (spec.fields or spec.of)) then
    value = without_marks(value)
    return whole and options.unchecked(value) or value
  end
  return value
end

-- The path as the user wrote it, up to a value whose problems would quote the environment, and whether it met none.
function Walk:given(path)
  local given, canonical = {}, {}
  for i, key in ipairs(path) do
    canonical[i] = key
    local id = id_of(canonical)
    given[i] = self.spelling[id] or key
    if self.quoted[id] then
      return given, false
    end
  end
  return given, true
end

function Walk:add(problems)
  for _, problem in ipairs(problems) do
    local path, open = self:given(problem.path)
    self:problem(path, open and problem.message or "does not take the value that comes from the environment",
      open and problem.hint or nil)
  end
end

local function by_path(problems)
  table.sort(problems, function(a, b)
    local path_a, path_b = id_of(a.path), id_of(b.path)
    return path_a < path_b or path_a == path_b and a.message < b.message
  end)
  return problems
end

local function always()
  return true
end

-- What is later is left to the scope: names that it has are known.
local function later_of(scope, partial)
  if not partial then
    return nil
  end
  local is_later = partial == true and always or partial
  return function(name)
    return name:find("^random%.") ~= nil
      or scope:get(name) == nil and is_later(name)
  end
end

-- The checked values of properties; or nil and problems {path, message, hint} as of vernier.options, where the path has
-- the names as they are spelled in raw.
--
-- declaration: as of vernier.options; nil takes everything. raw: the parsed table, which stays as it is; nil for none.
-- An option test-name may be written test_name and testName, too. Where a list is declared with its items, a text "a, b"
-- or a single value stands for one. how.partial: texts that use a name that is not known yet stay as they are, and are
-- not checked; true for any unknown name, or a function(name) that says which (random.* always).
function M.evaluate(declaration, raw, scope, how)
  local walk = setmetatable({ scope = scope, later = later_of(scope, how and how.partial), problems = {}, spelling = {},
    quoted = {}, unknown = 0, secrets = 0 }, Walk)
  local root = declaration and { type = "table", fields = declaration } or ANY
  local copy, found = walk:value(root, raw or {}, {}, {}), {}
  local values = options.value(root, copy, found)
  walk:add(found)
  if #walk.problems == 0 then
    return values
  end
  return nil, by_path(walk.problems)
end

-- ---- for files and reports ----

local function shown(spec, raw, value)
  if spec.secret then
    return redact.MARK
  elseif type(raw) == "string" and template.is_template(raw) and raw:find("env", 1, true) then
    return raw
  elseif type(value) ~= "table" or type(raw) ~= "table" then
    return value
  end
  local fields, given, copy = spec.fields or {}, raw, {}
  if spec.fields then
    local _, owners = spellings(fields)
    given = {}
    for key, entry in pairs(raw) do
      given[owners[spelled(tostring(key))] or key] = entry
    end
  end
  for key, entry in pairs(value) do
    copy[key] = shown(fields[key] or spec.of or ANY, given[key], entry)
  end
  return copy
end

-- The values that M.evaluate gave, as they may be written down: secrets are left out, and a text that reads the
-- environment stands as it is written in raw.
function M.shown(declaration, raw, values)
  return redact.copy(shown(declaration and { fields = declaration } or ANY, raw or {}, values))
end

-- ---- without a scope ----

local function check_value(walk, value, path)
  if type(value) == "string" then
    for _, problem in ipairs(evaluation.check(value, walk.known)) do
      problem.path = path
      walk.problems[#walk.problems + 1] = problem
    end
  elseif type(value) == "table" and #path <= M.DEPTH_MAX then
    for _, key in ipairs(sorted(value)) do
      check_value(walk, value[key], below(path, key))
    end
  end
end

-- What is wrong with properties before there is a scope: a list of {path, message, hint, name}, empty if nothing is. Errors
-- of syntax, and (then there is a name) names that are not known and have no default. known: the names that there will be;
-- "repeat.*" stands for all that begin with "repeat."; env.* and random.* are known; nil: names are not looked at.
function M.check(raw, known)
  local walk = setmetatable({ problems = {}, known = known }, Walk)
  check_value(walk, raw, {})
  return by_path(walk.problems)
end

return M
