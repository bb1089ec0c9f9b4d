-- A stage of one's own: every worker sends some requests that are not measured; the manager judges the answers.
local M = {
  where = "workers",
  options = { requests = { type = "integer", default = 100, min = 1, doc = "requests of each worker" } },
}

-- On every worker at the same time. What it returns is its payload.
function M:run(ctx)
  local failed = 0
  for _ = 1, self.options.requests do
    if not ctx.sut:send("ping") then
      failed = failed + 1
    end
  end
  return { sent = self.options.requests, failed = failed }
end

-- On the manager, when all workers have answered: ok, fail, exit, break or continue, and why.
function M:acks(_, acks)
  for _, ack in ipairs(acks) do
    if ack.error then
      return "fail", ("worker %d: %s"):format(ack.worker, ack.error)
    elseif ack.payload.failed > 0 then
      return "fail", ("worker %d: %d of %d requests failed"):format(ack.worker, ack.payload.failed, ack.payload.sent)
    end
  end
  return "ok"
end

return M
