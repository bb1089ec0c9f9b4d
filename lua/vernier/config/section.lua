-- One mapping of a configuration file that is being read: knows its keys, finds the places of problems.
local contains = require("vernier.contains")
local near = require("vernier.near")
local yaml = require("vernier.core.yaml")

local M = {}
M.__index = M

function M.is_mapping(value)
  return type(value) == "table" and yaml.kind(value) ~= "sequence"
end

function M.is_list(value)
  return type(value) == "table" and yaml.kind(value) ~= "mapping"
end

-- Caliper's notion of "not given".
function M.is_missing(value)
  return value == nil or value == yaml.null or value == false or value == "" or value == 0 or value ~= value
end

-- A quote that slipped into a key makes another key of it: read it as what it was meant to be, and say so.
local function repair(self, key, keys)
  local meant = key:gsub("[\"'`]", "")
  if meant == key or not contains(keys.known, meant) or self.t[meant] ~= nil then
    return false
  end
  self.names[meant] = key
  self.findings:error({ self.t, key }, ("%sthe key %s has a stray quote"):format(self.prefix, key),
    ("did you mean %s?"):format(meant))
  return true
end

local function check_key(self, key, keys)
  if contains(keys.known, key) or contains(keys.ignored, key) or keys.free or repair(self, key, keys) then
    return
  elseif keys.anchors and yaml.anchored(self.t, key) then
    return
  elseif self.findings.strict then
    self.findings:error({ self.t, key }, ('%sunknown key "%s"'):format(self.prefix, key),
      near.hint_or_known(key, keys.known))
  else
    self.findings:warning({ self.t, key }, ('%sunknown key "%s" is ignored'):format(self.prefix, key),
      near.hint(key, keys.known))
  end
end

-- keys: known, ignored (lists of names), free = true (others are no news), anchors = true (those that hold anchors are
-- there to be referred to). Other keys are ignored with a warning; an error, if the findings are strict. The prefix begins
-- every message.
function M.open(findings, t, keys, prefix)
  local self = setmetatable({ findings = findings, t = t, names = {}, prefix = prefix or "" }, M)
  for _, key in ipairs(yaml.keys(t)) do
    check_key(self, tostring(key), keys)
  end
  return self
end

function M:get(key)
  return self.t[self.names[key] or key]
end

-- Where the value of a key is, or the mapping itself if there is none.
function M:place(key)
  local name = self.names[key] or key
  if name ~= nil and yaml.value_position(self.t, name) then
    return { self.t, name, "value" }
  end
  return { self.t }
end

function M:error(key, message, hint)
  self.findings:error(self:place(key), self.prefix .. message, hint)
end

function M:warning(key, message, hint)
  self.findings:warning(self:place(key), self.prefix .. message, hint)
end

-- A mapping under a key, {} if it is absent or wrong (which is reported).
function M:mapping(key)
  local value = self:get(key)
  if value ~= nil and not M.is_mapping(value) then
    self:error(key, ('"%s" attribute must be an object'):format(key))
  end
  return M.is_mapping(value) and value or {}
end

-- A text under a key, numbers included; nil if it is absent or wrong (which is reported).
function M:text(key)
  local value = self:get(key)
  if type(value) == "number" then
    return ("%.14g"):format(value)
  elseif value ~= nil and type(value) ~= "string" then
    self:error(key, ('"%s" attribute must be a string'):format(key))
    return nil
  end
  return value
end

-- Where a problem of vernier.options lies, of a table whose place is known.
function M.problem_place(t, path, of_key)
  for i = 1, #path - 1 do
    if type(t[path[i]]) ~= "table" then
      break
    end
    t = t[path[i]]
  end
  local last = path[#path]
  if last ~= nil and yaml.position(t, last) then
    return { t, last, not of_key and "value" or nil }
  end
  return { t }
end

-- Reports what vernier.options found in a table; at the other place, if there is one, where the table was not parsed.
function M.report(findings, t, problems, prefix, place)
  for _, problem in ipairs(problems) do
    local unknown = problem.message:find("^unknown option")
    local named = unknown or problem.message:find("^missing option") or #problem.path == 0
    local name = named and "" or ('"%s" '):format(table.concat(problem.path, "."))
    findings:error(place and not yaml.position(t) and place or M.problem_place(t, problem.path, unknown),
      prefix .. name .. problem.message, problem.hint)
  end
end

return M
