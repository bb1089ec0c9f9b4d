-- Several controllers, one after the other, each in a virtual round of its own: its own duration or number of runs, its own
-- start and index. Weights say which part of the round is whose. What is in flight at a switch counts for the next one, too.
--
-- If all parts are functions of the index, so is the whole. A part that looks at what has finished makes the whole a schedule
-- of each worker, in which parts by index take this worker's runs of their plan.
local SECOND = 1e9

local function parse_weights(list)
  local weights, sum = {}, 0
  for i, value in ipairs(list) do
    local weight = tonumber(value)
    if not weight or weight ~= weight or weight < 0 or weight == math.huge then
      return nil, ("weight %d is %s, which is no number from 0 on"):format(i, tostring(value))
    end
    weights[i], sum = weight, sum + weight
  end
  if #weights == 0 or sum == 0 then
    return nil, "needs one weight above 0 at least"
  end
  return weights
end

local M = {
  schedule = "global",
  options = {
    weights = { type = "list", required = true, convert = parse_weights,
      doc = "which part of the round each controller has; numbers, or texts that are some; 0 leaves one out" },
    rateControllers = { type = "list", required = true, doc = "as many controllers, each {type, opts}" },
    logChange = { type = "boolean", default = false, doc = "tell each switch" },
  },
}

-- The controllers inside, for whoever checks them before a run.
function M.parts(options)
  return options.rateControllers
end

-- How many of the first n runs are this worker's.
local function own(ctx, n)
  return math.floor((n + ctx.workers - 1 - ctx.worker) / ctx.workers)
end

-- The runs or seconds before each part, and at the end of all.
local function boundaries(weights, total, whole)
  local sum, list, so_far = 0, { 0 }, 0
  for _, weight in ipairs(weights) do
    sum = sum + weight
  end
  for i, weight in ipairs(weights) do
    so_far = so_far + weight
    local boundary = so_far == sum and total or total * so_far / sum
    list[i + 1] = whole and math.floor(boundary) or boundary
  end
  return list
end

-- The part of runs [from, to) or of such seconds.
local function new_part(ctx, controller, from, to)
  local size, by_number = to - from, ctx.round.number ~= nil
  local instance, inner = ctx:nested(controller, by_number and { number = size } or { duration = size })
  return {
    instance = instance, ctx = inner, type = controller.type, by_index = instance.schedule ~= "worker",
    random_access = instance.random_access, asked = -1,
    from = by_number and from or 0,
    duration_ns = by_number and math.huge or size * SECOND, number = by_number and size or math.huge,
    own = by_number and own(ctx, to) - own(ctx, from) or math.huge,
  }
end

function M:init(ctx)
  local weights, controllers, round = self.options.weights, self.options.rateControllers, ctx.round
  if #weights ~= #controllers then
    error(("composite-rate: %d weights for %d controllers: there must be as many"):format(#weights, #controllers), 0)
  end
  local at = boundaries(weights, round.number or round.duration, round.number ~= nil)
  self._parts, self._at, self._offset, self._i = {}, 1, 0, 0
  for i, controller in ipairs(controllers) do
    if at[i + 1] > at[i] then
      local part = new_part(ctx, controller, at[i], at[i + 1])
      self.schedule = part.by_index and self.schedule or "worker"
      self.window = math.max(self.window or 0, part.instance.window or 0)
      table.insert(self._parts, part)
    end
  end
end

-- ---- what is asked of a part ----

-- Those that are no functions of any index are asked in order, for each once.
local function skip_to(part, i)
  for index = part.asked + 1, i do
    part.asked, part.due = index, part.instance:run(part.ctx, index)
    if not part.due then
      break
    end
  end
  return part.due
end

-- The due time of run i of a part that is a function of the index. What is asked for each run has no loop, which would keep
-- the compiler from the one around it.
local function due_of(part, i)
  if part.random_access then
    return part.instance:run(part.ctx, i)
  elseif i == part.asked + 1 then
    part.asked, part.due = i, part.instance:run(part.ctx, i)
    return part.due
  end
  return skip_to(part, i)
end

-- When a part by number is over: when its next run would be due, or as long after the last as that is after the one before.
local function length_of(part)
  local n = part.number
  local following = due_of(part, n)
  if following then
    return following
  end
  local last = part.last or 0
  return last + (last - (part.before or 0))
end

function M:_switch(ctx, offset_ns)
  self._at, self._offset, self._i = self._at + 1, offset_ns, 0
  local part = self._parts[self._at]
  if part then
    part.ctx.offset_ns = ctx.offset_ns + offset_ns
  end
  if part and self.options.logChange and ctx.worker == 0 then
    ctx.log(("composite-rate: %s (%d of %d) from %.3f s on"):format(part.type, self._at, #self._parts, offset_ns / SECOND))
  end
end

local function remember(part, due)
  part.before, part.last = part.last, due
  return due
end

-- ---- as a function of the index ----

function M:_run_global(ctx)
  local part = self._parts[self._at]
  if not part then
    return nil
  elseif self._i < part.number then
    local due = due_of(part, self._i)
    if due and due < part.duration_ns then
      self._i = self._i + 1
      return self._offset + remember(part, due)
    elseif part.number < math.huge then
      return nil -- it sends fewer than its number: there is nothing to go on behind
    end
  end
  self:_switch(ctx, self._offset + (part.number < math.huge and length_of(part) or part.duration_ns))
  return self:_run_global(ctx)
end

-- ---- as a schedule of this worker ----

-- The number within its part of this worker's i-th run there.
local function place_in(part, ctx, i)
  return (ctx.worker - part.from) % ctx.workers + i * ctx.workers
end

-- The due time since the part's start, or nil and when to ask again, which is never after its end.
function M:_ask(part, ctx, stats, now)
  local due, again
  if part.by_index then
    due = due_of(part, place_in(part, ctx, self._i))
  else
    due, again = part.instance:run(part.ctx, self._i, stats, now)
  end
  part.done = due == false
  if due and due < part.duration_ns then
    return due
  end
  return nil, math.min(again or math.huge, part.duration_ns)
end

-- When a part is over that has been; now: since its start.
local function end_of(part, now)
  if part.done then
    return math.min(now, part.duration_ns)
  elseif part.duration_ns < math.huge then
    return part.duration_ns
  end
  return part.by_index and length_of(part) or now
end

function M:_run_worker(ctx, stats, now)
  local part = self._parts[self._at]
  while part and (part.done or self._i >= part.own or now - self._offset >= part.duration_ns) do
    self:_switch(ctx, self._offset + end_of(part, now - self._offset))
    part = self._parts[self._at]
  end
  if not part then
    return false
  end
  local due, again = self:_ask(part, ctx, stats, now - self._offset)
  if due then
    self._i = self._i + 1
    return self._offset + remember(part, due)
  elseif part.done then
    return self:_run_worker(ctx, stats, now)
  end
  return nil, again < math.huge and self._offset + again or nil
end

function M:run(ctx, _, stats, now)
  if self.schedule == "worker" then
    return self:_run_worker(ctx, stats, now)
  end
  return self:_run_global(ctx)
end

function M:finish(ctx)
  for _, part in ipairs(self._parts) do
    ctx:close(part.instance, part.ctx)
  end
end

return M
