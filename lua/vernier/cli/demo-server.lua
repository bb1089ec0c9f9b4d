-- vernier demo-server: runs the embedded system under test until it is told to stop.
local demo_server = require("vernier.demo_server")
local distribution = require("vernier.distribution")
local file = require("vernier.core.file")
local loop = require("vernier.core.loop")
local process = require("vernier.core.process")
local scheduler = require("vernier.scheduler")
local units = require("vernier.units")

local SECOND = 1e9
local SIGINT, SIGTERM = 2, 15
local FILES_WANTED = 20000 -- connections and a few

local function parse_stall(text)
  local at, duration = text:match("^%s*at%s+(%S+)%s+for%s+(%S+)%s*$")
  at, duration = at and units.seconds(at), duration and units.seconds(duration)
  if not at or not duration then
    return nil, 'must look like "at 5s for 1s"'
  end
  return { at = at, duration = duration }
end

local M = {
  usage = "[OPTION]…",
  summary = "run a small bank over HTTP to benchmark",
  options = {
    host = { type = "string", default = "127.0.0.1", doc = "address to listen on" },
    port = { type = "integer", default = 8080, min = 0, max = 65535, doc = "port to listen on; 0 takes any free one" },
    latency = { type = "string", convert = distribution.parse,
      doc = 'service time: "constant 5ms", "uniform 1ms 9ms", "exponential 5ms", "lognormal 5ms 0.5"' },
    concurrency = { type = "integer", min = 1, doc = "requests served at the same time; the others wait" },
    ["failure-rate"] = { type = "number", default = 0, min = 0, max = 1, doc = "share of requests answered with 500" },
    stall = { type = "string", convert = parse_stall, doc = 'no answers for a while: "at 5s for 1s" from the start' },
    ["arrival-log"] = { type = "string",
      doc = 'file that gets "<CLOCK_MONOTONIC ns> <method> <path>" for every request' },
    duration = { type = "duration", doc = "end by itself after so long" },
    ["port-file"] = { type = "string", doc = "file that gets the port once the server listens" },
    seed = { type = "integer", default = 1, min = 0, doc = "of the random numbers" },
  },
}

local function fail(message)
  io.stderr:write("vernier: demo-server: ", message, "\n")
  return 1
end

local function announce(demo, options)
  if options["port-file"] then
    local ok, message = file.write(options["port-file"], demo.port .. "\n")
    if not ok then
      return nil, message
    end
  end
  local host = options.host:find(":", 1, true) and "[" .. options.host .. "]" or options.host
  io.stdout:write(("listening on http://%s:%d\n"):format(host, demo.port))
  io.stdout:flush()
  return true
end

local function wait_for_end(options)
  local key = {}
  local function stop()
    scheduler.wake_key(key)
  end
  for _, signum in ipairs({ SIGINT, SIGTERM }) do
    loop.signal(scheduler.on(stop), signum)
  end
  scheduler.wait_key(key, options.duration and scheduler.now() + options.duration * SECOND or math.huge)
end

local function serve(options)
  local demo, message = demo_server.new({
    host = options.host, port = options.port, latency = options.latency, concurrency = options.concurrency,
    failure_rate = options["failure-rate"], stall = options.stall, arrival_log = options["arrival-log"], seed = options.seed,
  })
  if not demo then
    return fail(message)
  end
  local ok
  ok, message = announce(demo, options)
  if not ok then
    demo:close()
    return fail(message)
  end
  wait_for_end(options)
  ok, message = demo:close()
  return ok and 0 or fail(message)
end

function M.run(args)
  if #args > 0 then
    io.stderr:write("vernier: demo-server: takes options only\n")
    return 2
  end
  process.raise_nofile(FILES_WANTED)
  loop.set_pacing("economical") -- a spinning server would take the client's CPU
  return scheduler.run(serve, args.options)
end

return M
