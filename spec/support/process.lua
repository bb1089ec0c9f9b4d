-- Child processes for the specs: started with a clean signal state in a group of their own, watched by deadline.
--
-- Not the product's own processes on purpose: what is under test must not be the instrument. Each child carries an
-- environment mark (SPEC_MARK), so that /proc tells what it left behind however far it has been re-parented.
local ffi = require("ffi")

ffi.cdef([[
int posix_spawnp(int *pid, const char *file, const void *actions, const void *attr, char *const argv[], char *const envp[]);
int posix_spawn_file_actions_init(void *actions);
int posix_spawn_file_actions_destroy(void *actions);
int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned mode);
int posix_spawn_file_actions_addchdir_np(void *actions, const char *path);
int posix_spawnattr_init(void *attr);
int posix_spawnattr_destroy(void *attr);
int posix_spawnattr_setflags(void *attr, short flags);
int posix_spawnattr_setpgroup(void *attr, int group);
int posix_spawnattr_setsigdefault(void *attr, const void *set);
int posix_spawnattr_setsigmask(void *attr, const void *set);
int sigemptyset(void *set);
int sigaddset(void *set, int signum);
int waitpid(int pid, int *status, int options);
int kill(int pid, int signum);
int getpid(void);
int poll(void *fds, unsigned long n, int timeout_ms);
char *strerror(int errnum);
extern char **environ;
struct spec_timespec { long sec, nsec; };
int clock_gettime(int id, struct spec_timespec *t);
]])
local C = ffi.C

local M = { mark_name = "SPEC_MARK" }

local SIGNALS = { HUP = 1, INT = 2, QUIT = 3, KILL = 9, USR1 = 10, PIPE = 13, TERM = 15, CONT = 18, STOP = 19 }
local WNOHANG, MONOTONIC = 1, 1
local SETPGROUP, SETSIGDEF, SETSIGMASK = 2, 4, 8
local O_RDONLY, O_WRONLY_CREATE_TRUNCATE = 0, 577
local OPAQUE = 1024 -- bytes; more than any libc needs for a spawn attribute, file actions or a signal set

local started = {} -- pid -> process that has not been reaped
local marks = 0

local instant = ffi.new("struct spec_timespec")

-- Seconds on the monotonic clock.
function M.now()
  C.clock_gettime(MONOTONIC, instant)
  return tonumber(instant.sec) + tonumber(instant.nsec) / 1e9
end

function M.sleep(seconds)
  C.poll(nil, 0, math.ceil(seconds * 1000))
end

function M.new_mark()
  marks = marks + 1
  return ("%d-%d"):format(C.getpid(), marks)
end

local function string_vector(list)
  local vector = ffi.new("char *[?]", #list + 1)
  local kept = {}
  for i, text in ipairs(list) do
    kept[i] = ffi.new("char[?]", #text + 1, text)
    vector[i - 1] = kept[i]
  end
  return vector, kept
end

local function environment(extra)
  local list = {}
  local i = 0
  while C.environ[i] ~= nil do
    local entry = ffi.string(C.environ[i])
    if extra[entry:match("^[^=]*")] == nil then
      list[#list + 1] = entry
    end
    i = i + 1
  end
  for name, value in pairs(extra) do
    if value then
      list[#list + 1] = name .. "=" .. value
    end
  end
  return list
end

local function attributes()
  local attr, set = ffi.new("uint64_t[?]", OPAQUE / 8), ffi.new("uint64_t[?]", OPAQUE / 8)
  C.posix_spawnattr_init(attr)
  C.posix_spawnattr_setflags(attr, SETPGROUP + SETSIGDEF + SETSIGMASK)
  C.posix_spawnattr_setpgroup(attr, 0)
  C.sigemptyset(set)
  C.posix_spawnattr_setsigmask(attr, set)
  for _, name in ipairs({ "HUP", "INT", "QUIT", "PIPE", "TERM" }) do
    C.sigaddset(set, SIGNALS[name])
  end
  C.posix_spawnattr_setsigdefault(attr, set)
  return attr
end

local function file_actions(options)
  local actions = ffi.new("uint64_t[?]", OPAQUE / 8)
  C.posix_spawn_file_actions_init(actions)
  C.posix_spawn_file_actions_addopen(actions, 0, options.stdin or "/dev/null", O_RDONLY, 0)
  C.posix_spawn_file_actions_addopen(actions, 1, options.stdout or "/dev/null", O_WRONLY_CREATE_TRUNCATE, 384)
  C.posix_spawn_file_actions_addopen(actions, 2, options.stderr or "/dev/null", O_WRONLY_CREATE_TRUNCATE, 384)
  if options.cwd then
    C.posix_spawn_file_actions_addchdir_np(actions, options.cwd)
  end
  return actions
end

local Process = {}
Process.__index = Process

-- Starts args (the first word is looked up in PATH) and returns the process.
-- options: cwd, env = {NAME = value, or false to remove it}, stdin, stdout, stderr = paths, mark.
function M.start(args, options)
  options = options or {}
  local mark = options.mark or M.new_mark()
  local extra = { [M.mark_name] = mark }
  for name, value in pairs(options.env or {}) do
    extra[name] = value
  end
  local argv, kept_args = string_vector(args)
  local envp, kept_env = string_vector(environment(extra))
  local attr, actions = attributes(), file_actions(options)
  local pid = ffi.new("int[1]")
  local rc = C.posix_spawnp(pid, args[1], actions, attr, argv, envp)
  C.posix_spawnattr_destroy(attr)
  C.posix_spawn_file_actions_destroy(actions)
  if rc ~= 0 or not (kept_args and kept_env) then
    error(("cannot start %s: %s"):format(args[1], ffi.string(C.strerror(rc))), 2)
  end
  local process = setmetatable({ pid = pid[0], mark = mark, name = args[1], started = M.now() }, Process)
  started[process.pid] = process
  return process
end

-- Exit status (128 + n after signal n) and signal number, or nil while it runs.
function Process:status()
  if not self.exit then
    local status = ffi.new("int[1]")
    if C.waitpid(self.pid, status, WNOHANG) ~= self.pid then
      return nil
    end
    local signal = status[0] % 128
    self.signal = signal ~= 0 and signal or nil
    self.exit = self.signal and 128 + signal or math.floor(status[0] / 256) % 256
    self.seconds = M.now() - self.started
    started[self.pid] = nil
  end
  return self.exit, self.signal
end

-- Waits until it has ended: as status(); nil when the deadline passes first.
function Process:wait(seconds)
  local deadline = M.now() + seconds
  local pause = 0.001
  while not self:status() and M.now() < deadline do
    M.sleep(pause)
    pause = math.min(pause * 2, 0.02)
  end
  return self:status()
end

-- Sends a signal, "INT" or a number, to the process itself; to its group with "group" as the second argument.
function Process:kill(signal, whom)
  if self.exit then
    return false
  end
  local number = SIGNALS[signal] or signal or SIGNALS.TERM
  return C.kill(whom == "group" and -self.pid or self.pid, number) == 0
end

-- Ends it: asks, and after some seconds insists.
function Process:stop(seconds)
  self:kill("TERM", "group")
  if not self:wait(seconds or 5) then
    self:kill("KILL", "group")
    self:wait(5)
  end
  return self:status()
end

local function slurp(path)
  local f = io.open(path, "rb")
  if not f then
    return ""
  end
  local text = f:read("*a") or ""
  f:close()
  return text
end

-- Living processes that carry the mark: a list of "PID COMMAND".
function M.left_over(mark)
  local found = {}
  local needle = M.mark_name .. "=" .. mark .. "\0"
  local list = io.popen("ls /proc")
  for name in list:lines() do
    if name:match("^%d+$") and slurp("/proc/" .. name .. "/environ"):find(needle, 1, true) then
      found[#found + 1] = name .. " " .. slurp("/proc/" .. name .. "/cmdline"):gsub("%z", " ")
    end
  end
  list:close()
  return found
end

-- Ends whatever a spec file has started and not stopped.
function M.stop_all()
  for _, process in pairs(started) do
    process:kill("KILL", "group")
  end
  for _, process in pairs(started) do
    process:wait(5)
  end
end

M.signals = SIGNALS
M.slurp = slurp
return M
