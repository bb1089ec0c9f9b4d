-- vernier run BENCH [NETWORK]: checks everything first, then runs it.
local file = require("vernier.core.file")
local program = require("vernier.cli.program")
local settings = require("vernier.settings")

local M = {
  usage = "run BENCH [NETWORK] [--workers N] [--SETTING VALUE]…",
  summary = "run a benchmark file (YAML, JSON or Lua) against the system of a network file",
  settings = true,
  raw = true,
  details = [[
A benchmark file may bring its network along: network: FILE, or network: {caliper: …}, beside test:.
Exit status: 0 all ran; 1 unexpected (a full disk); 2 usage or configuration; 3 a stage, round or worker failed;
5 the certificate is INVALID, with --strict;
130 interrupted (results kept; vernier resume RUN goes on).]],
}

local SECRETS_IN_PLACE = 448 -- 0700

-- Relative paths on the command line start here, those of settings in the workspace. A benchmark file may bring its
-- network along, so the second may be nil.
local function files_of(resolved, rest)
  local bench = rest[1] or resolved:path("benchconfig")
  local net = rest[2] or resolved:path("networkconfig")
  if not bench then
    return nil, "Benchmark configuration file path is not set (vernier run BENCH NETWORK)"
  elseif rest[3] then
    return nil, ('what is "%s"? There is one benchmark file and one network file'):format(rest[3])
  end
  for _, file_of in ipairs({ { "Benchmark", bench }, { "Network", net } }) do
    if file_of[2] and not file.realpath(file_of[2]) then
      return nil, ('%s configuration file "%s" does not exist'):format(unpack(file_of))
    end
  end
  return { benchmark = bench, network = net }
end

local function seed_of(resolved)
  local seed = resolved:get("seed")
  if seed then
    return seed
  end
  local f = assert(io.open("/dev/urandom", "rb"))
  local a, b, c, d = f:read(4):byte(1, 4)
  f:close()
  return ((a * 256 + b) * 256 + c) * 256 + d
end

local function make_run(resolved, bench)
  local path = resolved:get("runs-path")
  local ok, message = file.mkdir(path, SECRETS_IN_PLACE)
  if not ok then
    return nil, message
  end
  return require("vernier.run").new(file.realpath(path), bench.name)
end

local function start(loaded, argv)
  local cli = require("vernier.cli")
  local seed = seed_of(loaded.settings)
  local cells, message = loaded:cells(seed)
  if not cells then
    return cli.fail(message)
  end
  local report_path
  report_path, message = loaded:report_path()
  if not report_path then
    return cli.fail(message)
  end
  local run
  run, message = make_run(loaded.settings, loaded.benchmark)
  if not run then
    return cli.fail("cannot make the run folder: " .. message)
  end
  return loaded:run({ run = run, cells = cells, seed = seed, report_path = report_path,
    command_line = "vernier run " .. table.concat(settings.shown(argv), " ") })
end

function M.run(argv)
  local cli = require("vernier.cli")
  if program.wants_help(argv) then
    return cli.command("help").run({ "run", options = {} })
  end
  local resolved, rest = settings.resolve({ argv = argv })
  if not resolved then
    io.stderr:write(program.problems_text(rest))
    return 2
  end
  for _, warning in ipairs(resolved.warnings) do
    io.stderr:write("vernier: warning: ", warning, "\n")
  end
  local files, message = files_of(resolved, rest)
  if not files then
    return cli.fail(message)
  end
  local workspace
  workspace, message = file.realpath(resolved:get("workspace"))
  if not workspace then
    return cli.fail(("workspace %s: %s"):format(resolved:get("workspace"), message))
  end
  local loaded = program.load(resolved, files, workspace)
  return loaded and start(loaded, argv) or 2
end

return M
