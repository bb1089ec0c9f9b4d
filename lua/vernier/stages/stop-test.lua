-- Ends a test that runs in the background: sending stops, answers are awaited, and its results are complete. Workers that
-- were lost meanwhile keep nobody from it, but the test has failed then. What still runs when a cell's scenario has ended
-- is stopped then, so nothing is left to do for a stop-test in destroy or cleanup.
local contains = require("vernier.contains")
local load_stage = require("vernier.stage.load")
local near = require("vernier.near")
local sorted = require("vernier.sorted")
local tests = require("vernier.manager.tests")

local M = {
  where = "workers",
  survivors = true,
  options = {
    ["test-name"] = { type = "string", default = "Test", doc = "name of the test" },
    timeout = { type = "duration", unit = "s",
      doc = "how long it may take, else the test's drain decides; who takes longer is lost" },
  },
}

-- The test has to end on all of its workers.
local function check_chosen(ctx, kept, options)
  local chosen = ctx.cell:chosen(options)
  for _, index in ipairs(kept.executors) do
    if not contains(chosen, index) then
      error(("worker %d runs the test, too: stop-test needs all of its workers"):format(index), 0)
    end
  end
end

function M:data(ctx, options)
  local name, background = options["test-name"], ctx.cell.background
  if not background[name] and ctx.cell.stopped_tests[name] then
    self._drain, self._executors = 0, {}
    return { executors = {} }
  elseif not background[name] then
    local hint = near.hint(name, sorted(background))
    error(('there is no test "%s" in the background%s'):format(name, hint and " (" .. hint .. ")" or ""), 0)
  end
  check_chosen(ctx, background[name], options)
  local kept = tests.take(ctx, name)
  self._drain, self._executors = 0, kept.executors
  for _, test in ipairs(kept) do
    self._drain = math.max(self._drain, test.drain)
  end
  return { round = { label = name }, executors = kept.executors }
end

function M:deadline(ctx)
  return self.options.timeout or self._drain + ctx.stage_timeout
end

function M:acks(ctx, acks)
  local reasons = {}
  for _, index in ipairs(self._executors) do
    if not contains(ctx.executors, index) then
      reasons[#reasons + 1] = ("worker %d was lost while the test went on"):format(index)
    end
  end
  for _, reason in ipairs(load_stage.reasons(acks)) do
    reasons[#reasons + 1] = reason
  end
  if #reasons > 0 then
    return "fail", reasons
  end
  tests.over(ctx, load_stage.ended_us(acks)) -- it may have ended by itself, long ago
end

function M:run(ctx, _, data)
  if contains(data.executors, ctx.index) then
    return load_stage.finish(ctx, data.round, data.round.label)
  end
end

return M
