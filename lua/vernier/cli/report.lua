-- vernier report DIR: everything that was measured, again, from the folder of a run.
local process = require("vernier.core.process")
local report = require("vernier.report")
local results = require("vernier.results")

local M = {
  usage = "report DIR",
  summary = "Makes summary.json, report.html and the summary table again from a run's folder",
  options = {
    ["report-path"] = { type = "string", doc = "also write the HTML report to this file" },
    reporter = { type = "string", doc = "also make the report of this reporter: a name, such as hdr-log, or a path" },
  },
}

local STATUS = { ok = 0, failed = 3, interrupted = 130 }
local STRICT = 5 -- of a run that was INVALID under --strict

local function fail(message, status)
  io.stderr:write("vernier: report: ", message, "\n")
  return status
end

function M.run(args)
  if #args ~= 1 then
    return fail("needs the folder of one run", 2)
  end
  local dir = args[1]:gsub("(.)/+$", "%1")
  local read, files = report.make(dir, {
    report_path = args.options and args.options["report-path"],
    reporter = args.options and args.options.reporter,
    terminal = process.is_terminal(1),
  })
  if not read then
    return fail(files, results.read(dir) and 1 or 2)
  end
  io.stdout:write("\n", table.concat(files, "\n"), "\n")
  return read.exit == STRICT and STRICT or STATUS[read.status] or 3
end

return M
