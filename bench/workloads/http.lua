-- Builds each path and reads each status. arguments: body (bytes of a JSON text to POST), idle (seconds to wait after the
-- answer, while the connection stays open), path (instead of those that it builds).
local M = {}

local JSON = { ["Content-Type"] = "application/json" }

function M:init(ctx)
  local size, path = ctx.arguments.body, ctx.arguments.path
  if size then
    self._method, self._headers = "POST", JSON
    self._body = '{"text":"' .. ("x"):rep(size - #'{"text":""}') .. '"}'
  end
  self._path, self._idle = path or "/item/", ctx.arguments.idle
end

function M:run(ctx)
  local response = ctx.sut:send({ method = self._method, path = self._path .. ctx.index, headers = self._headers,
    body = self._body })
  if response and response.status ~= 200 then
    error("status " .. response.status, 0)
  end
  if self._idle then
    ctx:sleep(self._idle)
  end
end

return M
