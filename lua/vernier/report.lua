-- Makes all reports of a run folder: after a run, or at any later time by `vernier report`.
local plugins = require("vernier.plugins")
local results = require("vernier.results")
local watchdog = require("vernier.manager.watchdog")

local M = {}

-- The files come first: whoever reads the printed summary can open what it names.
M.REPORTERS = { { reporter = "json" }, { reporter = "html" }, { reporter = "text" } }

-- Those that the benchmark asks for; summary.json is made always, because scripts read it. more: one that it need not name.
local function wanted(read, more)
  local benchmark = type(read.run.benchmark) == "table" and read.run.benchmark or {}
  local named = type(benchmark.reports) == "table" and #benchmark.reports > 0 and benchmark.reports or M.REPORTERS
  local list = { M.REPORTERS[1] }
  for _, entry in ipairs(named) do
    if entry.reporter ~= "json" then
      list[#list + 1] = entry
      more = entry.reporter ~= more and more or nil
    end
  end
  if more and more ~= "json" then
    list[#list + 1] = { reporter = more, options = {} }
  end
  return list
end

-- Runs fn; what takes longer than hook_ns is ended by an error, where that is given.
local function watched(hook_ns, fn, ...)
  if not hook_ns then
    return xpcall(fn, debug.traceback, ...)
  end
  watchdog.start(hook_ns)
  local ok, a, b = xpcall(fn, debug.traceback, ...)
  watchdog.stop()
  return ok, a, b
end

-- The files that a reporter has written; or nil, message. In a run nobody could end a reporter of the user's otherwise.
local function run_one(entry, ctx, read, hook_ns)
  local reporter, message = plugins.new("reporter", entry.reporter, entry.options, read.run.workspace or ".")
  if not reporter then
    return nil, message
  end
  local own = plugins.is_built_in("reporter", entry.reporter)
  local ok, written, why = watched(not own and hook_ns or nil, reporter.run, reporter, ctx, read)
  if not ok then
    return nil, ("reporter %s: %s"):format(entry.reporter, tostring(written))
  end
  return written, why
end

-- options: report_path (copy of the HTML report), reporter (one more, by its name), terminal, write(text), hook_ns (how
-- long a user's reporter may take).
-- The results and the list of files; or nil, message (the reports that could be made are there all the same).
function M.make(dir, options)
  local read, message = results.read(dir)
  if not read then
    return nil, message
  end
  local files, failure = {}, nil
  local ctx = {
    dir = dir, report_path = options.report_path, terminal = options.terminal, files = files,
    write = options.write or function(text)
      io.stdout:write(text)
    end,
  }
  for _, entry in ipairs(wanted(read, options.reporter)) do
    local written, why = run_one(entry, ctx, read, options.hook_ns)
    if not written then
      failure = failure or why or "a reporter gave no list of files"
    end
    for _, path in ipairs(written or {}) do
      files[#files + 1] = path
    end
  end
  io.stdout:flush()
  if failure then
    return nil, failure
  end
  return read, files
end

return M
