-- A test: a workload on the chosen workers, by so many threads (a closed model) or by any rate controller (an open one).
local condition = require("vernier.condition")
local context = require("vernier.context")
local load_stage = require("vernier.stage.load")
local near = require("vernier.near")
local plugins = require("vernier.plugins")
local prepare = require("vernier.prepare")
local properties = require("vernier.properties")
local sorted = require("vernier.sorted")
local tests = require("vernier.manager.tests")

local WARMUP = "warmup"
local THREADS = 10 -- per node, where nothing says how the load is made

-- {module, arguments} as given, or by a name alone; nil, message.
local function read_workload(workload)
  if type(workload) == "string" then
    return { module = workload, arguments = {} }
  elseif type(workload) == "table" and type(workload.module) == "string" then
    return { module = workload.module, arguments = workload.arguments or {} }
  end
  return nil, "needs a name, or {module, arguments}"
end

local M = {
  where = "workers",
  options = {
    ["test-name"] = { type = "string", default = "Test",
      doc = "its name in the results; warmup, in any case, is run and not reported, as often as one likes" },
    ["amend-test"] = { type = "boolean", default = false, doc = "the next iteration of a test of that name" },
    workload = { type = "any", required = true, plugin = "workload", convert = read_workload,
      doc = "a workload: its name or path, or {module, arguments}" },
    duration = { type = "duration", unit = "s", min = 0.001, doc = "how long, or" },
    ["num-operations"] = { type = "integer", min = 1,
      doc = "how many runs over all workers and threads, those of the ramp-up among them" },
    ["num-threads-per-node"] = { type = "integer", min = 1, doc = "threads of load on each worker (10 unless told), or" },
    ["total-threads"] = { type = "integer", min = 1, doc = "threads of load over all workers, or" },
    rate = { type = "table", plugin = "rate controller",
      doc = "a rate controller {type, opts}: runs are due when it says so, whatever is in flight",
      fields = { type = { type = "string", required = true }, opts = { type = "table", default = {} } } },
    ["ramp-up"] = { type = "duration", unit = "s", default = 0,
      doc = "time in which the threads begin; its runs count in no time and no rate; duration begins at its end" },
    ["think-time"] = { type = "duration", unit = "s", default = 0, doc = "pause of a thread after each run" },
    timeout = { type = "duration", unit = "s", doc = "a test that has not ended so long after its start fails; sending stops" },
    ["run-background"] = { type = "boolean", default = false,
      doc = "goes on while the next stages run, until stop-test; may have neither duration nor num-operations" },
    ["repeat-condition"] = { type = "table", convert = condition.parse,
      doc = "leaves the innermost repeat unless this holds, such as {mean: {below: 1 ms}, throughput-net: {over: 1000}}" },
    ["iteration-property"] = { type = "string", doc = "property whose value is shown for each iteration, such as rate.opts.tps" },
    ["merge-thread-stats"] = { type = "boolean", default = true, doc = "false: each thread has its own row in the results" },
    statistics = { type = "table", default = {}, doc = "how it is measured",
      fields = { digits = { type = "integer", min = 1, max = 5, default = 3, doc = "significant digits of histograms" } } },
    ["max-in-flight"] = { type = "integer", min = 1, doc = "most runs in flight over all workers" },
    ["catch-up"] = { type = "enum", values = { "all", "drop", "spread" },
      doc = "what happens to runs that are late: done at once, dropped, or done at up to twice the planned rate" },
    ["late-after"] = { type = "duration", unit = "s", doc = "lateness from which a run counts as late" },
    drain = { type = "duration", unit = "s", doc = "how long answers are awaited at the end" },
    prepare = prepare.OPTION,
    ["on-error"] = { type = "enum", values = { "continue", "stop" }, doc = "after an error in the workload's run" },
  },
}

-- ---- on the manager ----

-- Which of these is given; and why not, if several are.
local function only_one(options, ...)
  local given, message
  for _, name in ipairs({ ... }) do
    if options[name] ~= nil and given then
      message = message or ("%s and %s exclude each other"):format(given, name)
    end
    given = options[name] ~= nil and name or given
  end
  return given, message
end

local function is_warmup(name)
  return name:lower() == WARMUP
end

local function contradiction(options)
  local background, condition_given = options["run-background"], options["repeat-condition"]
  if options.rate and options["think-time"] > 0 then
    return "think-time is a thread's: with a rate it has no meaning"
  elseif options.rate and not options["merge-thread-stats"] then
    return "merge-thread-stats: with a rate there are no threads"
  elseif options.prepare and not options["merge-thread-stats"] then
    return "merge-thread-stats: what is made ahead (prepare) is sent by one load of a worker, not by one of each thread"
  elseif background and condition_given then
    return "a test in the background has no results when its stage ends: repeat-condition needs them"
  elseif is_warmup(options["test-name"]) and condition_given then
    return "a warmup is not reported: repeat-condition needs results"
  end
end

-- Threads over all workers, or nil in an open model.
local function threads_of(options, workers)
  local total = options["total-threads"]
  if options.rate then
    return nil
  end
  return total or (options["num-threads-per-node"] or THREADS) * workers
end

local function rate_of(options, threads)
  if not threads then
    return { type = options.rate.type, opts = options.rate.opts }
  end
  return { type = "fixed-load", opts = { transactionLoad = threads, thinkTime = options["think-time"],
    rampUp = options["ramp-up"] } }
end

local function round_of(options, threads)
  return {
    label = options["test-name"], number = options["num-operations"],
    duration = options.duration and options.duration + options["ramp-up"],
    rate = rate_of(options, threads), workload = options.workload, trim = 0, timeout = options.timeout,
    maxInFlight = options["max-in-flight"], catchUp = options["catch-up"], lateAfter = options["late-after"],
    drain = options.drain, prepare = options.prepare, histogramDigits = options.statistics.digits, onError = options["on-error"],
  }
end

-- Why these options cannot be together, the path to the one that is wrong where it is a single one, and a hint; or nil.
function M.check(options)
  local amount, message = only_one(options, "duration", "num-operations")
  if not amount and not options["run-background"] then
    message = "needs one of duration and num-operations"
  end
  local _, several = only_one(options, "total-threads", "num-threads-per-node", "rate")
  message = message or several or contradiction(options)
  if message then
    return message
  end
  local unknown, hint = prepare.problem(round_of(options, threads_of(options, 1)), ".")
  return unknown, unknown and { "prepare" }, hint
end

-- Every load needs its part of the limit.
local function check_in_flight(options, workers, threads)
  local limit = options["max-in-flight"]
  local loads = threads and not options["merge-thread-stats"] and threads or workers
  if limit and limit < loads then
    error(("max-in-flight of %d is fewer than the %d %s: each needs at least one"):format(limit, loads,
      loads == workers and "workers" or "threads, which are measured one by one"), 0)
  end
end

-- What a worker would find wrong, told before anything runs.
local function check_plugins(ctx, round)
  local workload, message = plugins.load("workload", round.workload.module, ctx.workspace)
  if not workload then
    error(message, 0)
  end
  local controller
  controller, message = plugins.new("rate controller", round.rate.type, round.rate.opts, ctx.workspace)
  if not controller then
    error(message, 0)
  end
  local unknown, hint = prepare.problem(round, ctx.workspace, controller)
  if unknown then
    error(("prepare: %s (%s)"):format(unknown, hint), 0)
  end
end

-- The declared name of the property that tells the iterations apart, and its value: of "total-threads", or of
-- "rate.opts.tps" in a property that is a table.
local function iteration_of(options)
  local given = options["iteration-property"]
  if not given then
    return nil
  end
  local first, rest = given:match("^([^.]*)(.*)$")
  local name = properties.spelled(first)
  if not M.options[name] then
    local hint = near.hint(name, sorted(M.options))
    error(('iteration-property: this stage has no property "%s"%s'):format(first, hint and " (" .. hint .. ")" or ""), 0)
  end
  local value = options[name]
  for key in rest:gmatch("%.([^.]+)") do
    value = type(value) == "table" and value[key] or nil
  end
  if value == nil then
    error(("iteration-property: %s is not given in this test"):format(given), 0)
  elseif type(value) == "table" then
    error(("iteration-property: %s is not a single value; name one in it, as in rate.opts.tps"):format(given), 0)
  end
  return name .. rest, value
end

-- The number of the test's iteration. A warmup may be run again and again.
local function claim(ctx, options)
  local name = options["test-name"]
  if options["run-background"] and ctx.cell.background[name] then
    error(('the test "%s" goes on in the background already: stop-test ends it'):format(name), 0)
  end
  local iteration, message = ctx.cell:claim_test(name, options["amend-test"] or is_warmup(name))
  return iteration or error(message, 0)
end

function M:data(ctx, options)
  local threads = threads_of(options, #ctx.executors)
  local ranks = math.min(#ctx.executors, threads or math.huge) -- the workers that make load
  check_in_flight(options, ranks, threads)
  local round = round_of(options, threads)
  check_plugins(ctx, round)
  local iteration_name, iteration_value = iteration_of(options)
  self._round = round
  local data = tests.open(ctx, round, { iteration = claim(ctx, options), iteration_name = iteration_name,
    iteration_value = iteration_value, threads = threads, ramp = options["ramp-up"],
    warmup = is_warmup(round.label) or nil })
  self._drain = data.drain
  data.prepared, data.ranks = load_stage.prepared(ctx), ranks
  data.split = not options["merge-thread-stats"] and threads or nil -- threads that are loads of their own
  data.keep = options["run-background"]
  return data
end

function M:deadline(ctx)
  return load_stage.deadline(ctx, self._round, self._drain)
end

function M:drain()
  return self._drain
end

function M:acks(ctx, acks, options)
  local reasons = load_stage.reasons(acks)
  if #reasons > 0 then
    return "fail", reasons
  elseif options["run-background"] then
    tests.keep(ctx, self._round.label)
  elseif options["repeat-condition"] then
    local results = assert(ctx:results({ ctx.tests[1].id }))
    local holds, why = condition.holds(options["repeat-condition"], results, results.tests[1])
    if not holds then
      return "break", ("repeat-condition: %s"):format(why)
    end
  end
end

-- ---- on a worker ----

-- One load for each of this worker's threads: the r-th of `total` threads.
local function thread_specs(ctx, data, total)
  local before = 0
  for worker = 0, ctx.worker - 1 do
    before = before + context.share({ worker = worker, workers = ctx.workers }, total)
  end
  local specs = {}
  for i = 1, context.share(ctx, total) do
    specs[i] = setmetatable({ name = "thread-" .. i - 1, thread = i - 1, rank = before + i - 1, ranks = total },
      { __index = data })
  end
  return specs
end

function M:run(ctx, options, data)
  data.workload.arguments = options.workload.arguments -- as this worker's expressions have it
  data.round.prepared = type(data.prepared) == "table" and data.prepared[ctx.worker + 1]
  local specs = {} -- none where there are fewer threads than workers
  if data.split then
    specs = thread_specs(ctx, data, data.split)
  elseif ctx.worker < data.ranks then
    specs = { data }
  end
  return load_stage.run(ctx, data.round, specs, data.keep and data.round.label)
end

return M
