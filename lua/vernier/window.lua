-- What the workers of a load have seen of the runs that were due in one stretch of it: as a plain table, which travels in
-- messages, and added up.
local histogram = require("vernier.core.histogram")

local M = {}

local COUNTERS = { "runs", "late", "dropped", "limited", "submitted", "ok", "failed", "finished" }
local TIMES = { "response", "lateness" }

-- From the core's record and its histograms (of ok transactions' response times, and of lateness): counters, and the
-- times as texts.
function M.read(record, response, lateness)
  local out = { response = response:encode(), lateness = lateness:encode() }
  for _, name in ipairs(COUNTERS) do
    out[name] = record[name]
  end
  return out
end

-- The sum of such tables: counters, and the times as histograms (vernier.core.histogram).
function M.sum(list)
  local sum = {}
  for _, name in ipairs(COUNTERS) do
    sum[name] = 0
    for _, one in ipairs(list) do
      sum[name] = sum[name] + one[name]
    end
  end
  for _, name in ipairs(TIMES) do
    sum[name] = assert(histogram.new())
    for _, one in ipairs(list) do
      assert(sum[name]:decode_add(one[name]))
    end
  end
  return sum
end

return M
