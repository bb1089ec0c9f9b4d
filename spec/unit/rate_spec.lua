-- What a rate controller has beside its hooks: its load, meetings with those of other workers, and sleep.
local cell = require("spec.support.cell")
local meetings = require("vernier.manager.meetings")
local rate = require("vernier.rate")
local rates = require("spec.support.rates")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")

local S = 1e9

-- A controller of a user, by the text of its file.
local function written(text)
  return support.write_file(support.tmpdir() .. "/rate.lua", text)
end

describe("a controller's load", function()
  it("cannot be asked in init", function()
    for _, call in ipairs({ "watch(0, 1)", "window()", "meet(1)", "found({})" }) do
      local ok, message = pcall(rates.controller, written("return { schedule = 'worker', init = function(_, ctx) ctx:" .. call
        .. " end, run = function() end }"))
      assert.is_false(ok)
      assert.matches("can ask its load only while the round runs", message)
    end
  end)

  it("has times since the round's start also for a controller inside of another", function()
    local path = written("return { schedule = 'worker', run = function(self, ctx, _, _, now) if not self.told then self.told = true"
      .. " ctx:watch(now, now + 1e9) ctx:found({ name = 'n', text = ('%g'):format(now) }) end return nil, now + 1e8 end }")
    local c, ctx = rates.controller("composite-rate", { weights = { 1, 1 }, rateControllers = { { type = "fixed-rate", opts = {} },
      { type = path } } }, { round = { duration = 4 } })
    local windows, found = {}, {}
    rate.attach(ctx, { watch = function(from, to) windows[#windows + 1] = { from, to } end,
      found = function(finding) found[#found + 1] = finding.text end })
    rates.simulate(c, ctx, 4, function() return 0.01 end)
    assert.are.same({ { { 2 * S, 3 * S } }, { "0" } }, { windows, found })
  end)

  it("is over when the controller is done, also as a part of another", function()
    local path = written("return { schedule = 'worker', run = function(_, _, index, _, now) if index == 3 then return false end"
      .. " return now end }")
    local options = { weights = { 1, 1 }, rateControllers = { { type = path }, { type = "fixed-rate", opts = { tps = 10 } } } }
    local run = cell.run({ type = "composite-rate", options = options, seconds = 4, system = function() return 0.05 end })
    -- Three at once, and then the next part from there on, for its own two seconds: at 10 a second.
    assert.are.equal(3 + 20, run.workers[1].stats.runs)
    assert.is_true(run.workers[1].done and run.seconds < 2.2, run.seconds)
  end)
end)

describe("meetings", function()
  -- A manager's end of a worker, which notes what it hears.
  local function handle()
    return { met = function(self, key, values, at_ns)
      self.heard = self.heard or {}
      table.insert(self.heard, { key, values, at_ns })
    end }
  end

  local function lead(n)
    return n * 1e6
  end

  it("tell all participants the same, once all are there, in the order of ranks", function()
    local m, a, b = meetings.new(), handle(), handle()
    m:say(b, { key = "k", rank = 1, ranks = 3, value = "one" }, lead)
    m:say(a, { key = "k", rank = 2, ranks = 3, value = "two" }, lead)
    assert.is_nil(a.heard or b.heard)
    local before = scheduler.now()
    m:say(a, { key = "k", rank = 0, ranks = 3, value = "zero" }, lead) -- two participants in one worker
    assert.are.same(a.heard, b.heard)
    assert.are.equal(1, #a.heard)
    assert.are.same({ "k", { "zero", "one", "two" } }, { a.heard[1][1], a.heard[1][2] })
    assert.is_true(a.heard[1][3] - before >= 2e6 and a.heard[1][3] - before < 1e9)
  end)

  it("of other keys are others, and a key that was met begins anew", function()
    local m, a = meetings.new(), handle()
    m:say(a, { key = "j", rank = 0, ranks = 2, value = 1 }, lead)
    m:say(a, { key = "k", rank = 0, ranks = 1, value = 2 }, lead)
    m:say(a, { key = "k", rank = 0, ranks = 1, value = 3 }, lead)
    assert.are.same({ { 2 }, { 3 } }, { a.heard[1][2], a.heard[2][2] })
    assert.is_nil(a.heard[3])
  end)

  it("are a controller's way to what all workers know", function()
    -- Each sends as many as its number says and meets: all then know the sum, and when to go on.
    local path = written([[
      local M = { schedule = "worker" }
      function M:run(ctx, index, stats, now)
        if not self.at then
          if index < ctx.worker + 1 then return now end
          local list, at = ctx:meet({ sent = stats.permitted })
          if not list then return nil end
          local sum = 0
          for _, one in ipairs(list) do sum = sum + one.sent end
          self.at = at
          ctx:found({ name = "sum", text = "sum", value = sum, low = at })
          return at
        end
        return false
      end
      function M:finish() end
      return M]])
    local run = cell.run({ type = path, options = {}, workers = 3, seconds = 10, system = function() return 0.01 end })
    local at = run.workers[1].findings[1].low
    for i, worker in ipairs(run.workers) do
      assert.are.same({ 6, at }, { worker.findings[1].value, worker.findings[1].low })
      assert.are.equal(i + 1, worker.stats.runs)
    end
  end)
end)

describe("a controller that sleeps", function()
  -- Start times (s) in virtual time, of a latency.
  local function starts(text, seconds, latency, at)
    local c, ctx = rates.controller(written(text), {}, at)
    assert.are.equal("worker", c.schedule)
    return rates.simulate(c, ctx, seconds, latency or function() return 0.01 end).starts, c
  end

  local PAUSES = "return { schedule = 'sleeping', run = function(_, ctx) ctx:sleep(0.1) end }"

  it("lets a transaction go when run returns, at the end of its sleep exactly", function()
    local list = starts(PAUSES, 100)
    assert.are.equal(999, #list)
    for i, at in ipairs(list) do
      assert.is_true(math.abs(at - i * 0.1) < 1e-9, at)
    end
  end)

  it("keeps the plan of a controller that computes its sleep, as Caliper's do", function()
    -- fixed-rate of Caliper: sleeps for (index / rate) - (now - start).
    local list = starts([[return { schedule = 'sleeping', run = function(_, ctx, index, _, now)
      ctx:sleep(index / 250 - now / 1e9) end }]], 4)
    assert.are.equal(1000, #list)
    for i, at in ipairs(list) do
      assert.is_true(math.abs(at - (i - 1) / 250) < 1e-9, at)
    end
  end)

  it("sees the statistics as they are after each sleep", function()
    -- No more than 3 unfinished: looks every 5 ms.
    local c, ctx = rates.controller(written([[return { schedule = 'sleeping', run = function(_, ctx, _, stats)
      while stats.permitted - stats.runs_finished >= 3 do ctx:sleep(0.005) end end }]]), {})
    local run = rates.simulate(c, ctx, 5, function() return 0.1 end)
    for at = 0.05, 4.9, 0.05 do
      assert.is_true(run.in_flight(at) <= 3 and run.in_flight(at) >= 1, at)
    end
    assert.is_true(#run.starts >= 3 * 5 / 0.106 and #run.starts <= 3 * 5 / 0.1, #run.starts)
  end)

  it("is intended for the end of its sleep, however late it is woken", function()
    local c, ctx = rates.controller(written(PAUSES), {})
    local stats, dues, now = { permitted = 0 }, {}, 0
    for _ = 1, 400 do
      local due, again = c:run(ctx, #dues, stats, now)
      dues[#dues + 1] = due
      now = due and now or again + 7e6 -- always 7 ms late
    end
    for i, due in ipairs(dues) do
      assert.is_true(math.abs(due - i * 1e8) < 1e-3, due)
    end
  end)

  it("that does not sleep is due when it returns", function()
    local c, ctx = rates.controller(written("return { schedule = 'sleeping', run = function() end }"), {})
    for _, now in ipairs({ 0, 5e6, 5e6, 9e6 }) do
      assert.are.equal(now, (c:run(ctx, 0, {}, now)))
    end
  end)

  it("gets its index, and is done when it returns false", function()
    local list, c = starts([[return { schedule = 'sleeping', run = function(self, ctx, index)
      self.seen = (self.seen or "") .. index
      if index == 4 then return false end
      ctx:sleep(0.2) ctx:sleep(0) ctx:sleep(-1) end }]], 10)
    assert.are.equal(4, #list)
    assert.are.equal("01234", c.seen)
    assert.is_false((c:run({}, 4, {}, 1e10)))
  end)

  it("may be a part of composite-rate, on a clock of its own", function()
    local o = { weights = { 1, 1 }, rateControllers = { { type = "fixed-rate", opts = { tps = 10 } }, { type = written(PAUSES) } } }
    local c, ctx = rates.controller("composite-rate", o, { round = { duration = 4 } })
    local list = rates.simulate(c, ctx, 4, function() return 0.01 end).starts
    assert.are.equal(20 + 19, #list)
    assert.is_true(math.abs(list[21] - 2.1) < 1e-9, list[21])
  end)

  it("has its errors told with their place, and cannot sleep as another kind", function()
    local c, ctx = rates.controller(written("return { schedule = 'sleeping', run = function() error('oh') end }"), {})
    local ok, message = pcall(c.run, c, ctx, 0, {}, 0)
    assert.is_false(ok)
    assert.matches("rate%.lua:1: oh", message)
    for _, text in ipairs({ "return { schedule = 'worker', run = function(_, ctx) ctx:sleep(1) end }",
      "return { schedule = 'global', run = function(_, ctx) ctx:sleep(1) end }" }) do
      c, ctx = rates.controller(written(text), {})
      ok, message = pcall(c.run, c, ctx, 0, {}, 0)
      assert.is_false(ok)
      assert.matches('only a run of schedule = "sleeping" can sleep', message)
    end
    for _, bad in ipairs({ "'soon'", "0/0", "nil" }) do
      c, ctx = rates.controller(written("return { schedule = 'sleeping', run = function(_, ctx) ctx:sleep(" .. bad .. ") end }"), {})
      ok, message = pcall(c.run, c, ctx, 0, {}, 0)
      assert.is_false(ok)
      assert.matches("a number of seconds is needed", message)
    end
  end)
end)
