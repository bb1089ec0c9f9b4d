-- The error bar of a machine, as `vernier calibrate` has measured it: kept in a file of the user's, copied into each run that
-- is made on the same machine, quoted by reports. doc/summary.md describes the members.
local cjson = require("cjson")
local file = require("vernier.core.file")
local format = require("vernier.format")
local json = require("vernier.json")
local machine = require("vernier.machine")

local M = { FORMAT = 1 }

local PRIVATE = 448 -- 0700, of folders that are made
local SAME = { "cores", "cpu", "kernel" } -- what makes a machine the one that was calibrated

-- ---- what it holds ----

local TIMES = { tps = "number", p50_ns = "number", p99_ns = "number", max_ns = "number" }
local OFFSET = { mean_ns = "number", held_ns = "number", service_mean_ns = "number" }
local SPEED = { throughput = "number", cpu_ns = "number" }
local MEMBERS = {
  format = "number", made = "string", version = "string", seconds = "number", pacing = "string", steal = "number",
  machine = { cores = "number", cpu = "string", kernel = "string", os = "string", memory = "number" },
  clock = { source = "string", read_ns = "number", resolution_ns = "number" },
  timer = TIMES, lateness = { TIMES }, offset = OFFSET, offset_at_once = OFFSET, noop = SPEED, http = SPEED,
}

local kept

local function kept_list(list, member)
  local out = {}
  for i = 1, #list do
    out[#out + 1] = kept(list[i], member)
  end
  return out
end

-- The part of a value that is as declared: a type, {of} for a list, or the members of an object. Numbers are finite.
function kept(value, declared)
  local kind = type(value)
  if type(declared) == "string" then
    return kind == declared and (kind ~= "number" or value - value == 0) and value or nil
  elseif kind ~= "table" then
    return nil
  elseif declared[1] then
    return kept_list(value, declared[1])
  end
  local out = {}
  for name, member in pairs(declared) do
    out[name] = kept(value[name], member)
  end
  return out
end

-- What of a calibration can be told: anybody may have written the file, or the run's folder. nil for what is none.
function M.checked(calibration)
  local c = kept(calibration, MEMBERS)
  return c and c.machine and c or nil
end

-- ---- its file ----

-- Where it is kept, or nil where there is no place. path: the setting vernier-calibration, if it is set.
function M.path(path)
  local state, home = os.getenv("XDG_STATE_HOME"), os.getenv("HOME")
  if path then
    return path
  elseif state and state:sub(1, 1) == "/" then
    return state .. "/vernier/calibration.json"
  elseif home and home ~= "" then
    return home .. "/.local/state/vernier/calibration.json"
  end
end

-- Makes the folders of the path, and sure that it can be written: true; or nil, message.
function M.prepare(path)
  local folder = path:match("^(.*)/[^/]*$")
  if folder and folder ~= "" then
    local ok, message = file.mkdir(folder, PRIVATE)
    if not ok then
      return nil, message
    end
  end
  return file.writable(path)
end

-- True; or nil, message.
function M.write(path, calibration)
  return file.write(path, json.encode(calibration))
end

local function read(path)
  local text, message = file.read(path)
  if not text then
    return nil, message
  end
  local ok, decoded = pcall(cjson.decode, text)
  local calibration = M.checked(ok and decoded)
  if not calibration then
    return nil, path .. ": not a calibration: vernier calibrate makes one"
  elseif calibration.format ~= M.FORMAT then
    return nil, ("%s: a calibration of format %s, this vernier reads format %d: vernier calibrate makes one"):format(path,
      tostring(calibration.format), M.FORMAT)
  end
  return calibration
end

-- The calibration in the file, if it is of this machine. nil where there is none; nil, message where it is of no use, or
-- where it is wanted and not there.
function M.of_this_machine(path, wanted)
  if not path or not wanted and not file.exists(path) then
    return nil
  end
  local calibration, message = read(path)
  if not calibration then
    return nil, message
  end
  local now = machine.describe()
  for _, name in ipairs(SAME) do
    if calibration.machine[name] ~= now[name] then
      return nil, ("%s: the calibration is of another machine (its %s is %s, here it is %s)"):format(path, name,
        tostring(calibration.machine[name]), tostring(now[name]))
    end
  end
  return calibration
end

-- ---- how it is told ----

local function rate(n)
  return n >= 1e6 and ("%.1f M"):format(n / 1e6) or n >= 1e4 and ("%.0f k"):format(n / 1e3) or ("%.0f"):format(n)
end

-- {what, value} pairs for people, of a checked calibration; what it lacks is left out.
function M.rows(c)
  local rows, clock, timer = {}, c.clock or {}, c.timer or {}
  local function add(what, pattern, ...)
    for i = 1, select("#", ...) do
      if not select(i, ...) then
        return
      end
    end
    rows[#rows + 1] = { what, pattern:format(...) }
  end
  local function ns(value)
    return value and format.duration(value)
  end
  add("clock", "%s, %s a reading", clock.source, ns(clock.read_ns))
  add("timer", "wakes %s late, 99 %% within %s", ns(timer.p50_ns), ns(timer.p99_ns))
  for _, l in ipairs(c.lateness or {}) do
    add(("lateness at %s tx/s"):format(l.tps and rate(l.tps) or "?"), "%s, 99 %% within %s, at most %s", ns(l.p50_ns),
      ns(l.p99_ns), ns(l.max_ns))
  end
  add("pacing", "%s", c.pacing)
  for _, offset in ipairs({ c.offset or {}, c.offset_at_once or {} }) do
    add("added to service time", "%s (the server held each request for %s)", ns(offset.mean_ns), ns(offset.held_ns))
  end
  for _, name in ipairs({ "noop", "http" }) do
    local speed = c[name] or {}
    add("at most, " .. name, "%s tx/s, %s of CPU each", speed.throughput and rate(speed.throughput), ns(speed.cpu_ns))
  end
  return rows
end

local function quoted(c)
  local parts, list = {}, c.lateness or {}
  local worst = list[#list] and list[#list].p99_ns
  parts[#parts + 1] = worst and "99 % of due times within " .. format.duration(worst)
  if c.offset and c.offset.mean_ns then
    parts[#parts + 1] = "service time +" .. format.duration(c.offset.mean_ns)
  end
  for _, name in ipairs({ "http", "noop" }) do
    if c[name] and c[name].throughput then
      parts[#parts + 1] = ("%s tx/s at most by %s"):format(rate(c[name].throughput), name)
    end
  end
  return ("%s (calibrated %s)"):format(table.concat(parts, ", "), c.made or "?")
end

-- What stands in the place of a calibration. reason: why there is none, where that is known.
function M.none(reason)
  return "not known: " .. (reason or "vernier calibrate measures it")
end

-- One line for the end of a report. c: a checked calibration, or nil and the reason.
function M.line(c, reason)
  return "Error bar of this machine: " .. (c and quoted(c) or M.none(reason))
end

return M
