-- Goes through the blocks of a chain, by number and without a gap. Where the newest one is, is told by the node (WebSocket, ipc)
-- or asked for (HTTP). Each block has to be the child of the one before: where it is not, the chain has been reorganised, and
-- its owner hears which blocks are gone before it gets those that have taken their place.
--
-- A block is {hash, parentHash, baseFeePerGas (nil: none), transactions = list of their hashes}, all as texts.
local batches = require("vernier.ethereum.batches")
local failures = require("vernier.ethereum.failure")
local json = require("vernier.core.json")
local rpc = require("vernier.json_rpc.message")
local scheduler = require("vernier.scheduler")

local M = {}

local AT_ONCE = 16 -- blocks that are asked for
local HASHES_KEPT = 256 -- blocks in which a reorganisation is noticed

local Blocks = {}
Blocks.__index = Blocks

local read_object = json.reader({ "hash", "parentHash", "baseFeePerGas", "transactions" })

local function read_block(data, len)
  local list, message = read_object(data, len)
  local block = list and list[1]
  if not block then
    return nil, message or "no block"
  elseif not block.hash or not block.transactions then
    return nil, "a block without hash or transactions"
  end
  block.transactions, message = json.texts(block.transactions)
  return block.transactions and block, message
end

-- endpoint: the node that is asked; interval_ns: between questions; owner has
--   wants_blocks()             false: what is in them does not matter now
--   take(number, block, at_ns) the next block, when it came. It may wait; nil, or a failure: the block is fetched again
--   unwind(number)             the blocks above this one are no more
function M.new(endpoint, interval_ns, owner)
  local told = not endpoint.url:find("^http") and not endpoint.url:find("^unix:")
  return setmetatable({ last = -1, _endpoint = endpoint, _interval_ns = interval_ns, _owner = owner, _told = told,
    _polls = not told, _hashes = {}, _stamp = { sent_ns = 0, finished_ns = 0 } }, Blocks)
end

-- The number of the newest block; or nil and a failure.
function M.newest(endpoint)
  local answer, failure = endpoint:call("eth_blockNumber")
  local number = answer and tonumber(answer)
  return number, not number and (failure or rpc.failure("protocol", "no number: " .. tostring(answer))) or nil
end

-- ---- through the blocks ----

local function unwind(self, to)
  self._owner:unwind(to)
  for number in pairs(self._hashes) do
    if number > to then
      self._hashes[number] = nil
    end
  end
  self.last = to
end

local function fetch(self, from, to)
  local requests = {}
  for number = from, to do
    requests[#requests + 1] = { "eth_getBlockByNumber", ('["0x%x",false]'):format(number) }
  end
  local outcomes, failure = batches.ask(self._endpoint, requests, self._stamp, read_block)
  return outcomes, failure, self._stamp.finished_ns
end

-- True; false where the block is no child of the one before; nil and why it has to be fetched again.
local function take_block(self, number, block, at_ns)
  local parent = self._hashes[number - 1]
  if parent and block.parentHash ~= parent then
    unwind(self, number - 2)
    return false
  end
  local failure = self._owner:take(number, block, at_ns)
  if failure then
    return nil, failure
  end
  self._hashes[number], self._hashes[number - HASHES_KEPT] = block.hash, nil
  self.last = number
  return true
end

-- Goes through the blocks up to a number. Nil; or why not now.
local function catch_up(self, target)
  while self.last < target do
    local from = self.last + 1
    local outcomes, failure, at_ns = fetch(self, from, math.min(self.last + AT_ONCE, target))
    if not outcomes then
      return failure
    end
    for i, outcome in ipairs(outcomes) do
      if type(outcome.result) ~= "table" then
        return outcome.error or rpc.failure("rpc", "no such block yet")
      end
      local ok, why = take_block(self, from + i - 1, outcome.result, at_ns)
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
    if target <= self.last then
      unwind(self, target - 1)
    end
    if not self._owner:wants_blocks() then
      unwind(self, -1)
      self.last = target
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

-- ---- which is the newest ----

-- A header as a notification has it.
function Blocks:head(header)
  local number = tonumber(header.number)
  local known = self._hashes[number]
  if number > self.last or known and known ~= header.hash then
    go_to(self, number)
  end
end

local function ask(self)
  local number = M.newest(self._endpoint)
  if number and number ~= self.last and not self._closed then
    go_to(self, number)
  end
end

local function poll(self)
  while not self._closed do
    scheduler.sleep(self._interval_ns)
    if self._polls and not self._closed then
      ask(self)
    end
  end
end

-- Subscribes, and asks for what has come before the subscription.
local function subscribe(self)
  local answer, failure = self._endpoint:call("eth_subscribe", '["newHeads"]')
  if answer == nil and failures.class(failure) ~= "connection" and not self._closed then
    self._polls = true -- a node without subscriptions is asked
  end
  ask(self)
end

-- Inside a task; true, or nil and a failure: from then on blocks are gone through, those behind the newest one.
function Blocks:start()
  local number, failure = M.newest(self._endpoint)
  if not number then
    return nil, failure
  end
  self.last = number
  if self._told then
    subscribe(self)
  end
  scheduler.spawn(poll, self)
  return true
end

-- The connection is there again: a subscription ended with the old one.
function Blocks:connected()
  if self._told then
    scheduler.spawn(subscribe, self)
  end
end

function Blocks:stop()
  self._closed = true
end

return M
