-- vernier run BENCH [NETWORK]: checks everything first, then runs it.
local benchmark = require("vernier.config.benchmark")
local file = require("vernier.core.file")
local findings = require("vernier.config.findings")
local network = require("vernier.config.network")
local plugins = require("vernier.plugins")
local preflight = require("vernier.preflight")
local process = require("vernier.core.process")
local redact = require("vernier.config.redact")
local settings = require("vernier.settings")

local M = {
  usage = "run BENCH [NETWORK] [--workers N] [--SETTING VALUE]…",
  summary = "run a benchmark file (YAML, JSON or Lua) against the system of a network file",
  settings = true,
  raw = true,
  details = [[
A benchmark file may bring its network along: network: FILE, or network: {caliper: …}, beside test:.
Exit status: 0 all ran; 1 unexpected (a full disk); 2 usage or configuration; 3 a stage, round or worker failed;
130 interrupted (results kept).]],
}

local SECRETS_IN_PLACE = 448 -- 0700

local function complain(list)
  io.stderr:write(list:text(), "\n")
end

local function problems_text(problems)
  local lines = {}
  for i, problem in ipairs(problems) do
    problem.file = problem.file or "vernier"
    lines[i] = findings.format(problem)
  end
  return table.concat(lines, "\n") .. "\n"
end

local function wants_help(argv)
  for _, word in ipairs(argv) do
    if word == "--help" or word == "-h" then
      return true
    end
  end
end

-- Relative paths on the command line start here, those of settings in the workspace. A benchmark file may bring its
-- network along, so the second may be nil.
local function paths_of(resolved, rest)
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
  return bench, net
end

local NO_NETWORK = "Network configuration file path is not set (vernier run BENCH NETWORK, or network: in the benchmark file)"

-- Loads both files and shows everything that is wrong with them in one go. Gives the benchmark, the network and its file.
local function load_files(resolved, bench_path, net_path, workspace)
  local bench, bench_found = benchmark.load(bench_path, { mode = "run", workspace = workspace,
    workers = resolved:get("workers") })
  local net, net_found
  if net_path then
    net, net_found = network.load(net_path, "run", workspace)
  elseif bench and bench.network then
    net, net_found, net_path = network.of_benchmark(bench, bench_path, "run", workspace)
  end
  for _, found in ipairs({ bench_found, net_found }) do
    if #found > 0 then
      complain(found)
    end
  end
  if bench and not net_found then
    io.stderr:write("vernier: ", NO_NETWORK, "\n")
  end
  return bench and net and bench, net, net_path
end

local function pacing_of(resolved, workers)
  local pacing = resolved:get("pacing")
  if pacing == "auto" then
    return workers + 1 <= process.cores() and "precise" or "economical"
  end
  return pacing
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

local function observers(resolved)
  return { assert(plugins.new("observer", "progress", {
    enabled = resolved:get("progress-reporting-enabled"),
    interval = resolved:get("progress-reporting-interval"),
  })) }
end

local function make_run(resolved, bench)
  local run = require("vernier.run")
  local path = resolved:get("runs-path")
  local ok, message = file.mkdir(path, SECRETS_IN_PLACE)
  if not ok then
    return nil, message
  end
  path = file.realpath(path)
  return run.new(path, bench.name)
end

local function report_path_of(resolved)
  local path = resolved:get("report-path")
  local folder = path:match("^(.*)/[^/]*$")
  if folder and folder ~= "" then
    file.mkdir(folder, 493) -- 0755
  end
  local ok, message = file.writable(path)
  if not ok then
    return nil, ("the report cannot be written to %s: %s"):format(path, message)
  end
  return path
end

local function command_text(argv)
  return "vernier run " .. redact.text(table.concat(argv, " "))
end

local function start(resolved, bench, net, workspace, argv)
  local cli = require("vernier.cli")
  local phases, message = resolved:phases()
  if not phases then
    return cli.fail(message)
  end
  bench.onFailure = bench.onFailure or resolved:get("on-failure")
  local report_path
  report_path, message = report_path_of(resolved)
  if not report_path then
    return cli.fail(message)
  end
  local run
  run, message = make_run(resolved, bench)
  if not run then
    return cli.fail("cannot make the run folder: " .. message)
  end
  local manager = require("vernier.manager").new({
    run = run, settings = resolved, benchmark = bench, network = net, connector_name = net.connector,
    connector_options = net.options, workspace = workspace, phases = phases, n_workers = bench.workers,
    pacing = pacing_of(resolved, bench.workers), seed = seed_of(resolved), observers = observers(resolved),
    version = cli.version(), command_line = command_text(argv), benchmark_stored = redact.copy({
      name = bench.name, description = bench.description, workers = bench.workers, rounds = bench.rounds,
      stages = bench.stages, monitors = bench.monitors, onFailure = bench.onFailure,
    }), settings_stored = resolved:public(), report_path = report_path, terminal = process.is_terminal(1),
  })
  return require("vernier.scheduler").run(manager.walk, manager)
end

function M.run(argv)
  local cli = require("vernier.cli")
  if wants_help(argv) then
    return cli.command("help").run({ "run", options = {} })
  end
  local resolved, rest = settings.resolve({ argv = argv })
  if not resolved then
    io.stderr:write(problems_text(rest))
    return 2
  end
  for _, warning in ipairs(resolved.warnings) do
    io.stderr:write("vernier: warning: ", warning, "\n")
  end
  local bench_path, net_path = paths_of(resolved, rest)
  if not bench_path then
    return cli.fail(net_path)
  end
  local message, workspace
  workspace, message = file.realpath(resolved:get("workspace"))
  if not workspace then
    return cli.fail(("workspace %s: %s"):format(resolved:get("workspace"), message))
  end
  local bench, net, net_file = load_files(resolved, bench_path, net_path, workspace)
  if not bench then
    return 2
  end
  file.chdir(workspace)
  local ok, problems = preflight.check(bench, net, workspace, { benchmark = bench_path, network = net_file })
  if not ok then
    io.stderr:write(problems, "\n")
    return 2
  end
  return start(resolved, bench, net, workspace, argv)
end

return M
