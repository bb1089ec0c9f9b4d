-- Reads texts with `${name:default}` and `#{expression}` in them: the syntax alone, nothing is looked up here.
--
-- M.parse gives a list of parts: texts, for a `${…}` {name = parts, source = the name as written, default = parts or
-- nil}, and for a `#{…}` what vernier.properties.expression.read gives. `$${` stands for the text "${" and `##{` for "#{".
-- Braces in a default are paired.
local M = { LENGTH_MAX = 2 ^ 20, DEPTH_MAX = 20 }

-- Ends the reading: M.parse returns message and hint.
function M.fail(message, hint)
  error({ message = message, hint = hint }, 0)
end

local SPECIAL = { text = "[$#]", name = "[$#{}:]", default = "[$#{}]" }
local END = { text = "", name = ":}", default = "}" }

local read_parts

local function check_name(parts)
  local literal = true
  for _, part in ipairs(parts) do
    if type(part) ~= "string" then
      literal = false
    elseif part:find("%c") then
      M.fail("a name in ${…} holds a control character")
    end
  end
  if literal and not (parts[1] or ""):find("%S") then
    M.fail("${…} names nothing", 'write $${ for a literal "${"')
  end
end

-- reader.at is behind "${".
function M.read_variable(reader)
  reader.depth = reader.depth + 1
  if reader.depth > M.DEPTH_MAX then
    M.fail(("${…} nested deeper than %d"):format(M.DEPTH_MAX))
  end
  local from = reader.at
  local name, stop = read_parts(reader, "name")
  check_name(name)
  local part = { name = name, source = reader.text:sub(from, reader.at - 2) }
  if stop == ":" then
    part.default = read_parts(reader, "default")
  end
  reader.depth = reader.depth - 1
  return part
end

local Collector = {}
Collector.__index = Collector

function Collector:text(text)
  self.literal[#self.literal + 1] = text
end

function Collector:flush()
  local text = table.concat(self.literal)
  if text ~= "" then
    self.parts[#self.parts + 1], self.literal = text, {}
  end
end

function Collector:part(part)
  self:flush()
  self.parts[#self.parts + 1] = part
end

-- A "$" or "#" at reader.at.
local function read_special(reader, collector, char)
  local text, at = reader.text, reader.at
  if text:sub(at + 1, at + 2) == char .. "{" then
    collector:text(char .. "{")
    collector.open = collector.open + 1
    reader.at = at + 3
  elseif text:sub(at + 1, at + 1) ~= "{" then
    collector:text(char)
    reader.at = at + 1
  else
    reader.at = at + 2
    -- Expressions have texts in them, and texts expressions: one of the two has to be asked for late.
    local read = char == "$" and M.read_variable or require("vernier.properties.expression").read
    collector:part(read(reader))
  end
end

-- The parts up to what ends this kind of text, and the character that ended it. reader.at is behind it then.
function read_parts(reader, kind)
  local collector = setmetatable({ parts = {}, literal = {}, open = 0 }, Collector)
  while true do
    local at = reader.text:find(SPECIAL[kind], reader.at)
    collector:text(reader.text:sub(reader.at, (at or 0) - 1))
    if not at then
      break
    end
    reader.at = at
    local char = reader.text:sub(at, at)
    if char == "$" or char == "#" then
      read_special(reader, collector, char)
    elseif END[kind]:find(char, 1, true) and (collector.open == 0 or char == ":") then
      collector:flush()
      reader.at = at + 1
      return collector.parts, char
    else
      collector.open = collector.open + (char == "{" and 1 or -1)
      collector:text(char)
      reader.at = at + 1
    end
  end
  if kind ~= "text" then
    M.fail('"${" without its "}"', 'write $${ for a literal "${"')
  end
  collector:flush()
  return collector.parts
end

-- The parts of a text; or nil, message and hint.
function M.parse(text)
  if #text > M.LENGTH_MAX then
    return nil, ("is longer than %d bytes"):format(M.LENGTH_MAX)
  end
  local ok, result = pcall(read_parts, { text = text, at = 1, depth = 0 }, "text")
  if ok then
    return result
  elseif type(result) ~= "table" then
    error(result, 0)
  end
  return nil, result.message, result.hint
end

-- Whether there is anything in the text to evaluate or to unescape.
function M.is_template(text)
  return text:find("[$#]{") ~= nil
end

return M
