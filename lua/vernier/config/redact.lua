-- Removes secrets from what is written down: values of keys that name one, and passwords in URLs.
-- A text that only refers to a secret, `${env.NAME}` or the path of a file, stays.
local M = { MARK = "***" }

local NAMES = { "password", "passwd", "secret", "privatekey", "seed", "token", "apikey", "pem", "credential",
  "authorization" }

function M.is_secret(key)
  if type(key) ~= "string" then
    return false
  end
  local name = key:lower():gsub("[-_]", "")
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
  elseif M.is_secret(key) and not value:find("^%${.*}$") and value ~= "" then
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

return M
