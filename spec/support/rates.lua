-- Rate controllers in virtual time, asked as a load asks them.
local plugins = require("vernier.plugins")
local rate = require("vernier.rate")

local M = {}

-- A controller with its init called; ctx.findings is what it has found. at: worker, workers, round, workspace, seed.
function M.controller(type, options, at)
  at = at or {}
  local instance, message = plugins.new("rate controller", type, options, ".")
  if not instance then
    error(message, 0)
  end
  local round = at.round or { duration = 10 }
  round.index = round.index or 1
  local ctx = rate.context({ worker = at.worker or 0, workers = at.workers or 1, round = round, workspace = at.workspace or ".",
    seed = at.seed or 1, log = function() end })
  rate.init(instance, ctx)
  rate.attach(ctx, { found = function(finding)
    ctx.findings = ctx.findings or {}
    table.insert(ctx.findings, finding)
  end })
  return instance, ctx
end

-- The due times (s) of a global schedule in a round of so many seconds, or of so many runs; at as above. Of one worker of
-- several, those that it would execute, by index.
function M.plan(type, options, at)
  local c, ctx = M.controller(type, options, at)
  local round, step, first = ctx.round, 1, 0
  if c.random_access then
    step, first = ctx.workers, ctx.worker
  end
  local dues = {}
  for index = first, (round.number or 1e6) - 1, step do
    local due = c:run(ctx, index)
    if not due or round.duration and due >= round.duration * 1e9 then
      break
    end
    if index % ctx.workers == ctx.worker then
      dues[index] = due / 1e9
    end
  end
  return dues
end

function M.count(dues)
  local n = 0
  for _ in pairs(dues) do
    n = n + 1
  end
  return n
end

-- Whether the plans of 1, 2, 3 and 7 workers merge to the same, exactly.
function M.assert_same_for_all(type, options, at)
  local one = M.plan(type, options, at)
  for _, workers in ipairs({ 2, 3, 7 }) do
    local merged = {}
    for worker = 0, workers - 1 do
      local more = { worker = worker, workers = workers }
      for key, value in pairs(at) do
        more[key] = value
      end
      for index, due in pairs(M.plan(type, options, more)) do
        assert(merged[index] == nil, "two workers execute run " .. index)
        merged[index] = due
      end
    end
    assert(M.count(merged) == M.count(one), ("%d workers: %d runs instead of %d"):format(workers, M.count(merged), M.count(one)))
    for index, due in pairs(one) do
      assert(merged[index] == due, ("%d workers: run %d at %.12g instead of %.12g"):format(workers, index, merged[index], due))
    end
  end
end

-- One worker's load in virtual time: the controller is asked when the round starts, when it wants it and when a run has
-- ended; each run sends one transaction, which takes latency(its number, start (s)) seconds and succeeds. Gives
-- {starts = {s…}, in_flight(at), finished}.
function M.simulate(controller, ctx, seconds, latency)
  local stats = { permitted = 0, dropped = 0, runs_finished = 0, submitted = 0, finished = 0, ok = 0, failed = 0, in_flight = 0 }
  local starts, ends, due_list, ask_at, now = {}, {}, {}, 0, 0
  local function ask()
    for _ = 1, 10000 do
      local due, again = controller:run(ctx, stats.permitted, stats, now)
      if not due then
        ask_at = again or math.huge
        return
      end
      stats.permitted = stats.permitted + 1
      due_list[#due_list + 1] = math.max(due, now)
      table.sort(due_list)
    end
    error("it permits without end")
  end
  local function next_end()
    local at, which = math.huge, nil
    for i, e in pairs(ends) do
      if e < at then
        at, which = e, i
      end
    end
    return at, which
  end
  local finishes = {}
  while true do
    local end_at, which = next_end()
    local start_at = due_list[1] or math.huge
    now = math.min(end_at, start_at, ask_at)
    if now >= seconds * 1e9 then
      break
    elseif now == end_at then
      ends[which] = nil
      finishes[which] = now / 1e9
      stats.runs_finished, stats.finished, stats.ok = stats.runs_finished + 1, stats.finished + 1, stats.ok + 1
      ask()
    elseif now == start_at then
      table.remove(due_list, 1)
      starts[#starts + 1] = now / 1e9
      ends[#starts] = now + latency(#starts, now / 1e9) * 1e9
      stats.submitted = stats.submitted + 1
    else
      ask()
    end
  end
  return { starts = starts, finished = stats.finished, in_flight = function(at)
    local n = 0
    for i, start in ipairs(starts) do
      n = n + (start <= at and (finishes[i] or math.huge) > at and 1 or 0)
    end
    return n
  end }
end

return M
