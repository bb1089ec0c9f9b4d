-- Whether the cores are this machine's alone, as far as they tell: see neighbours.c. A turn counts if they were so before
-- and after it; otherwise it is made again, while there is patience left. What cannot be had is said below the table.
local compile = require("support.compile")
local work = require("support.work")

local M = { turns = 0, quiet = 0 } -- so far

local NEAR = 1.15 -- times the least that has been seen
local FIRST_LOOKS, LOOK_EACH_S = 20, 0.1
local TRIES, WAIT_S = 3, 10 -- for each turn
local FIRST_S, SHARE = 10, 1 / 3 -- what waits and repeated turns may take: so long, and a share of what turns take

local program, least
local patience_s = FIRST_S

-- ns per step of the slowest core.
local function look()
  local slowest = 0
  for text in work.output("timeout 10 " .. work.quote(program)):gmatch("%S+") do
    local ns = tonumber(text)
    least, slowest = math.min(least, ns), math.max(slowest, ns)
  end
  if slowest == 0 then
    error("the cores could not be timed (support/neighbours.c)", 0)
  end
  return slowest
end

local function is_quiet()
  return look() <= NEAR * least
end

local function prepare()
  program, least = compile("neighbours"), math.huge
  for _ = 1, FIRST_LOOKS do
    look()
    work.sleep(LOOK_EACH_S)
  end
end

local function await()
  local from = os.time()
  local quiet = is_quiet()
  while not quiet and os.time() - from < math.min(WAIT_S, patience_s) do
    work.sleep(LOOK_EACH_S)
    quiet = is_quiet()
  end
  patience_s = patience_s - (os.time() - from)
  return quiet
end

-- What run() gives. Only of what is timed: a turn that is made again is forgotten, and with it what it found.
function M.turn(run)
  if not program then
    prepare()
  end
  M.turns = M.turns + 1
  for try = 1, TRIES do
    local before, from = await(), os.time()
    local result = run()
    local took_s = os.time() - from
    if try == 1 then
      patience_s = patience_s + SHARE * took_s
    end
    if before and is_quiet() then
      M.quiet = M.quiet + 1
      return result
    elseif try == TRIES or patience_s < took_s then
      return result
    end
    patience_s = patience_s - took_s
  end
end

return M
