-- Reads a configuration file of any form: YAML, JSON, or Lua that returns a table. A script that returns a function is a
-- scenario in a programming language: {scenario = function}.
local cjson = require("cjson")
local inputs = require("vernier.inputs")
local scalar = require("vernier.core.scalar")
local yaml = require("vernier.core.yaml")

local M = { BYTES_MAX = 16 * 1024 * 1024 }

local json = cjson.new()
json.decode_max_depth(yaml.DEPTH_MAX)
json.decode_invalid_numbers(false)

local function failure(file, message, hint, line)
  return nil, { { file = file, line = line, column = line and 1, message = message, hint = hint } }
end

local function read_text(path)
  local file, message = io.open(path, "rb")
  if not file then
    return nil, (message:gsub("^.*: ", ""))
  end
  local text, reason = file:read(M.BYTES_MAX + 1)
  file:close()
  if reason then
    return nil, reason
  end
  return text or ""
end

-- Integers that a number cannot hold become texts, as the YAML reader has them.
local function quote_large_integers(text)
  return (text:gsub("%-?%d[%d.eE+-]*", function(token)
    if #token > 15 and type(scalar.resolve(token)) == "string" then
      return '"' .. token .. '"'
    end
  end))
end

local function outside_strings(text, change)
  local parts, from = {}, 1
  while true do
    local open = text:find('"', from, true)
    parts[#parts + 1] = change(text:sub(from, (open or 0) - 1))
    if not open then
      return table.concat(parts)
    end
    local close = open
    repeat
      close = text:find('["\\]', close + 1)
      local escape = close and text:sub(close, close) == "\\"
      close = escape and close + 1 or close
    until not escape
    parts[#parts + 1] = text:sub(open, close or #text)
    from = (close or #text) + 1
  end
end

local function drop_nulls(value)
  if type(value) == "table" then
    for key, entry in pairs(value) do
      if entry == yaml.null and type(key) == "string" then
        value[key] = nil
      else
        drop_nulls(entry)
      end
    end
  end
  return value
end

-- What only a JSON reader takes (pairs of \u escapes, a key whose colon is on the next line); it knows no places.
local function parse_json(text, path)
  local ok, value = pcall(json.decode, outside_strings(text, quote_large_integers))
  if ok then
    return { file = path, value = drop_nulls(value) }
  end
end

local function parse_text(text, path)
  local document, errors = yaml.parse(text, path)
  if not document and #errors == 1 and errors[1].syntax and path:find("%.json$") then
    document = parse_json(text, path)
  end
  return document, errors
end

local function run_script(path)
  local chunk, message = loadfile(path)
  local ok, value = false, nil
  if chunk then
    ok, value = pcall(chunk)
    message = value
  end
  if ok and type(value) == "function" then
    return { file = path, value = { scenario = value }, script = true }
  elseif ok and type(value) == "table" then
    return { file = path, value = value, script = true }
  elseif ok then
    return failure(path, ("the script returned %s, not a table or a function"):format(value == nil and "nothing"
      or type(value)), "end it with: return { test = { … } }, or return function(run) … end")
  end
  local line, reason = tostring(message):match(":(%d+): (.*)$")
  return failure(path, reason or tostring(message), nil, tonumber(line))
end

-- {file, value, script = true for Lua}; or nil and a list of errors {file, line, column, message, hint}.
function M.read(path)
  local text, reason = read_text(path)
  inputs.note(path)
  if not text then
    return failure(path, ("cannot be read: %s"):format(reason))
  elseif path:find("%.lua$") or text:find("^#!") and not path:find("%.%w+$") then
    return run_script(path)
  elseif text:find("^%s*$") then
    return failure(path, "the file is empty")
  end
  return parse_text(text, path)
end

return M
