-- A connector of one's own: a counter service in memory that needs `latency` for each answer and refuses to go below 0.
local M = {
  options = {
    start = { type = "integer", default = 0, doc = "value of the counter at the start of a worker" },
    latency = { type = "duration", default = 0.001, doc = "time that every answer takes" },
  },
}

function M:init(ctx)
  self.ctx = ctx
  self.value = self.options.start
end

-- Called for each ctx.sut:send(request). Gives the result; or nil, a message and the class of the error.
function M:run(request)
  self.ctx:sleep(self.options.latency)
  local value = self.value + request.add
  if value < 0 then
    return nil, "the counter would be negative", "status"
  end
  self.value = value
  return value
end

return M
