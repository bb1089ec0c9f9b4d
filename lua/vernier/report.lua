-- Makes all reports of a run folder: after a run, or at any later time by `vernier report`.
local plugins = require("vernier.plugins")
local results = require("vernier.results")

local M = {}

-- The files come first: whoever reads the printed summary can open what it names.
M.REPORTERS = { "json", "html", "text" }

-- options: report_path (copy of the HTML report), terminal, write(text), reporters (names).
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
  for _, name in ipairs(options.reporters or M.REPORTERS) do
    local reporter = assert(plugins.new("reporter", name))
    local written, why = reporter:run(ctx, read)
    if not written then
      failure = failure or why
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
