-- Supervised commands: the one way in which manager and workers run them.
--
--   local child, message = child.start({ command = "redis-server --port 7000", output = "/tmp/redis.log" })
--   child:wait(scheduler.now() + 5e9)            -- {status = 0} or {signal = 9}; nil at the deadline
--   child:stop({ signal = "INT", grace = 10 })   -- asks, and after the grace insists
--
-- Between this process and the command stands a supervisor, a re-exec of this program: what the command starts ends with
-- it, however far it has gone (sessions, daemons), and both end when this process dies. A child frees itself when all is
-- over. Whatever waits here is called inside a task, and every wait has a deadline.
local file = require("vernier.core.file")
local process = require("vernier.core.process")
local scheduler = require("vernier.scheduler")

local M = {}
local Child = {}
Child.__index = Child

local SECOND = 1e9
local START_NS = 10e9 -- for the supervisor to start and to run the command
local KILL_NS = 5e9 -- for what was killed to be gone
local GRACE = 10 -- seconds, for stop
local POLL_NS = 100e6 -- how often a wait asks whether it is given up
local TAIL_BYTES, TAIL_LINES = 2000, 5
local STREAMS = { "stdout", "stderr" }

-- The last lines of a file, without a line break at the end; "" when there is none. from: leaves out what lies before
-- that many bytes.
function M.tail_of(path, from)
  local f = io.open(path)
  if not f then
    return ""
  end
  local size = f:seek("end")
  f:seek("set", math.max(from or 0, size - TAIL_BYTES))
  local lines = {}
  for line in f:lines() do
    lines[#lines + 1] = line
  end
  f:close()
  return table.concat(lines, "\n", math.max(1, #lines - TAIL_LINES + 1))
end

-- How a command ended, as a verb phrase: "exited with status 3".
function M.describe(result)
  if result.signal then
    return ("was ended by signal %d"):format(result.signal)
  end
  return ("exited with status %d"):format(result.status)
end

-- The number of a signal given as "TERM", "SIGTERM" or 15; nil for what is none.
function M.signal_number(signal)
  if type(signal) == "string" then
    return process.signals[signal:upper():gsub("^SIG", "")]
  end
  return type(signal) == "number" and signal % 1 == 0 and signal >= 1 and signal <= 64 and signal or nil
end

-- ---- what the supervisor tells ----

local on_report = {}

function on_report.started(self, pid)
  self.pid = tonumber(pid)
end

function on_report.failed(self, message)
  self._failed = message
end

function on_report.exit(self, status)
  self._result = { status = tonumber(status) }
end

function on_report.signal(self, signum)
  self._result = { signal = tonumber(signum) }
end

local function read_report(self, text)
  self._report = self._report .. text
  for line in self._report:gmatch("([^\n]*)\n") do
    local what, rest = line:match("^(%l+) (.*)$")
    on_report[what](self, rest)
  end
  self._report = self._report:match("[^\n]*$")
end

-- What is left open by a daemon that was left behind on purpose is not waited for.
local function is_over(self)
  return self._exit and (self._open[3] == nil) and (self._leave or next(self._open) == nil)
end

local function settle(self)
  self._over = true
  self._result = self._result or self._exit -- of the supervisor, when it was ended before it could tell
  self._process:close()
  scheduler.forget(self._tag)
end

local function on_event(self, event)
  if event.kind == process.EXIT then
    self._exit = event.status ~= 0 and { signal = event.status } or { status = event.n }
  else
    local stream, text = process.output(event)
    if text == "" then
      self._open[stream] = nil
    elseif stream == 3 then
      read_report(self, text)
    else
      self._on_output(text, STREAMS[stream])
    end
  end
  if is_over(self) then
    settle(self)
  end
  scheduler.wake_key(self)
end

-- ---- starting ----

local function supervisor_args(options)
  local args = { process.executable, "launch", "supervisor", "--report", "--parent", tostring(process.pid()) }
  if options.leave then
    args[#args + 1] = "--leave"
  end
  for name, value in pairs(options.limits or {}) do
    args[#args + 1] = "--limit"
    args[#args + 1] = ("%s=%.0f"):format(name, value)
  end
  args[#args + 1] = "--"
  for _, word in ipairs(options.argv or { "/bin/sh", "-c", options.command }) do
    args[#args + 1] = tostring(word)
  end
  return args
end

local function environment(options)
  local env = { VERNIER = file.realpath(process.executable) }
  for name, value in pairs(options.env or {}) do
    env[name] = tostring(value)
  end
  return env
end

local function spawn(self, options)
  local captured = options.on_output ~= nil
  self._open = { captured and not options.output or nil,
    captured and not options.output and not options.errors or nil, true }
  local message
  self._process, message = process.spawn(self._tag, supervisor_args(options), {
    env = environment(options), cwd = options.cwd, output = options.output, errors = options.errors,
    truncate_output = options.truncate_output, truncate_errors = options.truncate_errors, capture = captured, report = true,
  })
  return self._process and true, message
end

local function wait_while(self, waiting, deadline_ns)
  while waiting(self) and scheduler.now() < deadline_ns do
    scheduler.wait_key(self, deadline_ns)
  end
  return not waiting(self)
end

local function is_starting(self)
  return not (self.pid or self._over)
end

local function is_not_over(self)
  return not self._over
end

-- The file that holds what was wrong, and how many bytes lie in it before.
local function log_of(options)
  local path, emptied = options.output, options.truncate_output
  if options.errors then
    path, emptied = options.errors, options.truncate_errors
  end
  local f = path and not emptied and io.open(path)
  local from = f and f:seek("end") or 0
  if f then
    f:close()
  end
  return path, from
end

-- Starts a command, and returns when it runs: the child; or nil, message.
-- options:
--   command (shell text) or argv (list, the program first)
--   cwd, env (added to this process's; VERNIER is the path of this executable)
--   output, errors (files for stdout and stderr, of mode 0600, appended to; errors: as output unless given),
--   truncate_output, truncate_errors (empty that file first)
--   on_output(text, "stdout" | "stderr") gets what has no file; it must not wait
--   limits {nofile, memory (bytes of address space), cpu (seconds), core (bytes), processes (of this user)}
--   leave (what the command leaves behind when it ends by itself goes on)
--   text (what messages call it; the command itself without it)
-- The child's pid is the command's own.
function M.start(options)
  if (options.command == nil) == (options.argv == nil) then
    error("a child needs either command or argv", 2)
  end
  if options.cwd and file.kind(options.cwd) ~= "folder" then
    return nil, ("%s: no such directory"):format(options.cwd)
  end
  local self = setmetatable({ _leave = options.leave, _on_output = options.on_output, _report = "" }, Child)
  self.text = options.text or options.command or table.concat(options.argv, " ")
  self._log, self._from = log_of(options)
  self._tag = scheduler.on(function(event)
    on_event(self, event)
  end)
  local ok, message = spawn(self, options)
  if not ok then
    scheduler.forget(self._tag)
    return nil, message
  end
  if not wait_while(self, is_starting, scheduler.now() + START_NS) then
    self:kill()
    return nil, ('command "%s" was not started within %g s'):format(self.text, START_NS / SECOND)
  elseif not self.pid then
    return nil, self._failed or ('command "%s": its supervisor %s'):format(self.text, M.describe(self._result))
  end
  return self
end

-- ---- a running child ----

-- Whether the command itself has not ended yet.
function Child:running()
  return self._result == nil
end

-- How the command ended, {status = n} or {signal = n}, when all that it started has ended, too; nil at the deadline
-- (absolute ns), or soon after given_up() has become true. Several tasks may wait.
function Child:wait(deadline_ns, given_up)
  while true do
    local until_ns = given_up and math.min(deadline_ns, scheduler.now() + POLL_NS) or deadline_ns
    if wait_while(self, is_not_over, until_ns) then
      return self._result
    elseif scheduler.now() >= deadline_ns or given_up and given_up() then
      return nil
    end
  end
end

-- Asks the command and all that is below it to end, SIGKILL follows 2 s later. Returns at once, also outside a task.
function Child:interrupt()
  if not self._over then
    self._process:signal(process.SIGTERM)
  end
end

-- Ends everything by SIGKILL: as wait(); nil when something is left after some seconds.
function Child:kill()
  if not self._over then
    self._process:signal(process.signals.CONT) -- a stopped supervisor obeys nothing
    self._process:signal(process.SIGUSR2)
  end
  return self:wait(scheduler.now() + KILL_NS)
end

-- Sends the signal (default "TERM") to the command's process group, and kills what is left after `grace` seconds
-- (default 10), or as soon as given_up() is true. As wait(), and whether something had to be killed; nil, message when
-- something is left.
function Child:stop(options)
  options = options or {}
  local signum = M.signal_number(options.signal or "TERM")
  if not signum then
    error(('"%s" is no signal'):format(tostring(options.signal)), 2)
  end
  if not self._over then
    self._process:stop(signum)
  end
  local result = self:wait(scheduler.now() + (options.grace or GRACE) * SECOND, options.given_up)
  if result then
    return result, false
  end
  result = self:kill()
  if not result then
    return nil, ('command "%s" is not gone %g s after it was killed'):format(self.text, KILL_NS / SECOND)
  end
  return result, true
end

-- What a result says that is not wanted: 'command "x" exited with status 3', with the last lines that it wrote to its log.
function Child:failure(result)
  local tail = self._log and M.tail_of(self._log, self._from) or ""
  local status = result.status or 128 + result.signal
  local signal = result.signal and (" (signal %d)"):format(result.signal) or ""
  return ('command "%s" exited with status %d%s%s'):format(self.text, status, signal, tail ~= "" and ":\n" .. tail or "")
end

-- Awaits the command for so many seconds, and ends it then. True if its status is 0; or nil and what was wrong.
function Child:finish(timeout)
  local result = self:wait(scheduler.now() + timeout * SECOND)
  if not result then
    self:interrupt()
    self:wait(scheduler.now() + KILL_NS)
    return nil, ('command "%s" did not end within %g s'):format(self.text, timeout)
  elseif result.status ~= 0 then
    return nil, self:failure(result)
  end
  return true
end

-- Starts a command as start(options), and awaits it for options.timeout seconds: true; or nil, message.
function M.run(options)
  local child, message = M.start(options)
  if not child then
    return nil, message
  end
  return child:finish(options.timeout)
end

return M
