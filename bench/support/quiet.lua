-- Whether the cores are this machine's alone, as far as they tell: see neighbours.c. A turn counts if they were so before
-- and after it; otherwise it is made again, while there is patience left. What cannot be had is said below the table.
local compile = require("support.compile")
local work = require("support.work")

local M = { turns = 0, quiet = 0 } -- so far

local NEAR = 1.15 -- times the least that has been seen
local FIRST_LOOKS, LOOK_EACH_S = 20, 0.1
local TRIES, WAIT_S = 3, 10 -- for each turn
local patience_s = 1200 -- for all: what waits and repeated turns may take

local program, least

-- ns per step of the slowest core.
local function look()
  local slowest = 0
  for text in work.output("timeout 10 " .. work.quote(program)):gmatch("%S+") do
    local ns = tonumber(text)
    least, slowest = math.min(least, ns), math.max(slowest, ns)
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
  local until_s = os.time() + math.min(WAIT_S, patience_s)
  local from = os.time()
  while not is_quiet() do
    if os.time() >= until_s then
      patience_s = patience_s - (os.time() - from)
      return false
    end
    work.sleep(LOOK_EACH_S)
  end
  patience_s = patience_s - (os.time() - from)
  return true
end

-- What run() gives.
function M.turn(run)
  if not program then
    prepare()
  end
  M.turns = M.turns + 1
  for try = 1, TRIES do
    local before, from = await(), os.time()
    local result = run()
    if before and is_quiet() then
      M.quiet = M.quiet + 1
      return result
    elseif try == TRIES or patience_s <= 0 then
      return result
    end
    patience_s = patience_s - (os.time() - from)
  end
end

return M
