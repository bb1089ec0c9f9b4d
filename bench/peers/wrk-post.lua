-- The work of workloads/http.lua with a body of 1 KiB, for wrk: another path each time, each status read.
-- luacheck: globals wrk request response
local n, bad = 0, 0
local headers = { ["Content-Type"] = "application/json" }
local body = '{"text":"' .. ("x"):rep(1024 - #'{"text":""}') .. '"}'

function request()
  n = n + 1
  return wrk.format("POST", "/item/" .. n, headers, body)
end

function response(status)
  if status ~= 200 then
    bad = bad + 1
  end
end
