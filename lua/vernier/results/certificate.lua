-- How far the numbers of a run can be trusted: VALID, SUSPECT or INVALID, with the reasons.
local M = {}

local LATE_SHARE_MAX = 0.01

local function name_of(test)
  return ("round %s (%s)"):format(test.spec.round or test.id, test.spec.label or "unknown")
end

local function judge_workers(test, reasons)
  for _, w in ipairs(test.workers) do
    if w.status == "lost" then
      reasons[#reasons + 1] = ("%s: worker %d was lost"):format(name_of(test), w.worker)
    end
  end
end

local function judge_schedule(test, reasons)
  local t = test.total
  if t.dropped > 0 then
    reasons[#reasons + 1] = ("%s: %.0f runs were dropped because they could not be sent in time"):format(
      name_of(test), t.dropped)
  end
  if t.runs > 0 and t.late > LATE_SHARE_MAX * t.runs then
    reasons[#reasons + 1] = ("%s: %.1f %% of the runs started late"):format(name_of(test), 100 * t.late / t.runs)
  end
end

local function measured(tests)
  for _, test in ipairs(tests) do
    if test.total.runs > 0 then
      return true
    end
  end
  return false
end

-- tests: finished ones; damages: what of the journals could not be read; status of the run. Returns {verdict, reasons}.
function M.judge(tests, damages, status)
  local fatal, doubts = {}, {}
  for _, message in ipairs(damages) do
    fatal[#fatal + 1] = "lost records: " .. message
  end
  for _, test in ipairs(tests) do
    judge_workers(test, fatal)
    judge_schedule(test, doubts)
  end
  if #fatal == 0 and status ~= "ok" and not measured(tests) then
    fatal[1] = "nothing was measured"
  end
  local verdict = #fatal > 0 and "INVALID" or #doubts > 0 and "SUSPECT" or "VALID"
  for _, reason in ipairs(doubts) do
    fatal[#fatal + 1] = reason
  end
  return { verdict = verdict, reasons = fatal }
end

return M
