-- Sends the lines of a file (REQUESTS in the environment), each once, over all connections together.
-- luacheck: globals wrk init request response
local requests, at, answered = {}, -1, 0 -- wrk asks for one before it begins, which is not sent

function init()
  for line in io.lines(os.getenv("REQUESTS")) do
    requests[#requests + 1] = wrk.format("POST", "/", { ["Content-Type"] = "application/json" }, line)
  end
end

function request()
  at = at + 1
  return requests[math.min(math.max(at, 1), #requests)]
end

function response()
  answered = answered + 1
  if answered >= #requests then
    wrk.thread:stop()
  end
end
