-- Evaluates one text with `${name:default}` and `#{expression}` in it.
--
-- A text that is one of them alone has the type of its value; otherwise the results are put together as text. What has no
-- type of its own (defaults, the environment, texts that were put together) may be read as YAML reads a plain scalar:
-- that is for the caller to decide, see M.plain. Values of the environment never get into a message.
local expression = require("vernier.properties.expression")
local near = require("vernier.near")
local scalar = require("vernier.core.scalar")
local template = require("vernier.properties.template")

local M = { LENGTH_MAX = 2 ^ 20 }

-- scope; later(name): whether a name gets its value later; secret: the environment has been read.
local Evaluation = {}
Evaluation.__index = Evaluation

-- later(name), if it is given: whether a name that is not known now will be.
function M.new(scope, later)
  return setmetatable({ scope = scope, later = later, secret = false }, Evaluation)
end

local read_parts

-- Values of lists are written with commas, which is how lists are read from texts.
local function text_of(value)
  local kind = type(value)
  if kind == "number" then
    return ("%.14g"):format(value)
  elseif kind ~= "table" then
    return tostring(value)
  elseif #value == 0 and next(value) ~= nil then
    template.fail("a mapping cannot be a part of a text")
  end
  local texts = {}
  for i, entry in ipairs(value) do
    texts[i] = text_of(entry)
  end
  return table.concat(texts, ", ")
end

-- A text as YAML reads it without quotes; "" stays a text. Any other value is returned as it is.
function M.plain(value)
  if type(value) ~= "string" then
    return value
  end
  local resolved = scalar.resolve(value)
  return resolved == scalar.null and value or resolved
end

-- A name in which another one starts to be spelled with a dash: repeat.my-loop.counter is a difference in an expression.
local function dashed(name, names)
  for _, known in ipairs(names) do
    if known:sub(1, #name + 1) == name .. "-" then
      return ("write ${%s}"):format(known)
    end
  end
end

-- written is the name as it stands in the text: what it has become may hold values of the environment.
local function unknown(evaluation, name, written)
  local shown = evaluation.secret and written or name
  if name:find("^env%.") then
    template.fail(('environment variable "%s" is not set'):format(shown:gsub("^env%.", "")),
      ("give a default: ${%s:…}"):format(shown))
  end
  local names = evaluation.secret and {} or evaluation.scope:names()
  template.fail(('unknown variable "%s"'):format(shown), near.hint(name, names) or dashed(name, names))
end

-- Ends the evaluation of the text if that name gets its value later.
function Evaluation:defer(name)
  if self.later and self.later(name) then
    error({ later = true }, 0)
  end
end

-- The value of that name and whether it has a type of its own; nil if there is none.
function Evaluation:get(name)
  self:defer(name)
  local of_environment = name:find("^env%.") ~= nil
  self.secret = self.secret or of_environment
  return self.scope:get(name), not of_environment
end

function Evaluation:variable(part)
  local name = text_of((read_parts(self, part.name))):match("^%s*(.-)%s*$")
  local value, typed = self:get(name)
  if value ~= nil then
    return value, typed
  elseif part.default then
    return read_parts(self, part.default)
  end
  return unknown(self, name, part.source)
end

function Evaluation:expression(part)
  local given = {}
  for i, entry in ipairs(part.given) do
    local value, typed = read_parts(self, entry.parts)
    given[i] = entry.quoted and text_of(value) or typed and value or M.plain(value)
  end
  local value, message, hint, name, written = expression.run(part, given, function(wanted)
    local found, typed = self:get(wanted)
    return typed and found or M.plain(found)
  end, function(wanted)
    return self.scope:has_group(wanted)
  end)
  if name then
    self:defer(written or name)
    return unknown(self, written or name, written or "…")
  elseif message then
    return template.fail(message, hint)
  end
  return value
end

-- The value of one part, and whether it has a type of its own.
function Evaluation:part(part)
  if type(part) == "string" then
    return part, false
  elseif part.name then
    return self:variable(part)
  end
  return self:expression(part), true
end

function read_parts(evaluation, parts)
  if #parts == 1 then
    return evaluation:part(parts[1])
  end
  local texts, length = {}, 0
  for i, part in ipairs(parts) do
    texts[i] = text_of((evaluation:part(part)))
    length = length + #texts[i]
    if length > M.LENGTH_MAX then
      template.fail(("becomes a text longer than %d bytes"):format(M.LENGTH_MAX))
    end
  end
  return table.concat(texts), false
end

-- The value and whether it has a type of its own; or nil and {message, hint} or {later = true}.
function Evaluation:read(text)
  local parts, message, hint = template.parse(text)
  if not parts then
    return nil, { message = message, hint = hint }
  end
  local ok, value, typed = pcall(read_parts, self, parts)
  if ok then
    return value, typed
  elseif type(value) ~= "table" then
    error(value, 0)
  end
  return nil, value
end

-- ---- without a scope ----

local function is_known(name, known)
  if name:find("^env%.") or name:find("^random%.") then
    return true
  end
  for _, entry in ipairs(known) do
    local prefix = entry:match("^(.*%.)%*$")
    if prefix and (name .. "."):sub(1, #prefix) == prefix
        or (name .. "."):sub(1, #entry + 1) == entry .. "." -- also LIST.size
        or entry:sub(1, #name + 1) == name .. "." then -- the group in cluster["size"]
      return true
    end
  end
  return false
end

-- Calls found(name) for each variable that has to be known.
local function each_name(parts, found)
  for _, part in ipairs(parts) do
    if type(part) == "table" and part.name then
      each_name(part.name, found)
      if part.default then
        each_name(part.default, found)
      elseif #part.name == 1 and type(part.name[1]) == "string" then
        found(part.name[1]:match("^%s*(.-)%s*$"))
      end
    elseif type(part) == "table" then
      for _, entry in ipairs(part.given) do
        each_name(entry.parts, found)
      end
      for _, name in ipairs(expression.variables(part)) do
        found(name)
      end
    end
  end
end

-- What is wrong with a text before there is a scope: a list of {message, hint, name if it is one that is
-- not known}. known: see vernier.properties.check.
function M.check(text, known)
  local parts, message, hint = template.parse(text)
  if not parts then
    return { { message = message, hint = hint } }
  end
  local problems = {}
  each_name(known and parts or {}, function(name)
    if not is_known(name, known) then
      problems[#problems + 1] = { name = name, message = ('unknown variable "%s"'):format(name),
        hint = near.hint(name, known) or dashed(name, known) }
    end
  end)
  return problems
end

return M
