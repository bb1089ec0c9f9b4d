-- Waits for transactions to be in the chain. By `subscription`: each new head's block is fetched once, and confirms all of its
-- transactions; heads are told by the node (WebSocket, ipc) or asked for (HTTP). By `receipt`: the receipts of all that are
-- waited for are asked for, again and again, in batches.
--
-- Model: entries {hash, …} wait by hash; one that is in a block waits under the block's number until the block is deep enough.
-- The blocks are gone through by number, without a gap, and each has to be the child of the one before: where it is not, the
-- chain has been reorganised, and what was in the blocks that are gone waits by hash again. One timer looks for what is overdue.
--
-- Instants are the arrival of the answer that shows it: of the block that has the transaction (included_ns), of the block that
-- makes it deep enough (confirmed_ns). With receipts they are that of the batch.
local failures = require("vernier.ethereum.failure")
local node = require("vernier.ethereum.node")
local scheduler = require("vernier.scheduler")

local M = {}

local SECOND = 1e9
local BLOCKS_AT_ONCE, RECEIPTS_AT_ONCE = 16, 100 -- requests in a batch
local HASHES_KEPT = 256 -- blocks in which a reorganisation is noticed
local SWEEPS, SWEEP_MAX_NS = 20, 1e9 -- looks at the deadlines so often per timeout

local Confirmation = {}
Confirmation.__index = Confirmation

-- endpoint: the node that is asked; options: {mode = "subscription" | "receipt", blocks = how deep (1: in a block),
-- timeout, interval (s)}; on_block(block), optional, for each block that is gone through.
function M.new(endpoint, options, on_block)
  return setmetatable({
    _endpoint = endpoint, _by_receipt = options.mode == "receipt", _depth = options.blocks, _on_block = on_block,
    _timeout_ns = options.timeout * SECOND, _interval_ns = options.interval * SECOND,
    _by_hash = {}, _by_number = {}, _hashes = {}, _n_waiting = 0, _last = -1, _block_receipts = true, _closed = false,
    _stamp = { sent_ns = 0, finished_ns = 0 },
  }, Confirmation)
end

-- ---- entries ----

local function finish(self, entry, ok)
  self._n_waiting = self._n_waiting - 1
  if entry._co then
    scheduler.resume_later(entry._co, ok)
  end
end

local function include(self, entry, receipt, number, at_ns)
  self._by_hash[entry.hash] = nil
  entry.blockNumber, entry.included_ns = number, at_ns
  entry.gasUsed, entry.status = tonumber(receipt.gasUsed), receipt.status == "0x0" and 0 or 1
  entry.contractAddress = receipt.contractAddress ~= node.null and receipt.contractAddress or nil
  local list = self._by_number[number]
  if not list then
    list = {}
    self._by_number[number] = list
  end
  list[#list + 1] = entry
end

-- The block of that number is deep enough.
local function confirm(self, number, at_ns)
  local list = self._by_number[number]
  self._by_number[number] = nil
  for i = 1, list and #list or 0 do
    local entry = list[i]
    if not entry._over then
      entry.confirmed_ns = at_ns
      finish(self, entry, true)
    end
  end
end

local sweep

local function arm(self)
  local interval_ns = math.min(self._timeout_ns / SWEEPS, SWEEP_MAX_NS)
  self._sweep = scheduler.at(scheduler.now() + interval_ns, function()
    self._sweep = nil
    sweep(self)
  end)
end

local function expire(self, list, now)
  for key, entry in pairs(list) do
    if entry._deadline_ns <= now and not entry._over then
      entry._over = true
      finish(self, entry, false)
      if self._by_hash[key] == entry then
        self._by_hash[key] = nil
      end
    end
  end
end

function sweep(self)
  local now = scheduler.now()
  expire(self, self._by_hash, now)
  for _, list in pairs(self._by_number) do
    expire(self, list, now)
  end
  if self._n_waiting > 0 and not self._closed then
    arm(self)
  end
end

-- From now on the transaction of that hash is looked for: before it is sent. Its entry, {hash}.
function Confirmation:expect(hash)
  local entry = { hash = hash, _deadline_ns = scheduler.now() + self._timeout_ns }
  self._by_hash[hash] = entry
  self._n_waiting = self._n_waiting + 1
  if not self._sweep then
    arm(self)
  end
  return entry
end

-- It was refused: nobody waits for it.
function Confirmation:forget(entry)
  if not entry._over and not entry.confirmed_ns then
    entry._over = true
    self._by_hash[entry.hash] = nil
    self._n_waiting = self._n_waiting - 1
  end
end

-- Suspends until the transaction is deep enough in the chain: true, and the entry has blockNumber, gasUsed, status (1, or 0
-- where it was reverted), contractAddress, included_ns, confirmed_ns. False where its time is over.
function Confirmation:await(entry)
  if entry.confirmed_ns then
    return true
  elseif entry._over then
    return false
  end
  entry._co = scheduler.current()
  local ok = coroutine.yield()
  return ok
end

-- ---- blocks ----

local function hex(number)
  return ("0x%x"):format(number)
end

-- The blocks above a number are no more.
local function unwind(self, to)
  for number, list in pairs(self._by_number) do
    if number > to then
      self._by_number[number] = nil
      for _, entry in ipairs(list) do
        if not entry._over then
          entry.blockNumber, entry.included_ns, entry.status = nil, nil, nil
          self._by_hash[entry.hash] = entry
        end
      end
    end
  end
  for number in pairs(self._hashes) do
    if number > to then
      self._hashes[number] = nil
    end
  end
  self._last = to
end

local function fetch(self, from, to)
  local requests = {}
  for number = from, to do
    requests[#requests + 1] = { "eth_getBlockByNumber", ('["%s",false]'):format(hex(number)) }
  end
  local outcomes, failure = self._endpoint:batch(requests, nil, self._stamp)
  return outcomes, failure, self._stamp.finished_ns
end

local function own_of(self, hashes)
  local own = {}
  for i = 1, #hashes do
    own[#own + 1] = self._by_hash[hashes[i]]
  end
  return own
end

-- The receipts of entries, one by one: a list with holes; or nil and a failure.
local function receipts_of(self, own)
  local receipts = {}
  for first = 1, #own, RECEIPTS_AT_ONCE do
    local requests = {}
    for i = first, math.min(first + RECEIPTS_AT_ONCE - 1, #own) do
      requests[#requests + 1] = { "eth_getTransactionReceipt", '["' .. own[i].hash .. '"]' }
    end
    local outcomes, failure = self._endpoint:batch(requests, nil, self._stamp)
    if not outcomes then
      return nil, failure
    end
    for i, outcome in ipairs(outcomes) do
      receipts[first + i - 1] = outcome.result ~= node.null and outcome.result or nil
    end
  end
  return receipts
end

-- All receipts of the block; nil and perhaps a failure where the node has no such method.
local function block_receipts(self, number)
  local receipts, failure = self._endpoint:call("eth_getBlockReceipts", '["' .. hex(number) .. '"]')
  if receipts and receipts ~= node.null then
    return receipts
  end
  local class = failure and failures.class(failure)
  if class == "unsupported" or class == "rpc" then
    self._block_receipts, failure = false, nil
  end
  return nil, failure
end

-- Those of a block's receipts that are ours; true, or false where they are of another block.
local function include_all(self, receipts, n, number, block, at_ns)
  for i = 1, n do
    local receipt = receipts[i]
    if not receipt or receipt.blockHash ~= block.hash then
      return false
    end
  end
  for i = 1, n do
    local entry = self._by_hash[receipts[i].transactionHash]
    if entry then
      include(self, entry, receipts[i], number, at_ns)
    end
  end
  return true
end

-- For a transaction that was sent before it was expected: it may be in a block that has been gone through.
function Confirmation:look_up(entry)
  local receipts = receipts_of(self, { entry })
  local receipt = receipts and receipts[1]
  local number = receipt and tonumber(receipt.blockNumber)
  if number and number <= self._last and self._by_hash[entry.hash] then
    include(self, entry, receipt, number, self._stamp.finished_ns)
    if number <= self._last - self._depth + 1 then
      confirm(self, number, self._stamp.finished_ns)
    end
  end
end

-- Nil; or why the block has to be fetched again.
local function take_transactions(self, number, block, at_ns)
  local own = own_of(self, block.transactions)
  if not own[1] then
    return nil
  end
  local receipts, failure, n
  if self._block_receipts and 2 * #own >= #block.transactions then
    receipts, failure = block_receipts(self, number)
    n = receipts and #receipts
  end
  if not receipts and not failure then
    receipts, failure = receipts_of(self, own)
    n = #own
  end
  if failure then
    return failure
  end
  return not include_all(self, receipts, n, number, block, at_ns) and { message = "another block" } or nil
end

-- True; false where the block is no child of the one before; nil and why it has to be fetched again.
local function take_block(self, number, block, at_ns)
  local parent = self._hashes[number - 1]
  if parent and block.parentHash ~= parent then
    unwind(self, number - 2)
    return false
  end
  local failure = take_transactions(self, number, block, at_ns)
  if failure then
    return nil, failure
  end
  self._hashes[number], self._hashes[number - HASHES_KEPT] = block.hash, nil
  self._last = number
  if self._on_block then
    self._on_block(block)
  end
  confirm(self, number - self._depth + 1, at_ns)
  return true
end

-- Goes through the blocks up to a number. Nil; or why not now.
local function catch_up(self, target)
  while self._last < target do
    local from = self._last + 1
    local outcomes, failure, at_ns = fetch(self, from, math.min(self._last + BLOCKS_AT_ONCE, target))
    if not outcomes then
      return failure
    end
    for i, outcome in ipairs(outcomes) do
      local block = outcome.result
      if not block or block == node.null then
        return outcome.error or { message = "no such block yet" }
      end
      local ok, why = take_block(self, from + i - 1, block, at_ns)
      if ok == nil then
        return why
      elseif not ok then
        break
      end
    end
  end
end

local function work_off(self)
  while self._target and not self._closed do
    local target = self._target
    self._target = nil
    if target <= self._last then
      unwind(self, target - 1)
    end
    if self._n_waiting == 0 then
      unwind(self, -1)
      self._last = target
    elseif catch_up(self, target) then
      scheduler.sleep(self._interval_ns)
      self._target = self._target or target
    end
  end
  self._working = false
end

local function go_to(self, number)
  self._target = number
  if not self._working then
    self._working = true
    scheduler.spawn(work_off, self)
  end
end

-- ---- heads ----

-- A head as a notification has it.
function Confirmation:head(header)
  local number = tonumber(header.number)
  local known = self._hashes[number]
  if number > self._last or known and known ~= header.hash then
    go_to(self, number)
  end
end

local function ask_head(self)
  local answer, failure = self._endpoint:call("eth_blockNumber")
  return answer and tonumber(answer), failure
end

local function poll_head(self)
  local number = ask_head(self)
  if number and number ~= self._last and not self._closed then
    go_to(self, number)
  end
end

local function is_told(self)
  return not self._by_receipt and not self._endpoint.url:find("^http") and not self._endpoint.url:find("^unix:")
end

-- Subscribes, and asks for what has come before the subscription.
local function subscribe(self)
  local answer, failure = self._endpoint:call("eth_subscribe", '["newHeads"]')
  if answer == nil and failures.class(failure) ~= "connection" and not self._closed then
    self._polls = true -- a node without subscriptions is asked
  end
  poll_head(self)
end

-- ---- receipts ----

local function poll_receipts(self)
  local own = {}
  for _, entry in pairs(self._by_hash) do
    own[#own + 1] = entry
  end
  local receipts = receipts_of(self, own)
  local at_ns = self._stamp.finished_ns
  for i = 1, receipts and #own or 0 do
    if receipts[i] and self._by_hash[own[i].hash] then
      include(self, own[i], receipts[i], tonumber(receipts[i].blockNumber), at_ns)
    end
  end
  local head = self._depth > 1 and next(self._by_number) and ask_head(self)
  for number in pairs(self._by_number) do
    if self._depth == 1 or head and head - number + 1 >= self._depth then
      confirm(self, number, self._depth == 1 and at_ns or scheduler.now())
    end
  end
end

local function poll(self)
  while not self._closed do
    scheduler.sleep(self._interval_ns)
    if not self._closed and self._by_receipt and self._n_waiting > 0 then
      poll_receipts(self)
    elseif not self._closed and self._polls then
      poll_head(self)
    end
  end
end

-- Inside a task; true, or nil and a failure: from then on blocks are looked at.
function Confirmation:start()
  local number, failure = ask_head(self)
  if not number then
    return nil, failure
  end
  self._last = number
  self._polls = not self._by_receipt and not is_told(self)
  if is_told(self) then
    subscribe(self)
  end
  scheduler.spawn(poll, self)
  return true
end

-- The connection is there again: a subscription ended with the old one.
function Confirmation:connected()
  if is_told(self) then
    scheduler.spawn(subscribe, self)
  end
end

function Confirmation:stop()
  self._closed = true
  if self._sweep then
    scheduler.forget(self._sweep)
    self._sweep = nil
  end
end

return M
