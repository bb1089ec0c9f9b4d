-- How far the numbers of a run can be trusted: VALID, SUSPECT or INVALID, with the reasons.
--
-- A check compares a figure of a test, or of a worker in it, with a limit. INVALID: what was measured is not what was asked
-- for (records are lost, runs were dropped or late by a large part, or late because vernier was busy). SUSPECT: it is, under
-- circumstances that may have distorted it. In a closed model nothing is due at a time of its own: a generator that is the
-- bottleneck sends less, but nothing that was not asked for. Limits are the settings vernier-limit-…; a run keeps those that
-- it was made with.
local format = require("vernier.format")
local keys = require("vernier.settings.keys")

local M = {}

local PREFIX = "vernier-limit-"
local MANY = 10 -- so many times the limit of late runs is no doubt, but a failure
local SHORT_US = 0.1e6 -- of less than this, shares of the time tell about the beginning alone
local WORSE = { VALID = 1, SUSPECT = 2, INVALID = 3 }

-- The limits by their names without prefix; get(setting) gives the value of each; nil: the defaults.
function M.limits(get)
  local limits = {}
  for _, key in ipairs(keys.list) do
    if key.name:sub(1, #PREFIX) == PREFIX then
      limits[key.name:sub(#PREFIX + 1)] = get and get(key.name) or key.default
    end
  end
  return limits
end

-- ---- the list of checks ----

local Checks = {}
Checks.__index = Checks

-- {name, verdict, value, limit, unit, test (label), worker (index), text}.
function Checks:add(check)
  self[#self + 1] = check
end

-- The value against the limit: verdict (SUSPECT, or what else is given) where it is above.
function Checks:compare(name, unit, value, limit, text, more)
  self:add({ name = name, unit = unit, value = value, limit = limit, text = text, test = self.name, worker = self.worker,
    verdict = value > limit and (more or "SUSPECT") or "VALID" })
end

function Checks:lost(name, text)
  self:add({ name = name, verdict = "INVALID", test = self.name, worker = self.worker, text = text })
end

local function percent(share)
  return ("%.3g %%"):format(share * 100)
end

local duration = format.duration

-- ---- of a test ----

local function late_share(total)
  return total.late / math.max(total.runs, 1)
end

local function check_schedule(checks, t)
  local total, limits, grave = t.total, checks.limits, t.spec.model == "closed" and "SUSPECT" or "INVALID"
  local planned = total.runs + total.dropped
  if planned == 0 then
    return
  end
  local late, dropped = late_share(total), total.dropped / planned
  checks:compare("late", "share", late, limits.late, ("%s of the runs started late (limit %s)"):format(percent(late),
    percent(limits.late)), late > MANY * limits.late and grave or "SUSPECT")
  checks:compare("dropped", "share", dropped, 0, ("%.0f runs (%s) were dropped because they could not be sent in time")
    :format(total.dropped, percent(dropped)), dropped > limits.dropped and "INVALID" or "SUSPECT")
  local lateness = t.figures.lateness_time
  if lateness then
    checks:compare("lateness", "ns", lateness.p99, limits.lateness * 1e6, ("one in a hundred runs started %s late (limit %s)")
      :format(duration(lateness.p99), duration(limits.lateness * 1e6)), grave)
  end
end

local FILES = "[Tt]oo many open files"

local function check_files(checks, t)
  local n = 0
  for _, e in ipairs(t.errors) do
    n = n + (tostring(e.message):find(FILES) and e.count or 0)
  end
  checks:compare("files", "transactions", n, 0,
    ("%.0f transactions failed at the limit of open files of vernier itself (ulimit -n)"):format(n), "INVALID")
end

-- ---- of a worker in it ----

local function share_of(v, us)
  return v.wall_us >= SHORT_US and us / v.wall_us or 0
end

-- Work by the time in which it could have worked: a worker that others leave half a core is saturated with half a core.
local function busy_share(v)
  local had_us = v.wall_us - math.min(v.waited_us or 0, v.wall_us)
  local share = had_us > 0 and share_of(v, math.max(0, v.cpu_us - (v.spun_us or 0))) * v.wall_us / had_us or 0
  return math.min(share, 1)
end

local VITALS = {
  function(checks, v, limits)
    local busy = busy_share(v)
    checks:compare("cpu", "share", busy, limits.cpu,
      ("was busy for %s of the time (limit %s): it may have been vernier that was measured"):format(percent(busy),
        percent(limits.cpu)), checks.behind and "INVALID" or "SUSPECT")
  end,
  function(checks, v, limits)
    local share = share_of(v, v.waited_us or 0)
    checks:compare("wait", "share", share, limits.wait, ("waited for a core for %s of the time (limit %s)"):format(percent(share),
      percent(limits.wait)))
  end,
  function(checks, v, limits)
    local ns = (v.longest_stall_us or 0) * 1e3
    checks:compare("stall", "ns", ns, limits.stall * 1e6, ("stood still for %s (limit %s; %.0f stalls of more than 10 ms)")
      :format(duration(ns), duration(limits.stall * 1e6), v.stalls or 0))
  end,
  function(checks, v, limits)
    local ns = (v.longest_pause_us or 0) * 1e3
    checks:compare("collector", "ns", ns, limits.pause * 1e6,
      ("paused for %s to collect garbage (limit %s; %.0f pauses of more than 1 ms)"):format(duration(ns),
        duration(limits.pause * 1e6), v.pauses or 0))
  end,
  function(checks, v, limits)
    local share = share_of(v, v.outlier_us or 0)
    checks:compare("interruptions", "share", share, limits.interruptions,
      ("was interrupted by the machine for %s of the time (limit %s; longest %s)"):format(percent(share),
        percent(limits.interruptions), duration((v.longest_outlier_us or 0) * 1e3)))
  end,
  function(checks, v, limits)
    local share = v.steal or 0
    checks:compare("steal", "share", share, limits.steal,
      ("had %s of the machine's time taken by the hypervisor (limit %s)"):format(percent(share), percent(limits.steal)))
  end,
  function(checks, v, limits)
    local ns = math.abs(v.step_us or 0) * 1e3
    checks:compare("clock", "ns", ns, limits["clock-step"] * 1e6, ("saw the wall clock move by %s (limit %s)"):format(
      duration(ns), duration(limits["clock-step"] * 1e6)))
  end,
  function(checks, v)
    local n = v.unsent or 0
    checks:compare("updates", "intervals", n, 0,
      ("could not show %.0f intervals to the observers: these are in the results alone"):format(n))
  end,
}

local function check_worker(checks, w)
  checks.worker = w.worker
  if w.status == "lost" then
    checks:lost("lost", "was lost")
  elseif tonumber(w.vitals.wall_us) and tonumber(w.vitals.cpu_us) then
    for _, check in ipairs(VITALS) do
      check(checks, w.vitals, checks.limits)
    end
  end
  checks.worker = nil
end

-- ---- of the run ----

local function measured(tests)
  for _, test in ipairs(tests) do
    if test.total.runs > 0 then
      return true
    end
  end
  return false
end

local function place_of(check)
  local parts = {}
  if check.test then
    parts[1] = check.test .. ": "
  end
  if check.worker then
    parts[#parts + 1] = ("worker %d "):format(check.worker)
  end
  return table.concat(parts)
end

local function known(limits)
  local all = M.limits()
  for name, value in pairs(type(limits) == "table" and limits or {}) do
    all[name] = all[name] and tonumber(value) or all[name]
  end
  return all
end

-- tests: finished ones; names: how they are called (vernier.results.names); damages: what of the journals could not be
-- read; status of the run; limits: as the run keeps them. Returns {verdict, reasons (texts, the worst first), checks (all,
-- also those that hold)}.
function M.judge(tests, names, damages, status, limits)
  local checks = setmetatable({ limits = known(limits) }, Checks)
  for _, message in ipairs(damages) do
    checks:lost("records", "lost records: " .. message)
  end
  for _, test in ipairs(tests) do
    checks.name = names:test(test)
    checks.behind = test.spec.model ~= "closed" and late_share(test.total) > checks.limits.late
    check_schedule(checks, test)
    check_files(checks, test)
    for _, w in ipairs(test.workers) do
      check_worker(checks, w)
    end
    checks.name = nil
  end
  local verdict = "VALID"
  for _, check in ipairs(checks) do
    verdict = WORSE[check.verdict] > WORSE[verdict] and check.verdict or verdict
  end
  if verdict ~= "INVALID" and status ~= "ok" and not measured(tests) then
    verdict = "INVALID"
    checks:lost("nothing", "nothing was measured")
  end
  local reasons = {}
  for _, wanted in ipairs({ "INVALID", "SUSPECT" }) do
    for _, check in ipairs(checks) do
      if check.verdict == wanted then
        reasons[#reasons + 1] = place_of(check) .. check.text
      end
    end
  end
  checks.limits, checks.behind = nil, nil
  return { verdict = verdict, reasons = reasons, checks = setmetatable(checks, nil) }
end

return M
