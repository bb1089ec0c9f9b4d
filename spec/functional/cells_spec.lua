-- Cells: configurations x sizes of cluster x repetitions, each a row of its own, whatever becomes of the others.
local bench = require("spec.support.bench")
local matrix = require("spec.support.matrix")
local support = require("spec.support")

local TWO = "configurations: [{name: a, connector: noop}, {name: b, connector: noop}]\n"
local FAST = { "--vernier-worker-timeout", "1s", "--vernier-hook-timeout", "2s" }

-- A stage on workers that notes who runs it: "CONFIG SIZE INDEX GROUP RANK/OF PID MODE".
local WHO = [[
return { where = "workers", run = function(_, ctx)
  local f = io.open("who.txt", "a")
  f:write(("%s %d %d %s %d/%d %d %s\n"):format(ctx.scope:get("config.name"), ctx.scope:get("cluster.size"), ctx.index,
    ctx.group, ctx.worker, ctx.workers, ctx.scope:get("process.id"), os.getenv("MODE") or "-"))
  f:close()
  return 1
end }
]]

-- A stage on workers that harms the worker with that index in the cell that the file `harm` names.
local HARM = [[
return { where = "workers", options = { worker = { type = "integer", default = 0 }, signal = { type = "string" } },
  run = function(_, ctx, options)
    local f = io.open("harm")
    local here = f and f:read("*l") == ctx.scope:get("config.name") .. " " .. ctx.scope:get("cluster.size")
    if f then f:close() end
    if here and ctx.index == options.worker then
      os.execute(("kill -%s %d"):format(options.signal, ctx.scope:get("process.id")))
    end
    ctx:sleep(0.01)
    return 1
  end }
]]

local function workspace(scenario, files)
  local all = { ["who.lua"] = WHO, ["harm.lua"] = HARM }
  for name, text in pairs(files or {}) do
    all[name] = text
  end
  return matrix.workspace(scenario, all)
end

local function cells_of(dir)
  local list = {}
  for i, cell in ipairs(matrix.journal(matrix.folder(dir), "cell")) do
    list[i] = cell.configuration .. cell.size .. (cell.repetition > 1 and "." .. cell.repetition or "")
  end
  return list
end

-- What who.lua has noted, as lists of fields, sorted by cell and worker.
local function witnesses(dir)
  local list = {}
  for line in support.read_file(dir .. "/who.txt"):gmatch("[^\n]+") do
    local fields = {}
    for field in line:gmatch("%S+") do
      fields[#fields + 1] = field
    end
    list[#list + 1] = fields
  end
  return list
end

local function statuses(dir)
  local list = {}
  for i, cell in ipairs(support.summary(dir).cells) do
    list[i] = cell.status
  end
  return list
end

describe("two configurations in three sizes", function()
  local dir, summary

  setup(function()
    dir = workspace(TWO .. [[
order: interleaved
clusters:
  - {size: 1, groups: {front: 1}}
  - {size: 2, groups: {front: 1, back: 1}}
  - {size: 4, groups: {front: 1, back: 3}}
scenario:
  - ./who.lua
  - test: {test-name: load, num-operations: 1001, total-threads: 8, workload: ./w.lua}
]])
    local r = matrix.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    bench.assert_no_orphans(r.mark)
    summary = support.summary(dir)
  end)

  it("are run one by one, in the order that was asked for", function()
    assert.are.same({ "a1", "b1", "a2", "b2", "a4", "b4" }, cells_of(dir))
    local order = {}
    for i, record in ipairs(matrix.journal(matrix.folder(dir), "cell-end")) do
      order[i] = ("%d %s"):format(record.cell, record.status)
    end
    assert.are.same({ "1 ok", "2 ok", "3 ok", "4 ok", "5 ok", "6 ok" }, order)
  end)

  it("have each worker in its group, with its rank", function()
    local seen = {}
    for _, who in ipairs(witnesses(dir)) do
      seen[#seen + 1] = table.concat(who, " ", 1, 5)
    end
    table.sort(seen)
    local expected = {}
    for _, name in ipairs({ "a", "b" }) do
      for _, size in ipairs({ 1, 2, 4 }) do
        for index = 0, size - 1 do
          expected[#expected + 1] = ("%s %d %d %s %d/%d"):format(name, size, index, index == 0 and "front" or "back", index, size)
        end
      end
    end
    assert.are.same(expected, seen)
    assert.are.same({ { name = "front", size = 1 }, { name = "back", size = 3 } }, summary.cells[5].groups)
  end)

  it("have exact sums, over the cells and over the workers of each", function()
    assert.are.equal(6, #summary.tests)
    for i, test in ipairs(summary.tests) do
      local cell, sum, groups = summary.cells[i], 0, {}
      assert.are.same({ cell.cell, cell.configuration, cell.size }, { test.cell, test.configuration, test.size })
      assert.are.equal(1001, test.ok)
      bench.conserved(test)
      assert.are.equal(cell.size, #test.workers)
      for j, worker in ipairs(test.workers) do
        sum, groups[j] = sum + worker.ok, worker.group
        assert.is_true(worker.ok >= math.floor(1001 / cell.size))
      end
      assert.are.equal(1001, sum)
      assert.are.same(({ { "front" }, { "front", "back" }, [4] = { "front", "back", "back", "back" } })[cell.size], groups)
    end
  end)
end)

describe("the order of cells", function()
  local SCENARIO = TWO .. "clusters: [{size: 1}, {size: 2}]\nrepetitions: 2\nscenario: [./gate.lua: {point: x}]\norder: "

  it("is that of the configurations, or that of the repetitions", function()
    for order, expected in pairs({
      sequential = { "a1", "a1.2", "a2", "a2.2", "b1", "b1.2", "b2", "b2.2" },
      interleaved = { "a1", "b1", "a2", "b2", "a1.2", "b1.2", "a2.2", "b2.2" },
    }) do
      local dir = workspace(SCENARIO .. order .. "\n")
      assert.are.equal(0, matrix.run(dir).status)
      assert.are.same(expected, cells_of(dir))
    end
  end)

  it("is random by the seed", function()
    local dir = workspace(SCENARIO .. "random\n")
    local orders = {}
    for i, seed in ipairs({ "1", "1", "2" }) do
      assert.are.equal(0, matrix.run(dir, "--seed", seed).status)
      orders[i] = cells_of(dir)
    end
    assert.are.same(orders[1], orders[2])
    assert.are_not.same(orders[1], orders[3])
    table.sort(orders[1])
    table.sort(orders[3])
    assert.are.same(orders[1], orders[3])
  end)

  it("is kept where --only chooses, which must choose something", function()
    local dir = workspace(SCENARIO .. "interleaved\n")
    local r = matrix.run(dir, "--only", "config=c")
    assert.are.equal(2, r.status)
    assert.matches('there is no configuration "c"', r.stderr, 1, true)
    assert.are.equal(0, matrix.run(dir, "--only", "config=b,size=2").status)
    assert.are.same({ "b2", "b2.2" }, cells_of(dir))
    assert.are.same({ "4:x 1", "8:x 1" }, matrix.gates(dir))
  end)
end)

describe("restart", function()
  local SCENARIO = "clusters: [{size: 1}, {size: 2}]\nscenario: [./who.lua]\n"
    .. "configurations: [{name: a, connector: noop%s}, {name: b, connector: noop%s}]\nrestart: "

  -- {worker index = {pids in the order of cells}}, and how many different ones there are.
  local function pids(dir)
    local list, different, seen = { {}, {} }, 0, {}
    for _, who in ipairs(witnesses(dir)) do
      local index, pid = tonumber(who[3]) + 1, who[6]
      table.insert(list[index], pid)
      different = different + (seen[pid] and 0 or 1)
      seen[pid] = true
    end
    return list, different
  end

  local MODES = { ", environment: {MODE: x}", ", environment: {MODE: 'n${worker.index}'}" }

  it("cell: every cell has processes of its own, with its environment", function()
    local dir = workspace(SCENARIO:format(unpack(MODES)) .. "cell\n")
    assert.are.equal(0, matrix.run(dir).status)
    local list, different = pids(dir)
    assert.are.equal(6, different)
    assert.are.same({ 4, 2 }, { #list[1], #list[2] })
    for _, who in ipairs(witnesses(dir)) do
      assert.are.equal(who[1] == "a" and "x" or "n" .. who[3], who[7])
    end
  end)

  it("configuration: the processes of a configuration go on", function()
    local dir = workspace(SCENARIO:format(unpack(MODES)) .. "configuration\n")
    assert.are.equal(0, matrix.run(dir).status)
    local list, different = pids(dir)
    assert.are.equal(4, different)
    assert.are.equal(list[1][1], list[1][2])
    assert.are.equal(list[1][3], list[1][4])
    assert.are_not.equal(list[1][2], list[1][3])
    for _, who in ipairs(witnesses(dir)) do
      assert.are.equal(who[1] == "a" and "x" or "n" .. who[3], who[7])
    end
  end)

  it("never: all go on, and each journal is one process's", function()
    local dir = workspace(SCENARIO:format(MODES[1], MODES[1]) .. "never\n")
    assert.are.equal(0, matrix.run(dir).status)
    local _, different = pids(dir)
    assert.are.equal(2, different)
    for _, who in ipairs(witnesses(dir)) do
      assert.are.equal("x", who[7])
    end
  end)

  it("never is refused before anything runs where the environments differ", function()
    local dir = workspace(SCENARIO:format(unpack(MODES)) .. "never\n")
    for _, words in ipairs({ { "check", "s.yaml" }, { "run", "s.yaml" } }) do
      words.cwd = dir
      local r = support.vernier(words)
      assert.are.equal(2, r.status)
      assert.matches("whose environment cannot change: MODE", r.stdout .. r.stderr, 1, true)
    end
    assert.are.same({}, support.runs(dir))
  end)
end)

describe("a cell that fails", function()
  local SCENARIO = TWO .. [[
clusters: [{size: 2}]
repetitions: 2
scenario:
  - ./gate.lua: {point: before}
  - test: {test-name: load, num-operations: 100, total-threads: 4, workload: ./w.lua}
  - ./gate.lua: {point: after}
destroy: [./gate.lua: {point: destroy}, ./who.lua]
cleanup: [./gate.lua: {point: cleanup}]
]]

  local function gates_of(dir, cell)
    local list = {}
    for _, place in ipairs(matrix.gates(dir)) do
      if place:find("^" .. cell .. ":") then
        list[#list + 1] = place:match(":(%w+)")
      end
    end
    return list
  end

  it("is a row, its destroy and cleanup are run, and the others are ok", function()
    local dir = workspace(SCENARIO, { fail = "2:before\nfail\n" })
    local r = matrix.run(dir)
    assert.are.equal(3, r.status, r.stderr)
    assert.are.same({ "ok", "failed", "ok", "ok" }, statuses(dir))
    assert.are.same({ "before", "destroy", "cleanup" }, gates_of(dir, 2))
    assert.are.same({ "before", "after", "destroy", "cleanup" }, gates_of(dir, 3))
    local summary = support.summary(dir)
    assert.are.equal(3, #summary.tests)
    assert.matches("as told", summary.cells[2].reasons[1], 1, true)
  end)

  it("with the verdict exit ends everything but its destroy and cleanup", function()
    local dir = workspace(SCENARIO, { fail = "2:before\nexit\n" })
    assert.are.equal(3, matrix.run(dir).status)
    assert.are.same({ "ok", "failed", "not run", "not run" }, statuses(dir))
    assert.are.same({ "before", "destroy", "cleanup" }, gates_of(dir, 2))
    assert.are.same({}, gates_of(dir, 3))
    assert.are.equal(1, #support.summary(dir).tests)
  end)

  it("in destroy is failed, and cleanup is run", function()
    local dir = workspace(SCENARIO, { fail = "1:destroy\nfail\n" })
    assert.are.equal(3, matrix.run(dir).status)
    assert.are.same({ "failed", "ok", "ok", "ok" }, statuses(dir))
    assert.are.same({ "before", "after", "destroy", "cleanup" }, gates_of(dir, 1))
  end)

  it("by Ctrl-C is interrupted, and destroy and cleanup are run", function()
    local dir = workspace(SCENARIO, { hold = "2:after" })
    local running = matrix.start(dir)
    matrix.wait_at(dir, "2:after 1")
    running:kill("INT")
    assert.are.equal(130, running:wait(20))
    assert.are.same({ "ok", "interrupted", "not run", "not run" }, statuses(dir))
    assert.are.same({ "before", "after", "destroy", "cleanup" }, gates_of(dir, 2))
    assert.are.equal(2, #support.summary(dir).tests)
    bench.assert_no_orphans(running.mark)
  end)
end)

describe("a cell whose worker is lost", function()
  local SCENARIO = TWO .. [[
clusters: [{size: 2}, {size: 3}]
restart: %s
scenario:
  - test: {test-name: first, num-operations: 100, total-threads: 6, workload: ./w.lua}
  - ./harm.lua: {worker: 1, signal: %s}
  - test: {test-name: second, num-operations: 100, total-threads: 6, workload: ./w.lua}
destroy: [./who.lua]
cleanup: [./gate.lua: {point: cleanup}]
]]

  for _, signal in ipairs({ "KILL", "STOP" }) do
    for _, restart in ipairs({ "cell", "never" }) do
      it(("by SIG%s is a row, and the others are ok (restart: %s)"):format(signal, restart), function()
        local dir = workspace(SCENARIO:format(restart, signal), { harm = "a 3\n" })
        local r = matrix.run(dir, unpack(FAST))
        assert.are.equal(3, r.status, r.stderr)
        bench.assert_no_orphans(r.mark)
        assert.are.same({ "ok", "failed", "ok", "ok" }, statuses(dir))
        local summary = support.summary(dir)
        assert.are.equal(7, #summary.tests)
        assert.matches("worker 1", summary.cells[2].reasons[1], 1, true)
        local survivors = {}
        for _, who in ipairs(witnesses(dir)) do
          if who[1] == "a" and who[2] == "3" then
            survivors[#survivors + 1] = who[3]
          end
        end
        table.sort(survivors)
        assert.are.same({ "0", "2" }, survivors)
        assert.are.same({ "1:cleanup 1", "2:cleanup 1", "3:cleanup 1", "4:cleanup 1" }, matrix.gates(dir))
      end)
    end
  end
end)

describe("nested repeats", function()
  -- Both loops run 3 times; the stage gives the verdict at turn 2 of the inner one.
  local function scenario(verdict)
    return [[
scenario:
  - repeat:
      name: outer
      times: 3
      do:
        - repeat:
            name: inner
            times: 3
            do:
              - ./verdict.lua: {outer: "${repeat.outer.counter}", inner: "${repeat.inner.counter}", verdict: ]] .. verdict .. [[}
              - echo: {message: "after ${repeat.outer.counter}.${repeat.inner.counter}"}
        - echo: {message: "outer ${repeat.outer.counter}"}
  - echo: {message: "end"}
destroy: [echo: {message: "destroy"}]
]]
  end

  local VERDICT = [[
return { where = "manager", options = { outer = { type = "integer" }, inner = { type = "integer" }, verdict = { type = "string" } },
  run = function(_, ctx, options)
    if ctx:get("repeat.counter") ~= options.inner then return "fail", "the innermost counter is another" end
    if options.inner == 1 then return options.verdict, "told" end
  end }
]]

  local function echoes(dir)
    local list = {}
    for _, record in ipairs(matrix.journal(matrix.folder(dir), "stage")) do
      if record.stage == "echo" then
        list[#list + 1] = record.properties.message
      end
    end
    return table.concat(list, ", ")
  end

  local BREAK = "after 0.0, outer 0, after 1.0, outer 1, after 2.0, outer 2, end, destroy"
  local CONTINUE = "after 0.0, after 0.2, outer 0, after 1.0, after 1.2, outer 1, after 2.0, after 2.2, outer 2, end, destroy"

  for verdict, expected in pairs({ ["break"] = { 0, BREAK }, continue = { 0, CONTINUE }, fail = { 3, "after 0.0, destroy" },
    exit = { 3, "after 0.0, destroy" } }) do
    it("with the verdict " .. verdict, function()
      local dir = workspace(scenario(verdict), { ["verdict.lua"] = VERDICT })
      local r = matrix.run(dir)
      assert.are.equal(expected[1], r.status, r.stderr)
      assert.are.equal(expected[2], echoes(dir))
    end)
  end
end)

describe("a test in the background at the end of a cell", function()
  local SCENARIO = [[
clusters: [{size: 2}]
scenario:
  - test: {test-name: behind, run-background: true, num-threads-per-node: 2, think-time: 1ms, workload: ./w.lua}
  - sleep: {time: 200ms}
  - ./gate.lua: {point: end}
  %s
]]

  local function stage_names(dir)
    local list = {}
    for _, record in ipairs(matrix.journal(matrix.folder(dir), "stage")) do
      list[#list + 1] = record.section .. ":" .. record.stage
    end
    return table.concat(list, " ")
  end

  local function behind(dir)
    local test = support.summary(dir).tests[1]
    assert.are.equal("behind", test.name)
    bench.conserved(test)
    assert.are.equal(0, test.unfinished)
    assert.is_true(test.ok > 50, tostring(test.ok))
    return test
  end

  it("is stopped before destroy, and its results are complete", function()
    local dir = workspace(SCENARIO:format(""))
    local r = matrix.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    assert.are.equal("ok", behind(dir).status)
    assert.matches("destroy:stop%-test destroy:scenario%-destroy", stage_names(dir))
    assert.are.equal(1, #matrix.journal(matrix.folder(dir), "test-end"))
  end)

  it("may have a stop-test in destroy all the same, but of another name it is an error", function()
    local dir = workspace(SCENARIO:format("") .. "destroy: [stop-test: {test-name: behind}]\n")
    assert.are.equal(0, matrix.run(dir).status)
    assert.are.equal("ok", behind(dir).status)
    dir = workspace(SCENARIO:format("") .. "destroy: [stop-test: {test-name: other}]\n")
    local r = matrix.run(dir)
    assert.are.equal(3, r.status)
    assert.matches('there is no test "other" in the background', r.stderr, 1, true)
  end)

  it("is stopped after a failure and after Ctrl-C, too", function()
    local dir = workspace(SCENARIO:format(""), { fail = "1:end\nfail\n" })
    assert.are.equal(3, matrix.run(dir).status)
    behind(dir)
    dir = workspace(SCENARIO:format(""), { hold = "1:end" })
    local running = matrix.start(dir)
    matrix.wait_at(dir, "1:end 1")
    running:kill("INT")
    assert.are.equal(130, running:wait(20))
    assert.are.equal("interrupted", behind(dir).status)
  end)

  it("has failed where a worker was lost, and where all were", function()
    for _, case in ipairs({ { "- ./harm.lua: {worker: 1, signal: KILL}", "worker 1" } }) do
      local dir = workspace(SCENARIO:format(case[1]), { harm = "default 2\n" })
      local r = matrix.run(dir, unpack(FAST))
      assert.are.equal(3, r.status, r.stderr)
      local test = support.summary(dir).tests[1]
      assert.are.equal("failed", test.status)
      assert.matches("worker 1 was lost", test.reasons[1], 1, true)
    end
    local dir = workspace(SCENARIO:format("- ./all.lua"), { ["all.lua"] = [[
return { where = "workers", run = function(_, ctx) os.execute("kill -9 " .. ctx.scope:get("process.id")) ctx:sleep(5) return 1 end }
]] })
    local r = matrix.run(dir, unpack(FAST))
    assert.are.equal(3, r.status, r.stderr)
    local test = support.summary(dir).tests[1]
    assert.are.equal("failed", test.status)
    for index = 0, 1 do
      assert.matches(("worker %d was lost"):format(index), test.reasons[index + 1], 1, true)
    end
    assert.is_nil(test.reasons[3])
    assert.are.same({ "failed" }, statuses(dir))
  end)
end)
