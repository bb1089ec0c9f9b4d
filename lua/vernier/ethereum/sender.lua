-- Sends transactions of one account, with its key or by a node that holds it, and waits for them.
--
-- What all senders of a process have in common is a chain: {node, fees, confirmation, waits = false: accepted is enough}.
-- Results are the entries of vernier.ethereum.confirmation: {hash, accepted_ns, and once mined blockNumber, gasUsed, status,
-- contractAddress, included_ns, confirmed_ns}.
local failures = require("vernier.ethereum.failure")
local nonces = require("vernier.ethereum.nonces")
local quantity = require("vernier.ethereum.quantity")
local redact = require("vernier.config.redact")
local scheduler = require("vernier.scheduler")
local transaction = require("vernier.ethereum.transaction")

local M = {}

local TRANSFER_GAS = 21000

local Sender = {}
Sender.__index = Sender

local send_raw

-- account: {address, key}, or {address} of one that the node holds; endpoint: the node that it uses.
function M.new(chain, account, endpoint)
  local self = setmetatable({ address = account.address, endpoint = endpoint, _chain = chain, _account = account }, Sender)
  if account.key then
    self._nonces = nonces.new(account.address, endpoint, function(nonce)
      return (send_raw(self, nonce, account.address, nil, 0, TRANSFER_GAS))
    end)
  end
  return self
end

local function refused(failure)
  return nil, redact.text(tostring(failure)), failures.class(failure)
end

-- The signed transaction "0x…" and its hash.
local function sign(self, nonce, to, data, value, gas)
  local fields = self._chain.fees.fields
  fields.nonce, fields.to, fields.data, fields.value, fields.gas = nonce, to, data, value, gas
  return transaction.sign(fields, self._account)
end

-- The entry; or nil, message, class. The nonce is settled in any case.
local function submit(self, nonce, raw, hash, tx)
  local chain = self._chain
  local waiting = chain.confirmation
  local entry = chain.waits and waiting:expect(hash) or { hash = hash }
  local answer, failure = self.endpoint:call("eth_sendRawTransaction", '["' .. raw .. '"]', nil, tx)
  if answer == nil then
    self._nonces:settled(nonce, failures.class(failure))
    if chain.waits then
      waiting:forget(entry)
    end
    return refused(failure)
  end
  self._nonces:settled(nonce)
  return entry
end

function send_raw(self, nonce, to, data, value, gas, tx)
  local raw, hash = sign(self, nonce, to, data, value, gas)
  return submit(self, nonce, raw, hash, tx)
end

-- The node signs: the hash is known when it has answered, and the transaction may be in a block by then.
local function send_by_node(self, to, data, value, gas, tx)
  local chain = self._chain
  local params = { from = self.address, to = to, data = type(data) == "table" and data:hex() or data, gas = quantity.encode(gas) }
  params.value = value and quantity.encode(value) or nil
  params.gasPrice = chain.fees.kind == "legacy" and quantity.encode(chain.fees.fields.gasPrice) or nil
  local hash, failure = self.endpoint:call("eth_sendTransaction", { params }, nil, tx)
  if hash == nil then
    return refused(failure)
  elseif not chain.waits then
    return { hash = hash }
  end
  local entry = chain.confirmation:expect(hash)
  chain.confirmation:look_up(entry)
  return entry
end

-- Why a transaction has not been confirmed in time: message, class.
local function post_mortem(self, entry)
  local found = self.endpoint:call("eth_getTransactionByHash", '["' .. entry.hash .. '"]')
  if self._nonces then
    self._nonces:doubt()
  end
  if found == nil then
    return "not confirmed in time, and the node does not answer", "timeout"
  elseif type(found) ~= "table" then
    return "dropped: the node does not know the transaction any more, or another took its nonce", "dropped"
  elseif entry.blockNumber then
    return ("in block %.0f, but not deep enough in time"):format(entry.blockNumber), "timeout"
  end
  return "not mined in time", "timeout"
end

-- Waits until nothing has to be asked before the next transaction can be signed: send does not wait then before it has read what
-- it was given. True; or nil, message, class.
function Sender:ready()
  local failure = self._nonces and self._nonces:refresh()
  if failure then
    return refused(failure)
  end
  return true
end

-- Of a transaction that is measured, where it has come so far.
local function mark(tx, name, at_ns)
  if tx and at_ns then
    tx:mark(name, at_ns)
  end
end

-- The result of what was submitted, once it is confirmed where that is wanted; of what was not: nil, message, class.
local function await(self, tx, entry, message, class)
  if not entry then
    return nil, message, class
  end
  entry.accepted_ns = tx and tx.finished_ns or scheduler.now()
  mark(tx, "accepted", entry.accepted_ns)
  if not self._chain.waits then
    return entry
  end
  local confirmed = self._chain.confirmation:await(entry)
  mark(tx, "included", entry.included_ns)
  if not confirmed then
    return nil, post_mortem(self, entry)
  elseif tx then
    tx.finished_ns = entry.confirmed_ns
  end
  return entry
end

-- to: an address, nil where a contract is created; data: "0x…", a buffer of vernier.core.bytes or nil; value: nil or an integer
-- as transactions have them; gas: its limit; tx: whose stamps are set, or nil. The result where it was mined, be it reverted; or
-- nil, message, class.
function Sender:send(to, data, value, gas, tx)
  local entry, message, class
  if self._nonces then
    local nonce, failure = self._nonces:take()
    if not nonce then
      return refused(failure)
    end
    entry, message, class = send_raw(self, nonce, to, data, value, gas, tx)
  else
    entry, message, class = send_by_node(self, to, data, value, gas, tx)
  end
  return await(self, tx, entry, message, class)
end

-- Signs a transaction that is sent later, with the fees of now; arguments as of send. Its nonce, the transaction "0x…" and its
-- hash; or nil, message, class.
function Sender:sign(to, data, value, gas)
  if not self._nonces then
    return nil, ("the node holds the key of %s, and signs when it sends: give a private key or a seed"):format(self.address),
      "unsupported"
  end
  local nonce, failure = self._nonces:reserve()
  if not nonce then
    return refused(failure)
  end
  return nonce, sign(self, nonce, to, data, value, gas)
end

-- Sends what sign gave, in the order in which it gave it; else as send.
function Sender:send_signed(nonce, raw, hash, tx)
  local failure = self._nonces:redeem(nonce)
  if failure then
    return refused(failure)
  end
  return await(self, tx, submit(self, nonce, raw, hash, tx))
end

-- What was signed and not sent will not be.
function Sender:discard()
  if self._nonces then
    self._nonces:release()
  end
end

-- What a call of this kind needs, and a thousand more; or nil, failure.
function Sender:estimate(to, data, value)
  local params = { from = self.address, to = to, data = data, value = value and quantity.encode(value) or nil }
  local answer, failure = self.endpoint:call("eth_estimateGas", { params })
  if answer == nil then
    return nil, failure
  end
  return tonumber(answer) + 1000
end

return M
