-- Child processes on the loop, and facts about this process.
local core = require("vernier.core.ffi")
local loop = require("vernier.core.loop")
local C, ffi, check = core.C, core.ffi, core.check

local M = {
  EXIT = tonumber(C.VN_EV_EXIT),
  OUTPUT = tonumber(C.VN_EV_OUTPUT),
  SIGINT = 2,
  SIGKILL = 9,
  SIGTERM = 15,
  SIGUSR2 = 12,
  executable = "/proc/self/exe",
  signals = { HUP = 1, INT = 2, QUIT = 3, ABRT = 6, KILL = 9, USR1 = 10, USR2 = 12, TERM = 15, CONT = 18, STOP = 19 },
}

local LIMITS = {
  nofile = tonumber(C.VN_LIMIT_NOFILE), memory = tonumber(C.VN_LIMIT_MEMORY), cpu = tonumber(C.VN_LIMIT_CPU),
  core = tonumber(C.VN_LIMIT_CORE), processes = tonumber(C.VN_LIMIT_PROCESSES),
}

local Process = {}
Process.__index = Process

local function nul_joined(list)
  return table.concat(list, "\0") .. "\0"
end

local function encode_env(env)
  local list = {}
  for name, value in pairs(env) do
    list[#list + 1] = name .. "=" .. value
  end
  return #list > 0 and nul_joined(list) or ""
end

-- args: list, the program first. options: env (map), cwd, output and errors (files, appended to; of mode 0600 when they
-- are made; errors is output unless given), truncate_output, truncate_errors, capture (what has no file), report (text
-- that the child writes to fd 3), link_fd. The tag gets EXIT, and OUTPUT when captured or reported: with an empty text
-- at its end. Returns the process, or nil, message.
function M.spawn(tag, args, options)
  options = options or {}
  local o = ffi.new("vn_process_options")
  local args_text, env_text = nul_joined(args), encode_env(options.env or {})
  o.args, o.args_len = args_text, #args_text
  o.env, o.env_len = env_text, #env_text
  o.cwd, o.output, o.errors = options.cwd, options.output, options.errors
  o.truncate = (options.truncate_output and C.VN_TRUNCATE_OUTPUT or 0) + (options.truncate_errors and C.VN_TRUNCATE_ERRORS or 0)
  o.capture, o.report = options.capture and 1 or 0, options.report and 1 or 0
  o.link_fd = options.link_fd or -1
  local handle = C.vn_process_spawn(loop.handle, tag, o)
  if handle == nil then
    return nil, ffi.string(C.vn_errmsg())
  end
  return setmetatable({ _handle = handle, pid = C.vn_process_pid(handle) }, Process)
end

-- To the child's whole process group.
function Process:signal(signum)
  return check(C.vn_process_signal(self._handle, signum))
end

-- Of a supervisor: it sends the signal to its command's process group, and ends when all that is below it has ended.
function Process:stop(signum)
  return check(C.vn_process_stop(self._handle, signum))
end

-- Forgets the child; it goes on unless it was ended before.
function Process:close()
  if self._handle then
    C.vn_process_close(self._handle)
    self._handle = nil
  end
end

-- Stream (1 stdout, 2 stderr, 3 report) and text of an OUTPUT event; the text is empty at the stream's end.
function M.output(event)
  return event.n, ffi.string(event.data, event.len)
end

-- The names of the limits that a supervised command may have.
function M.limit_names()
  local names = {}
  for name in pairs(LIMITS) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- The supervisor's whole life: runs the command and ends whatever it started. options: limits (by name; bytes, seconds
-- of CPU, counts), parent (pid that has to be the parent), report (tell on fd 3), leave (what the command leaves behind
-- goes on). Returns the exit status.
function M.supervise(args, options)
  local text, o = nul_joined(args), ffi.new("vn_supervise_options")
  o.args, o.args_len = text, #text
  for i = 0, tonumber(C.VN_LIMITS) - 1 do
    o.limits[i] = -1
  end
  for name, value in pairs(options.limits or {}) do
    o.limits[LIMITS[name]] = value
  end
  o.parent_pid = options.parent or 0
  o.report, o.leave = options.report and 1 or 0, options.leave and 1 or 0
  return C.vn_process_supervise(o)
end

-- From now on, descendants whose parent has died become children of this process; see M.supervising.
function M.adopt()
  C.vn_process_adopt()
end

local function slurp(path)
  local f = io.open(path, "rb")
  local text = f and f:read("*a") or ""
  if f then
    f:close()
  end
  return text
end

-- Whether a supervisor that is a child of this process still has something to end. One that has ended has no command line.
function M.supervising()
  local pid = M.pid()
  for child in slurp(("/proc/%d/task/%d/children"):format(pid, pid)):gmatch("%d+") do
    if slurp("/proc/" .. child .. "/cmdline"):find("launch%zsupervisor%z") then
      return true
    end
  end
  return false
end

function M.die_with_parent(pid)
  return check(C.vn_process_die_with_parent(pid))
end

-- Ends this process at once: nothing is closed, what is written is written.
function M.exit(status)
  io.stdout:flush()
  io.stderr:flush()
  C.vn_process_exit(status)
end

function M.pid()
  return C.vn_process_self()
end

function M.is_terminal(fd)
  return C.vn_process_isatty(fd) == 1
end

-- Width of the terminal behind fd, or nil.
function M.columns(fd)
  local n = C.vn_process_columns(fd)
  return n > 0 and n or nil
end

-- The version of this binary.
function M.version()
  return ffi.string(C.vn_version())
end

function M.cores()
  return C.vn_process_cores()
end

-- Raises the soft limit of open files as far as allowed; returns the limit, and whether it is at least `want`.
function M.raise_nofile(want)
  local limit = ffi.new("double[1]")
  local rc = C.vn_process_raise_nofile(limit, want)
  return limit[0], rc == 0
end

-- Anonymous resident memory of this process in bytes.
function M.rss_anon()
  return C.vn_process_rss_anon()
end

return M
