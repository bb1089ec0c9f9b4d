-- Sends private transactions of one account to one group, and waits for them: what vernier.ethereum.sender is for public ones.
--
-- Model: eea_sendRawTransaction gives the enclave what is private, and puts a public transaction on the chain, the marker, by
-- whose hash it is found. When the marker is in a block that is deep enough, priv_getTransactionReceipt tells what became of it.
-- The account has nonces of its own in each group. Besu counts only what has succeeded and is in a block: a transaction is
-- open here until then, and after one that has failed the group is asked anew. Nor does Besu keep what comes before its turn:
-- it fails. So the next one is sent when the one before has been accepted; more at once take more accounts.
local failures = require("vernier.ethereum.failure")
local node = require("vernier.ethereum.node")
local nonces = require("vernier.ethereum.nonces")
local private_transaction = require("vernier.ethereum.private_transaction")
local quantity = require("vernier.ethereum.quantity")
local redact = require("vernier.config.redact")
local rpc = require("vernier.json_rpc.message")
local scheduler = require("vernier.scheduler")

local M = {}

local SECOND = 1e9
local GAS = 3000000 -- where no limit is given: nodes have no estimate for private calls

local Sender = {}
Sender.__index = Sender

-- account: {address, key}; endpoint: the node whose enclave has the group's privateFrom; group: of vernier.ethereum.privacy;
-- options: of the connector (gasPrice, confirmationTimeout, pollInterval).
function M.new(chain, account, endpoint, group, options)
  if not account.key then
    error(("private transactions of %s cannot be signed: give its private key, a seed or a mnemonic"):format(account.address), 0)
  end
  local fields = { chainId = chain.node.chain_id, gasPrice = options.gasPrice or 0, privateFrom = group.privateFrom,
    privateFor = group.privateFor, privacyGroupId = group.privacyGroupId, restriction = group.restriction }
  return setmetatable({ address = account.address, endpoint = endpoint, group = group, _chain = chain, _account = account,
    _fields = fields, _timeout_ns = options.confirmationTimeout * SECOND, _interval_ns = options.pollInterval * SECOND,
    _nonces = nonces.new(account.address, endpoint, nil, "priv_getTransactionCount",
      ('["%s","%s"]'):format(account.address, group.id)), _stamp = { sent_ns = 0, finished_ns = 0 },
    _sending = false, _queue = {} }, Sender)
end

local function refused(failure)
  return nil, redact.text(tostring(failure)), failures.class(failure)
end

-- Nothing has to be done before: send takes what it was given before it waits.
function Sender.ready()
  return true
end

-- Waits until the one before has been answered, which takes no longer than the client's timeout.
local function take_turn(self)
  if self._sending then
    self._queue[#self._queue + 1] = scheduler.current()
    coroutine.yield()
  end
  self._sending = true
end

local function pass_turn(self)
  local following = table.remove(self._queue, 1)
  if following then
    scheduler.resume_later(following)
  else
    self._sending = false
  end
end

-- The private receipt; or nil and a failure. The node has it as soon as it has the block, if its enclave has the payload.
local function receipt_of(self, entry)
  local params, deadline_ns = '["' .. entry.hash .. '"]', scheduler.now() + self._timeout_ns
  while true do
    local receipt, failure = self.endpoint:call("priv_getTransactionReceipt", params, nil, self._stamp)
    if receipt == nil or receipt ~= node.null then
      return receipt, failure
    elseif scheduler.now() >= deadline_ns then
      return nil, rpc.failure("timeout", "the privacy marker transaction is in a block, but the node has no private receipt: has "
        .. "its enclave lost the payload?")
    end
    scheduler.sleep(self._interval_ns)
  end
end

local function take_receipt(entry, receipt)
  entry.status = receipt.status == "0x1" and 1 or 0
  entry.contractAddress = receipt.contractAddress ~= node.null and receipt.contractAddress or nil
  entry.output = receipt.output ~= node.null and receipt.output or nil
  entry.revertReason = receipt.revertReason ~= node.null and receipt.revertReason or nil
end

local function mark(tx, name, at_ns)
  if tx and at_ns then
    tx:mark(name, at_ns)
  end
end

-- Waits for the marker, and for what became of the private transaction. The entry; or nil, message, class.
local function await(self, entry, tx)
  local waiting = self._chain.confirmation
  waiting:look_up(entry)
  local confirmed = waiting:await(entry)
  mark(tx, "included", entry.included_ns)
  if not confirmed then
    return nil, "the privacy marker transaction was not confirmed in time", "timeout"
  elseif entry.status == 1 then
    local receipt, failure = receipt_of(self, entry)
    if not receipt then
      return refused(failure)
    end
    take_receipt(entry, receipt)
    if tx then
      tx.finished_ns = self._stamp.finished_ns
    end
  end
  return entry
end

-- The entry of what was accepted; or nil, message, class.
local function submit(self, nonce, tx)
  local fields, chain = self._fields, self._chain
  fields.nonce = nonce
  local raw = private_transaction.sign(fields, self._account)
  local marker, failure = self.endpoint:call("eea_sendRawTransaction", '["' .. raw .. '"]', nil, tx)
  if marker == nil then
    return refused(failure)
  end
  local entry = chain.waits and chain.confirmation:expect(marker) or { hash = marker }
  entry.accepted_ns = tx and tx.finished_ns or scheduler.now()
  mark(tx, "accepted", entry.accepted_ns)
  return entry
end

-- The same when its turn has come; and the nonce, if one was taken.
local function send_in_turn(self, to, data, gas, tx)
  take_turn(self)
  local nonce, failure = self._nonces:take()
  if not nonce then
    pass_turn(self)
    return refused(failure)
  end
  local fields = self._fields
  fields.to, fields.data, fields.gas = to, data, gas
  local entry, message, class = submit(self, nonce, tx)
  pass_turn(self)
  return entry, message, class, nonce
end

-- As vernier.ethereum.sender has it, without value. The entry has hash, blockNumber and gasUsed of the marker, and status,
-- contractAddress, output and revertReason of what was private.
function Sender:send(to, data, _, gas, tx)
  data = type(data) == "table" and data:hex() or data
  local entry, message, class, nonce = send_in_turn(self, to, data, gas, tx)
  if entry and self._chain.waits then
    entry, message, class = await(self, entry, tx)
  end
  if nonce then
    self._nonces:settled(nonce, class or entry.status == 0 and "reverted" or nil)
  end
  return entry, message, class
end

-- The code "0x…" at an address, for the group.
function Sender:code(address)
  local code, failure = self.endpoint:call("priv_getCode", { self.group.id, address, "latest" })
  if code == nil then
    error("priv_getCode: " .. redact.text(tostring(failure)), 0)
  end
  return code ~= node.null and code or "0x"
end

-- ---- the way of private transactions (vernier.ethereum.connector) ----

local function call(from, contract, data, block, tx)
  return from.endpoint:call("priv_call", ('["%s",{"from":"%s","to":"%s","data":"%s"},"%s"]'):format(from.group.id, from.address,
    contract.address, data, block), nil, tx)
end

function M.call(_, from, contract, data, tx)
  return call(from, contract, data, "latest", tx)
end

function M.gas(_, contract, method, request)
  local limit = request.gas or contract:gas(method, GAS)
  quantity.encode(limit) -- what cannot be sent is an error before it takes a nonce
  return limit
end

-- By the receipt; where it does not tell, by the same call once more.
function M.why_reverted(from, contract, data, _, _, entry)
  if entry.revertReason then
    return redact.text(failures.reason(contract.abi, { data = entry.revertReason, message = "reverted" }))
  end
  local _, failure = call(from, contract, data, quantity.encode(entry.blockNumber))
  return failure and redact.text(failures.reason(contract.abi, failure))
    or "failed, and would not now: its private nonce was not the next one when its marker was mined, or gas ran out"
end

M.GAS = GAS

return M
