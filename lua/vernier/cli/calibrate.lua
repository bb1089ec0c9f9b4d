-- vernier calibrate: what vernier itself adds on this machine, measured by ordinary runs of it.
--
-- Runs of one worker in a folder that goes away: noop with the pacing of a run, noop without a spin, http against a demo
-- server that holds each request for a known time, http against one that answers at once. What the server held requests for
-- it tells itself (/stats); service time above that is loopback, kernel and vernier. Of the user's settings only
-- vernier-pacing and vernier-calibration count: runs of another form would measure something else.
local calibration = require("vernier.calibration")
local child = require("vernier.child")
local cjson = require("cjson")
local clock = require("vernier.core.clock")
local file = require("vernier.core.file")
local http = require("vernier.http")
local json = require("vernier.json")
local loop = require("vernier.core.loop")
local machine = require("vernier.machine")
local names = require("vernier.settings.names")
local process = require("vernier.core.process")
local program = require("vernier.cli.program")
local results = require("vernier.results")
local scheduler = require("vernier.scheduler")
local settings = require("vernier.settings")
local sorted = require("vernier.sorted")
local sources = require("vernier.settings.sources")
local tables = require("vernier.text.table")

local M = {
  usage = "calibrate [OPTION]…",
  summary = "measure the error bar of this machine, which reports then quote",
  options = {
    seconds = { type = "duration", default = 3, min = 0.1, max = 600, doc = "length of each of the seven measurements" },
    output = { type = "string", doc = "where it is kept; else the setting vernier-calibration or the user's state folder" },
    json = { type = "boolean", default = false, doc = "print what was measured as JSON" },
    keep = { type = "boolean", default = false, doc = "leave the folder of the runs, and say where it is" },
  },
}

local SECOND = 1e9
local RUN_SLACK = 60 -- seconds that a run may take beyond its rounds
local HELD = "5ms"
local CLOCK_READS = 1e6
local INTERRUPTED = 130

local function fail(message, status)
  return nil, message, status or 3
end

-- ---- runs ----

local WORKLOADS = {
  noop = 'return { run = function(_, ctx) ctx.sut:send("x") end }\n',
  http = 'return { run = function(_, ctx) ctx.sut:send({ path = "/query?account=x", expect = { status = 404 } }) end }\n',
}

local function open(tps)
  return ("{ type: fixed-rate, opts: { tps: %d } }"):format(tps)
end

local CLOSED = "{ type: fixed-load, opts: { transactionLoad: 64 } }"

local function benchmark(name, kind, seconds, rates)
  local lines = { ("test:\n  name: %s\n  workers: { number: 1 }\n  rounds:"):format(name) }
  for i, rate in ipairs(rates) do
    lines[#lines + 1] = ("    - { label: r%d, txDuration: %.3f, rateControl: %s, workload: { module: ./%s.lua } }"):format(
      i, seconds, rate, kind)
  end
  return table.concat(lines, "\n") .. "\n"
end

-- The words before a command that keep the settings of this environment from it.
local function without_settings()
  local words = { "/usr/bin/env" }
  for _, variable in ipairs(sorted(sources.process_environment())) do
    if names.stem(names.normalise(variable)) then
      words[#words + 1], words[#words + 2] = "-u", variable
    end
  end
  return words
end

-- Awaits a command, which an interrupt ends early: true; or nil, message.
local function await(work, options)
  if work.interrupted then
    return nil, "interrupted"
  end
  local running, message = child.start(options)
  if not running then
    return nil, message
  end
  work.running = running
  if work.interrupted then -- meanwhile
    running:interrupt()
  end
  local ok
  ok, message = running:finish(options.timeout)
  work.running = nil
  return ok, message
end

-- The results of the only run in a folder; nil, message unless each of its n tests has measured something.
local function results_of(folder, n)
  local read, message = results.read(folder .. "/" .. (file.list(folder) or {})[1])
  if not read then
    return nil, message
  end
  for i = 1, n do
    local test = read.tests[i]
    local figures = test and test.figures
    if not (figures and figures.lateness_time and figures.service_time and test.workers[1].vitals.cpu_us) then
      return nil, ("round %d has measured nothing"):format(i)
    end
  end
  return read
end

-- Runs a benchmark of these rates and gives its results; nil, message.
local function run(work, name, spec)
  work.say(name)
  local base = work.dir .. "/" .. name
  file.write(base .. ".yaml", benchmark(name, spec.kind, work.seconds, spec.rates))
  file.write(base .. ".network.yaml", spec.network)
  file.write(("%s/%s.lua"):format(work.dir, spec.kind), WORKLOADS[spec.kind])
  local argv = without_settings()
  for _, word in ipairs({ work.program, "run", base .. ".yaml", base .. ".network.yaml", "--caliper-workspace", work.dir,
    "--vernier-runs-path", base, "--caliper-report-path", base .. ".html", "--vernier-pacing", spec.pacing or work.pacing }) do
    argv[#argv + 1] = word
  end
  local ok, message = await(work, { argv = argv, output = base .. ".log", timeout = work.seconds * #spec.rates + RUN_SLACK,
    text = "vernier run " .. name })
  local read
  if ok then
    read, message = results_of(base, #spec.rates)
  end
  return read, not read and ("the run %s failed: %s"):format(name, message) or nil
end

local NOOP = "caliper: { connector: noop }\n"

-- A demo server; fn(url, port) is called while it runs, and its values are given.
local function with_server(work, latency, fn)
  local port_file = ("%s/port-%s"):format(work.dir, latency)
  local argv = { work.program, "demo-server", "--port", "0", "--port-file", port_file }
  if latency ~= "none" then
    argv[#argv + 1], argv[#argv + 2] = "--latency", "constant " .. latency
  end
  local server, message = child.start({ argv = argv, output = work.dir .. "/server.log" })
  if not server then
    return fail("the demo server: " .. message)
  end
  local deadline = scheduler.now() + 10 * SECOND
  while not file.exists(port_file) and server:running() and scheduler.now() < deadline do
    scheduler.sleep(10e6)
  end
  local port = tonumber(file.read(port_file) or "")
  local a, b, c
  if port then
    a, b, c = fn("http://127.0.0.1:" .. port, port)
  else
    a, b, c = fail("the demo server did not start: " .. child.tail_of(work.dir .. "/server.log"))
  end
  server:stop({ grace = 5 })
  return a, b, c
end

local function network(url)
  return ("caliper: { connector: http }\nhttp: { url: %q, connections: 64 }\n"):format(url)
end

-- ---- what follows from them ----

local function lateness(test, tps)
  local l = test.figures.lateness_time
  return { tps = tps, p50_ns = l.p50, p99_ns = l.p99, max_ns = l.max }
end

local function speed(test)
  local vitals = test.workers[1].vitals
  return { throughput = test.figures.throughput, cpu_ns = vitals.cpu_us * 1e3 / test.figures.submitted }
end

local function measure_clock()
  local from, last, least = clock.now(), 0, math.huge
  for _ = 1, CLOCK_READS do
    local now = clock.now()
    if now > last and now - last < least then
      least = now - last
    end
    last = now
  end
  return { source = clock.source(), read_ns = (clock.now() - from) / CLOCK_READS, resolution_ns = least }
end

-- Mean ns for which the server has held requests; nil, message.
local function held_ns(port)
  local client = assert(http.new({ host = "127.0.0.1", port = port, connections = 1 }))
  local response, message = client:request({ path = "/stats" })
  client:close()
  local stats = response and cjson.decode(response.body)
  return stats and stats.held_ns / stats.answered, message
end

-- What is added to the service time of few requests; nil, message. The server has answered no others.
local function measure_offset(work, name, url, port)
  local read, message = run(work, name, { kind = "http", network = network(url), rates = { open(200) } })
  if not read then
    return nil, message
  end
  local held
  held, message = held_ns(port)
  local service = read.tests[1].figures.service_time
  return held and { mean_ns = service.mean - held, held_ns = held, service_mean_ns = service.mean }, message
end

local MEASURES = {
  function(work, c)
    local read, message = run(work, "noop", { kind = "noop", network = NOOP, rates = { open(1000), open(10000), CLOSED } })
    if not read then
      return fail(message)
    end
    local tests = read.tests
    c.pacing = read.run.pacing
    c.lateness, c.noop = { lateness(tests[1], 1000), lateness(tests[2], 10000) }, speed(tests[3])
    c.steal = tests[3].workers[1].vitals.steal
    return true
  end,
  function(work, c)
    local read, message = run(work, "timer", { kind = "noop", network = NOOP, rates = { open(1000) }, pacing = "economical" })
    if not read then
      return fail(message)
    end
    c.timer = lateness(read.tests[1])
    return true
  end,
  function(work, c)
    return with_server(work, HELD, function(url, port)
      local message
      c.offset, message = measure_offset(work, "held", url, port)
      return c.offset and true or fail(message)
    end)
  end,
  function(work, c)
    return with_server(work, "none", function(url, port)
      local read, message
      c.offset_at_once, message = measure_offset(work, "at-once", url, port)
      if c.offset_at_once then
        read, message = run(work, "http", { kind = "http", network = network(url), rates = { CLOSED } })
      end
      if not read then
        return fail(message)
      end
      c.http = speed(read.tests[1])
      return true
    end)
  end,
}

local function measure(work)
  local c = { format = calibration.FORMAT, made = os.date("!%Y-%m-%d"), version = process.version(), seconds = work.seconds,
    machine = machine.describe(), clock = measure_clock() }
  for _, one in ipairs(MEASURES) do
    local ok, message, status = one(work, c)
    if not ok then
      return nil, message, status
    end
  end
  return c
end

-- ---- the command ----

local function temporary_folder()
  local path = os.tmpname()
  os.remove(path)
  local ok, message = file.mkdir(path)
  return ok and path, message
end

local COLUMNS = {
  { title = "What", left = true, value = function(row) return row[1] end },
  { title = "Figure", left = true, value = function(row) return row[2] end },
}

local function show(c, options, path)
  if options.json then
    io.stdout:write(json.encode(c))
    return
  end
  io.stdout:write(("%s, %d cores, Linux %s\n"):format(c.machine.cpu or "?", c.machine.cores, c.machine.kernel or "?"))
  io.stdout:write(tables.of(COLUMNS, calibration.rows(c), tables.painter(false)), "Kept in ", path, "\n")
end

-- An interrupt ends the run that goes on; then all is cleaned up.
local function watch_signals(work)
  local tag = scheduler.on(function()
    work.interrupted = true
    if work.running then
      work.running:interrupt()
    end
  end)
  loop.signal(tag, process.SIGINT)
  loop.signal(tag, process.SIGTERM)
end

-- Measures in the folder, which is left there if that is wanted; what was measured, or nil, message, status.
local function measure_in(dir, options, pacing)
  local work = { dir = dir, seconds = options.seconds, pacing = pacing, program = file.realpath(process.executable),
    say = function(name)
      io.stderr:write("calibrate: ", name, "\n")
    end }
  watch_signals(work)
  local c, message, status = measure(work)
  if options.keep then
    io.stderr:write("calibrate: the runs are in ", dir, "\n")
  else
    file.remove_tree(dir)
  end
  if work.interrupted then
    return fail("interrupted", INTERRUPTED)
  end
  return c, message, status
end

local function calibrate(options, path, pacing)
  local dir, message = temporary_folder()
  if not dir then
    return fail(message, 1)
  end
  local c, status
  c, message, status = measure_in(dir, options, pacing)
  if not c then
    return nil, message, status
  end
  local ok
  ok, message = calibration.write(path, c)
  if not ok then
    return fail("cannot keep it: " .. message, 1)
  end
  return c
end

function M.run(args)
  local cli = require("vernier.cli")
  local resolved, problems = settings.resolve({ argv = {} })
  if #args > 0 then
    return cli.fail("calibrate: takes options only")
  elseif not resolved then
    io.stderr:write(program.problems_text(problems))
    return 2
  end
  local path = args.options.output or calibration.path(resolved:path("calibration"))
  if not path then
    return cli.fail("calibrate: neither HOME nor XDG_STATE_HOME is set: say by --output where it is to be kept")
  end
  local ok, why = calibration.prepare(path)
  if not ok then
    return cli.fail("calibrate: " .. why, 1)
  end
  local c, message, status = scheduler.run(calibrate, args.options, path, resolved:get("pacing"))
  if not c then
    return cli.fail("calibrate: " .. message, status)
  end
  show(c, args.options, path)
  return 0
end

return M
