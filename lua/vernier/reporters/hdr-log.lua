-- Writes hdr/<number>-<test>.hlog for each test: an interval log as the tools of HdrHistogram read it, with a tag for each
-- operation and clock, such as "get.response", and for the marks of operations, such as "get:accepted.response". Values are
-- ns; of several workers together.
local file = require("vernier.core.file")
local hdr_log = require("vernier.hdr_log")
local names = require("vernier.results.names")
local part = require("vernier.results.part")

local M = { options = {} }

local LABEL_MAX = 80

-- Whatever a label holds: a name in this folder, told apart by the test's number.
local function file_name(t)
  local name = ("%s-%s"):format(t.id, names.label(t)):sub(1, LABEL_MAX):gsub("[^%w._-]", "_")
  return (name:gsub("^%.", "_")) .. ".hlog"
end

local function head_of(results, t)
  local started = tonumber(results.run.started_wall_us)
  return {
    started = started and (started + (t.start_us or 0)) / 1e6,
    comments = {
      "Written by vernier " .. tostring(results.run.version or ""),
      "Test: " .. results.names:test(t),
      "Values in ns, Interval_Max in ms; tags are operation.clock and operation:mark.clock",
    },
  }
end

local function add_clocks(log, interval, name, clocks, of)
  for _, clock in ipairs(clocks) do
    of[clock]:with(function(h)
      log:add(name .. "." .. clock, interval.from_us / 1e6, interval.to_us / 1e6, h)
    end)
  end
end

local function add_interval(log, interval)
  for _, op in ipairs(interval.operations) do
    add_clocks(log, interval, op.name, part.CLOCKS, op)
    for _, mark in ipairs(op.marks) do
      add_clocks(log, interval, op.name .. ":" .. mark.name, part.MARK_CLOCKS, mark)
    end
  end
end

local function write(results, t, path)
  local log, message = hdr_log.create(path, head_of(results, t))
  if not log then
    return nil, message
  end
  for interval in results:intervals(t) do
    add_interval(log, interval)
  end
  return log:finish()
end

function M:run(ctx, results)
  local dir, files = ctx.dir .. "/hdr", {}
  local ok, message = file.mkdir(dir)
  for _, t in ipairs(ok and results.tests or {}) do
    ok, message = write(results, t, dir .. "/" .. file_name(t))
    if not ok then
      break
    end
    files[#files + 1] = ok
  end
  if not ok then
    return nil, message
  end
  return files
end

return M
