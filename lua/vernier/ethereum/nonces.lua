-- The nonces of one account: counted here, in the order of sending, from what the node says to begin with.
--
-- A transaction that the node refuses leaves its nonce to the next one; where others with higher nonces have gone out already,
-- that gap is filled by the next transaction, or by one to the account itself when none comes. Where it is not known what became
-- of a nonce (a lost connection, "nonce too low", a transaction that never was mined) the account waits until none of its sends
-- is open, and asks the node again.
--
-- Model: each nonce below the first unsent one was taken by the node, but for gaps, doubtful ones and those of open sends: what
-- it holds needs no memory here. A count is the first nonce that the node lacks. What it holds behind that is in no count, and is
-- not given out again; what is doubtful behind that waits for the next count. Where the node lacks what it had taken (it was
-- started anew, or dropped it) that nonce is free; when it lacks the next one, too, twice as many are free, and so on. Of
-- doubtful ones in a row, the node lacks all if it lacks the first: over one connection they come in their order.
--
-- Nonces may be reserved for transactions that are signed long before they are sent. They keep theirs: what the node turns out
-- to lack below the first that is still to be sent is a gap, and one that others have used meanwhile is void.
local failures = require("vernier.ethereum.failure")
local quantity = require("vernier.ethereum.quantity")
local rpc = require("vernier.json_rpc.message")
local scheduler = require("vernier.scheduler")

local M = {}

local FILL_NS = 0.5e9 -- a gap that nothing has filled by then is filled on purpose
local WAIT_NS = 60e9 -- no send is open longer than the client's timeout; this is for what should not be
local LAG_NS = 0.1e9 -- within which a node counts what it has just taken
local MAX_LOST = 1024 -- nonces that are free in one step

local Nonces = {}
Nonces.__index = Nonces

-- address: of the account; endpoint: of the one node that knows it (vernier.json_rpc); fill(nonce), optional: sends a transaction
-- that does nothing, from a task; method, params, optional: the question for the count of another kind of nonces. Nothing is
-- asked before the first take.
function M.new(address, endpoint, fill, method, params)
  return setmetatable({ address = address, _endpoint = endpoint, _method = method or "eth_getTransactionCount",
    _params = params or ('["%s","pending"]'):format(address), _fill = fill,
    _next = 0, -- behind all that were given out
    _reserved = nil, -- the first that is reserved and not sent, if there is one
    _gaps = {}, -- free ones, sorted
    _doubtful = {}, -- those of which nobody knows, as a set
    _n_lost = 0, _lost_to = -1, -- so many were set free last because the node lost them, up to there
    _open = 0, -- sends
    _stale = true, -- the node has to be asked
    _again = false, -- and so it has to be when the gaps are filled
  }, Nonces)
end

local function ask(self)
  local answer, failure = self._endpoint:call(self._method, self._params)
  if answer == nil then
    return nil, failure
  end
  local count, message = quantity.number(answer)
  return count, not count and rpc.failure("protocol", message) or nil
end

-- The first that was not sent.
local function unsent(self)
  return self._reserved or self._next
end

-- Those below the first unsent one that the node may lack, as a set.
local function lacking(self)
  local set = {}
  for nonce in pairs(self._doubtful) do
    set[nonce] = true
  end
  for _, nonce in ipairs(self._gaps) do
    set[nonce] = true
  end
  return set
end

-- Whether the node lacks what it had taken.
local function has_lost(self, count)
  return count < unsent(self) and not lacking(self)[count]
end

-- The end of what the node lost from the count on, as far as one dares to say.
local function end_of_lost(self, count)
  local n = count == self._lost_to and math.min(2 * self._n_lost, MAX_LOST) or 1
  self._n_lost, self._lost_to = n, math.min(count + n, unsent(self))
  return self._lost_to
end

-- The first from the count on that the node does not lack.
local function end_of_lack(self, count)
  if has_lost(self, count) then
    self._again = true
    return end_of_lost(self, count)
  end
  local last, set = count, lacking(self)
  while set[last] do
    last = last + 1
  end
  self._again = false
  return last
end

-- Free are those from the first to the last (exclusive), and what was known to be free behind them.
local function set_gaps(self, first, last)
  local gaps = {}
  for nonce = first, last - 1 do
    gaps[#gaps + 1] = nonce
  end
  for _, nonce in ipairs(self._gaps) do
    if nonce >= last then
      gaps[#gaps + 1] = nonce
    end
  end
  self._gaps = gaps
  for nonce in pairs(self._doubtful) do
    if nonce < last then
      self._doubtful[nonce] = nil
    end
  end
end

local fill_gaps

-- The node's count, from which it goes on.
local function begin_at(self, count)
  local top, last = unsent(self), end_of_lack(self, count)
  set_gaps(self, count, last)
  self._stale = false
  if last < top then
    self._again = self._again or next(self._doubtful) ~= nil
  elseif self._reserved and count < self._next then
    self._reserved, self._again = last, false
  else -- nothing that was given out is behind the count
    self._next, self._reserved, self._gaps, self._again = count, nil, {}, false
  end
  if self._reserved and self._gaps[1] then
    scheduler.spawn(fill_gaps, self) -- what is reserved does not fill them
  end
end

local function asked_anew(self)
  self._asking = true
  while self._open > 0 do
    scheduler.wait_key(self._gaps, scheduler.now() + WAIT_NS)
  end
  local count, failure = ask(self)
  if count and has_lost(self, count) then
    scheduler.sleep(LAG_NS)
    count, failure = ask(self)
  end
  if count then
    begin_at(self, count)
  end
  self._asking = false
  scheduler.wake_key(self, failure or false)
  return failure
end

-- Waits where the node has to be asked. Nil; or a failure.
function Nonces:refresh()
  while self._stale do
    local failure
    if self._asking then
      failure = scheduler.wait_key(self, scheduler.now() + WAIT_NS)
    else
      failure = asked_anew(self)
    end
    if failure then
      return failure
    end
  end
end

local function fill_later(self)
  if not self._fill or self._filling or self._is_due then
    return
  end
  self._is_due = true
  scheduler.at(scheduler.now() + FILL_NS, function()
    self._is_due = false
    scheduler.spawn(fill_gaps, self)
  end)
end

local function take_gap(self)
  local nonce = table.remove(self._gaps, 1)
  self._open = self._open + 1
  if self._again and not self._gaps[1] then
    self._stale = true
    fill_later(self)
  end
  return nonce
end

-- The nonce for a transaction that is sent at once, without a wait in between; or nil and a failure {class, message}. What
-- becomes of it has to be told by `settled`.
function Nonces:take()
  local failure = self._stale and self:refresh()
  if failure then
    return nil, failure
  elseif self._gaps[1] then
    return take_gap(self)
  end
  self._open = self._open + 1
  local nonce = self._next
  self._next = nonce + 1
  return nonce
end

-- The nonce for a transaction that is signed now and sent later: in the order of these nonces, and before any that is taken. Or
-- nil and a failure.
function Nonces:reserve()
  local failure = self._stale and self:refresh()
  if failure then
    return nil, failure
  end
  local nonce = self._next
  self._next, self._reserved = nonce + 1, self._reserved or nonce
  return nonce
end

local function pass(self, nonce)
  self._reserved = nonce + 1 < self._next and nonce + 1 or nil
end

local function add_gap(self, nonce)
  if nonce == self._next - 1 then
    self._next = nonce
    return
  end
  local gaps = self._gaps
  gaps[#gaps + 1] = nonce
  table.sort(gaps)
end

-- A reserved one is sent at once; what becomes of it has to be told by `settled`. Nil; or a failure where it cannot be sent.
function Nonces:redeem(nonce)
  local failure = self._stale and self:refresh()
  local is_void = not self._reserved or nonce < self._reserved
  if is_void and not failure then
    return rpc.failure("nonce", ("nonce too low: it was signed with %.0f, which has been used since"):format(nonce))
  elseif is_void then
    return failure
  end
  pass(self, nonce)
  if failure then
    add_gap(self, nonce)
    return failure
  end
  self._open = self._open + 1
end

-- What is reserved will not be sent: its nonces are free again.
function Nonces:release()
  if self._reserved then
    self._next, self._reserved, self._stale = self._reserved, nil, true
  end
end

-- What cannot be filled, or has been and is not counted, is left: there is nothing more to be done by ourselves.
function fill_gaps(self)
  if self._filling then
    return
  end
  self._filling = true
  local filled = {}
  while (not self._stale or not self:refresh()) and self._gaps[1] and not filled[self._gaps[1]] do
    local nonce = take_gap(self)
    filled[nonce] = true
    if not self._fill(nonce) then
      self._stale = true
      break
    end
  end
  self._filling = false
end

-- class: nil where the node has taken the transaction, else that of vernier.ethereum.failure.
function Nonces:settled(nonce, class)
  self._open = self._open - 1
  if class and failures.is_untaken(class) then
    add_gap(self, nonce)
  elseif class then
    self._doubtful[nonce], self._stale = true, true
  end
  if class then
    fill_later(self)
  end
  if self._open == 0 and self._asking then
    scheduler.wake_key(self._gaps)
  end
end

-- What the node has may be other than what was counted: the next that wants a nonce asks. Nothing is filled before that: what has
-- waited behind a gap for so long is not waited for any more.
function Nonces:doubt()
  self._stale = true
end

return M
