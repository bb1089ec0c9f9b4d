-- `#{…}`: one Lua expression, read token by token and run in a sandbox of its own (vernier.properties.sandbox).
--
-- What goes beyond Lua: `${name:default}` stands for the value (it is handed over, never pasted), `1..3` for range(1, 3),
-- `a, b` for a list, and names that are Lua's own words may be variables and fields: repeat.counter, group.end.size.
-- Comments, long brackets and integers of the FFI (1LL) are refused, because none of them is needed here.
local sandbox = require("vernier.properties.sandbox")
local template = require("vernier.properties.template")

local M = { LENGTH_MAX = 4096, CONCATENATIONS_MAX = 32 }

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true until while")
  :gmatch("%a+") do
  KEYWORDS[word] = true
end

local GIVEN, NAMES = "__given", "__names" -- the chunk's parameters: values of ${…}, functions and variables

-- ---- tokens: {kind = "name" | "number" | "text" | "value" | "operator", text = as written, code = Lua, at, stop} ----

local Lexer = {}
Lexer.__index = Lexer

function Lexer:add(kind, stop, code)
  local text = self.text:sub(self.at, stop)
  self.tokens[#self.tokens + 1] = { kind = kind, text = text, code = code or text, at = self.at, stop = stop }
  self.at = stop + 1
end

function Lexer:match(pattern)
  local _, stop = self.text:find(pattern, self.at)
  return stop
end

function Lexer:give(parts, quoted)
  self.given[#self.given + 1] = { parts = parts, quoted = quoted }
  return ("%s[%d]"):format(GIVEN, #self.given)
end

-- Digits before two dots are a number of their own: 1..3.
function Lexer:number()
  local stop = self:match("^0[xX]%x+")
  if not stop then
    stop = self:match("^%d+") or self.at - 1
    if self.text:sub(stop + 1, stop + 2) ~= ".." then
      local _, fraction = self.text:find("^%.%d*", stop + 1)
      local _, exponent = self.text:find("^[eE][-+]?%d+", (fraction or stop) + 1)
      stop = exponent or fraction or stop
    end
  end
  if self.text:find("^[%w_.]", stop + 1) and self.text:sub(stop + 1, stop + 2) ~= ".." then
    template.fail(('"%s" is no number'):format(self.text:match("^[%w_.]+", self.at)))
  end
  self:add("number", stop)
end

-- A text in quotes; one with ${…} in it is evaluated like any text.
function Lexer:quoted(quote)
  local stop = self.at + 1
  while true do
    stop = self.text:find("[\\\n" .. quote .. "]", stop)
    local char = stop and self.text:sub(stop, stop)
    if not char or char == "\n" then
      template.fail(("a text in %s without its end"):format(quote == '"' and "double quotes" or "single quotes"))
    elseif char == quote then
      break
    end
    stop = stop + 2
  end
  local inner = self.text:sub(self.at + 1, stop - 1)
  if not template.is_template(inner) then
    return self:add("text", stop)
  elseif inner:find("\\", 1, true) then
    template.fail("a text in quotes cannot have both ${…} and a backslash")
  end
  local parts, message, hint = template.parse(inner)
  if not parts then
    template.fail(message, hint)
  end
  self:add("value", stop, self:give(parts, true))
end

function Lexer:variable()
  local reader = self.reader
  reader.at = self.at + 2
  local part = template.read_variable(reader)
  self:add("value", reader.at - 1, self:give({ part }))
end

function Lexer:operator()
  if self:match("^%-%-") then
    template.fail("comments cannot be in an expression", "write - - for a minus before a negative number")
  elseif self:match("^%[=*%[") then
    template.fail("long brackets cannot be in an expression")
  end
  local stop = self:match("^%.%.%.?") or self:match("^[=~<>]=") or self:match("^::") or self:match("^[-+*/%%^#()%[%]{};,.<>=:]")
  if not stop then
    template.fail(("unexpected character %q in an expression"):format(self.text:sub(self.at, self.at)))
  end
  self:add("operator", stop)
end

function Lexer:token(char)
  if char:find("[%a_\128-\255]") then
    self:add("name", self:match("^[%w_\128-\255]+"))
  elseif char:find("%d") or self:match("^%.%d") then
    self:number()
  elseif char == '"' or char == "'" then
    self:quoted(char)
  elseif self:match("^%${") then
    self:variable()
  else
    self:operator()
  end
end

-- Up to the brace that closes the expression; the position behind it.
function Lexer:run()
  local open, first = 0, self.at
  while true do
    self.at = self.text:find("%S", self.at) or #self.text + 1
    local char = self.text:sub(self.at, self.at)
    if char == "" then
      template.fail('"#{" without its "}"', 'write ##{ for a literal "#{"')
    elseif self.at - first > M.LENGTH_MAX then
      template.fail(("an expression is longer than %d bytes"):format(M.LENGTH_MAX))
    elseif char == "}" and open == 0 then
      return self.at + 1
    end
    open = open + (char == "{" and 1 or char == "}" and -1 or 0)
    if char == "}" then
      self:add("operator", self.at)
    else
      self:token(char)
    end
  end
end

-- ---- what goes beyond Lua ----

local OPENS = { ["("] = true, [","] = true, ["{"] = true, [";"] = true }
local CLOSES = { [")"] = true, [","] = true, ["}"] = true, [";"] = true }

-- NUMBER..NUMBER, where nothing else can take hold of either number.
local function read_ranges(tokens)
  for i, token in ipairs(tokens) do
    local dots, last = tokens[i + 1], tokens[i + 2]
    if token.kind == "number" and dots and dots.text == ".." and dots.at == token.stop + 1 then
      local before, after = tokens[i - 1], tokens[i + 3]
      if not last or last.kind ~= "number" or last.at ~= dots.stop + 1 or before and not OPENS[before.text]
          or after and not CLOSES[after.text] then
        template.fail(("%s.. is not followed by a number alone"):format(token.text),
          ("write range(%s, …), or blanks around .. to join texts"):format(token.text))
      end
      token.code, dots.code, last.code = NAMES .. ".range(" .. token.text, ",", last.text .. ")"
      dots.range = true
    end
  end
end

local function is_dot(token)
  return token ~= nil and token.text == "."
end

-- Fields and variables that are words of Lua; the names of variables with their fields, as far as they are plain.
local function read_names(tokens)
  local chains = {}
  for i, token in ipairs(tokens) do
    if token.text == GIVEN or token.text == NAMES then
      template.fail(('"%s" cannot be a name in an expression'):format(token.text))
    elseif token.kind ~= "name" then
      token = nil
    elseif is_dot(tokens[i - 1]) then
      if KEYWORDS[token.text] then
        tokens[i - 1].code, token.code = "", ('["%s"]'):format(token.text)
      end
      token = nil
    elseif token.text == "repeat" and is_dot(tokens[i + 1]) then
      token.code = NAMES .. '["repeat"]'
    elseif KEYWORDS[token.text] then
      token = nil
    end
    if token then
      local chain, at = { token.text }, i + 1
      while is_dot(tokens[at]) and tokens[at + 1] and tokens[at + 1].kind == "name" do
        chain[#chain + 1], at = tokens[at + 1].text, at + 2
      end
      chains[#chains + 1] = table.concat(chain, ".")
    end
  end
  return chains
end

local function check_concatenations(tokens)
  local n = 0
  for _, token in ipairs(tokens) do
    n = n + (token.text == ".." and not token.range and 1 or 0)
  end
  if n > M.CONCATENATIONS_MAX then
    template.fail(("an expression joins texts more than %d times"):format(M.CONCATENATIONS_MAX))
  end
end

local function code_of(tokens)
  local code = {}
  for i, token in ipairs(tokens) do
    code[i] = token.code
  end
  return ("local %s, %s = ... return %s"):format(GIVEN, NAMES, table.concat(code, " "))
end

-- Reads the expression at reader.at (behind "#{"). The part: {code, given = {{parts, quoted}…}, chains = the names with
-- their plain fields}.
function M.read(reader)
  local lexer = setmetatable({ reader = reader, text = reader.text, at = reader.at, tokens = {}, given = {} }, Lexer)
  reader.at = lexer:run()
  local tokens = lexer.tokens
  if #tokens == 0 then
    template.fail("#{…} holds no expression", 'write ##{ for a literal "#{"')
  end
  read_ranges(tokens)
  check_concatenations(tokens)
  local part = { given = lexer.given, chains = read_names(tokens) }
  part.code = code_of(tokens)
  part.has_functions = part.code:find("%f[%w_]function%f[^%w_]") ~= nil
  local ok, message = sandbox.compile(part.code)
  if not ok then
    template.fail(message)
  end
  return part
end

-- ---- what it refers to, and running ----

-- The variables that an expression uses, as far as that can be told without running it: those of one with functions
-- of its own may be local to them.
function M.variables(part)
  local names = {}
  for _, chain in ipairs(part.chains) do
    if not sandbox.is_function(chain:match("^[^.]*")) then
      names[#names + 1] = chain
    end
  end
  return part.has_functions and {} or names
end

-- The name as it is written: all of cluster.sise.x, of which the sandbox has only met the beginning; nil if it was made.
local function written_name(part, name)
  for _, chain in ipairs(part.chains) do
    if chain == name or chain:sub(1, #name + 1) == name .. "." then
      return chain
    end
  end
end

-- The value of an expression. given: the values of its ${…}; get(name): the value of a variable, or nil; has_group(name):
-- whether there are variables whose names begin with that one and a dot.
-- Or nil, message and hint; or nil, nil, nil, the name that is unknown, and the same as it is written, if it is.
function M.run(part, given, get, has_group)
  local value, failure = sandbox.run(part.code, given, get, has_group)
  if failure and failure.name then
    return nil, nil, nil, failure.name, written_name(part, failure.name)
  elseif failure then
    return nil, failure.message, failure.hint
  end
  return value
end

return M
