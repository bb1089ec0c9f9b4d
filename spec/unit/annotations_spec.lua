-- The annotations for editors say what there is: every member that plug-ins and suites meet is annotated, and every
-- annotated one exists. Plug-ins of all kinds note what they see, in a run of the real binary.
local annotations = require("vernier.annotations")
local plugins = require("vernier.plugins")
local json_rpc = require("vernier.json_rpc")
local scheduler = require("vernier.scheduler")
local servers = require("spec.support.http_servers")
local support = require("spec.support")
local websocket = require("vernier.websocket")

local function text_of_all()
  local parts = {}
  for i, entry in ipairs(annotations.files()) do
    parts[i] = entry[2]
  end
  return table.concat(parts, "\n")
end

-- Class -> {fields = {name = "?" or ""}, parent}; methods are fields, too.
local function classes()
  local all, current, of_local = {}, nil, {}
  for line in text_of_all():gmatch("[^\n]+") do
    local name, parent = line:match("^%-%-%-@class ([%w_.]+):? ?([%w_.]*)")
    local owner, method = line:match("^function (%w+):([%w_]+)%(")
    local field, optional = line:match("^%-%-%-@field ([%w_]+)(%??) ")
    if name then
      all[name] = all[name] or { fields = {} }
      current, all[name].parent = all[name], parent:find("^vernier%.") and parent or all[name].parent
    elseif field then
      current.fields[field] = optional
    elseif owner then
      local class = of_local[owner]
      class.fields[method] = ""
    elseif line:find("^local %w+ = {}") then
      of_local[line:match("^local (%w+)")] = current
    elseif not line:find("^%-%-%-") then
      current = nil
    end
  end
  return all
end

local function fields_of(all, name)
  local fields = {}
  while name do
    local class = assert(all[name], "no class " .. name)
    for field, optional in pairs(class.fields) do
      fields[field] = fields[field] or optional
    end
    name = class.parent
  end
  return fields
end

-- ---- what there is ----

local NOTE = [[
local seen = {}
local function add(class, key)
  if type(key) == "string" and not key:find("^_") and not seen[class .. " " .. key] then
    seen[class .. " " .. key] = true
    local f = io.open(NOTES, "a")
    f:write(class, " ", key, "\n")
    f:close()
  end
end
return function(class, object)
  for key in pairs(object) do add(class, key) end
  local index = (getmetatable(object) or {}).__index
  while index do
    if type(index) == "function" then
      add(class, "random")
      index = select(2, debug.getupvalue(index, 1)) -- of a context: the part that it has in common with others
    end
    for key in pairs(index) do add(class, key) end
    index = (getmetatable(index) or {}).__index
  end
end
]]

local FILES = {
  ["workload.lua"] = [[
local note = require("note")
return { run = function(_, ctx)
  note("vernier.WorkloadContext", ctx) note("vernier.Round", ctx.round) note("vernier.Sut", ctx.sut) note("vernier.Random", ctx.random)
  ctx.random()
  ctx.sut:send({ a = 1 })
end }]],
  ["rate.lua"] = [[
local note = require("note")
local M = { schedule = "worker" }
function M:run(ctx, index, stats)
  note("vernier.RateContext", ctx)
  for _, name in ipairs(STATS) do note("vernier.LoadStats", { [name] = stats[name] }) end
  return index * 1e6
end
return M]],
  ["connector.lua"] = [[
local note = require("note")
local M = { traits = { lifecycle = { start = function() return {} end, stop = function() return {} end, running = function() return true end },
  killable = { kill = function() end }, clustered = { members = function() return 1 end } } }
note("vernier.Traits", M.traits)
for name, class in pairs({ lifecycle = "Lifecycle", killable = "Killable", clustered = "Clustered" }) do
  note("vernier." .. class, M.traits[name])
end
function M:init(ctx)
  note("vernier.ConnectorContext", ctx)
  ctx.log("up on the " .. ctx.where)
end
function M:open(round) note("vernier.Round", round) end
function M:prepare(n) local list = {} for i = 1, n do list[i] = "part" end return list end
function M:run(request, tx)
  for _, name in ipairs(TX) do if tx then note("vernier.Transaction", { [name] = tx[name] }) end end
  tx:mark("seen")
  return request
end
return M]],
  ["on-workers.lua"] = [[
local note = require("note")
local M = { where = "workers" }
function M:data(ctx)
  note("vernier.ManagerContext", ctx)
  ctx:results({})
  return ctx:new_test({ label = "own", txNumber = 5, rateControl = { type = "fixed-load" }, workload = { module = "./workload.lua" } })
end
function M:run(ctx, _, spec)
  note("vernier.WorkerContext", ctx) note("vernier.Scope", ctx.scope)
  local load = assert(ctx:new_load(spec))
  note("vernier.RunningLoad", load)
  load:start(assert(ctx:barrier()))
  ctx:keep("mine", { load })
  local kept = ctx:take("mine")
  note("vernier.KeptLoads", kept)
  kept:join()
  return {}
end
return M]],
  ["reporter.lua"] = [[
local note = require("note")
return { run = function(_, ctx, results)
  note("vernier.ReporterContext", ctx) note("vernier.Results", results)
  return {}
end }]],
  ["suite.lua"] = [[
local note = require("note")
return { network = { caliper = { connector = "./connector.lua" } }, reports = { "./reporter.lua" }, clusters = { { size = 2 } },
  scenario = function(run)
    note("vernier.Run", run)
    run:stage("./on-workers.lua")
    local rate = { type = "./rate.lua" }
    note("vernier.Result", run:round{ label = "r", description = "d", txNumber = 5, rateControl = rate, workload = { module = "./workload.lua" } })
    note("vernier.Result", run:test{ test_name = "t", duration = 0.05, rate = rate, workload = "./workload.lua" })
    note("vernier.Result", run:test{ test_name = "u", num_operations = 4, total_threads = 2, merge_thread_stats = false,
      iteration_property = "total-threads", workload = "./workload.lua" })
    note("vernier.Result", run:test{ test_name = "w", num_operations = 4, workload = "./workload.lua" })
    run:stage("add-result", { test_name = "t", result_name = "x", value = 1, unit = "s" })
  end }]],
}

-- What is not there in a run in which nothing fails.
local ABSENT = { ["vernier.Result.reason"] = true, ["vernier.ManagerContext.stopped"] = true,
  ["vernier.JsonRpcEndpoint.files_limit"] = true }

local function listed(all, class)
  local names = {}
  for name in pairs(all[class].fields) do
    names[#names + 1] = ("%q"):format(name)
  end
  return "{" .. table.concat(names, ", ") .. "}"
end

local function note_json(note, summary)
  local function all(class, list)
    for _, entry in ipairs(list) do
      note(class, entry)
    end
  end
  note("vernier.Summary", summary)
  all("vernier.Cell", summary.cells)
  all("vernier.Test", summary.tests)
  all("vernier.CustomResult", summary.results)
  for _, test in ipairs(summary.tests) do
    all("vernier.Operation", test.operations)
    for _, operation in ipairs(test.operations) do all("vernier.Mark", operation.marks) end
    all("vernier.Worker", test.workers)
    note("vernier.Times", test.response_time_ns)
    for _, worker in ipairs(test.workers) do
      all("vernier.Thread", worker.threads or {})
    end
  end
end

-- Class -> set of the names that there are.
local function observed(all)
  local dir = support.tmpdir()
  local notes = ("%q"):format(dir .. "/notes")
  local function complete(text)
    return (text:gsub("NOTES", notes):gsub("STATS", listed(all, "vernier.LoadStats")):gsub("%f[%w]TX%f[%W]",
      listed(all, "vernier.Transaction")))
  end
  support.write_file(dir .. "/note.lua", complete(NOTE))
  for name, text in pairs(FILES) do
    support.write_file(dir .. "/" .. name, complete(text))
  end
  local r = support.vernier({ "run", "suite.lua", cwd = dir, timeout = 60 })
  assert.are.equal(0, r.status, r.stderr .. r.stdout)
  assert.matches("up on the manager", r.stderr, 1, true)
  note_json(assert(loadfile(dir .. "/note.lua"))(), (support.summary(dir)))
  local found = {}
  for class, name in support.read_file(dir .. "/notes"):gmatch("(%S+) (%S+)\n") do
    found[class] = found[class] or {}
    found[class][name] = true
  end
  return found
end

-- The public names of an object and its class.
local function names_of(object)
  local names = {}
  for _, source in ipairs({ object, getmetatable(object).__index }) do
    for name in pairs(source) do
      names[name] = not name:find("^_") or nil
    end
  end
  return names
end

-- The clients that connectors may use, after a conversation each.
local function observe_clients(found)
  local ws, rpc = servers.ws_server(), servers.rpc_server()
  scheduler.run(function()
    local connection = assert(websocket.connect(ws.ws(), { protocols = { "a" } }))
    connection:close()
    found["vernier.WebSocket"] = names_of(connection)
    local client = assert(json_rpc.connect({ url = rpc.urls.websocket }))
    local _, failure = client:call("fail", { { code = 1, message = "x", data = "y" } })
    found["vernier.JsonRpc"], found["vernier.JsonRpcEndpoint"] = names_of(client), names_of(client.endpoints[1])
    found["vernier.JsonRpcFailure"] = { class = true, message = true, code = failure.code, data = failure.data }
    client:close()
  end)
  ws.stop()
  rpc.stop()
end

describe("annotations", function()
  local all, found

  setup(function()
    all = classes()
    found = observed(all)
    observe_clients(found)
  end)

  it("are Lua", function()
    for _, entry in ipairs(annotations.files()) do
      assert(loadstring(entry[2], "=" .. entry[1]))
      assert.matches("^%-%-%-@meta", entry[2])
    end
  end)

  it("have every member that plug-ins and suites meet", function()
    local n = 0
    for class, names in pairs(found) do
      local fields = fields_of(all, class)
      for name in pairs(names) do
        n = n + 1
        assert.is_truthy(fields[name], ("%s has no annotated %s"):format(class, name))
      end
    end
    assert.is_true(n > 200, n)
  end)

  it("invent none", function()
    local missing = {}
    for class, names in pairs(found) do
      for name in pairs(fields_of(all, class)) do
        if not names[name] and not ABSENT[class .. "." .. name] then
          missing[#missing + 1] = class .. "." .. name
        end
      end
    end
    assert.are.same({}, missing)
  end)

  it("have the events of observers, and the keys of rounds", function()
    local list, events = io.popen("grep -rhoE 'observe\\(\"[a-z_]+' lua/vernier"), 0
    for line in list:lines() do
      events = events + 1
      assert.is_truthy(all["vernier.Observer"].fields[line:match('"(.*)')], line)
    end
    list:close()
    assert.is_true(events >= 7)
    for name in pairs(require("vernier.config.rounds").OWN) do
      assert.is_truthy(all["vernier.RoundSpec"].fields[name], name)
    end
  end)

  it("have a class for each stage, rate controller, workload and connector, with their options", function()
    for kind, part in pairs({ stage = "stages", ["rate controller"] = "ratecontrollers", workload = "workloads", connector = "connectors" }) do
      for _, name in ipairs(plugins.names(kind)) do
        local class = all[("vernier.%s.%s"):format(part, (name:gsub("%-", "_")))]
        for option in pairs(plugins.load(kind, name, ".").options or {}) do
          assert.is_truthy(class.fields[(option:gsub("%-", "_"))], name .. "." .. option)
        end
        assert.are.equal(kind == "stage" and "?" or nil, class.fields.exit_on_failure)
      end
    end
  end)

  it("refer to classes that there are", function()
    local aliases = {}
    for name in text_of_all():gmatch("@alias ([%w_.]+)") do
      aliases[name] = true
    end
    for line in text_of_all():gmatch("%-%-%-[@|][^\n]+") do
      for name in line:gsub("^%-%-%-@meta.*", ""):gmatch("vernier%.[%w_.]+") do
        assert.is_truthy(all[name] or aliases[name], name)
      end
    end
  end)

  it("pass the language server's own check, with the examples", function()
    if support.run({ "sh", "-c", "command -v lua-language-server" }).status ~= 0 then
      pending("lua-language-server is not installed")
      return
    end
    local dir = support.tmpdir()
    support.copy("examples", dir .. "/examples")
    assert.are.equal(0, support.vernier({ "init", "--annotations", dir }).status)
    local r = support.run({ "lua-language-server", "--check", dir, "--checklevel=Error", timeout = 120 })
    assert.are.equal(0, r.status, r.stdout)
  end)
end)

describe("vernier init", function()
  it("--annotations writes them, anew each time, and leaves a .luarc.json alone", function()
    local dir = support.tmpdir()
    local function init()
      local r = support.vernier({ "init", "--annotations", dir })
      assert.are.equal(0, r.status, r.stderr)
      return r
    end
    init()
    for _, entry in ipairs(annotations.files()) do
      assert.are.equal(entry[2], support.read_file(dir .. "/" .. entry[1]))
      support.write_file(dir .. "/" .. entry[1], "old")
    end
    assert.are.same({ "annotations" }, support.read_json(dir .. "/.luarc.json")["workspace.library"])
    support.write_file(dir .. "/.luarc.json", "{}")
    assert.matches(".luarc.json is there already", init().stdout, 1, true)
    assert.are.equal("{}", support.read_file(dir .. "/.luarc.json"))
    assert.are.equal(annotations.files()[1][2], support.read_file(dir .. "/" .. annotations.files()[1][1]))
    assert.is_nil(io.open(dir .. "/benchmark.yaml"))
    assert.are.equal(1, support.vernier({ "init", "--annotations", dir .. "/.luarc.json/x" }).status)
  end)

  it("writes them beside the starter, whose own scripts they know", function()
    local dir = support.tmpdir()
    assert.are.equal(0, support.vernier({ "init", dir }).status)
    assert.are.equal(annotations.files()[2][2], support.read_file(dir .. "/" .. annotations.files()[2][1]))
    assert.are.equal(annotations.LUARC, support.read_file(dir .. "/.luarc.json"))
    assert.matches("---@param ctx vernier.WorkloadContext", support.read_file(dir .. "/workload.lua"), 1, true)
  end)
end)
