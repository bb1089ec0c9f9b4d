-- What holds for every test: it leaves no handle of the core open and nothing to a finaliser that fails.
--
-- A test that wants handles over several tests opens them in setup() and closes them in teardown(): only what a test
-- itself opened is counted. Finalisers run right after the test that left them, so that a crash names its test.
local busted = require("busted")

local M = {
  tests = 0,
  support = nil, -- spec.support, once a spec file has asked for it
}

local TURNS = 200 -- of one millisecond: closing a handle may take a few turns of the loop

local function loop()
  return package.loaded["vernier.core.loop"]
end

local function handles()
  local core = loop()
  return core and core.handles() or 0
end

-- Waits for closing handles; events that arrive meanwhile belong to nobody.
local function settle(target)
  local core = loop()
  for _ = 1, TURNS do
    if handles() <= target then
      return
    end
    core.poll(core.now() + 1e6)
  end
end

local before = 0

busted.subscribe({ "test", "start" }, function()
  before = handles()
  M.tests = M.tests + 1
  return nil, true
end)

busted.after_each(function()
  collectgarbage()
  collectgarbage()
  if handles() > before then
    settle(before)
  end
  local left = handles() - before
  if left > 0 then
    error(("the test left %d open handle%s of the core"):format(left, left == 1 and "" or "s"), 0)
  end
end)

busted.subscribe({ "suite", "end" }, function()
  if M.support then
    M.support.cleanup()
  end
  return nil, true
end)

package.loaded["spec.support.helper"] = M

-- Under valgrind /proc/self/exe is ours for who reads the link, and valgrind's program for who runs it.
if (os.getenv("LD_PRELOAD") or ""):find("vgpreload", 1, true) then
  local process = require("vernier.core.process")
  process.executable = require("vernier.core.file").realpath(process.executable)
end
return M
