-- The workspace of a benchmark, and commands in it: bounded in time, their processes' CPU time taken from outside.
--
-- work.run waits for a command; work.start leaves it to run, below a supervisor, so that nothing outlives the benchmarks.
local file = require("vernier.core.file")
local process = require("vernier.core.process")

local M = {}

local support = assert(arg[0]:match("^(.*)/[^/]*$")) .. "/support"
local vernier = assert(file.realpath("/proc/self/exe"))

M.vernier = vernier
M.bench = assert(file.realpath(support .. "/.."))

M.INTERRUPTED = "interrupted" -- the error of a command that Ctrl-C has ended

local cores = process.cores()
M.server_core, M.client_core = 0, cores - 1

function M.quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

local function joined(words)
  local list = {}
  for i, word in ipairs(words) do
    list[i] = M.quote(word)
  end
  return table.concat(list, " ")
end

-- What a shell command writes, without the last line's end.
function M.output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return (text:gsub("%s+$", ""))
end

M.dir = M.output("mktemp -d")
local running = {}

function M.has(program)
  return os.execute("command -v " .. M.quote(program) .. " >/dev/null") == 0
end

function M.sleep(seconds)
  if os.execute(("sleep %g"):format(seconds)) ~= 0 then
    error(M.INTERRUPTED, 0)
  end
end

-- Writes a file of the workspace; returns its path.
function M.write(name, text)
  local path = M.dir .. "/" .. name
  assert(file.write(path, text))
  return path
end

local function read(name)
  return file.read(M.dir .. "/" .. name) or ""
end

M.read = read

-- The shell text of a command that is supervised in the workspace. options: core (to run on), seconds (limit).
local function supervised(name, words, options)
  local pin = options.core and ("taskset -c %d "):format(options.core) or ""
  local limit = options.seconds and ("timeout --foreground -k 10 %d "):format(math.ceil(options.seconds)) or ""
  return ("cd %s && exec %s%s lua %s/support/measured.lua %s %s%s >%s.out 2>%s.err"):format(M.quote(M.dir), limit,
    M.quote(vernier), M.quote(M.bench), M.quote(name .. ".time"), pin, joined(words), name, name)
end

-- Runs the words as a command; its output is work.read(NAME .. ".out"). options: core to run on, seconds it may take.
-- Returns {wall, user, system, cpu} in seconds, of all its processes; raises an error when it fails.
function M.run(name, words, options)
  local status = os.execute(supervised(name, words, options))
  if status == 130 * 256 then
    error(M.INTERRUPTED, 0)
  elseif status ~= 0 then
    error(("%s: status %g\n%s%s"):format(table.concat(words, " "), status / 256, read(name .. ".out"), read(name .. ".err")), 0)
  end
  local wall, user, system = read(name .. ".time"):match("(%S+) (%S+) (%S+)")
  wall, user, system = tonumber(wall), tonumber(user), tonumber(system)
  return { wall = wall, user = user, system = system, cpu = user + system }
end

local Running = {}
Running.__index = Running

-- The same, without waiting for it; options: core. Its pid is the supervisor's, whose child is the command.
function M.start(name, words, options)
  local pipe = assert(io.popen("echo $$; " .. supervised(name, words, options)))
  local self = setmetatable({ _pipe = pipe, _name = name, pid = tonumber(pipe:read("*l")) }, Running)
  running[self] = true
  return self
end

-- The first child of a process, or nil.
function M.child(pid)
  local list = pid and file.read(("/proc/%d/task/%d/children"):format(pid, pid))
  return list and tonumber(list:match("%d+"))
end

-- A process that has ended has no command line.
function Running:ended()
  return file.read(("/proc/%d/cmdline"):format(self.pid)) == ""
end

-- Waits until it has ended; what it wrote.
function Running:wait()
  running[self] = nil
  self._pipe:close()
  return read(self._name .. ".out"), read(self._name .. ".err")
end

function Running:stop()
  os.execute("kill " .. self.pid)
  return self:wait()
end

-- Ends what still runs, and takes the workspace away.
function M.finish()
  for one in pairs(running) do
    one:stop()
  end
  os.execute("rm -rf " .. M.quote(M.dir))
end

-- Asks until check() is true; false when the seconds have passed.
function M.wait_for(check, seconds)
  for _ = 1, seconds / 0.05 do
    local result = check()
    if result then
      return result
    end
    M.sleep(0.05)
  end
  return false
end

return M
