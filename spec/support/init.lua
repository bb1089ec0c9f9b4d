-- What the functional specs share: `local support = require("spec.support")`.
--
--   support.run{ "cmd", "arg"…, timeout = 30, cwd =, env =, stdin = text }
--     -> { status, signal, stdout, stderr, seconds, timed_out, mark }
--   support.vernier{ "run", "b.yaml"…, … }            the same with the binary that runs the spec
--   support.start{ … }, support.start_vernier{ … }    in the background: p.pid, p:wait(s), p:kill("INT"), p:output()
--   support.workspace{ ["benchmark.yaml"] = text, … } a folder that goes away with the spec file
--   support.node("x.js", words, stdin)                what spec/support/x.js prints as JSON
--   support.summary(workspace)                        the newest run's summary.json, and its folder
--   support.wait_for(condition, seconds, what), support.free_port(), support.left_over(mark), support.stall(ns)
--   servers: see spec/support/servers.lua (support.nginx, support.witness, support.demo_server,
--   support.arrival_server, support.certificate)
local cjson = require("cjson")
local clock = require("vernier.core.clock")
local ffi = require("ffi")
local process = require("spec.support.process")

ffi.cdef([[
int socket(int domain, int type, int protocol);
int bind(int fd, const void *address, unsigned len);
int connect(int fd, const void *address, unsigned len);
int getsockname(int fd, void *address, unsigned *len);
int close(int fd);
char *mkdtemp(char *template);
ssize_t readlink(const char *path, char *out, size_t cap);
struct spec_address { uint16_t family; uint8_t port[2]; uint8_t ip[4]; uint8_t zero[8]; };
]])
local C = ffi.C

local M = {
  now = process.now,
  sleep = process.sleep,
  left_over = process.left_over,
  read_file = process.slurp,
  -- Deadlines are for hanging code: sanitizers and valgrind get more time.
  slow = tonumber(os.getenv("SPEC_SLOW")) or 1,
  CALIPER_SAMPLES = "../shared/data/caliper-benchmarks",
}

local AF_INET, SOCK_STREAM = 2, 1

local function own_path()
  local out = ffi.new("char[4096]")
  local n = C.readlink("/proc/self/exe", out, 4096)
  return ffi.string(out, n)
end

-- The binary under test: the one that runs this spec.
M.binary = own_path()

local folders = {}

-- A new folder, removed when the spec file ends (SPEC_KEEP=1 keeps it).
function M.tmpdir()
  local template = (os.getenv("TMPDIR") or "/tmp") .. "/vernier-spec.XXXXXX"
  local out = ffi.new("char[?]", #template + 1, template)
  assert(C.mkdtemp(out) ~= nil, "no temporary folder")
  local path = ffi.string(out)
  folders[#folders + 1] = path
  return path
end

function M.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

function M.write_file(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  assert(f:close())
  return path
end

-- A folder with these files; names may hold folders.
function M.workspace(files)
  local dir = M.tmpdir()
  for name, text in pairs(files or {}) do
    local parent = name:match("^(.*)/")
    if parent then
      os.execute("mkdir -p " .. M.quote(dir .. "/" .. parent))
    end
    M.write_file(dir .. "/" .. name, text)
  end
  return dir
end

function M.copy(source, target)
  assert(os.execute(("cp -R %s %s"):format(M.quote(source), M.quote(target))) == 0, "cannot copy " .. source)
end

-- The value of condition() as soon as it is true; an error that names `what` after the deadline.
function M.wait_for(condition, seconds, what)
  local deadline = M.now() + (seconds or 10) * M.slow
  while true do
    local value = condition()
    if value then
      return value
    end
    if M.now() >= deadline then
      error(("waited %g s in vain for %s"):format(seconds or 10, what or "a condition"), 2)
    end
    M.sleep(0.01)
  end
end

-- Runs fn until it passes, at most ten times: for what is exact where the machine does not stall between two instructions. It
-- may leave nothing behind when it fails.
function M.undisturbed(fn)
  local ok, err
  for _ = 1, 10 do
    ok, err = pcall(fn)
    if ok then
      return
    end
  end
  error(err, 0)
end

local function loopback(port)
  local address = ffi.new("struct spec_address", { family = AF_INET, ip = { 127, 0, 0, 1 } })
  address.port[0], address.port[1] = math.floor(port / 256), port % 256
  return address
end

-- A TCP port of 127.0.0.1 on which nobody listens now.
function M.free_port()
  local fd = C.socket(AF_INET, SOCK_STREAM, 0)
  local address, len = loopback(0), ffi.new("unsigned[1]", 16)
  assert(C.bind(fd, address, 16) == 0 and C.getsockname(fd, address, len) == 0, "no free port")
  C.close(fd)
  return address.port[0] * 256 + address.port[1]
end

function M.accepts(port)
  local fd = C.socket(AF_INET, SOCK_STREAM, 0)
  local ok = C.connect(fd, loopback(port), 16) == 0
  C.close(fd)
  return ok
end

-- ---- commands ----

local Background = {}
Background.__index = Background

function Background:output()
  return process.slurp(self.stdout_path), process.slurp(self.stderr_path)
end

function Background:wait(seconds)
  return self.process:wait(seconds * M.slow)
end

function Background:kill(signal, whom)
  return self.process:kill(signal, whom)
end

function Background:stop(seconds)
  return self.process:stop(seconds)
end

function Background:running()
  return self.process:status() == nil
end

-- Starts a command: the words of the list; cwd, env, stdin (text), mark.
function M.start(command)
  local dir = M.tmpdir()
  local options = { cwd = command.cwd, env = command.env, mark = command.mark }
  options.stdout, options.stderr = dir .. "/stdout", dir .. "/stderr"
  if command.stdin then
    options.stdin = M.write_file(dir .. "/stdin", command.stdin)
  end
  local child = process.start(command, options)
  return setmetatable({
    process = child,
    pid = child.pid,
    mark = child.mark,
    stdout_path = options.stdout,
    stderr_path = options.stderr,
  }, Background)
end

-- Runs a command to its end, or kills its group at the deadline (timed_out).
function M.run(command)
  local child = M.start(command)
  local result = { mark = child.mark }
  if not child:wait(command.timeout or 30) then
    result.timed_out = true
    child:kill("KILL", "group")
    child:wait(5)
  end
  result.status, result.signal = child.process:status()
  result.seconds = child.process.seconds
  result.stdout, result.stderr = child:output()
  return result
end

local function with_binary(command)
  local own = { M.binary }
  for i, word in ipairs(command) do
    own[i + 1] = tostring(word)
  end
  for name, value in pairs(command) do
    if type(name) == "string" then
      own[name] = value
    end
  end
  return own
end

-- What a script of spec/support prints as JSON when it is run by node with that list of words and that input.
function M.node(script, command, stdin)
  local words = { "node", "spec/support/" .. script, timeout = 60, stdin = stdin }
  for i, word in ipairs(command) do
    words[i + 2] = tostring(word)
  end
  local r = M.run(words)
  assert(r.status == 0, r.stderr)
  return cjson.decode(r.stdout)
end

-- Files of that name among Caliper's own samples of benchmarks; none where they are not at hand.
function M.caliper_samples(name)
  local files, pipe = {}, io.popen(("find %s -path '*/benchmarks/*' -type f -name '%s' 2>/dev/null | sort"):format(
    M.CALIPER_SAMPLES, name))
  for path in pipe:lines() do
    files[#files + 1] = path
  end
  pipe:close()
  return files
end

function M.vernier(command)
  return M.run(with_binary(command))
end

function M.start_vernier(command)
  return M.start(with_binary(command))
end

-- ---- figures and texts ----

-- Fails unless a number is what it has to be, but for a share of it (by default what adding up in another order changes).
function M.near(expected, got, share)
  assert(type(got) == "number", tostring(got) .. " is no number")
  assert(math.abs(expected - got) <= (share or 1e-9) * math.abs(expected), ("%s is not %s"):format(got, expected))
end

-- How often a text holds a part of it.
function M.count(text, part)
  local n, at = 0, 1
  while true do
    local from, to = text:find(part, at, true)
    if not from then
      return n
    end
    n, at = n + 1, to + 1
  end
end

-- ---- results ----

function M.read_json(path)
  local text = process.slurp(path)
  assert(text ~= "", path .. " is missing or empty")
  return cjson.decode(text)
end

-- Does not come back to the loop for so many ns.
function M.stall(ns)
  local until_ns = clock.now() + ns
  while clock.now() < until_ns do -- luacheck: ignore
  end
end

-- Folders of the runs in a workspace, oldest first.
function M.runs(workspace)
  local list = {}
  local ls = io.popen(("ls -1tr %s 2>/dev/null"):format(M.quote(workspace .. "/runs")))
  for name in ls:lines() do
    list[#list + 1] = workspace .. "/runs/" .. name
  end
  ls:close()
  return list
end

-- summary.json of the newest run, and the run's folder.
function M.summary(workspace)
  local list = M.runs(workspace)
  assert(#list > 0, "no run in " .. workspace)
  return M.read_json(list[#list] .. "/summary.json"), list[#list]
end

-- Called by the helper when the spec file is through.
function M.cleanup()
  process.stop_all()
  for _, path in ipairs(folders) do
    if not os.getenv("SPEC_KEEP") then
      os.execute("rm -rf " .. M.quote(path))
    end
  end
  folders = {}
end

for name, fn in pairs(require("spec.support.servers")(M, process)) do
  M[name] = fn
end

-- Known to the helper, which cleans up after the last test.
local helper = package.loaded["spec.support.helper"]
if helper then
  helper.support = M
end
return M
