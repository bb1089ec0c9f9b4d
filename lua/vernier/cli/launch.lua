-- vernier launch manager|worker: Caliper's spellings; the worker of a local run and the supervisor of its commands are
-- started by the manager in the same way.
local process = require("vernier.core.process")

local M = {
  usage = "launch manager --caliper-workspace DIR --caliper-benchconfig FILE --caliper-networkconfig FILE [--caliper-…]",
  summary = "Caliper's spelling of run",
  raw = true,
}

local what = {}

function what.manager(argv)
  return require("vernier.cli.run").run(argv)
end

function what.supervisor(argv)
  table.remove(argv, 1) -- "--"
  return process.supervise(argv)
end

function what.worker(argv)
  local cli = require("vernier.cli")
  local args, message = cli.parse({
    ["link-fd"] = { type = "integer", required = true },
    parent = { type = "integer", required = true },
    ["clock-base"] = { type = "string", required = true },
    index = { type = "integer", required = true },
  }, argv)
  if not args then
    return cli.fail("launch worker: " .. message .. " (local workers are started by the manager)")
  end
  local options = args.options
  return require("vernier.worker").run({
    link_fd = options["link-fd"], parent = options.parent, clock_base = options["clock-base"],
  })
end

function M.run(argv)
  local name = table.remove(argv, 1)
  local start = name and what[name]
  if not start then
    return require("vernier.cli").fail("launch: manager or worker? See vernier help launch")
  end
  return start(argv)
end

return M
