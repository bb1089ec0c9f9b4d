-- No network: answers at once, or after a drawn service time. Measures vernier itself, and stands in for a SUT.
local distribution = require("vernier.distribution")

local M = {
  options = {
    latency = { type = "string", convert = distribution.parse,
      doc = 'service time: "constant 5ms", "uniform 1ms 9ms", "exponential 5ms", "normal 5ms 1ms", "lognormal 5ms 0.5"' },
    failureRate = { type = "number", default = 0, min = 0, max = 1, doc = "share of requests that fail" },
  },
}

function M:init(ctx)
  self._ctx = ctx
  self._plain = not self.options.latency and self.options.failureRate == 0
end

function M:run(request)
  if self._plain then
    return request or true
  end
  local ctx, options = self._ctx, self.options
  if options.latency then
    ctx:sleep(options.latency(ctx.random))
  end
  if options.failureRate > 0 and ctx.random() < options.failureRate then
    return nil, "failed on purpose", "status"
  end
  return request or true
end

return M
