-- A body of 1 KiB for wrk, without Lua while it runs: always the same request, no status read.
-- luacheck: globals wrk
wrk.method = "POST"
wrk.path = "/item/1"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"text":"' .. ("x"):rep(1024 - #'{"text":""}') .. '"}'
