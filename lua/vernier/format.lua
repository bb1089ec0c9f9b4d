-- Figures as people read them: three significant digits where a measurement has no more, "-" where there is none.
local M = {}

local UNITS = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "µs" }, { 1, "ns" } }

-- Rounded to three significant digits first, so that 999.9 becomes the next unit's 1.00.
local function significant(n)
  return tonumber(("%.2e"):format(n))
end

local function three_digits(n)
  if n >= 100 then
    return ("%.0f"):format(n)
  end
  return (n >= 10 and "%.1f" or "%.2f"):format(n)
end

-- 1234567 ns is "1.23 ms".
function M.duration(ns)
  if not ns then
    return "-"
  end
  local rounded = significant(ns)
  for _, unit in ipairs(UNITS) do
    if rounded >= unit[1] then
      return three_digits((rounded >= 1e12 and ns or rounded) / unit[1]) .. " " .. unit[2]
    end
  end
  return "0 ns"
end

function M.rate(n)
  return n and ("%.1f"):format(n) or "-"
end

function M.count(n)
  return n and ("%.0f"):format(n) or "-"
end

-- 1234567 is "1,234,567": for reading, not for programs.
function M.grouped(text)
  local sign, whole, rest = text:match("^(%-?)(%d+)(.*)$")
  if not whole then
    return text
  end
  whole = whole:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return sign .. whole .. rest
end

-- Seconds of a run or round: "0.35 s", "42.1 s", "12 min 5 s", "3 h 20 min".
function M.span(s)
  if not s then
    return "-"
  elseif s < 60 then
    return M.duration(s * 1e9)
  elseif s < 3600 then
    return ("%d min %d s"):format(math.floor(s / 60), math.floor(s % 60))
  end
  return ("%d h %d min"):format(math.floor(s / 3600), math.floor(s % 3600 / 60))
end

function M.bytes(n)
  for _, unit in ipairs({ { 2 ^ 40, "TiB" }, { 2 ^ 30, "GiB" }, { 2 ^ 20, "MiB" }, { 2 ^ 10, "KiB" } }) do
    if n >= unit[1] then
      return three_digits(n / unit[1]) .. " " .. unit[2]
    end
  end
  return ("%.0f B"):format(n)
end

return M
