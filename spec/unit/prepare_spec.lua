-- What of `prepare` can be told before anything starts; how many runs a worker makes ahead: ahead_spec.
local prepare = require("vernier.prepare")
local support = require("spec.support")

-- The complaint about a round of 10 s of that controller, and the hint. o: what else differs of the round; module: of a user's
-- controller.
local function problem(controller, opts, o, module)
  local round = { label = "r", duration = 10, rate = { type = controller, opts = opts or {} }, prepare = { sign = "memory" } }
  for key, value in pairs(o or {}) do
    round[key] = value or nil
  end
  return prepare.problem(round, ".", module)
end

local FIXED = { type = "fixed-rate", opts = { tps = 10 } }
local CLOSED = { type = "fixed-load", opts = { transactionLoad = 5 } }

describe("prepare needs a number", function()
  for name, opts in pairs({ ["fixed-load"] = CLOSED.opts, ["fixed-backlog"] = {}, ["fixed-feedback-rate"] = {}, ["maximum-rate"] = {},
    ["poisson"] = { tps = 10 }, ["virtual-users"] = { users = 2 }, ["composite-rate"] = { weights = { 1 }, rateControllers = { FIXED } },
    ["record-rate"] = { rateController = CLOSED, pathTemplate = "<C>" } }) do
    it("with " .. name, function()
      local message, hint = problem(name, opts)
      assert.are.equal("needs a number: how many runs there will be is not known before", message)
      assert.are.equal("write prepare: {sign: memory, number: N}", hint)
      assert.is_nil((problem(name, opts, { prepare = { sign = "memory", number = 5 } })))
      assert.is_nil((problem(name, opts, { number = 5 })))
      assert.is_nil((problem(name, opts, { prepare = false })))
    end)
  end

  it("with what records the schedule of all, which one worker asks for in order", function()
    assert.is_string((problem("record-rate", { rateController = FIXED, pathTemplate = "all" })))
  end)

  it("where the end is not known", function()
    assert.is_string((problem("fixed-rate", { tps = 10 }, { duration = false })))
    assert.is_string((problem("fixed-rate", { tps = 1e12 })))
  end)

  it("with a user's controller that says of itself that its plan is none of the index", function()
    for schedule, by_index in pairs({ worker = false, sleeping = false, global = false }) do
      assert.is_string((problem("./own.lua", {}, {}, { schedule = schedule, random_access = by_index })))
    end
  end)
end)

describe("prepare needs no number", function()
  it("with a plan that is a function of the index", function()
    for name, opts in pairs({ ["fixed-rate"] = { tps = 10 }, ["zero-rate"] = {}, ["linear-rate"] = { startingTps = 1, finishingTps = 9 },
      ["profile"] = { points = { { at = 0, tps = 5 } } }, ["record-rate"] = { rateController = FIXED, pathTemplate = "<C>" } }) do
      assert.is_nil((problem(name, opts)), name)
    end
  end)

  it("as far as a file is looked at: a user's code is not run", function()
    local dir = support.workspace({ ["own.lua"] = "error('was run')" })
    assert.is_nil((problem(dir .. "/own.lua")))
    assert.is_nil((problem("record-rate", { rateController = { type = dir .. "/own.lua", opts = {} }, pathTemplate = "<C>" })))
  end)

  it("where a user's controller may decide it in its init", function()
    assert.is_nil((problem("./own.lua", {}, {}, { schedule = "worker", init = function() end })))
    assert.is_nil((problem("./own.lua", {}, {}, { schedule = "global", random_access = true })))
  end)

  it("where the controller is wrong, which is told as that", function()
    assert.is_nil((problem("fixed-load", { transactionLoda = 5 })))
    assert.is_nil((problem("record-rate", { rateController = 5, pathTemplate = "<C>" })))
    assert.is_nil((problem("replay-rate", { pathTemplate = "no/such/trace" })))
  end)
end)
