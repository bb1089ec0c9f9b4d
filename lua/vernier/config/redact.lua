-- Removes secrets from what is written down: values of keys that name one, and passwords in URLs.
-- A text that only refers to a secret, `${env.NAME}` or the path of a file, stays.
local M = { MARK = "***" }

local NAMES = { "password", "passwd", "secret", "privatekey", "seed", "token", "apikey", "pem", "credential",
  "authorization" }

local REFERENCE = "^%${.*}$"

local function plain(key)
  return (tostring(key):lower():gsub("[-_]", ""))
end

function M.is_secret(key)
  if type(key) ~= "string" then
    return false
  end
  local name = plain(key)
  for _, secret in ipairs(NAMES) do
    if name:find(secret, 1, true) then
      return true
    end
  end
  return false
end

function M.text(text)
  return (text:gsub("(%a[%w+.-]*://)[^/%s@]*@", "%1" .. M.MARK .. "@"))
end

local function redact(key, value)
  if type(value) == "table" then
    return M.copy(value)
  elseif type(value) ~= "string" then
    return value
  elseif M.is_secret(key) and not value:find(REFERENCE) and value ~= "" then
    return M.MARK
  end
  return M.text(value)
end

-- A copy without secrets.
function M.copy(value)
  if type(value) ~= "table" then
    return redact(nil, value)
  end
  local copy = {}
  for key, entry in pairs(value) do
    copy[key] = redact(key, entry)
  end
  return copy
end

-- The specification of an option, however its name is spelled.
local function spec_of(declaration, key)
  for name, spec in pairs(declaration or {}) do
    for _, alias in ipairs({ name, unpack(spec.aliases or {}) }) do
      if plain(alias) == plain(key) then
        return spec
      end
    end
  end
  return {}
end

-- The same of the options of a plug-in, where also those are secret that its declaration (or nil) says to be.
function M.declared(declaration, values)
  local copy = M.copy(values)
  for key, value in pairs(values) do
    local spec = spec_of(declaration, key)
    if spec.secret and not (type(value) == "string" and value:find(REFERENCE)) then
      copy[key] = M.MARK
    elseif spec.fields and type(value) == "table" then
      copy[key] = M.declared(spec.fields, value)
    end
  end
  return copy
end

return M
