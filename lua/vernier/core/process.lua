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
  executable = "/proc/self/exe",
}

local Process = {}
Process.__index = Process

local function nul_joined(list)
  return table.concat(list, "\0") .. "\0"
end

-- args: list, the program first. options: env (map), cwd, output (file), capture, link_fd.
-- The tag gets EXIT, and OUTPUT when captured. Returns the process, or nil, message.
function M.spawn(tag, args, options)
  options = options or {}
  local env = {}
  for name, value in pairs(options.env or {}) do
    env[#env + 1] = name .. "=" .. value
  end
  local args_text, env_text = nul_joined(args), #env > 0 and nul_joined(env) or ""
  local o = ffi.new("vn_process_options")
  o.args, o.args_len = args_text, #args_text
  o.env, o.env_len = env_text, #env_text
  o.cwd, o.output = options.cwd, options.output
  o.capture = options.capture and 1 or 0
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

-- Forgets the child; it goes on unless it was ended before.
function Process:close()
  if self._handle then
    C.vn_process_close(self._handle)
    self._handle = nil
  end
end

-- The supervisor's whole life: runs the command and ends whatever it started. Returns the exit status.
function M.supervise(args)
  local text = nul_joined(args)
  return C.vn_process_supervise(text, #text)
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
