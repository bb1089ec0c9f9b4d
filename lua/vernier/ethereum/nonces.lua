-- The nonces of one account: counted here, in the order of sending, from what the node says to begin with.
--
-- A transaction that the node refuses leaves its nonce to the next one; where others with higher nonces have gone out already,
-- that gap is filled by the next transaction, or by one to the account itself when none comes. Where it is not known what became
-- of a nonce (a lost connection, "nonce too low", a transaction that never was mined) the account waits until none of its sends
-- is open, and asks the node again.
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

local Nonces = {}
Nonces.__index = Nonces

-- address: of the account; endpoint: of the one node that knows it (vernier.json_rpc); fill(nonce), optional: sends a transaction
-- that does nothing, from a task; method, params, optional: the question for the count of another kind of nonces. Nothing is
-- asked before the first take.
function M.new(address, endpoint, fill, method, params)
  return setmetatable({ address = address, _endpoint = endpoint, _method = method or "eth_getTransactionCount",
    _params = params or ('["%s","pending"]'):format(address), _fill = fill, _next = 0, _gaps = {}, _open = 0,
    _stale = true }, Nonces)
end

local function ask(self)
  local answer, failure = self._endpoint:call(self._method, self._params)
  if answer == nil then
    return nil, failure
  end
  local count, message = quantity.number(answer)
  return count, not count and rpc.failure("protocol", message) or nil
end

local fill_gaps

-- The node's count, from which it goes on.
local function begin_at(self, count)
  local first, gaps = self._reserved, {}
  self._stale, self._gaps = false, gaps
  if not first or count >= self._next then
    self._next, self._reserved = count, nil
    return
  end
  self._reserved = math.max(first, count)
  for nonce = count, first - 1 do
    gaps[#gaps + 1] = nonce
  end
  if gaps[1] then
    scheduler.spawn(fill_gaps, self) -- what is reserved does not fill them
  end
end

local function asked_anew(self)
  self._asking = true
  while self._open > 0 do
    scheduler.wait_key(self._gaps, scheduler.now() + WAIT_NS)
  end
  local count, failure = ask(self)
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

-- The nonce for a transaction that is sent at once, without a wait in between; or nil and a failure {class, message}. What
-- becomes of it has to be told by `settled`.
function Nonces:take()
  local failure = self._stale and self:refresh()
  if failure then
    return nil, failure
  end
  self._open = self._open + 1
  local gaps = self._gaps
  if gaps[1] then
    return table.remove(gaps, 1)
  end
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

-- A reserved one is sent at once; what becomes of it has to be told by `settled`. Nil; or a failure where it cannot be sent.
function Nonces:redeem(nonce)
  local failure = self._stale and self:refresh()
  if failure then
    pass(self, nonce)
    return failure
  elseif not self._reserved or nonce < self._reserved then
    return rpc.failure("nonce", ("nonce too low: it was signed with %.0f, which has been used since"):format(nonce))
  end
  pass(self, nonce)
  self._open = self._open + 1
end

-- What is reserved will not be sent: its nonces are free again.
function Nonces:release()
  if self._reserved then
    self._reserved, self._stale = nil, true
  end
end

function fill_gaps(self)
  self._filling = false
  while self._gaps[1] and not self._stale and self._fill do
    self._open = self._open + 1
    if not self._fill(table.remove(self._gaps, 1)) then
      self._stale = true -- there is nothing more to be done by ourselves
    end
  end
end

local function add_gap(self, nonce)
  if nonce == self._next - 1 then
    self._next = nonce
    return
  end
  local gaps = self._gaps
  gaps[#gaps + 1] = nonce
  table.sort(gaps)
  if not self._filling and self._fill then
    self._filling = true
    scheduler.at(scheduler.now() + FILL_NS, function()
      scheduler.spawn(fill_gaps, self)
    end)
  end
end

-- class: nil where the node has taken the transaction, else that of vernier.ethereum.failure.
function Nonces:settled(nonce, class)
  self._open = self._open - 1
  if class and failures.is_untaken(class) then
    add_gap(self, nonce)
  elseif class then
    self._stale = true
  end
  if self._open == 0 and self._asking then
    scheduler.wake_key(self._gaps)
  end
end

-- What the node has may be other than what was counted.
function Nonces:doubt()
  self._stale = true
end

return M
