-- vernier init DIR: a commented starter that runs as it is, and what editors complete and check scripts by.
local annotations = require("vernier.annotations")
local file = require("vernier.core.file")

local M = {
  usage = "init [--annotations] DIR",
  summary = "write a commented starter (benchmark.yaml, network.yaml, workload.lua, README.md) into a folder",
  options = {
    annotations = { type = "boolean", default = false,
      doc = "only what editors (LuaLS) complete and check scripts by: annotations/, and .luarc.json where there is none" },
  },
}

local FILES = {
  { "benchmark.yaml", [[
# What is measured: rounds, one after the other. `vernier check benchmark.yaml network.yaml` says what is wrong with it.
test:
  name: starter
  description: my first benchmark
  workers:
    number: 1                    # processes that make load; one less than the machine has cores is a good number
  rounds:
    - label: fixed-rate
      description: an open model, 100 runs a second whatever the system does
      txNumber: 300              # so many runs over all workers; or, for a time in seconds, txDuration: 60
      rateControl:
        type: fixed-rate         # `vernier list` names the others, `vernier help fixed-rate` their options
        opts: { tps: 100 }
      workload:
        module: ./workload.lua   # paths start from the workspace: the folder in which vernier is called
        arguments:
          writes: 0.1            # whatever the workload declares
    - label: closed
      description: a closed model, always 10 runs in flight
      txDuration: 3
      rateControl:
        type: fixed-load
        opts: { transactionLoad: 10 }
      workload:
        module: ./workload.lua
        arguments:
          writes: 0.5
]] },
  { "network.yaml", [[
# The system under test. The noop connector needs none: it answers by itself, here after 5 ms on average.
caliper:
  connector: noop
  # connector: http
  # command:
  #   start: docker compose up -d --wait   # awaited before the first round
  #   end: docker compose down             # runs after failures and Ctrl-C, too

noop:
  latency: exponential 5ms

# http:
#   url: http://127.0.0.1:8080   # `vernier demo-server --port 8080` is one to try
#   connections: 64              # of each worker, at most
#   timeout: 5s
#   tls: { ca: ./ca.pem }        # for https: what is trusted instead of the system's store
]] },
  { "workload.lua", [[
-- What is done once per run. A run may send nothing, one request or many; each is a transaction of the report.
local M = {
  options = {
    writes = { type = "number", default = 0.1, min = 0, max = 1, doc = "share of the runs that write" },
    items = { type = "integer", default = 1000, min = 1, doc = "how many different items there are" },
  },
}

-- Once per worker and round, before the start. What is sent here is not counted.
function M:init(ctx)
  self.items = ctx.arguments.items
end

-- ctx: sut, arguments, random, index, worker, workers, round, sleep…
---@param ctx vernier.WorkloadContext
function M:run(ctx)
  local path = "/items/" .. ctx.random(self.items)
  if ctx.random() < ctx.arguments.writes then
    ctx.sut:send({ method = "POST", path = path, body = { value = ctx.index } }, { operation = "write" })
  else
    ctx.sut:send({ method = "GET", path = path }, { operation = "read" })
  end
end

-- Once per worker and round, when the last answer is there.
function M:finish()
end

return M
]] },
  { "README.md", [[
# A benchmark

    vernier check benchmark.yaml network.yaml
    vernier run benchmark.yaml network.yaml

The summary is printed, `report.html` is the report, and `runs/` keeps everything that was measured: `vernier report
runs/NAME` makes the reports again, at any time.

- `benchmark.yaml`: the rounds, how long each lasts and at which rate it sends.
- `network.yaml`: the system under test. It is simulated at first; the commented lines are for an HTTP service.
- `workload.lua`: what one run does.
- `annotations/`, `.luarc.json`: what editors that know LuaLS complete and check scripts by; `vernier init --annotations .`
  writes them anew.

`vernier help settings` lists what else can be set, on the command line, in the environment or in `caliper.yaml`.
]] },
}

local function fail(message, status)
  return require("vernier.cli").fail("init: " .. message, status)
end

local LUARC = { ".luarc.json", annotations.LUARC }

-- Those of the files that are there already.
local function existing_in(dir, files)
  local names = {}
  for _, entry in ipairs(files) do
    if file.exists(dir .. "/" .. entry[1]) then
      names[#names + 1] = entry[1]
    end
  end
  return table.concat(names, ", ")
end

local function quoted(dir)
  return dir:find("^[%w%./_-]+$") and dir or "'" .. dir:gsub("'", "'\\''") .. "'"
end

-- True, or nil and why not.
local function write_all(dir, files)
  for _, entry in ipairs(files) do
    local path = dir .. "/" .. entry[1]
    local ok, message = file.mkdir(path:match("^(.*)/"), 493) -- 0755
    if ok then
      ok, message = file.write(path, entry[2], 420) -- 0644
    end
    if not ok then
      return nil, message
    end
    print(path)
  end
  return true
end

local function write_annotations(dir)
  local ok, message = write_all(dir, annotations.files())
  if ok and existing_in(dir, { LUARC }) == "" then
    ok, message = write_all(dir, { LUARC })
  elseif ok then
    print(dir .. '/.luarc.json is there already: let its "workspace.library" have "annotations"')
  end
  return ok, message
end

local function write_starter(dir)
  local ok, message = write_all(dir, FILES)
  if ok then
    ok, message = write_annotations(dir)
  end
  if ok then
    print(("\nNow: cd %s && vernier run benchmark.yaml network.yaml"):format(quoted(dir)))
  end
  return ok, message
end

function M.run(args)
  local dir = args[1]
  if #args ~= 1 then
    return fail("needs one folder (vernier init DIR)")
  end
  local existing = not args.options.annotations and existing_in(dir, FILES) or ""
  if existing ~= "" then
    return fail(("%s has %s already: nothing is overwritten (choose another folder)"):format(dir, existing))
  end
  local ok, message = (args.options.annotations and write_annotations or write_starter)(dir)
  return ok and 0 or fail(message, 1)
end

return M
