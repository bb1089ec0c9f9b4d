-- Any command as a service: it is started, awaited until it is ready, stopped or killed, and takes no load.
--
-- The command stays in the foreground, below a supervisor: whatever it starts ends with it, and it ends with its worker.
-- lifecycle.start gives values to publish: pid, and what `publish` names, also taken from what the command writes.
local child = require("vernier.child")
local readiness = require("vernier.readiness")
local scheduler = require("vernier.scheduler")
local sorted = require("vernier.sorted")
local url = require("vernier.url")

local SECOND = 1e9
local PROBE_TIMEOUT = 1 -- seconds a single question may take
local END_GRACE = 1 -- seconds, when the worker ends
local QUIET_NS = 0.5e9 -- after which a line that is not complete is taken for what it is
local TEXT_KEPT = 65536 -- bytes of output in which a text is looked for, besides what is new

local function check_signal(name)
  if child.signal_number(name) then
    return name
  end
  return nil, "must be the name of a signal, such as TERM, INT or QUIT"
end

local function check_file_name(name)
  if name:find("/", 1, true) or name == "" or name == "." or name == ".." then
    return nil, "must be the name of a file in the run's folder"
  end
  return name
end

local function check_published(values)
  for _, name in ipairs(sorted(values)) do
    local value = values[name]
    local output = type(value) == "table" and value.output
    if type(value) == "table" and (type(output) ~= "string" or next(value, next(value))) then
      return nil, ('must have a value or {output: "pattern (capture)"} under "%s"'):format(name)
    end
    local ok, message = readiness.check_pattern(output or "")
    if not ok then
      return nil, ("%s.output %s"):format(name, message)
    end
  end
  return values
end

local M = {
  options = {
    command = { type = "string",
      doc = "shell text, in which $VERNIER is this program; begin it with exec, and pid and signals are the program's own" },
    argv = { type = "list", of = { type = "string" }, doc = "instead of command: the program and its arguments" },
    directory = { type = "string", doc = "working directory; relative to the workspace, which is the default" },
    environment = { type = "key-value", doc = "variables in addition to the worker's" },
    ready = { type = "table", doc = "the service is ready when all of these hold; when it runs, without any", fields = {
      port = { type = "integer", min = 1, max = 65535, doc = "somebody listens there, who was not there before the start" },
      host = { type = "string", default = "127.0.0.1", doc = "of the port" },
      output = { type = "string", convert = readiness.check_pattern,
        doc = "the command has written this text; with %, .- .* or .+ in it, a Lua pattern" },
      http = { type = "table", doc = "a GET is answered well", fields = {
        url = { type = "string", required = true, convert = url.page, doc = "http://host:port/path" },
        status = { type = "integer", min = 100, max = 599, doc = "the status that is expected; any in 200-399 if absent" },
      } },
      timeout = { type = "duration", default = 60, min = 0.001, doc = "until then it has to be ready" },
      interval = { type = "duration", default = 0.05, min = 0.001, doc = "between two questions" },
    } },
    publish = { type = "table", convert = check_published,
      doc = 'values for ${group.NAME.INDEX.key}, besides pid: as given, or what the command writes: {output: "port (%d+)"}' },
    ["stop-signal"] = { type = "string", default = "TERM", convert = check_signal, doc = "asks the service to stop" },
    ["stop-timeout"] = { type = "duration", default = 10, min = 0, doc = "then what is left is killed" },
    log = { type = "string", convert = check_file_name,
      doc = "file in the run's folder for what the command writes; service-<worker's index>.log if absent" },
    limits = { type = "table", doc = "of the command and each process that it starts", fields = {
      nofile = { type = "integer", min = 1, doc = "open files" },
      memory = { type = "size", min = 1, doc = "address space" },
      cpu = { type = "duration", min = 1, doc = "CPU time; whole seconds" },
      core = { type = "size", doc = "core files" },
      processes = { type = "integer", min = 1, doc = "processes of this user, who is not root" },
    } },
  },
  traits = { lifecycle = {}, killable = {} },
}

function M:init()
  local o = self.options
  if (o.command == nil) == (o.argv == nil) then
    error("process: needs one of command and argv", 0)
  elseif o.ready and not (o.ready.port or o.ready.output or o.ready.http) then
    error("process: ready needs one of port, output and http", 0)
  end
end

-- ---- output ----

local Output = {}
Output.__index = Output

-- What is written to the file from now on.
local function open_output(path)
  local f = io.open(path, "rb")
  local from = f and f:seek("end") or 0
  if f then
    f:close()
  end
  return setmetatable({ path = path, from = from, _at = from, _text = "", _came_ns = 0 }, Output)
end

-- The text in which to look: whole lines, since half a number is another number; all of it, when nothing has come for a
-- while.
function Output:text()
  local f = io.open(self.path, "rb")
  if not f then
    return ""
  end
  f:seek("set", self._at)
  local new = f:read("*a") or ""
  f:close()
  if new ~= "" then
    self._at, self._came_ns = self._at + #new, scheduler.now()
    self._text = self._text:sub(-TEXT_KEPT) .. new
  end
  return scheduler.now() - self._came_ns > QUIET_NS and self._text or self._text:match("^.*\n") or ""
end

-- ---- ready ----

-- The address that a probe will ask, if any: {host, port}.
local function addresses(ready)
  local list = {}
  if ready.port then
    list[1] = { ready.host, ready.port }
  end
  local page = ready.http and ready.http.url
  if page then
    list[#list + 1] = { page.host, page.port or (page.tls and 443 or 80) }
  end
  return list
end

local function check_addresses(ready)
  for _, address in ipairs(addresses(ready)) do
    if readiness.port(address[1], address[2], PROBE_TIMEOUT) then
      return nil, ("port %d of %s is taken already: somebody else listens there"):format(address[2], address[1])
    end
  end
  return true
end

local function find_output(name, pattern, values)
  return function(text)
    local found = readiness.find(text, pattern)
    if found and name then
      values[name] = tonumber(found) or found
    end
    return found ~= nil, ('the command has not written "%s"'):format(pattern)
  end
end

-- What still has to be asked: functions of the output's text that give true, or false and why not.
local function probes_of(options, values)
  local list, ready = {}, options.ready or {}
  if ready.output then
    list[1] = find_output(nil, ready.output, values)
  end
  for _, name in ipairs(sorted(options.publish or {})) do
    local value = options.publish[name]
    if type(value) == "table" then
      list[#list + 1] = find_output(name, value.output, values)
    else
      values[name] = value
    end
  end
  if ready.port then
    list[#list + 1] = function()
      return readiness.port(ready.host, ready.port, PROBE_TIMEOUT)
    end
  end
  if ready.http then
    list[#list + 1] = function()
      return readiness.http(ready.http.url, ready.http.status, PROBE_TIMEOUT)
    end
  end
  return list
end

-- Drops what holds from the front of the list: true when nothing is left, or false and why not.
local function ask(probes, text)
  while probes[1] do
    local ok, why = probes[1](text)
    if not ok then
      return false, why
    end
    table.remove(probes, 1)
  end
  return true
end

local function with_tail(message, output)
  local tail = child.tail_of(output.path, output.from)
  return tail ~= "" and message .. ":\n" .. tail or message
end

-- The values to publish once the service is ready; or nil and why it is not.
local function await_ready(self, ctx, output)
  local values = { pid = self._child.pid }
  local probes, ready = probes_of(self.options, values), self.options.ready
  local timeout, interval = ready and ready.timeout or 60, ready and ready.interval or 0.05
  local deadline_ns = scheduler.now() + timeout * SECOND
  while true do
    local running = self._child:running()
    local ok, why = ask(probes, output:text())
    if not running then
      local result = self._child:wait(deadline_ns) or self._child:kill()
      return nil, with_tail(("the command %s before it was ready"):format(result and child.describe(result) or "ended"), output)
    elseif ok then
      return values
    elseif scheduler.now() >= deadline_ns then
      return nil, with_tail(("the service was not ready within %g s: %s"):format(timeout, why), output)
    end
    ctx:sleep(interval)
  end
end

-- ---- lifecycle and killable ----

local function start_child(self, ctx, log)
  local o, workspace = self.options, ctx.workspace
  local directory = o.directory or "."
  if directory:sub(1, 1) ~= "/" then
    directory = workspace .. "/" .. directory
  end
  return child.start({ command = o.command, argv = o.argv, cwd = directory, env = o.environment, output = log,
    limits = o.limits })
end

local function is_running(self)
  return self._child ~= nil and self._child:running()
end

-- Returns the values to publish when the service is ready; or nil, message, and nothing of it runs.
function M.traits.lifecycle.start(self, ctx)
  if self._starting or is_running(self) then
    return nil, "the service runs already"
  end
  local message
  local ok = true
  if self.options.ready then
    ok, message = check_addresses(self.options.ready)
  end
  if not ok then
    return nil, message
  end
  local output = open_output(("%s/%s"):format(ctx.run_dir, self.options.log or ("service-%d.log"):format(ctx.index)))
  self._child, message = start_child(self, ctx, output.path)
  if not self._child then
    return nil, message
  end
  self._starting = true
  local done, values, why = pcall(await_ready, self, ctx, output)
  self._starting = false
  if not done or not values then
    self._child:kill()
  end
  if not done then
    error(values, 0) -- the stage has to stop
  end
  return values, why
end

-- options.timeout: seconds, at most stop-timeout counts; a stage that has to stop does not wait. Gives how the command ended:
-- {status or signal, killed = true when something had to be killed}; true when nothing ran; or nil, message.
function M.traits.lifecycle.stop(self, ctx, options)
  if not self._child then
    return true
  end
  local o = self.options
  local grace = math.min(o["stop-timeout"], options and options.timeout or math.huge)
  local result, killed = self._child:stop({ signal = o["stop-signal"], grace = grace, given_up = function()
    return ctx:stopping()
  end })
  if not result then
    return nil, killed
  end
  self._child = nil
  return { status = result.status, signal = result.signal, killed = killed or nil }
end

function M.traits.lifecycle.running(self)
  return is_running(self)
end

-- Ends the command and all that it started, at once: as stop.
function M.traits.killable.kill(self)
  if not self._child then
    return true
  end
  local result = self._child:kill()
  if not result then
    return nil, "the service does not end after SIGKILL"
  end
  self._child = nil
  return { status = result.status, signal = result.signal, killed = true }
end

M["end"] = function(self)
  if self._child then
    self._child:stop({ signal = self.options["stop-signal"], grace = END_GRACE })
    self._child = nil
  end
end

return M
