-- The work of workloads/http.lua, for wrk: another path each time, each status read.
-- luacheck: globals wrk request response
local n, bad = 0, 0

function request()
  n = n + 1
  return wrk.format("GET", "/item/" .. n)
end

function response(status)
  if status ~= 200 then
    bad = bad + 1
  end
end
