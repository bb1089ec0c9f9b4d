-- What `vernier run` and `vernier resume` share: loads the files of a benchmark, checks everything, and runs the cells
-- that are to be run.
local benchmark = require("vernier.config.benchmark")
local contains = require("vernier.contains")
local file = require("vernier.core.file")
local findings = require("vernier.config.findings")
local inputs = require("vernier.inputs")
local matrix = require("vernier.matrix")
local network = require("vernier.config.network")
local plugins = require("vernier.plugins")
local preflight = require("vernier.preflight")
local process = require("vernier.core.process")
local stored = require("vernier.config.stored")

local M = {}
local Program = {}
Program.__index = Program

local NO_NETWORK = "Network configuration file path is not set (vernier run BENCH NETWORK, or network: in the benchmark file)"

-- Whether the words of a command line ask for help.
function M.wants_help(argv)
  return contains(argv, "--help") or contains(argv, "-h")
end

-- What vernier.settings found to be wrong, as text.
function M.problems_text(problems)
  local lines = {}
  for i, problem in ipairs(problems) do
    problem.file = problem.file or "vernier"
    lines[i] = findings.format(problem)
  end
  return table.concat(lines, "\n") .. "\n"
end

-- Loads both files and shows everything that is wrong with them in one go. Gives the benchmark, the network and its file.
local function load_files(resolved, files, workspace)
  local bench, bench_found = benchmark.load(files.benchmark, { mode = "run", workspace = workspace,
    workers = resolved:get("workers") })
  local net, net_found
  local net_path = files.network
  if net_path then
    net, net_found = network.load(net_path, "run", workspace)
  elseif bench and bench.network then
    net, net_found, net_path = network.of_benchmark(bench, files.benchmark, "run", workspace)
  end
  for _, found in ipairs({ bench_found, net_found }) do
    if #found > 0 then
      io.stderr:write(found:text(), "\n")
    end
  end
  if bench and not net_found and bench.scenario == nil then
    io.stderr:write("vernier: ", NO_NETWORK, "\n")
    return nil
  end
  return bench and (net or not net_found) and bench, net, net_path
end

-- Loads and checks what the files say, and goes to the workspace. files: {benchmark, network (nil: the benchmark brings it
-- along)}, paths; workspace: the real path. The program, {settings, files, workspace, benchmark, network, phases, inputs}; nil
-- when the user has been told what is wrong.
function M.load(resolved, files, workspace)
  local real = { benchmark = file.realpath(files.benchmark), network = files.network and file.realpath(files.network) }
  local bench, net, net_path = load_files(resolved, files, workspace)
  if not bench then
    return nil
  end
  file.chdir(workspace)
  local ok, problems = preflight.check(bench, net, workspace, { benchmark = files.benchmark, network = net_path })
  if not ok then
    io.stderr:write(problems, "\n")
    return nil
  end
  local phases, message = resolved:phases()
  local hashes
  if phases then
    hashes, message = inputs.hashes()
  end
  if not hashes then
    return require("vernier.cli").fail(message) and nil
  end
  bench.onFailure = bench.onFailure or resolved:get("on-failure")
  return setmetatable({ settings = resolved, files = real, workspace = workspace, benchmark = bench, network = net,
    phases = phases, inputs = hashes }, Program)
end

-- The cells that are to be run, in their order; or nil, message.
function Program:cells(seed)
  local only = self.settings:get("only")
  local filter, message, hint
  if only then
    filter, message, hint = matrix.only(only, self.benchmark)
    if not filter then
      return nil, ("--only: %s%s"):format(message, hint and " (" .. hint .. ")" or "")
    end
  end
  local cells = matrix.cells(self.benchmark, { seed = seed, only = filter })
  if #cells == 0 then
    return nil, "--only: no cell of the matrix is all of that"
  end
  return cells
end

-- Where the report goes, made sure that it can be written; or nil, message.
function Program:report_path()
  local path = self.settings:get("report-path")
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

function Program:_pacing()
  local pacing = self.settings:get("pacing")
  if pacing == "auto" then
    return self.benchmark.workers + 1 <= process.cores() and "precise" or "economical"
  end
  return pacing
end

function Program:_observers()
  return { assert(plugins.new("observer", "progress", {
    enabled = self.settings:get("progress-reporting-enabled"),
    interval = self.settings:get("progress-reporting-interval"),
  })) }
end

-- Runs it; gives the exit status. config: those of vernier.manager that depend on the run: run, cells, seed, report_path,
-- command_line, and of a run that is resumed what that needs.
function Program:run(config)
  for key, value in pairs({
    settings = self.settings, benchmark = self.benchmark, network = self.network, workspace = self.workspace,
    phases = self.phases, pacing = self:_pacing(), observers = self:_observers(), version = process.version(),
    benchmark_stored = stored.benchmark(self.benchmark, self.workspace), settings_stored = self.settings:public(),
    inputs = self.inputs, files = self.files, terminal = process.is_terminal(1),
  }) do
    config[key] = value
  end
  local manager = require("vernier.manager").new(config)
  return require("vernier.scheduler").run(manager.walk, manager)
end

return M
