-- Shows how a run goes: on a terminal one updating block per round, else plain lines at an interval.
local format = require("vernier.format")
local histogram = require("vernier.core.histogram")
local json = require("vernier.json")
local process = require("vernier.core.process")
local scheduler = require("vernier.scheduler")

local M = {
  where = "manager",
  options = {
    interval = { type = "number", default = 5000, min = 1, unit = "ms", doc = "between two lines where there is no terminal" },
    enabled = { type = "boolean", default = true, doc = "false: only warnings and errors" },
    terminal = { type = "boolean", doc = "whether to draw an updating block; found out by default" },
  },
}

local SECOND = 1e9
local REDRAW_NS = 250e6
local BAR = 24
local LEVELS = { warning = "warning: ", error = "error: ", info = "" }
local STALE = 3 -- an interval is no longer news after so many times its length

-- Texts of others must not steer the terminal; messages may have several lines.
local function harmless(text)
  return (json.utf8(tostring(text)):gsub("[^%C\n\t]+", " "):gsub("\194[\128-\159]", " "))
end

local function plain(text)
  return (harmless(text):gsub("[\n\t]+", " "))
end

function M:init(manager)
  local terminal = self.options.terminal
  if terminal == nil then
    terminal = process.is_terminal(2)
  end
  self._terminal = terminal and self.options.enabled
  self._drawn = 0 -- lines of the block
  self._cells = 0 -- that have begun
  self._shown = {} -- the rounds and other tests that run now, in the order of their start
  if self.options.enabled then
    self:_line(("run %s with %d worker%s"):format(manager.run.dir, manager.n_workers, manager.n_workers == 1 and "" or "s"))
  end
end

-- ---- writing ----

function M:_erase()
  if self._drawn > 0 then
    io.stderr:write("\r\27[K", ("\27[A\27[K"):rep(self._drawn - 1))
    self._drawn = 0
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
    self:_line("vernier: " .. (LEVELS[level] or "") .. harmless(text))
  end
end

-- ---- a round, or another test ----

local Shown = {}
Shown.__index = Shown

function M:_find(test)
  for i, shown in ipairs(self._shown) do
    if shown.test == test then
      return shown, i
    end
  end
end

function M:round_start(_, round, at_ns, test, place)
  self._shown[#self._shown + 1] = setmetatable({
    round = round, test = test, at_ns = at_ns, latest = {}, p99 = histogram.new(3),
    count = { submitted = 0, ok = 0, failed = 0, unfinished = 0, dropped = 0, runs = 0 },
    label = ("[%s]%s"):format(plain(round.label), place and " " .. place or ""),
  }, Shown)
  if self.options.enabled and not self._timer then
    self:_schedule()
  end
end

function M:run(_, record)
  local shown = self:_find(record.test)
  if shown then
    shown:add(record)
  end
end

-- Counts the interval, and keeps what the next figures say: the last interval of each worker and load.
function Shown:add(record)
  local c = self.count
  local before, encoded = c.ok + c.failed, {}
  c.runs = c.runs + record.runs
  c.dropped = c.dropped + record.dropped
  for _, op in ipairs(record.ops) do
    c.submitted = c.submitted + op.submitted
    c.ok = c.ok + op.ok
    c.failed = c.failed + op.failed
    c.unfinished = c.unfinished + op.unfinished
    encoded[#encoded + 1] = op.h and op.h.response
  end
  local length_ns = (record.to_us - record.from_us) * 1e3
  if length_ns > 0 then
    self.latest[record.worker .. "/" .. record.load] = { length_ns = length_ns, encoded = encoded,
      finished = c.ok + c.failed - before, until_ns = scheduler.now() + STALE * length_ns }
  end
end

function Shown:share_done(elapsed)
  local round = self.round
  if round.duration then
    return math.min(1, elapsed / round.duration)
  end
  return round.number and round.number > 0 and math.min(1, self.count.runs / round.number) or 0
end

-- Rate and p99 of the last intervals, and how many are in flight.
function Shown:figures(now)
  local rate, c = 0, self.count
  self.p99:reset()
  for _, latest in pairs(self.latest) do
    if now < latest.until_ns then
      rate = rate + latest.finished / (latest.length_ns / SECOND)
      for _, text in ipairs(latest.encoded) do
        self.p99:decode_add(text)
      end
    end
  end
  local p99 = self.p99:count() > 0 and format.duration(self.p99:percentile(99)) or "-"
  return rate, c.submitted - c.ok - c.failed - c.unfinished, p99
end

function Shown:plain(now)
  local c = self.count
  local rate, flying, p99 = self:figures(now)
  return ("%s %5.1f s  submitted %d  ok %d  failed %d  in flight %d  %.1f tx/s  p99 %s"):format(self.label,
    (now - self.at_ns) / SECOND, c.submitted, c.ok, c.failed, flying, rate, p99)
end

function Shown:block(now)
  local c = self.count
  local rate, flying, p99 = self:figures(now)
  local done = self:share_done((now - self.at_ns) / SECOND)
  local filled = math.floor(done * BAR + 0.5)
  return ("%s [%s%s] %3.0f %%  %.0f tx/s  ok %d  failed %d  in flight %d  p99 %s"):format(self.label,
    ("█"):rep(filled), ("·"):rep(BAR - filled), done * 100, rate, c.ok, c.failed, flying, p99)
end

function M:_show(now)
  local lines = {}
  for _, shown in ipairs(self._shown) do
    if now > shown.at_ns then
      lines[#lines + 1] = self._terminal and shown:block(now) or shown:plain(now)
    end
  end
  if #lines == 0 then
    return
  end
  self:_erase()
  io.stderr:write(table.concat(lines, "\n"), self._terminal and "" or "\n")
  io.stderr:flush()
  self._drawn = self._terminal and #lines or 0
end

function M:_schedule()
  local step = self._terminal and REDRAW_NS or self.options.interval * 1e6
  self._timer = scheduler.at(scheduler.now() + step, function()
    self:_show(scheduler.now())
    self:_schedule()
  end)
end

function M:_forget(test)
  local shown, i = self:_find(test)
  if shown then
    table.remove(self._shown, i)
  end
  if #self._shown == 0 and self._timer then
    scheduler.forget(self._timer)
    self._timer = nil
  end
  return shown
end

-- Why it has failed is told with its stage.
function M:round_end(_, _, status, _, test)
  local shown = self:_forget(test)
  if self.options.enabled and shown then
    local c = shown.count
    local verdict = status == "ok" and "finished" or status
    self:_line(("%s %s in %.1f s: submitted %d, ok %d, failed %d, unfinished %d"):format(shown.label, verdict,
      math.max(0, scheduler.now() - shown.at_ns) / SECOND, c.submitted, c.ok, c.failed, c.unfinished))
  end
end

-- Where several cells run, each begins with a line of its own.
function M:cell_start(manager, cell)
  if self.options.enabled and manager.n_cells > 1 then
    self._cells = self._cells + 1
    self:_line(("cell %d of %d: %s"):format(self._cells, manager.n_missing, plain(cell.label)))
  end
end

return M
