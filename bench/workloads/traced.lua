-- Another workload, while LuaJIT's compiler is watched: the hot loop should stay compiled after the first second.
--
-- Its run hook is not touched. Once a second the worker writes an interval: what is aborted there is counted apart.
-- arguments: workload (file), result (file to write).
local cjson = require("cjson")
local clock = require("vernier.core.clock")
local util = require("jit.util")
local vmdef = require("jit.vmdef")

local M = {}

local WARM_UP_NS = 1e9
local BLACKLISTED = { IFORL = true, IITERL = true, ILOOP = true, IFUNCF = true, IFUNCV = true }
local RECORDING = { "lua/vernier/json%.lua", "lua/vernier/worker/", "lua/vernier/core/journal", "lua/vernier/core/live",
  "lua/vernier/core/link", "lua/vernier/core/histogram" }

local function bytecode(op)
  return (vmdef.bcnames:sub(op * 6 + 1, op * 6 + 6):gsub(" ", ""))
end

local function reason_of(code, detail)
  local text = vmdef.traceerr[code] or "unknown"
  if type(detail) == "function" then
    detail = util.funcinfo(detail).loc
  elseif type(detail) == "number" and text:find("bytecode", 1, true) then
    detail = bytecode(detail)
  end
  return (text:gsub("%%[sdp]", (tostring(detail):gsub("%%", "%%%%"))))
end

local function is_recording(source)
  for _, pattern in ipairs(RECORDING) do
    if source:find(pattern) then
      return true
    end
  end
  return false
end

local function new_counts()
  return { start = 0, stop = 0, abort = 0, recording = 0, aborts = {} }
end

function M:_on_abort(counts, func, pc, code, detail)
  local info = util.funcinfo(func, pc)
  local kind = is_recording(info.source or "") and "recording" or "abort"
  counts[kind] = counts[kind] + 1
  local place = ("%s: %s"):format(info.loc or "?", reason_of(code, detail))
  if kind == "abort" then
    counts.aborts[place] = (counts.aborts[place] or 0) + 1
    self._aborted[#self._aborted + 1] = self._began
  end
end

function M:_on_trace(what, func, pc, code, detail)
  local counts = clock.now() > self._hot_ns and self._hot or self._warm_up
  if what == "start" then
    self._began = { func, pc }
  end
  if what == "abort" then
    self:_on_abort(counts, func, pc, code, detail)
  elseif counts[what] then
    counts[what] = counts[what] + 1
  end
end

function M:init(ctx)
  local inner = dofile(ctx.arguments.workload)
  self.run = inner.run
  self._warm_up, self._hot, self._aborted = new_counts(), new_counts(), {}
  self._hot_ns = clock.now() + WARM_UP_NS
  self._listener = function(what, _, func, pc, code, detail)
    self:_on_trace(what, func, pc, code, detail)
  end
  if inner.init then
    inner.init(self, ctx)
  end
  jit.attach(self._listener, "trace")
end

-- The runner takes the hook that init has put on the instance.
function M:run() end

-- Loops and functions that the compiler has given up, among those where it began and failed.
local function given_up(aborted)
  local found = {}
  for _, at in ipairs(aborted) do
    for pc = math.max(at[2] - 1, 0), at[2] + 1 do
      local word = util.funcbc(at[1], pc)
      local name = word and bytecode(word % 256)
      if BLACKLISTED[name] then
        found[util.funcinfo(at[1], pc).loc .. " " .. name] = true
      end
    end
  end
  return found
end

function M:finish(ctx)
  jit.attach(self._listener)
  local file = assert(io.open(ctx.arguments.result, "w"))
  file:write(cjson.encode({ warm_up = self._warm_up, hot = self._hot, given_up = given_up(self._aborted) }))
  file:close()
end

return M
