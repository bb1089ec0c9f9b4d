-- Runs busted inside the product's own binary, so that the specs call the C core through the FFI under any sanitizer.
-- usage: build/vernier lua spec/support/busted.lua [BUSTED OPTION]… SPEC…
--
-- One process per spec file is the rule (prove starts them). Output is TAP unless -o says otherwise. The Lua state is
-- closed after success, so finalisers run and a sanitizer sees them. A run without a single test fails.

local ARCH = { x64 = "x86_64-linux-gnu", arm64 = "aarch64-linux-gnu", x86 = "i386-linux-gnu", arm = "arm-linux-gnueabihf" }

-- Ours first, then where Debian keeps the modules of Lua 5.1: a binary built with another LuaJIT may not know that place.
package.path = "./?.lua;./?/init.lua;" .. package.path .. ";/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua"
package.cpath = package.cpath .. (";/usr/lib/%s/lua/5.1/?.so"):format(ARCH[jit.arch] or jit.arch)

local function has_output_option()
  for _, word in ipairs(arg) do
    if word:match("^%-o") or word:match("^%-%-output") then
      return true
    end
  end
  return false
end

local options = { "--helper=spec/support/helper.lua" }
if not has_output_option() then
  options[#options + 1] = "--output=TAP"
end
for i = #options, 1, -1 do
  table.insert(arg, 1, options[i])
end

-- busted's TAP output stumbles over a file that does not compile, and the message is lost: say it first.
for i = 1, #arg do
  if arg[i]:match("^[^-].*%.lua$") then
    local chunk, message = loadfile(arg[i])
    if not chunk then
      io.stderr:write("busted: ", message, "\n")
      os.exit(1, true)
    end
  end
end

-- busted ends through os.exit in the middle of its runner: leave by an error instead, and end here in one place.
local EXIT = {}
local compatibility = require("busted.compatibility")
compatibility.exit = function(code)
  EXIT.code = code == 0 and 0 or 1
  error(EXIT, 0)
end

local ok, err = xpcall(function()
  require("busted.runner")({ standalone = false })
end, function(e)
  return e == EXIT and e or debug.traceback(tostring(e), 2)
end)

local status = EXIT.code or 0
if not ok and err ~= EXIT then
  io.stderr:write("busted: ", err, "\n")
  status = 1
end
local helper = package.loaded["spec.support.helper"]
if status == 0 and not (helper and helper.tests > 0) then
  io.stderr:write("busted: no test was run\n")
  status = 1
end
io.stdout:flush()
if status ~= 0 then
  -- A failed test may have left handles open, and closing the loop would wait for them.
  local ffi = require("ffi")
  ffi.cdef("void _exit(int status);")
  ffi.C._exit(status)
end
os.exit(0, true)
