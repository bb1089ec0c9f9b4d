-- When LuaJIT compiles what is run again and again.
--
-- Most of a program is run some hundred times and then never again: to read files, to check, to write a report. By the
-- settings that LuaJIT begins with it compiles 200 pieces of that in a run of one transaction, for a third of its time. So a
-- program is patient, until its process has a load, where what is run again is run a million times.
local M = {}

local PATIENT, EAGER = 1000, 56 -- times that a loop is run before it is compiled; 56 is LuaJIT's own

function M.be_patient()
  jit.opt.start("hotloop=" .. PATIENT)
end

local eager = false

-- For good: to be patient again would not take back what has been compiled.
function M.be_eager()
  if not eager then
    eager = true
    jit.opt.start("hotloop=" .. EAGER)
  end
end

return M
