-- Resumes whoever waits: the only place where coroutines meet the loop's events.
--
-- A tag names one wait: generation * 2^20 + index. One-shot tags belong to a waiting task and end with their event;
-- persistent ones (on) call a function for every event until they are forgotten. Events of a stale generation are
-- dropped and counted. Tasks are pooled coroutines. A pump is asked once per turn and says when it next wants one.
local collector = require("vernier.core.collector")
local loop = require("vernier.core.loop")
local traced = require("vernier.traced")

local M = { now = loop.now }

local SPAN = 2 ^ 20
local huge = math.huge
local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield
local type = type -- of functions in locals compiled code knows what they are, and looks for none

local state = loop.state
local waiter, generation = {}, {} -- by index: coroutine or function; current generation
local persistent = {} -- by index: true or false. (Setting what is nil to nil would make room for it, each time.)
local decoders, decoded_for = {}, {} -- by index: what wait was given
local free, n_free, n_tags = {}, 0, 0
local ready, n_ready = {}, 0 -- {co, a, b, c} quadruples, flat
local pumps = {}
local keyed = {} -- key -> list of {co, tag of the deadline}
local idle, n_idle = {}, 0
local stopping
local current -- the running coroutine: coroutine.running is not compiled

-- A call of yield is never a tail call here: the compiler goes on behind it only if there is a frame to go on in.

-- A fresh one-shot tag.
function M.tag()
  local index
  if n_free > 0 then
    index = free[n_free]
    n_free = n_free - 1
  else
    index = n_tags
    n_tags = n_tags + 1
    if index >= SPAN then
      error("more than 2^20 operations wait at once")
    end
    generation[index], persistent[index] = 0, false
  end
  return generation[index] * SPAN + index
end

-- Ends a tag: its events are stale from now on.
local function forget(tag)
  local index = tag % SPAN
  if generation[index] == (tag - index) / SPAN then
    generation[index] = generation[index] + 1
    waiter[index] = nil
    persistent[index] = false
    n_free = n_free + 1
    free[n_free] = index
  end
end

M.forget = forget

local guards = setmetatable({}, { __mode = "k" }) -- coroutine -> who is told when it fails

local function fail(co, message)
  local guard = guards[co]
  if not guard then
    error(debug.traceback(co, tostring(message)), 0)
  end
  guards[co] = nil
  guard:_failed(tostring(traced(message, co)))
end

-- An error in the running task ends the task and calls object:_failed(message with its traceback) instead of ending the
-- program. Cheaper than a pcall in or around a hot loop, which the compiler does not see through.
function M.guard(object)
  guards[current] = object
end

local function step(co, a, b, c, d, e, f)
  local caller = current
  current = co
  local ok, err = resume(co, a, b, c, d, e, f)
  current = caller
  if not ok then
    fail(co, err)
  end
end

-- Resumes a coroutine that has yielded by itself and not in one of the waits below.
M.resume = step

-- The running task's coroutine.
function M.current()
  return current
end

-- The event's record is looked up where it is needed: a variable that holds it while a task runs would be an object.
local function dispatch(i)
  local tag = state.events[i].tag
  local index = tag % SPAN
  local who = waiter[index]
  if not who or generation[index] ~= (tag - index) / SPAN then
    state.tags_stale = state.tags_stale + 1
    return
  end
  if persistent[index] then
    return who(state.events[i])
  end
  forget(tag)
  if type(who) == "function" then
    return who(state.events[i])
  end
  local decode = decoders[index]
  if decode then
    decoders[index] = nil
    step(who, decode(state.events[i], decoded_for[index]))
  else
    step(who)
  end
end

-- Suspends the running task until the tag's event; gives what decode(event, what) gives, up to six values, or without it
-- nothing. decode is called where it is compiled, while the event is valid, and must not fail.
function M.wait(tag, decode, what)
  local index = tag % SPAN
  waiter[index] = current
  if decode then
    decoders[index], decoded_for[index] = decode, what
  end
  local a, b, c, d, e, f = yield()
  return a, b, c, d, e, f
end

-- A persistent tag: fn(event) for every event, called from the loop (it must not yield).
function M.on(fn)
  local tag = M.tag()
  local index = tag % SPAN
  waiter[index], persistent[index] = fn, true
  return tag
end

-- Calls fn once at the instant; returns the tag (forget cancels it).
function M.at(at_ns, fn)
  local tag = M.tag()
  waiter[tag % SPAN] = fn
  loop.timer(tag, at_ns)
  return tag
end

function M.sleep_until(at_ns)
  local tag = M.tag()
  loop.timer(tag, at_ns)
  return M.wait(tag)
end

function M.sleep(ns)
  return M.sleep_until(loop.now() + ns)
end

-- Resumes the coroutine in this turn with up to three values.
function M.resume_later(co, a, b, c)
  ready[n_ready + 1], ready[n_ready + 2], ready[n_ready + 3], ready[n_ready + 4] = co, a, b, c
  n_ready = n_ready + 4
end

local function run_ready()
  local i = 1
  while i <= n_ready do -- the list may grow while it is worked off
    local co, a, b, c = ready[i], ready[i + 1], ready[i + 2], ready[i + 3]
    ready[i], ready[i + 1], ready[i + 2], ready[i + 3] = nil, nil, nil, nil
    step(co, a, b, c)
    i = i + 4
  end
  n_ready = 0
end

-- ---- tasks ----

local function task_body(fn, a, b, c)
  while true do
    fn(a, b, c)
    guards[current] = nil
    n_idle = n_idle + 1
    idle[n_idle] = current
    fn, a, b, c = yield()
  end
end

-- Starts fn(a, b, c) as a task at once; it runs until its first wait. An error in it ends the program.
function M.spawn(fn, a, b, c)
  local co
  if n_idle > 0 then
    co = idle[n_idle]
    idle[n_idle] = nil
    n_idle = n_idle - 1
  else
    co = create(task_body)
  end
  local caller = current
  current = co
  local ok, err = resume(co, fn, a, b, c)
  current = caller
  if not ok then
    fail(co, err)
  end
  return co
end

-- The same in a later step of this turn: for who is in the middle of another task's end.
function M.spawn_later(fn, a, b)
  M.resume_later(create(task_body), fn, a, b)
end

-- ---- one event for many: wait for a key, wake a key ----

local function expire(entry, key)
  local list = keyed[key]
  for i = 1, #list do
    if list[i] == entry then
      table.remove(list, i)
      break
    end
  end
  if #list == 0 then
    keyed[key] = nil
  end
  step(entry.co, nil)
end

-- Suspends until wake(key, value, at); gives value, at; or nil when deadline (absolute ns) passes first.
function M.wait_key(key, deadline_ns)
  local entry = { co = current }
  local list = keyed[key]
  if list then
    list[#list + 1] = entry
  else
    keyed[key] = { entry }
  end
  entry.timer = M.at(deadline_ns, function()
    expire(entry, key)
  end)
  local value, at_ns = yield()
  return value, at_ns
end

-- Resumes all who wait for the key, in the order in which they came; returns how many.
function M.wake_key(key, value, at_ns)
  local list = keyed[key]
  if not list then
    return 0
  end
  keyed[key] = nil
  at_ns = at_ns or loop.now()
  for i = 1, #list do
    forget(list[i].timer)
    M.resume_later(list[i].co, value, at_ns)
  end
  return #list
end

-- ---- the loop ----

-- pump() is called once per turn and returns the absolute ns of its next wish (infinity: none).
function M.add_pump(pump)
  pumps[#pumps + 1] = pump
end

function M.remove_pump(pump)
  for i = #pumps, 1, -1 do
    if pumps[i] == pump then
      table.remove(pumps, i)
    end
  end
end

local function turn(wake_ns)
  local n = loop.poll(wake_ns)
  for i = 0, n - 1 do
    dispatch(i)
  end
  if n_ready > 0 then
    run_ready()
  end
  local next_ns = huge
  for i = #pumps, 1, -1 do
    local wish = pumps[i]()
    if wish < next_ns then
      next_ns = wish
    end
  end
  if collector.due() then
    collector.step(next_ns)
  end
  return n_ready > 0 and 0 or next_ns
end

-- Runs main(…) as a task and everything that it started until it returns; gives what it returned.
function M.run(main, ...)
  local args, n = { ... }, select("#", ...)
  local result
  ready, n_ready, stopping = {}, 0, false -- an earlier run may have ended by an error in the middle of a turn
  M.spawn(function()
    result = { main(unpack(args, 1, n)) }
    stopping = true
  end)
  local wake = 0
  while not stopping do
    wake = turn(wake)
  end
  return unpack(result)
end

return M
