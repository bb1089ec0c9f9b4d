-- Another workload, and what a transaction of it leaves to the collector: by how much the heap grows from run `from` to run
-- `to` while the collector stands still. The product's own steps are put off, too.
-- arguments: workload (file), from, to, result (file to write).
-- luacheck: globals collectgarbage
local M = {}

local collect = collectgarbage

local function stand_still(what, ...)
  if what == "step" then
    return false
  end
  return collect(what, ...)
end

function M:init(ctx)
  local a = ctx.arguments
  local inner = dofile(a.workload)
  self._run, self._n, self._from, self._to = inner.run, 0, a.from, a.to
  if inner.init then
    inner.init(self, ctx)
  end
end

function M:_begin()
  collectgarbage = stand_still
  collect("stop")
  self._kib = collect("count")
end

function M:_end()
  self._bytes = (collect("count") - self._kib) * 1024 / (self._to - self._from)
  collectgarbage = collect
  collect("restart")
end

function M:run(ctx)
  local n = self._n + 1
  self._n = n
  if n == self._from then
    self:_begin()
  elseif n == self._to then
    self:_end()
  end
  self:_run(ctx)
end

function M:finish(ctx)
  local file = assert(io.open(ctx.arguments.result, "w"))
  file:write(tostring(self._bytes or ""))
  file:close()
end

return M
