-- Another controller, whose due times are written to a file at the end of the round: what replay-rate reads. Recorded are
-- intended times since the round's start, or when the runs have sent. A path with <C> gets each worker's own runs, one without
-- the schedule of all.
local MS, US = 1e6, 1e3

local M = {
  schedule = "global",
  options = {
    rateController = { type = "table", required = true, doc = "the controller that is recorded, {type, opts}" },
    pathTemplate = { type = "string", required = true,
      doc = "of the file, in the workspace; <C> and <R> are the numbers of worker and round, from 1" },
    outputFormat = { type = "enum", values = { "TEXT", "TEXT_US", "BIN_BE", "BIN_LE" }, default = "TEXT",
      doc = "a line per run in whole ms or us, or 32-bit numbers: how many, and ms" },
    times = { type = "enum", values = { "intended", "sent" }, default = "intended",
      doc = "when runs were due, or when each sent its first transaction, which each worker knows of its own runs alone" },
    logEnd = { type = "boolean", default = false, doc = "tell where it was written to" },
  },
}

-- The controller inside, for whoever checks it before a run.
function M.parts(options)
  return { options.rateController }
end

function M:init(ctx)
  local o = self.options
  self._inner, self._inner_ctx = ctx:nested(o.rateController, { number = ctx.round.number, duration = ctx.round.duration })
  self.schedule, self.random_access, self.window = self._inner.schedule, self._inner.random_access, self._inner.window
  self._path = o.pathTemplate:gsub("<[cC]>", ctx.worker + 1):gsub("<[rR]>", ctx.round.index)
  if self._path:sub(1, 1) ~= "/" then
    self._path = ctx.workspace .. "/" .. self._path
  end
  local own = o.pathTemplate:lower():find("<c>", 1, true) ~= nil
  if not own and self.schedule == "worker" and ctx.workers > 1 then
    error(("record-rate: %s is a schedule of each worker: pathTemplate needs <C>"):format(o.rateController.type), 0)
  end
  self._sent = o.times == "sent"
  if not own and self._sent and ctx.workers > 1 then
    error("record-rate: each worker knows its own sent times alone: pathTemplate needs <C>", 0)
  end
  -- All are recorded by one worker, which then has to ask for all.
  self._all = not own and self.schedule ~= "worker" and not self._sent
  self.random_access = self.random_access and not self._all
  self._records = (not self._all or ctx.worker == 0) and {} or nil
end

function M:run(ctx, index, stats, now)
  if self._sent and not self._tracing then
    self._tracing = true
    ctx:trace()
  end
  local due, again = self._inner:run(self._inner_ctx, index, stats, now)
  local mine = self._all or self.schedule == "worker" or index % ctx.workers == ctx.worker
  if due and self._records and mine and not self._sent and due < (ctx.round.duration or math.huge) * 1e9 then
    self._records[#self._records + 1] = due
  end
  return due, again
end

local function rounded(due, unit)
  return math.floor(due / unit + 0.5)
end

local function bytes(n)
  return math.floor(n / 2 ^ 24) % 256, math.floor(n / 2 ^ 16) % 256, math.floor(n / 256) % 256, n % 256
end

local function binary(records, big)
  local out = {}
  local function put(n)
    local word = string.char(bytes(n))
    out[#out + 1] = big and word or word:reverse()
  end
  put(#records)
  for _, due in ipairs(records) do
    put(rounded(due, MS))
  end
  return table.concat(out)
end

local function text(records, unit)
  local out = {}
  for i, due in ipairs(records) do
    out[i] = ("%.0f\n"):format(rounded(due, unit))
  end
  return table.concat(out)
end

local FORMATS = {
  TEXT = function(records) return text(records, MS) end,
  TEXT_US = function(records) return text(records, US) end,
  BIN_BE = function(records) return binary(records, true) end,
  BIN_LE = function(records) return binary(records, false) end,
}

function M:finish(ctx)
  ctx:close(self._inner, self._inner_ctx)
  if not self._records then
    return
  end
  if self._tracing then
    local times, message = ctx:sent_times()
    self._records = times or error("record-rate: " .. message, 0)
  end
  table.sort(self._records)
  local f, message = io.open(self._path, "wb")
  if not f then
    error("record-rate: " .. message, 0)
  end
  local ok, why = f:write(FORMATS[self.options.outputFormat](self._records))
  local closed, closing = f:close()
  if not ok or not closed then
    error(("record-rate: %s: %s"):format(self._path, tostring(why or closing)), 0)
  end
  if self.options.logEnd then
    ctx.log(("record-rate: %d due times are in %s"):format(#self._records, self._path))
  end
end

return M
