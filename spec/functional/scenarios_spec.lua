-- Scenarios end to end: real services in a matrix of cells, what a user reads of them, mistakes that only a worker can find,
-- secrets, and faults at any instant.
local bench = require("spec.support.bench")
local matrix = require("spec.support.matrix")
local support = require("spec.support")

-- The demo server in group `server`, HTTP clients in group `client`; o: configurations (name -> options of the server),
-- clusters, scenario, more (YAML).
local CONFIGURATION = [[
- name: %s
  setup:
  - {group: server, connector: process, options: {ready: {output: listening},
      publish: {port: {output: "listening on .-:(%%d+)"}},
      command: "exec $VERNIER demo-server --port 0 %s"}}
  - {group: client, connector: http, options: {url: "http://127.0.0.1:${group.server.0.port}"}}
]]

local function workspace(o)
  local configurations = {}
  for i, pair in ipairs(o.configurations or { { "plain", "" } }) do
    configurations[i] = CONFIGURATION:format(pair[1], pair[2])
  end
  local text = "name: spec\nclusters: %s\nconfigurations:\n%sinit: [{service-start: {groups: server}}]\nscenario:\n%s%s"
  return support.workspace({ ["benchmark.yaml"] = text:format(o.clusters or "[{size: 2, groups: {server: 1, client: 1}}]",
    table.concat(configurations), o.scenario, o.more or "") })
end

local function run(dir, more)
  local command = { "run", "benchmark.yaml", cwd = dir, timeout = 90, env = more and more.env }
  for _, word in ipairs(more or {}) do
    command[#command + 1] = word
  end
  return support.vernier(command)
end

local function sum(list, member)
  local total = 0
  for _, item in ipairs(list) do
    total = total + item[member]
  end
  return total
end

describe("a matrix of 2 configurations and 2 sizes with a server and clients", function()
  local r, summary, dir, folder

  setup(function()
    dir = workspace({ configurations = { { "quick", "" }, { "slow", "--latency 'constant 20ms'" } },
      clusters = "[{size: 2, groups: {server: 1, client: 1}}, {size: 4, groups: {server: 1, client: 3}}]",
      scenario = [[
- test: {groups: client, test-name: warmup, duration: 100ms, num-threads-per-node: 2, workload: http-request}
- repeat:
    name: load
    from: 1
    to: 3
    inc: 2
    do:
    - test: {groups: client, test-name: query, amend-test: true, num-operations: 30, num-threads-per-node: "${repeat.load.counter}",
        iteration-property: num-threads-per-node, merge-thread-stats: false,
        workload: {module: http-request, arguments: {path: "/query?account=1", expect: {status: 404}}}}
- test: {groups: client, test-name: lost, num-operations: 12, rate: {type: fixed-rate, opts: {tps: 1000}},
    workload: {module: http-request, arguments: {path: /nowhere}}}
]], more = "order: interleaved\n" })
    r = run(dir)
    summary, folder = support.summary(dir)
  end)

  it("runs every cell to its end, and fails for the tests in which nothing succeeds", function()
    assert.are.equal(3, r.status, r.stderr)
    assert.are.equal(4, #summary.cells)
    for i, cell in ipairs(summary.cells) do
      assert.are.same({ i, "failed", { "test lost: none of 12 transactions succeeded" } }, { cell.cell, cell.status, cell.reasons })
      assert.are.equal(i <= 2 and 2 or 4, cell.size)
      assert.are.equal("server", cell.groups[1].name)
      assert.are.equal(cell.size - 1, cell.groups[2].size)
    end
    assert.are.equal(12, #summary.tests)
    bench.assert_no_orphans(r.mark)
  end)

  it("adds up from threads to workers to tests, and names the groups", function()
    for _, test in ipairs(summary.tests) do
      bench.conserved(test)
      assert.are.equal(test.size - 1, #test.workers)
      for _, member in ipairs({ "runs", "submitted", "ok", "failed", "unfinished", "late" }) do
        assert.are.equal(test[member], sum(test.workers, member), test.label .. " " .. member)
        for _, worker in ipairs(test.label == "query" and test.workers or {}) do
          assert.are.equal("client", worker.group)
          assert.are.equal(test.iteration_value, #worker.threads)
          assert.are.equal(worker[member], sum(worker.threads, member), "threads " .. member)
        end
      end
      assert.are.equal(test.label == "query" and 30 or 12, test.runs)
      assert.are.equal(test.label == "query" and 30 or 0, test.ok)
    end
  end)

  it("has times that can be", function()
    for _, test in ipairs(summary.tests) do
      local times, threads = test.response_time_ns, test.threads
      if test.label == "query" then
        assert.is_true(times.min <= times.p50 and times.p50 <= times.p99 and times.p99 <= times.max)
        assert.are.equal(test.configuration == "slow", times.min >= 20e6)
        -- By Little's law no more can be served than the threads can wait for.
        assert.is_true(test.throughput <= threads / (times.mean / 1e9) * 1.5, "throughput " .. test.throughput)
        assert.are.equal(test.iteration_value * (test.size - 1), threads)
      end
    end
  end)

  it("tells every failure once, in words and in the report", function()
    assert.are.equal(4, support.count(r.stderr, "none of 12 transactions succeeded"))
    assert.matches("vernier: error: stage test lost failed: none of 12", r.stderr, 1, true)
    local html = support.read_file(folder .. "/report.html")
    local notice = html:match("<h2>What went wrong</h2>(.-)</section>")
    assert.are.equal(4, support.count(notice, "<li>"), notice)
    for _, place in ipairs({ "quick, size 2", "quick, size 4", "slow, size 2", "slow, size 4" }) do
      assert.are.equal(1, support.count(notice, "lost; " .. place), notice)
      assert.matches(place:gsub(", size ", " +|    ") .. " | failed | +[%d.]+ %a+ | test lost: none of 12", r.stdout)
    end
  end)

  it("says which cell of how many and which iteration goes on", function()
    for i, place in ipairs({ "quick, size 2", "slow, size 2", "quick, size 4", "slow, size 4" }) do
      assert.matches(("\ncell %d of 4: %s\n"):format(i, place), r.stderr, 1, true)
      assert.matches(("\n[query] iteration 2: num-threads-per-node 3, %s finished in "):format(place), r.stderr, 1, true)
    end
  end)
end)

-- ---- mistakes that only show when a stage runs ----

describe("what is wrong with a property on a worker", function()
  for text, message in pairs({
    ["echo #{ ${worker.index} == 1 and nil + 1 or 2 }"] = "worker 1 benchmark.yaml:6:10: stage command: cmd: attempt to perform arithmetic",
    ["echo #{ ${worker.index} == 1 and ${oops} or 2 }"] = 'benchmark.yaml:6:10: stage command: cmd: unknown variable "oops"',
  }) do
    it("is told with its place in the file: " .. text, function()
      local dir = support.workspace({ ["benchmark.yaml"] = "clusters: [{size: 2}]\nconfigurations: [{name: c, connector: noop}]\nscenario:\n"
        .. "- echo: {message: hello}\n- command:\n    cmd: '" .. text .. "'\n" })
      local r = run(dir)
      assert.are.equal(3, r.status, r.stdout)
      assert.matches("stage command failed: ", r.stderr, 1, true)
      assert.matches(message:gsub(":10:", ":5:"), r.stderr, 1, true)
    end)
  end
end)

-- ---- secrets ----

describe("a secret", function()
  local LITERALS = { "LITERAL-A", "LITERAL-B", "LITERAL-C", "LITERAL-D", "FROM-ENV" }

  it("is in nothing that a run writes or says, also of stages that fail", function()
    local dir = support.workspace({
      ["connector.lua"] = 'return { options = { key = { type = "string", secret = true }, url = {} }, run = function() return true end }',
      ["stage.lua"] = 'return { where = "workers", options = { key = { type = "string", secret = true }, n = { type = "integer" } }, '
        .. "run = function() end }",
      ["benchmark.yaml"] = [[
clusters: [{size: 2}]
configurations:
- name: c
  connector: ./connector.lua
  options: {key: LITERAL-A, url: "http://joe:LITERAL-B@host/"}
  environment: {TOKEN: LITERAL-C, PLAIN: "${env.SPEC_SECRET}"}
scenario:
- ./stage.lua: {key: LITERAL-D}
- command: {cmd: "true http://joe:LITERAL-B@host/", environment: {PASSWORD: LITERAL-C, PLAIN: "${env.SPEC_SECRET}"}}
- repeat:
    times: 1
    do: [command: {cmd: "exit 3", args: ["${env.SPEC_SECRET}"], exit-values: 127}]
destroy:
- command: {cmd: "true ${env.SPEC_SECRET}; exit 3"}
cleanup:
- ./stage.lua: {key: LITERAL-D, n: "#{ ${worker.index} + nil }"}
]] })
    local r = run(dir, { env = { SPEC_SECRET = "FROM-ENV" } })
    assert.are.equal(3, r.status, r.stderr)
    assert.matches('command "true ${env.SPEC_SECRET}; exit 3" exited with status 3', r.stderr, 1, true)
    os.remove(dir .. "/benchmark.yaml")
    for _, secret in ipairs(LITERALS) do
      local found = support.run({ "grep", "-rlaF", secret, dir })
      assert.are.same({ 1, "" }, { found.status, found.stdout }, secret)
      assert.is_nil((r.stdout .. r.stderr):find(secret, 1, true), secret)
    end
  end)
end)

describe("a stage of one's own in a repeat", function()
  it("sees the counters around it, by name and of the innermost", function()
    local dir = support.workspace({
      ["note.lua"] = [[return { where = "workers", options = { x = { type = "integer" }, y = { type = "integer" } },
        run = function(_, _, o)
          local f = assert(io.open("seen.txt", "a"))
          f:write(o.x, o.y, " ")
          f:close()
        end }]],
      ["benchmark.yaml"] = [[
clusters: [{size: 1}]
configurations: [{name: c, connector: noop}]
scenario:
- repeat:
    name: outer
    times: 2
    do: [repeat: {from: 5, to: 6, do: [./note.lua: {x: "${repeat.outer.counter}", y: "${repeat.counter}"}]}]
]] })
    local r = run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.equal("05 06 15 16 ", support.read_file(dir .. "/seen.txt"))
  end)
end)

-- ---- stages that do nonsense ----

-- A run of a stage of one's own on two workers, with an echo in destroy that shows that the run has gone on.
local function run_stage(text)
  local dir = support.workspace({ ["own.lua"] = text, ["benchmark.yaml"] = "clusters: [{size: 2}]\n"
    .. "configurations: [{name: c, connector: noop}]\nscenario: [./own.lua, command: {cmd: 'true'}]\ndestroy: [echo: {message: destroyed}]\n" })
  return run(dir), dir
end

describe("a stage of one's own fails, and the run goes on to its end,", function()
  local ROOM = "a message of 73400%d+ bytes is over the limit of 67108864"
  for what, case in pairs({
    ["with an answer that is too large"] = { "run = function() return ('x'):rep(70 * 2^20) end",
      "worker 0 gave an answer that cannot be sent: " .. ROOM },
    ["with data that are too large"] = { "data = function() return ('x'):rep(70 * 2^20) end", "worker 0 cannot be told of its stage: " .. ROOM },
    ["with an answer that contains itself"] = { "run = function() local t = {} t.t = t return t end", "a table that contains itself cannot" },
    ["with an answer that is nested without end"] = { "run = function() local t = {} for i = 1, 1e5 do t = { t } end return t end",
      "nested deeper than 500 cannot be" },
    ["with a function for an answer"] = { "run = function() return { print } end", "a function cannot be written as JSON" },
    ["with a table for a reason"] = { "run = function() return nil, {} end", "worker 0 table: 0x" },
    ["with a table for a reason of acks"] = { "acks = function() return 'fail', { {} } end", "table: 0x" },
    ["with data that contain themselves"] = { "data = function() local t = {} t.t = t return t end", "a table that contains itself" },
    ["with a function for a state variable"] = { "data = function(_, ctx) ctx:set('v', print) end",
      "own.lua:1: a state variable is a name and a number, a text, a boolean or a list of these, not v = function" },
    ["with a state variable that is too large"] = { "data = function(_, ctx) ctx:set('v', ('x'):rep(70000)) end",
      "the state variable v has 70000 bytes, 65536 are the most" },
    ["with a deadline that raises an error"] = { "deadline = function() error('none') end", "deadline of stage ./own.lua: .*own.lua:1: none" },
    ["with a deadline that is no number"] = { "deadline = function() return 'soon' end",
      "deadline of stage ./own.lua: gave a string instead of a number" },
  }) do
    it(what, function()
      local text = case[1]:find("^run") and case[1] or "run = function() end, " .. case[1]
      local r = run_stage(("return { where = 'workers', %s }"):format(text))
      assert.are.equal(3, r.status, r.stderr)
      assert.matches("stage ./own.lua failed: .*" .. case[2], r.stderr)
      assert.matches("\nvernier: destroyed\n", r.stderr, 1, true)
      assert.matches("Certificate: ", r.stdout, 1, true)
      bench.assert_no_orphans(r.mark)
    end)
  end

  it("is refused before the run where its parts are of the wrong kind", function()
    for text, message in pairs({ ["traits = 'lifecycle'"] = "traits must be a table, not a string",
      ["options = { x = 5 }"] = 'the option "x" must be declared by a table, not a number',
      ["acks = 5"] = "acks must be a function, not a number" }) do
      local r, dir = run_stage(("return { where = 'workers', run = function() end, %s }"):format(text))
      assert.are.equal(2, r.status)
      assert.matches("benchmark.yaml:3:12: stage ./own.lua: " .. message, r.stderr, 1, true)
      assert.are.same({}, support.runs(dir))
    end
  end)
end)

describe("thousands of stages", function()
  it("leave no memory and no file open, in the manager and in workers", function()
    local measure = [[
return { where = "WHERE", run = function(_, ctx)
  local f = assert(io.open("WHERE.txt", "a"))
  local p = io.popen("ls /proc/$PPID/fd | wc -l; grep VmRSS /proc/$PPID/status")
  f:write((p:read("*a"):gsub("\n", " ")), "\n")
  p:close()
  f:close()
end }]]
    local dir = support.workspace({ ["m.lua"] = measure:gsub("WHERE", "manager"), ["w.lua"] = measure:gsub("WHERE", "workers"),
      ["empty.lua"] = "return { where = 'workers', options = { n = { type = 'integer' } }, run = function() end }",
      ["benchmark.yaml"] = [[
clusters: [{size: 1}]
configurations: [{name: c, connector: noop}]
scenario:
- repeat:
    times: 6
    do: [./m.lua, ./w.lua, repeat: {times: 500, do: [./empty.lua: {n: "${repeat.counter}"}]}]
]] })
    local r = run(dir)
    assert.are.equal(0, r.status, r.stderr)
    for _, where in ipairs({ "manager", "workers" }) do
      local files, kib = {}, {}
      for n, size in support.read_file(dir .. "/" .. where .. ".txt"):gmatch("(%d+) VmRSS:%s+(%d+)") do
        files[#files + 1], kib[#kib + 1] = tonumber(n), tonumber(size)
      end
      assert.are.equal(6, #files)
      assert.are.equal(files[3], files[6], where)
      local room = support.slow == 1 and 4096 or 2 ^ 18 -- sanitizers keep up to 256 MiB of what is freed
      assert.is_true(kib[6] - kib[3] < room, ("%s grows from %d to %d KiB"):format(where, kib[3], kib[6]))
    end
  end)
end)

-- ---- faults at any instant ----

-- Two configurations with a server each, whose cells have phases that leave marks: init (the service starts), test, destroy.
local function phases()
  return workspace({ configurations = { { "a", "" }, { "b", "" } }, clusters = "[{size: 3, groups: {server: 1, client: 2}}]",
    scenario = [[
- test: {groups: client, test-name: load, duration: 150ms, num-threads-per-node: 2, workload: http-request}
- sleep: {time: 100ms}
- test: {groups: client, test-name: open, num-operations: 100, rate: {type: fixed-rate, opts: {tps: 1000}}, workload: http-request}
]], more = 'destroy: [command: {groups: client, cmd: "echo ${config.name} >> destroyed"}]\n' })
end

describe("Ctrl-C", function()
  for _, after in ipairs({ 0.01, 0.04, 0.08, 0.15, 0.25, 0.35, 0.45, 0.55, 0.7, 0.9 }) do
    it(("after %g s of a matrix: status 130, a report, cleaned up, nothing left"):format(after), function()
      local dir = phases()
      local running = support.start_vernier({ "run", "benchmark.yaml", cwd = dir })
      support.wait_for(function() return select(2, running:output()):find("run /", 1, true) end, 10, "the run to begin")
      support.sleep(after)
      running:kill("INT")
      assert.is_truthy(running:wait(20), "the run goes on for ever")
      local out, err = running:output()
      local status = running.process:status()
      if status == 0 then -- all was done already
        assert.is_true(after > 0.5, err)
      else
        assert.are.equal(130, status, err)
        local summary = support.summary(dir)
        assert.are.equal("interrupted", summary.run.status)
        local runs = 0
        for _, test in ipairs(summary.tests) do
          bench.conserved(test)
          runs = runs + test.runs
        end
        assert.matches("Certificate: ", out, 1, true)
        -- Each cell that has begun was taken apart, on whoever lived.
        local folder = support.runs(dir)[1]
        local destroyed_cells = {}
        for _, stage in ipairs(matrix.journal(folder, "stage")) do
          destroyed_cells[stage.cell or 0] = destroyed_cells[stage.cell or 0] or stage.section == "destroy"
            and stage.stage == "scenario-destroy"
        end
        for _, cell in ipairs(matrix.journal(folder, "cell")) do
          assert.is_true(destroyed_cells[cell.cell], "destroy of cell " .. cell.cell)
        end
        local destroyed = io.open(dir .. "/destroyed")
        -- Whoever has clients at work by then cleans up after them.
        if runs > 0 then
          assert.is_truthy(destroyed, err)
        end
        if destroyed then
          destroyed:close()
        end
      end
      bench.assert_no_orphans(running.mark)
    end)
  end
end)

describe("a worker that is killed", function()
  local function wait_for(running, text)
    support.wait_for(function() return select(2, running:output()):find(text, 1, true) end, 15, text)
  end

  -- Starts the matrix, waits for the text, kills that worker of the first cell; gives status, stderr and the summary.
  local function killed(dir, text, index)
    local running = support.start_vernier({ "run", "benchmark.yaml", "--vernier-worker-timeout", "1s",
      "--vernier-hook-timeout", "2s", cwd = dir })
    wait_for(running, text)
    os.execute(("kill -KILL %d"):format(bench.worker_pid(running, index)))
    assert.is_truthy(running:wait(20), "the run goes on for ever")
    local _, err = running:output()
    bench.assert_no_orphans(running.mark)
    return running.process:status(), err, (support.summary(dir))
  end

  for what, case in pairs({
    ["with the server, between tests"] = { "[load] a, size 3 finished", 0 },
    ["with a client, between tests"] = { "[load] a, size 3 finished", 2 },
  }) do
    it(what .. ": its cell fails, the next is run", function()
      local status, err, summary = killed(phases(), case[1], case[2])
      assert.are.equal(3, status, err)
      assert.matches(("worker %d was killed by signal 9"):format(case[2]), err, 1, true)
      assert.are.same({ "failed", "ok" }, { summary.cells[1].status, summary.cells[2].status })
      assert.are.equal("load", summary.tests[1].label)
      assert.are.equal("b", summary.tests[#summary.tests].configuration)
    end)
  end
end)

-- In a mount namespace of its own: `runs` is a small disk, which is filled before a stage goes on.
local FULL_DISK = [[
mkdir runs && mount -t tmpfs -o size=4m none runs || exit 77
"$VERNIER" run benchmark.yaml > run.out 2> run.err
echo $? > run.status
rm -f runs/filler
"$VERNIER" report runs/spec-* > report.out 2> report.err
cp -r runs kept
]]

describe("a disk that is full before a test", function()
  it("fails the test at once, as well as the cells that follow, and nothing hangs", function()
    local dir = workspace({ configurations = { { "a", "" }, { "b", "" } }, scenario = [[
- test: {groups: client, test-name: good, num-operations: 20, num-threads-per-node: 2, workload: http-request}
- command: {groups: client, cmd: "cat /dev/zero > runs/filler 2>/dev/null; true", out: ../log}
- test: {groups: client, test-name: bad, duration: 200ms, num-threads-per-node: 2, workload: http-request}
]] })
    local r = support.run({ "unshare", "-m", "sh", "-c", FULL_DISK, cwd = dir, env = { VERNIER = support.binary }, timeout = 60 })
    local status = support.read_file(dir .. "/run.status")
    if status == "" then
      return pending("no tmpfs can be mounted here: " .. r.stderr)
    end
    local err = support.read_file(dir .. "/run.err")
    assert.are.equal("3\n", status, err)
    assert.is_true(r.seconds < 10 * support.slow, ("took %.1f s: %s"):format(r.seconds, err))
    assert.matches("No space left on device", err, 1, true)
    local summary = support.read_json(io.popen("ls -d " .. dir .. "/kept/spec-*"):read("*l") .. "/summary.json")
    assert.are.same({ "good", 20 }, { summary.tests[1].label, summary.tests[1].ok })
    bench.assert_no_orphans(r.mark)
  end)
end)
