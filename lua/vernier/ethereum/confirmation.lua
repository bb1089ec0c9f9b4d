-- Waits for transactions to be in the chain. By `subscription`: each block (vernier.ethereum.blocks) confirms all of its
-- transactions at once. By `receipt`: the receipts of all that are waited for are asked for, again and again.
--
-- Model: entries {hash, …} wait by hash; one that is in a block waits under the block's number until the block is deep enough.
-- What was in blocks that a reorganisation has taken back waits by hash again. One timer looks for what is overdue.
--
-- Instants are the arrival of the answer that shows it: of the block that has the transaction (included_ns), of the block that
-- makes it deep enough (confirmed_ns). With receipts they are that of the batch.
local blocks = require("vernier.ethereum.blocks")
local receipts = require("vernier.ethereum.receipts")
local rpc = require("vernier.json_rpc.message")
local scheduler = require("vernier.scheduler")
local traces = require("vernier.ethereum.traces")

local M = {}

local SECOND = 1e9
local SWEEPS, SWEEP_MAX_NS = 20, 1e9 -- looks at the deadlines so often per timeout

local Confirmation = {}
Confirmation.__index = Confirmation

-- endpoint: the node that is asked; options: {mode = "subscription" | "receipt", outcomes = "receipts" | "traces" (by
-- subscription), blocks = how deep (1: in a block), timeout, interval (s)}; on_block(block), optional, for each block that is
-- gone through.
function M.new(endpoint, options, on_block)
  local self = setmetatable({
    _endpoint = endpoint, _outcomes = options.outcomes, _receipts = receipts.new(endpoint),
    _depth = options.blocks, _on_block = on_block,
    _timeout_ns = options.timeout * SECOND, _interval_ns = options.interval * SECOND,
    _by_hash = {}, _by_number = {}, _n_waiting = 0, _closed = false,
  }, Confirmation)
  self._blocks = options.mode ~= "receipt" and blocks.new(endpoint, self._interval_ns, self) or nil
  return self
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
  entry.contractAddress = receipt.contractAddress
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

-- ---- by blocks ----

function Confirmation:wants_blocks()
  return self._n_waiting > 0
end

function Confirmation:unwind(to)
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
end

local function own_of(self, hashes)
  local own = {}
  for i = 1, #hashes do
    if self._by_hash[hashes[i]] then
      own[#own + 1] = hashes[i]
    end
  end
  return own
end

-- Outcomes of which so many have to be there: those of the whole block where at least half of it is ours. Or nil and a failure.
local function outcomes_for(self, number, n_all, own)
  local list, failure
  if self._outcomes == "traces" then
    list, failure = traces.outcomes(self._endpoint, self._receipts, number, own)
    return list, list and #own or failure
  end
  if 2 * #own >= n_all then
    list, failure = self._receipts:of_block(("0x%x"):format(number))
  end
  if list or failure then
    return list, list and n_all or failure
  end
  list, failure = self._receipts:of(own)
  return list, list and #own or failure
end

local function are_of(list, n, block)
  for i = 1, n do
    if not list[i] or list[i].blockHash ~= block.hash then
      return false
    end
  end
  return true
end

-- Nil; or why what the node tells of the block's transactions is not all that it should tell.
local function include_own(self, number, block, own, at_ns)
  local list, n = outcomes_for(self, number, #block.transactions, own)
  if not list then
    return n
  elseif not are_of(list, n, block) then
    return rpc.failure("rpc", "receipts of another block")
  end
  for i = 1, n do
    local entry = self._by_hash[list[i].transactionHash]
    if entry then
      include(self, entry, list[i], number, at_ns)
    end
  end
end

function Confirmation:take(number, block, at_ns)
  local own = own_of(self, block.transactions)
  local failure = own[1] and include_own(self, number, block, own, at_ns)
  if failure then
    return failure
  end
  if self._on_block then
    self._on_block(block)
  end
  confirm(self, number - self._depth + 1, at_ns)
end

-- For a transaction that was sent before it was expected: it may be in a block that has been gone through, or that is being gone
-- through just now.
function Confirmation:look_up(entry)
  while self._blocks and self._by_hash[entry.hash] == entry and not self._closed do
    local list, at_ns = self._receipts:of({ entry.hash })
    local receipt = list and list[1]
    local number, last = receipt and tonumber(receipt.blockNumber), self._blocks.last
    if not number or self._by_hash[entry.hash] ~= entry then
      return
    elseif number <= last then
      include(self, entry, receipt, number, at_ns)
      return number <= last - self._depth + 1 and confirm(self, number, at_ns) or nil
    end
    scheduler.sleep(self._interval_ns)
  end
end

-- ---- by receipts ----

local function ask_receipts(self)
  local hashes = {}
  for hash in pairs(self._by_hash) do
    hashes[#hashes + 1] = hash
  end
  local list, at_ns = self._receipts:of(hashes)
  if not list then
    return
  end
  for i = 1, #hashes do
    local entry = self._by_hash[hashes[i]]
    if list[i] and entry then
      include(self, entry, list[i], tonumber(list[i].blockNumber), at_ns)
    end
  end
  local head = self._depth > 1 and next(self._by_number) and blocks.newest(self._endpoint)
  for number in pairs(self._by_number) do
    if self._depth == 1 or head and head - number + 1 >= self._depth then
      confirm(self, number, self._depth == 1 and at_ns or scheduler.now())
    end
  end
end

local function poll(self)
  while not self._closed do
    scheduler.sleep(self._interval_ns)
    if not self._closed and self._n_waiting > 0 then
      ask_receipts(self)
    end
  end
end

-- ---- life ----

-- Inside a task; true, or nil and a failure: from then on the chain is looked at.
function Confirmation:start()
  if self._blocks then
    return self._blocks:start()
  end
  local number, failure = blocks.newest(self._endpoint)
  if not number then
    return nil, failure
  end
  scheduler.spawn(poll, self)
  return true
end

-- A new head, as a notification has it.
function Confirmation:head(header)
  if self._blocks then
    self._blocks:head(header)
  end
end

-- The connection is there again.
function Confirmation:connected()
  if self._blocks then
    self._blocks:connected()
  end
end

function Confirmation:stop()
  self._closed = true
  if self._blocks then
    self._blocks:stop()
  end
  if self._sweep then
    scheduler.forget(self._sweep)
    self._sweep = nil
  end
end

return M
