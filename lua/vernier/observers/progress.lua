-- Shows how a run goes: on a terminal one updating block per round, else plain lines at an interval.
local process = require("vernier.core.process")
local scheduler = require("vernier.scheduler")

local M = {
  where = "manager",
  options = {
    interval = { type = "number", default = 5000, min = 100, unit = "ms", doc = "between two lines where there is no terminal" },
    enabled = { type = "boolean", default = true, doc = "false: only warnings and errors" },
    terminal = { type = "boolean", doc = "whether to draw an updating block; found out by default" },
  },
}

local SECOND = 1e9
local REDRAW_NS = 250e6
local BAR = 24
local LEVELS = { warning = "warning: ", error = "error: ", info = "" }

function M:init(manager)
  local terminal = self.options.terminal
  if terminal == nil then
    terminal = process.is_terminal(2)
  end
  self._terminal = terminal and self.options.enabled
  self._started_ns = scheduler.now()
  if self.options.enabled then
    self:_line(("run %s with %d worker%s"):format(manager.run.dir, manager.n_workers, manager.n_workers == 1 and "" or "s"))
  end
end

-- ---- writing ----

function M:_erase()
  if self._drawn then
    io.stderr:write("\r\27[K")
    self._drawn = false
  end
end

function M:_line(text)
  self:_erase()
  io.stderr:write(text, "\n")
end

function M:message(_, level, text)
  if level == "round" then
    return
  end
  if LEVELS[level] ~= "" or self.options.enabled then
    self:_line("vernier: " .. (LEVELS[level] or "") .. text)
  end
end

-- ---- a round ----

function M:round_start(manager, round, at_ns)
  self._round, self._at_ns = round, at_ns
  self._count = { submitted = 0, ok = 0, failed = 0, unfinished = 0, dropped = 0, runs = 0 }
  self._previous, self._previous_ns = 0, at_ns
  self._label = ("[%s] %d/%d"):format(round.label, manager.entry.index, #manager.benchmark.rounds)
  self._p99 = require("vernier.core.histogram").new(3)
  if self.options.enabled then
    self:_schedule()
  end
end

function M:run(_, record)
  local c = self._count
  if not c then
    return
  end
  c.runs = c.runs + record.runs
  c.dropped = c.dropped + record.dropped
  for _, op in ipairs(record.ops) do
    c.submitted = c.submitted + op.submitted
    c.ok = c.ok + op.ok
    c.failed = c.failed + op.failed
    c.unfinished = c.unfinished + op.unfinished
    local encoded = op.h and op.h.response
    if encoded then
      self._p99:decode_add(encoded)
    end
  end
end

local function share_done(self, elapsed)
  local round = self._round
  if round.duration then
    return math.min(1, elapsed / round.duration)
  end
  return round.number and round.number > 0 and math.min(1, self._count.runs / round.number) or 0
end

local function duration_text(ns)
  if ns < 1e3 then
    return ("%.0f ns"):format(ns)
  elseif ns < 1e6 then
    return ("%.3g us"):format(ns / 1e3)
  elseif ns < 1e9 then
    return ("%.3g ms"):format(ns / 1e6)
  end
  return ("%.3g s"):format(ns / 1e9)
end

function M:_figures(now)
  local c = self._count
  local finished = c.ok + c.failed
  local rate = (finished - self._previous) / math.max(1e-9, (now - self._previous_ns) / SECOND)
  local p99 = self._p99:count() > 0 and duration_text(self._p99:percentile(99)) or "-"
  return rate, c.submitted - finished - c.unfinished, p99
end

function M:_plain(now)
  local c = self._count
  local rate, flying, p99 = self:_figures(now)
  self:_line(("%s %5.1f s  submitted %d  ok %d  failed %d  in flight %d  %.1f tx/s  p99 %s"):format(self._label,
    (now - self._at_ns) / SECOND, c.submitted, c.ok, c.failed, flying, rate, p99))
end

function M:_block(now)
  local c = self._count
  local rate, flying, p99 = self:_figures(now)
  local done = share_done(self, (now - self._at_ns) / SECOND)
  local filled = math.floor(done * BAR + 0.5)
  local text = ("%s [%s%s] %3.0f %%  %.0f tx/s  ok %d  failed %d  in flight %d  p99 %s"):format(self._label,
    ("█"):rep(filled), ("·"):rep(BAR - filled), done * 100, rate, c.ok, c.failed, flying, p99)
  self:_erase()
  io.stderr:write(text)
  io.stderr:flush()
  self._drawn = true
end

function M:_schedule()
  local step = self._terminal and REDRAW_NS or self.options.interval * 1e6
  self._timer = scheduler.at(scheduler.now() + step, function()
    local now = scheduler.now()
    if now > self._at_ns then
      if self._terminal then
        self:_block(now)
      else
        self:_plain(now)
      end
      if now - self._previous_ns > SECOND then
        self._previous, self._previous_ns = self._count.ok + self._count.failed, now
        self._p99:reset()
      end
    end
    self:_schedule()
  end)
end

function M:round_end(_, round, status, reasons)
  if self._timer then
    scheduler.forget(self._timer)
    self._timer = nil
  end
  local c = self._count
  if self.options.enabled and c then
    local verdict = status == "ok" and "finished" or status
    self:_line(("%s %s in %.1f s: submitted %d, ok %d, failed %d, unfinished %d"):format(self._label or round.label, verdict,
      (scheduler.now() - self._at_ns) / SECOND, c.submitted, c.ok, c.failed, c.unfinished))
  end
  for _, reason in ipairs(reasons) do
    self:_line(("vernier: round %s failed: %s"):format(round.label, reason))
  end
  self._count = nil
end

return M
