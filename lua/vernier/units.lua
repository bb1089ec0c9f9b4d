-- Durations and sizes as people write them.
local M = {}

local SECONDS = {
  ns = 1e-9, us = 1e-6, ["µs"] = 1e-6, ms = 1e-3, l = 1e-3, s = 1, sec = 1, m = 60, min = 60, h = 3600, d = 86400,
}
local BYTES = { b = 1, k = 2 ^ 10, m = 2 ^ 20, g = 2 ^ 30, t = 2 ^ 40 }

-- "250ms", "1.5s", "1m 30s" in seconds, in capitals too; nil for anything else. RadarGun writes l for ms.
function M.seconds(text)
  local total, rest = nil, text:gsub("%s", ""):lower()
  while rest ~= "" do
    local number, unit, more = rest:match("^(%d*%.?%d+)([^%d.]+)(.*)$")
    if not number or not SECONDS[unit] then
      return nil
    end
    total, rest = (total or 0) + tonumber(number) * SECONDS[unit], more
  end
  return total
end

-- How many seconds a unit of time has: unit "ms" is 0.001.
function M.second_of(unit)
  return SECONDS[unit]
end

-- "64k", "1.5MB", "16 MiB" in bytes, in steps of 1024; nil for anything else.
function M.bytes(text)
  local number, unit = text:lower():match("^%s*(%d*%.?%d+)%s*(%a?)i?b?%s*$")
  local factor = number and BYTES[unit == "" and "b" or unit]
  return factor and tonumber(number) * factor
end

return M
