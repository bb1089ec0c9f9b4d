-- The stages that are no load and no service: echo, sleep, define, set-log-level, add-result, analyze-test,
-- http-invocation, and repeat; and RadarGun's pattern of analysing a test and running it again at its best.
local bench = require("spec.support.bench")
local support = require("spec.support")

local FAST = { "--vernier-worker-timeout", "1s", "--vernier-hook-timeout", "2s" }
local TEST = "{test-name: %s, amend-test: true, workload: ./w.lua, %s}"
-- Each operation as often as the arguments say, on a worker as often as its index and 1 says.
local WORKLOAD = [[return { run = function(_, ctx)
  ctx.sut:send({}, { operation = "get" })
  if ctx.index == 0 then ctx.sut:send({}, { operation = "put" }) end
end }]]

local function workspace(stages, o)
  o = o or {}
  local files = { ["w.lua"] = WORKLOAD }
  for name, text in pairs(o.files or {}) do
    files[name] = text
  end
  return bench.scenario(stages, { files = files,
    head = ("clusters: [{size: %d}]\nconfigurations: [{name: c, connector: noop, options: {latency: 1ms}}]"):format(o.size or 2) })
end

local command = bench.scenario_command

local function run(stages, o)
  local dir = workspace(stages, o)
  return support.vernier(command(dir)), dir
end

local function ok(stages, o)
  local r, dir = run(stages, o)
  assert.are.equal(0, r.status, r.stderr)
  return r, dir
end

-- The stages fail while they run, and it is said why.
local function fails(message, stages, o)
  local r, dir = run(stages, o)
  assert.are.equal(3, r.status, r.stderr)
  assert.matches(message, r.stderr, 1, true)
  assert.is_nil(r.stderr:find("stack traceback", 1, true), r.stderr)
  return r, dir
end

-- The file is refused before anything runs.
local function refused(message, stages)
  local r, dir = run(stages)
  assert.are.equal(2, r.status, r.stderr)
  assert.matches(message, r.stderr, 1, true)
  assert.are.same({}, support.runs(dir))
end

local function says(r, text)
  assert.matches("vernier: " .. text .. "\n", r.stderr, 1, true)
end

-- Starts the stages, and waits until their first echo.
local function begun(stages)
  local dir = workspace("- echo: {message: begun}\n" .. stages)
  local running = support.start_vernier(command(dir, FAST))
  support.wait_for(function()
    return select(2, running:output()):find("begun", 1, true)
  end, 10, "the scenario to begin")
  return running, dir
end

local function finish(running, seconds)
  assert.is_truthy(running:wait(seconds or 15), "the run goes on for ever")
  local _, err = running:output()
  bench.assert_no_orphans(running.mark)
  return (running.process:status()), err
end

-- The stage fails on workers of which one was lost while another stage was waiting.
local function fails_where_a_worker_is_lost(stage)
  for signal, why in pairs({ KILL = "worker 1 was killed by signal 9", STOP = "worker 1 sent no heartbeat" }) do
    local running = begun('- command: {cmd: "true"}\n- echo: {message: wait}\n- sleep: {time: 2s}\n' .. stage
      .. "\n- echo: {message: never}")
    local pid = bench.worker_pid(running, 1)
    support.wait_for(function()
      return select(2, running:output()):find("wait", 1, true)
    end, 10, "the sleep")
    os.execute(("kill -%s %d"):format(signal, pid))
    local status, err = finish(running)
    assert.are.equal(3, status, err)
    assert.matches(" failed: " .. why, err, 1, true)
    assert.is_nil(err:find("never", 1, true))
  end
end

describe("echo", function()
  it("wants a message", function()
    refused('missing option "message"', "- echo")
    refused('unknown option "mesage"', "- echo: {mesage: x}")
    refused('unknown option "workers"', "- echo: {message: x, workers: 0}")
    local r = fails("absent", '- echo: {message: "${absent}"}')
    assert.matches("benchmark.yaml:5:12: ", r.stderr, 1, true)
  end)

  it("says it, as the manager has it", function()
    local r = ok('- echo: {message: "${config.name} ${cluster.size} ${worker.index} #{1 + 2} ${absent:none}"}')
    says(r, "c 2 -1 3 none")
  end)
end)

describe("sleep", function()
  it("wants a time", function()
    refused('missing option "time"', "- sleep")
    refused("must be a duration", "- sleep: {time: soon}")
    refused("must be a duration", "- sleep: {time: -1}")
  end)

  it("waits so long", function()
    local r, dir = ok("- sleep: {time: 300ms}\n- sleep: {time: 0.2}\n- sleep: {time: 0}")
    assert.is_true(r.seconds >= 0.5)
    assert.is_true(support.summary(dir).run.seconds < 5)
  end)

  it("ends at once by Ctrl-C, which ends the run by 130", function()
    local running = begun("- sleep: {time: 60s}\n- echo: {message: never}")
    support.sleep(0.2)
    local from = support.now()
    running:kill("INT")
    local status, err = finish(running, 5)
    assert.are.equal(130, status, err)
    assert.is_true(support.now() - from < 2 * support.slow)
    assert.is_nil(err:find("never", 1, true))
  end)
end)

describe("define", function()
  it("wants a name of one's own and a plain value", function()
    refused('missing option "var"', "- define: {value: 1}")
    refused('missing option "value"', "- define: {var: x}")
    refused("must be made of letters", '- define: {var: "a b", value: 1}')
    for _, name in ipairs({ "worker.index", "cluster.size", "repeat.counter", "config", "env.HOME", "group.a.0.port" }) do
      refused("must not begin with", ("- define: {var: %s, value: 1}"):format(name))
    end
    refused("must be a number, a text, true, false or a list of these", "- define: {var: x, value: {a: 1}}")
    refused("must be a list of numbers", "- define: {var: x, value: [[1]]}")
  end)

  it("reaches the manager and all workers, as values and in formulas, also lists", function()
    local r, dir = ok([=[
- define: {var: top.count, value: "#{2 * ${cluster.size}}"}
- define: {var: names, value: [red, green, blue]}
- define: {var: on, value: true}
- echo: {message: "${top.count} #{${top.count} + 1} #{names.get(1)} #{names.size} ${on}"}
- command: {cmd: "echo ${top.count} #{${top.count} * 10 + ${worker.index}} #{names.get(max(0, ${worker.index}))}", out: "seen-${worker.index}"}
- define: {var: top.count, value: changed}
- command: {cmd: "echo ${top.count}", out: "seen-${worker.index}", out-append: true}]=])
    says(r, "4 5 green 3 true")
    assert.are.equal("4 40 red\nchanged\n", support.read_file(dir .. "/seen-0"))
    assert.are.equal("4 41 green\nchanged\n", support.read_file(dir .. "/seen-1"))
  end)

  it("holds for its cell, not for the next", function()
    local dir = workspace('- echo: {message: "before ${x:unset}"}\n- define: {var: x, value: "${cluster.size}"}\n'
      .. '- echo: {message: "after ${x}"}')
    local text = support.read_file(dir .. "/benchmark.yaml"):gsub("{size: 2}", "{size: 1}, {size: 2}")
    support.write_file(dir .. "/benchmark.yaml", text)
    local r = support.vernier(command(dir))
    assert.are.equal(0, r.status, r.stderr)
    local _, unset = r.stderr:gsub("before unset", "")
    assert.are.equal(2, unset)
    says(r, "after 1")
    says(r, "after 2")
  end)
end)

describe("set-log-level", function()
  local TALK = { files = { ["talk.lua"] = [[return { where = "workers", options = { text = { type = "string" } },
    run = function(_, ctx, options) ctx.log(options.text .. " info") ctx.log(options.text .. " warning", "warning") end }]] } }

  it("wants a level", function()
    refused('missing option "level"', "- set-log-level")
    refused("must be one of debug, info, warning, error", "- set-log-level: {level: loud}")
  end)

  it("shows what is at least so important, on the workers that are chosen", function()
    local r = ok("- ./talk.lua: {text: first}\n- set-log-level: {priority: WARNING, workers: 1}\n- ./talk.lua: {text: second}\n"
      .. "- set-log-level: {level: info}\n- ./talk.lua: {text: third}", TALK)
    local function shown(text)
      local _, n = r.stderr:gsub(text, "")
      return n
    end
    assert.are.same({ 2, 1, 2, 2, 2 }, { shown("first info"), shown("second info"), shown("second warning"),
      shown("third info"), shown("third warning") })
    assert.matches("worker 0: second info", r.stderr, 1, true)
  end)

  it("fails where a worker is lost", function()
    fails_where_a_worker_is_lost("- set-log-level: {level: debug}")
  end)
end)

-- ---- results ----

local function test(name, more)
  return ("- test: %s"):format(TEST:format(name, more or "num-operations: 20, total-threads: 2"))
end

describe("add-result", function()
  it("wants a test that there is, and a plain value", function()
    refused("must be a number or a text", test("a") .. "\n- add-result: {test-name: a, result-name: r, value: [1]}")
    refused("must be a number or a text", test("a") .. "\n- add-result: {test-name: a, result-name: r, value: true}")
    refused('missing option "result-name"', test("a") .. "\n- add-result: {test-name: a, value: 1}")
    fails('there is no test "sterss" so far (did you mean stress?)', test("stress")
      .. "\n- add-result: {test-name: sterss, result-name: r, value: 1}")
    fails('there is no test "a" so far', "- add-result: {test-name: a, result-name: r, value: 1}")
    fails('iteration: the test "a" has had 2 so far, and they count from 0', test("a") .. "\n" .. test("a")
      .. "\n- add-result: {test-name: a, result-name: r, value: 1, iteration: 2}")
  end)

  it("adds it to the iteration that is told, from 0, or to the last", function()
    local _, dir = ok(test("a") .. "\n" .. test("a") .. "\n" .. test("a") .. [[

- add-result: {test-name: a, result-name: first, value: "#{6 * 7}", iteration: 0, unit: s}
- add-result: {test-name: a, result-name: last, value: much}]])
    local list = support.summary(dir).results
    assert.are.same({ "a", "first", 42, "s", 1 }, { list[1].test, list[1].name, list[1].value, list[1].unit, list[1].iteration })
    assert.are.same({ "last", "much", 3 }, { list[2].name, list[2].value, list[2].iteration })
  end)
end)

local function analyze(more)
  return ("\n- analyze-test: {test-name: a, store-result-to: found, %s}"):format(more)
end

describe("analyze-test", function()
  local MAX = "statistics-type: requests, analysis-type: MAX"

  it("refuses what it does not know", function()
    refused("must be one of MAX, MIN, AVERAGE", test("a") .. analyze("statistics-type: requests, analysis-type: most"))
    refused("did you mean throughput-net?", test("a") .. analyze("statistics-type: thruput-net, analysis-type: MAX"))
    refused("did you mean throughput-net?", test("a") .. analyze("statistics-type: {throughputnet: {}}, analysis-type: MAX"))
    refused("a percentile is a number", test("a") .. analyze("statistics-type: {percentile: {value: 101}}, analysis-type: MAX"))
    refused("the name of one value", test("a") .. analyze("statistics-type: {requests: {}, errors: {}}, analysis-type: MAX"))
    refused('missing option "store-result-to"', test("a") .. "\n- analyze-test: {test-name: a, " .. MAX .. "}")
    refused("must not begin with", test("a") .. "\n- analyze-test: {store-result-to: worker.x, test-name: a, " .. MAX .. "}")
  end)

  it("fails where there is nothing to analyse, and says what there is", function()
    fails('there is no test "stess" so far (did you mean stress?)', test("stress")
      .. "\n- analyze-test: {test-name: stess, store-result-to: x, " .. MAX .. "}")
    fails('there is no test "a" so far', analyze(MAX))
    fails('the test has no operation "gte" (did you mean get?)', test("a") .. analyze(MAX .. ", operation: gte"))
    fails('the test has no operation "scan" (it has get, put)', test("a") .. analyze(MAX .. ", operation: scan"))
    fails('the test "a" has no response-time-deviation: too little was measured', test("a")
      .. analyze("statistics-type: response-time-deviation, analysis-type: MAX, operation: put"))
    fails("merge-thread-stats: false has them", test("a") .. analyze(MAX .. ", thread-grouping: EACH_THREAD"))
    fails('the test "warmup" is run, but not reported', test("warmup")
      .. "\n- analyze-test: {test-name: warmup, store-result-to: x, " .. MAX .. "}")
    fails("goes on in the background: stop-test ends it", test("a", "run-background: true") .. analyze(MAX))
  end)

  it("refuses a place that the value does not have", function()
    fails("an average has a VALUE, but no NODE", test("a")
      .. analyze("statistics-type: requests, analysis-type: AVERAGE, result-type: NODE, thread-grouping: GROUP_BY_NODE"))
    fails("a NODE needs thread-grouping GROUP_BY_NODE", test("a") .. analyze(MAX .. ", result-type: NODE"))
    fails("a THREAD needs thread-grouping EACH_THREAD", test("a")
      .. analyze(MAX .. ", result-type: THREAD, thread-grouping: GROUP_BY_NODE"))
  end)

  -- Three iterations of 20, 60 and 40 gets, and one put in each; of 7 threads the fourth worker's have less to do.
  local THREE = test("a") .. "\n" .. test("a", "num-operations: 60, total-threads: 2") .. "\n"
    .. test("a", "num-operations: 40, total-threads: 2")

  local function found(stages, more, o)
    local r = ok(stages .. analyze(more) .. '\n- echo: {message: "found ${found}"}', o)
    return tonumber(r.stderr:match("vernier: found (%S+)\n"))
  end

  it("finds the largest, smallest and average value over iterations", function()
    assert.are.equal(60, found(THREE, MAX .. ", operation: get"))
    assert.are.equal(61, found(THREE, MAX))
    assert.are.equal(20, found(THREE, "statistics-type: requests, analysis-type: min, operation: get"))
    assert.are.equal(40, found(THREE, "statistics-type: requests, analyzis-type: Average, operation: get"))
    assert.are.equal(40, found(THREE, MAX .. ", operation: get, iteration-selection: last_iteration"))
  end)

  it("tells in which iteration, on which worker and which thread it was, the first of equals", function()
    assert.are.equal(1, found(THREE, MAX .. ", operation: get, result-type: iteration"))
    assert.are.equal(2, found(THREE, MAX .. ", result-type: ITERATION, iteration-selection: LAST_ITERATION"))
    assert.are.equal(0, found(THREE, MAX .. ", operation: put, result-type: ITERATION"))
    local uneven = test("a", "num-operations: 7, total-threads: 7, merge-thread-stats: false")
    assert.are.equal(4, found(uneven, MAX .. ", operation: get, thread-grouping: GROUP_BY_NODE"))
    assert.are.equal(1, found(uneven, "statistics-type: requests, analysis-type: MIN, operation: get, result-type: NODE, "
      .. "thread-grouping: GROUP_BY_NODE"))
    local threads = test("a", "num-operations: 8, total-threads: 6, merge-thread-stats: false")
    -- 8 runs over 6 threads: the first two threads, both on worker 0, have two.
    assert.are.equal(2, found(threads, MAX .. ", operation: get, thread-grouping: EACH_THREAD"))
    assert.are.equal(2, found(threads, "statistics-type: requests, analysis-type: MIN, operation: get, result-type: THREAD, "
      .. "thread-grouping: EACH_THREAD"))
    assert.are.equal(0, found(threads, MAX .. ", operation: get, result-type: NODE, thread-grouping: EACH_THREAD"))
  end)

  it("takes times in ns and rates in 1/s, also as a mapping", function()
    local p99 = found(THREE, "statistics-type: {percentile: {value: 99}}, analysis-type: MAX")
    assert.is_true(p99 >= 0.99e6 and p99 < 60e9, p99)
    local rate = found(THREE, "statistics-type: {throughput-net: {}}, analysis-type: MAX")
    assert.is_true(rate > 50 and rate <= 2000, rate)
  end)
end)

describe("RadarGun's pattern", function()
  it("of more and more threads: analysed, run at the best, and the number of threads added as a result", function()
    local r, dir = ok([[
- repeat:
    times: "${repeat.times:3}"
    do:
      - test: {test-name: increase-thread-count, amend-test: true, duration: 200ms, workload: ./w.lua,
          total-threads: "#{ 10 * ${repeat.counter} + 10 }", iteration-property: total-threads}
- analyze-test:
    test-name: increase-thread-count
    operation: get
    thread-grouping: GROUP_ALL
    iteration-selection: EACH_ITERATION
    analyzis-type: MAX
    result-type: ITERATION
    store-result-to: top.iteration
    statistics-type: {throughput-net: {}}
- test: {test-name: on-max-throughput, duration: "${test.long.duration:300ms}", workload: ./w.lua,
    total-threads: "#{ 10 * ${top.iteration} + 10 }"}
- add-result: {test-name: on-max-throughput, result-name: Number of threads, value: "#{ 10 * ${top.iteration} + 10 }"}]])
    local summary = support.summary(dir)
    local best = tonumber(r.stderr:match("top.iteration = (%d)"))
    local expected, most = 0, 0
    for i = 1, 3 do
      assert.are.same({ "increase-thread-count", i, 10 * i }, { summary.tests[i].label, summary.tests[i].iteration,
        summary.tests[i].iteration_value })
      local goodput = bench.operation(summary.tests[i], "get").goodput
      if goodput > most then
        expected, most = i - 1, goodput
      end
    end
    assert.are.equal(expected, best)
    assert.are.same({ "on-max-throughput", 10 * best + 10 }, { summary.tests[4].label, summary.tests[4].threads })
    assert.are.same({ "Number of threads", 10 * best + 10 }, { summary.results[1].name, summary.results[1].value })
  end)
end)

describe("repeat", function()
  it("with a mistake is refused", function()
    refused('"to" and "times" exclude each other', "- repeat: {to: 3, times: 3, do: [echo: {message: x}]}")
    refused('"to" or "times" is missing', "- repeat: {from: 3, do: [echo: {message: x}]}")
    refused("it never runs", "- repeat: {from: 3, to: 1, do: [echo: {message: x}]}")
  end)

  it("that fails skips the rest of the cell", function()
    local r = fails("must be at least 1", [[
- repeat:
    from: 1
    to: -1
    inc: -1
    do:
      - test: {test-name: "t${repeat.counter}", workload: ./w.lua, num-operations: "${repeat.counter}", total-threads: 2}
      - echo: {message: "done ${repeat.counter}"}
- echo: {message: never}]])
    says(r, "done 1")
    assert.is_nil(r.stderr:find("done 0", 1, true))
    assert.is_nil(r.stderr:find("never", 1, true))
  end)

  it("defines what its stages use, from where it is told", function()
    local r = ok("- repeat: {from: 10, to: 30, inc: 10, do: [define: {var: foo, value: \"${repeat.counter}\"},\n"
      .. "    echo: {message: \"foo ${foo}\"}]}\n- echo: {message: \"last ${foo}\"}")
    for _, text in ipairs({ "foo 10", "foo 20", "foo 30", "last 30" }) do
      says(r, text)
    end
  end)

  it("ends by Ctrl-C in its middle", function()
    local running = begun("- repeat: {times: 1000, do: [sleep: {time: 300ms}]}")
    support.sleep(0.5)
    running:kill("INT")
    local status, err = finish(running, 5)
    assert.are.equal(130, status, err)
  end)
end)

-- ---- http-invocation ----

-- The URL of a demo server whose bank answers after so long.
local function demo(latency)
  local dir = support.tmpdir()
  support.start_vernier({ "demo-server", "--port", "0", "--port-file", dir .. "/port", "--latency", "constant " .. (latency or "1ms") })
  local port = support.wait_for(function()
    return tonumber(support.read_file(dir .. "/port"))
  end, 10, "the demo server")
  return "http://127.0.0.1:" .. port
end

describe("http-invocation", function()
  local function stage(url, more)
    return ("- http-invocation: {url: \"%s\"%s}"):format(url, more and ", " .. more or "")
  end

  it("wants a URL that is one", function()
    refused('missing option "url"', "- http-invocation")
    refused("must be http://host:port/path", stage("localhost:80"))
    refused("a port in 1-65535", stage("http://x:0/"))
  end)

  it("fails where nobody listens, or nobody answers in time", function()
    fails("connection refused", stage(("http://127.0.0.1:%d/"):format(support.free_port())))
    local r = fails("/query?account=a: ", stage(demo("30s") .. "/query?account=a", "timeout: 300ms"))
    assert.is_true(r.seconds < 10, r.seconds)
  end)

  it("fails by a status or a body that is not expected, and shows it", function()
    local url = demo()
    fails("gives status 404: ", stage(url .. "/nothing"))
    fails("gives status 200: ", stage(url .. "/healthz", 'expected-status: "201,404"'))
    fails('does not give "missing" but ', stage(url .. "/healthz", "expected-result: missing"))
    fails("does not give ", stage(url .. "/query?account=a", 'expected-status: 404, whole-result: true, expected-result: "no such"'))
    fails("is not a header name", stage(url .. "/", 'headers: {"a b": c}'))
  end)

  it("asks on all workers, or those that are chosen, and prints what is answered", function()
    local url = demo()
    local r = ok(stage(url .. "/open", 'request-method: post, workers: 1, body: "{\\"account\\": \\"a\\", \\"money\\": 7}", '
      .. "expected-status: 200") .. "\n"
      .. stage(url .. "/query?account=a", 'print-response: true, expected-result: " {\\"account\\":\\"a\\",\\"money\\":7} ", '
        .. "whole-result: true, headers: {X-Trace: 1}") .. "\n"
      .. stage(url .. "/open", "request-method: POST, expected-status: 400..409, body: {account: a, money: 1}, expected-result: exists"))
    for index = 0, 1 do
      assert.matches(('worker %d: GET %s/query?account=a gives status 200: {"account":"a","money":7}'):format(index, url), r.stderr,
        1, true)
    end
  end)

  it("ends by Ctrl-C while it waits for an answer", function()
    local running = begun(stage(demo("60s") .. "/query?account=a", "timeout: 60s"))
    bench.worker_pid(running, 1)
    support.sleep(0.5)
    running:kill("INT")
    local status, err = finish(running, 5)
    assert.are.equal(130, status, err)
  end)

  for signal, why in pairs({ KILL = "worker 1 was killed by signal 9", STOP = "worker 1 sent no heartbeat" }) do
    it(("fails where a worker is lost (%s); the others do not go on waiting"):format(signal), function()
      local running = begun(stage(demo("60s") .. "/query?account=a", "timeout: 60s"))
      local pid = bench.worker_pid(running, 1)
      support.sleep(0.5)
      os.execute(("kill -%s %d"):format(signal, pid))
      local status, err = finish(running, 10)
      assert.are.equal(3, status, err)
      assert.matches("stage http-invocation failed: " .. why, err, 1, true)
    end)
  end
end)
