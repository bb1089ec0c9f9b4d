-- Several workers and the system that they share in virtual time: their controllers are asked as a load asks them, with a
-- window, meetings and findings as the core and the manager give them, made here from the definitions.
local cjson = require("cjson")
local histogram = require("vernier.core.histogram")
local json = require("vernier.json")
local plugins = require("vernier.plugins")
local rate = require("vernier.rate")
local rates = require("spec.support.rates")

local M = {}

local huge, S = math.huge, 1e9
local AHEAD = 2048 -- runs that a load has permitted and not started
local MEETING_NS, LEAD_NS = 1e6, 4e6

-- ---- a heap of {at, …} ----

local function push(heap, item)
  local i = #heap + 1
  while i > 1 and heap[math.floor(i / 2)].at > item.at do
    heap[i], i = heap[math.floor(i / 2)], math.floor(i / 2)
  end
  heap[i] = item
end

local function pop(heap)
  local top, last = heap[1], table.remove(heap)
  local i, n = 1, #heap
  while n > 0 do
    local child = 2 * i
    if child < n and heap[child + 1].at < heap[child].at then
      child = child + 1
    end
    if child > n or heap[child].at >= last.at then
      heap[i] = last
      break
    end
    heap[i], i = heap[child], child
  end
  return top
end

-- ---- a worker ----

local Worker = {}
Worker.__index = Worker

local function new_window(from, to)
  return { from = from, to = to, runs = 0, late = 0, dropped = 0, limited = 0, submitted = 0, ok = 0, failed = 0, finished = 0,
    response = histogram.new(), lateness = histogram.new() }
end

local function report(window)
  local out = { response = window.response:encode(), lateness = window.lateness:encode() }
  for name, value in pairs(window) do
    out[name] = out[name] or value
  end
  out.from, out.to = nil, nil
  return out
end

local function services(cell, worker)
  return {
    watch = function(from, to)
      worker.window = new_window(from, to)
    end,
    window = function()
      return report(worker.window)
    end,
    meet = function(key, value, on_met)
      cell:meet(key, worker.index, value, on_met)
    end,
    found = function(finding)
      worker.findings[#worker.findings + 1] = cjson.decode(json.line(finding))
    end,
  }
end

local function new_worker(cell, index, o)
  local controller, ctx = rates.controller(o.type, o.options,
    { worker = index, workers = o.workers or 1, round = { duration = o.seconds } })
  local worker = setmetatable({ index = index, controller = controller, ctx = ctx, queue = {}, head = 1, tail = 1, free_at = 0, ask_at = 0,
    findings = {}, stats = { permitted = 0, dropped = 0, runs = 0, runs_finished = 0, submitted = 0, finished = 0, ok = 0,
    failed = 0, in_flight = 0 } }, Worker)
  ctx.busy = function()
    return o.busy or 0.1
  end
  rate.attach(ctx, services(cell, worker))
  return worker
end

function Worker:ask(now)
  while not self.done and self.tail - self.head < AHEAD do
    local due, again = self.controller:run(self.ctx, self.stats.permitted, self.stats, now)
    if not due then
      self.done, self.ask_at = due == false, again or huge
      return
    end
    self.stats.permitted = self.stats.permitted + 1
    self.queue[self.tail], self.tail = due, self.tail + 1
  end
  self.ask_at = huge
end

-- When its next run starts; a worker that can start only so many a second is late.
function Worker:next_start(o)
  if self.stats.in_flight >= (o.max_in_flight or huge) then
    return huge
  end
  local due = self.queue[self.head]
  return due and math.max(due, self.free_at) or huge
end

function Worker:start(o, now)
  local due, window, stats = self.queue[self.head], self.window, self.stats
  self.queue[self.head], self.head = nil, self.head + 1
  self.free_at = now + (o.start_ns or 0)
  stats.runs, stats.submitted, stats.in_flight = stats.runs + 1, stats.submitted + 1, stats.in_flight + 1
  local limited = stats.in_flight >= (o.max_in_flight or huge)
  local late = self.was_limited and 0 or now - due
  self.was_limited = limited
  local run = { worker = self, due = due, window = window and due >= window.from and due < window.to and window }
  if run.window then
    window.runs, window.submitted = window.runs + 1, window.submitted + 1
    window.limited = window.limited + (limited and 1 or 0)
    window.lateness:record(late)
  end
  local seconds, failed = o.system(now / S)
  run.at, run.failed = now + seconds * S, failed
  return run
end

function Worker:finish(run, now)
  local stats, window = self.stats, self.window
  stats.runs_finished, stats.finished, stats.in_flight = stats.runs_finished + 1, stats.finished + 1, stats.in_flight - 1
  if window and now >= window.from and now < window.to then
    window.finished = window.finished + 1
  end
  local name = run.failed and "failed" or "ok"
  stats[name] = stats[name] + 1
  if run.window == window and window then
    window[name] = window[name] + 1
    if not run.failed then
      window.response:record(now - run.due)
    end
  end
end

-- ---- all of them ----

local Cell = {}
Cell.__index = Cell

function Cell:meet(key, index, value, on_met)
  local meeting = self.meetings[key] or { n = 0, values = {}, waiting = {} }
  self.meetings[key] = meeting
  assert(meeting.values[index + 1] == nil, "a worker says two things in meeting " .. key)
  meeting.values[index + 1], meeting.n = value, meeting.n + 1
  table.insert(meeting.waiting, on_met)
  if meeting.n == #self.workers then
    local at = self.now + LEAD_NS + MEETING_NS
    push(self.events, { at = self.now + MEETING_NS, met = function()
      for i, met in ipairs(meeting.waiting) do
        met(cjson.decode(json.line(meeting.values)), at)
        self.workers[i].ask_at = 0
      end
    end })
  end
end

-- Which worker does something next, when, and what.
function Cell:next(o)
  local at, who, what = self.events[1] and self.events[1].at or huge, nil, "event"
  for _, worker in ipairs(self.workers) do
    local start, ask = worker:next_start(o), worker.done and huge or math.max(worker.ask_at, self.now)
    if start < at then
      at, who, what = start, worker, "start"
    end
    if ask < at or ask == at and what == "event" then
      at, who, what = ask, worker, "ask"
    end
  end
  return at, who, what
end

function Cell:event()
  local event = pop(self.events)
  if event.met then
    return event.met()
  end
  event.worker:finish(event, self.now)
  event.worker:ask(self.now)
end

function Cell:run(o)
  while true do
    local at, worker, what = self:next(o)
    if at == huge or at >= o.seconds * S then
      return
    end
    self.now = math.max(self.now, at)
    if what == "start" then
      push(self.events, worker:start(o, self.now))
      if worker.tail - worker.head < AHEAD / 2 and worker.ask_at == huge then
        worker:ask(self.now)
      end
    elseif what == "ask" then
      worker:ask(self.now)
    else
      self:event()
    end
  end
end

-- A round of so many seconds. o: type, options, workers, seconds, system(start (s)) -> seconds, failed; start_ns: the time
-- that a worker needs for a start; max_in_flight; busy (share). Gives {workers (each with findings, stats), seconds}.
function M.run(o)
  local cell = setmetatable({ workers = {}, events = {}, meetings = {}, now = 0 }, Cell)
  for index = 0, (o.workers or 1) - 1 do
    cell.workers[index + 1] = new_worker(cell, index, o)
  end
  cell:run(o)
  for _, worker in ipairs(cell.workers) do
    plugins.hook(worker.controller, "end")(worker.controller, worker.ctx)
  end
  cell.seconds = cell.now / S
  return cell
end

-- A system of c places, first come first served: each takes service(random) seconds, or that many.
function M.places(c, service)
  local free = {}
  for i = 1, c do
    free[i] = { at = 0 }
  end
  return function(at)
    local place = pop(free)
    local ends = math.max(place.at, at) + (type(service) == "function" and service() or service)
    push(free, { at = ends })
    return ends - at
  end
end

return M
