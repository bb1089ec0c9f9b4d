-- vernier launch manager|worker: Caliper's spellings; the worker of a local run and the supervisor of its commands are
-- started by the manager in the same way.
local process = require("vernier.core.process")
local units = require("vernier.units")

local M = {
  usage = "launch manager --caliper-workspace DIR --caliper-benchconfig FILE --caliper-networkconfig FILE [--caliper-…]",
  summary = "Caliper's spelling of run",
  raw = true,
}

local what = {}

function what.manager(argv)
  return require("vernier.cli.run").run(argv)
end

-- "nofile=1024" as name, value; or nil and why not.
local function parse_limit(text)
  local name, value = text:match("^([%w-]+)=(.+)$")
  local names = process.limit_names()
  if not name then
    return nil, ('limit "%s" must look like nofile=1024'):format(text)
  end
  for _, known in ipairs(names) do
    if known == name then
      local number = tonumber(value) or units.bytes(value)
      if number and number >= 0 and number % 1 == 0 then
        return name, number
      end
      return nil, ('limit "%s": must be a whole number of at least 0'):format(text)
    end
  end
  return nil, ('unknown limit "%s" (there are %s)'):format(name, table.concat(names, ", "))
end

-- Takes "--limit NAME=VALUE", which may come several times, out of what stands before "--": the limits by name; or nil
-- and what is wrong.
local function take_limits(argv)
  local limits, i = {}, 1
  while argv[i] and argv[i] ~= "--" do
    if argv[i] == "--limit" then
      local name, value = parse_limit(argv[i + 1] or "")
      if not name then
        return nil, value
      end
      limits[name] = value
      table.remove(argv, i)
      table.remove(argv, i)
    else
      i = i + 1
    end
  end
  return limits
end

function what.supervisor(argv)
  local cli = require("vernier.cli")
  local args
  local limits, message = take_limits(argv)
  if limits then
    args, message = cli.parse({ parent = { type = "integer" }, report = { type = "boolean" }, leave = { type = "boolean" } },
      argv)
  end
  if args and #args == 0 then
    message = "needs a command behind --"
  end
  if message then
    return cli.fail("launch supervisor: " .. message)
  end
  local options = args.options
  return process.supervise(args, { limits = limits, parent = options.parent, report = options.report, leave = options.leave })
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
