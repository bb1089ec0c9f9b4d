-- Walks the entries of a scenario: stages one after the other, repeats as often as they say, and what follows from the
-- verdicts. Every program goes through here: rounds, scenario files and suites.
local counter = require("vernier.properties.counter")
local scope = require("vernier.scope")
local stage_runner = require("vernier.manager.stage_runner")

local M = {}
local Walk = {}
Walk.__index = Walk

-- What a list of entries answers to whoever runs it. NEXT: go on; BREAK, CONTINUE: for the innermost repeat; LEAVE: the
-- rest of the cell is skipped; EXIT: everything is, but reports and the end command.
M.NEXT, M.BREAK, M.CONTINUE, M.LEAVE, M.EXIT = "next", "break", "continue", "leave", "exit"

function Walk:_repeat(entry, loops)
  local cell = self.cell
  local values = cell and cell:scope(loops) or scope.new(loops)
  local range, message, hint = counter.range(entry["repeat"], values)
  if not range then
    self.manager:failed(entry, message .. (hint and " (" .. hint .. ")" or ""))
    return M.LEAVE
  end
  for turn = 1, range.n do
    local value = range.first + (turn - 1) * range.inc
    local signal = self:list(entry.entries, counter.inside(loops, entry["repeat"].name, value))
    if signal == M.BREAK then
      break
    elseif signal == M.LEAVE or signal == M.EXIT then
      return signal
    end
  end
  return M.NEXT
end

-- What a stage's verdict means for what follows.
local function signal_of(entry, verdict)
  if verdict == "fail" then
    return entry.goes_on and M.NEXT or M.LEAVE
  elseif verdict == "exit" or verdict == "interrupted" then
    return M.EXIT
  elseif verdict == "break" then
    return M.BREAK
  elseif verdict == "continue" then
    return M.CONTINUE
  end
  return M.NEXT
end

-- Runs one stage; gives its signal, verdict, reason and tests.
function Walk:stage(entry, loops)
  local manager = self.manager
  local verdict, reason, tests = stage_runner.run(self, entry, loops)
  if (verdict == "fail" or verdict == "exit") and not manager:excuses(self.section) then
    manager:failed(entry, reason or "failed", tests)
  end
  return signal_of(entry, verdict), verdict, reason, tests
end

-- Runs entries until one says otherwise; loops: the counters of open repeats, nil outside of any.
function Walk:list(entries, loops)
  for _, entry in ipairs(entries) do
    if self.manager:stops(self.section) then
      return M.EXIT
    end
    local signal = entry["repeat"] and self:_repeat(entry, loops or {}) or (self:stage(entry, loops or {}))
    local goes_on = signal == M.NEXT or signal == M.CONTINUE and not loops or signal ~= M.EXIT and self.survivors
    if not goes_on then
      return signal
    end
  end
  return M.NEXT
end

-- A walk through a section (init, scenario, destroy, cleanup; before, after: outside of cells): {manager, section, cell,
-- survivors}. In destroy and cleanup, stages run on those workers that live, and one that fails does not keep the others
-- from running.
function M.new(manager, section, cell)
  return setmetatable({ manager = manager, section = section, cell = cell,
    survivors = section == "destroy" or section == "cleanup" }, Walk)
end

return M
