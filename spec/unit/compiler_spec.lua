-- What LuaJIT compiles, and when.
local compiler = require("vernier.core.compiler")
local file = require("vernier.core.file")
local load = require("vernier.load")
local plugins = require("vernier.plugins")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")
local util = require("jit.util")

-- Where the loops begin that are compiled while fn runs, and go on with themselves: the functions, in that order.
local function loops_compiled(fn)
  local list, began = {}, nil
  local function listen(what, trace, func)
    if what == "start" then
      began = func
    elseif what == "stop" and util.traceinfo(trace).linktype == "loop" then
      list[#list + 1] = began
    end
  end
  jit.attach(listen, "trace")
  local ok, message = pcall(fn)
  jit.attach(listen)
  return ok and list or error(message, 0)
end

-- Whether a loop that no one has run before is compiled when it is run n times.
local function is_compiled_within(n)
  local counting = loadstring("local sum = 0 for i = 1, ... do sum = sum + i end return sum")
  for _, func in ipairs(loops_compiled(function() counting(n) end)) do
    if func == counting then
      return true
    end
  end
  return false
end

-- A closed loop of 64 through a connector that answers at once.
local function run_load()
  scheduler.run(function()
    local made = assert(load.new({
      name = "load", worker = 0, workers = 1, arguments = {}, seed = 1, workspace = ".", round = { index = 1, number = 20000 },
      workload = { run = function(_, ctx) ctx.sut:send("ping") end }, connector = { run = function() return true end },
      controller = assert(plugins.new("rate controller", "fixed-load", { transactionLoad = 64 })),
      late_after_ns = 1e9, catch_up = "all", on_error = "continue", drain_ns = 5e9, digits = 3,
      live_path = support.tmpdir() .. "/live", log = print,
    }))
    made:start(scheduler.now())
    assert(made:join())
    assert.are.equal(20000, made._stats.ok)
    made:free()
  end)
end

-- The line in which the runner begins.
local function runner_line()
  local before = assert(file.read("lua/vernier/load.lua")):match("^(.-)local function runner%(")
  return 1 + select(2, before:gsub("\n", ""))
end

describe("the compiler", function()
  it("leaves what a program runs some hundred times to the interpreter", function()
    compiler.be_patient()
    assert.is_false(is_compiled_within(500))
    assert.is_true(is_compiled_within(5000))
  end)

  it("compiles what a load runs again and again", function()
    run_load()
    assert.is_true(is_compiled_within(500))
  end)

  -- Other code that does the same takes half as long again.
  it("makes one loop of a load's runs, whatever it begins with", function()
    local line = runner_line()
    for _ = 1, 5 do
      jit.flush()
      local found = 0
      for _, func in ipairs(loops_compiled(run_load)) do
        local info = util.funcinfo(func)
        if info.source:find("vernier/load.lua", 1, true) and info.linedefined == line then
          found = found + 1
        end
      end
      assert.are.equal(1, found)
    end
  end)
end)
