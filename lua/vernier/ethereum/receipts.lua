-- Receipts of transactions as a node gives them: those of a block at once, or those of chosen ones. Of each there is what is
-- looked at alone: {transactionHash, blockHash, blockNumber, status, gasUsed, contractAddress (nil: none was created)}, as texts.
local batches = require("vernier.ethereum.batches")
local failures = require("vernier.ethereum.failure")
local json = require("vernier.core.json")
local node = require("vernier.ethereum.node")

local M = {}

local AT_ONCE = 100 -- that are asked for

local read = json.reader({ "transactionHash", "blockHash", "blockNumber", "status", "gasUsed", "contractAddress" })

local Receipts = {}
Receipts.__index = Receipts

-- endpoint: the node that is asked (vernier.json_rpc).
function M.new(endpoint)
  return setmetatable({ _endpoint = endpoint, _has_blocks = true, _stamp = { sent_ns = 0, finished_ns = 0 } }, Receipts)
end

local function batch_of(self, hashes, first)
  local requests = {}
  for i = first, math.min(first + AT_ONCE - 1, #hashes) do
    requests[#requests + 1] = { "eth_getTransactionReceipt", '["' .. hashes[i] .. '"]' }
  end
  return batches.ask(self._endpoint, requests, self._stamp, read)
end

-- A list with holes where there is none (yet), and when the last of them came; or nil and a failure.
function Receipts:of(hashes)
  local receipts = {}
  for first = 1, #hashes, AT_ONCE do
    local outcomes, failure = batch_of(self, hashes, first)
    if not outcomes then
      return nil, failure
    end
    for i, outcome in ipairs(outcomes) do
      receipts[first + i - 1] = type(outcome.result) == "table" and outcome.result[1] or nil
    end
  end
  return receipts, self._stamp.finished_ns
end

-- All of a block by its number, "0x…"; nil where the node has no such method, or not this block; nil and a failure.
function Receipts:of_block(number)
  if not self._has_blocks then
    return nil
  end
  local receipts, failure = self._endpoint:call("eth_getBlockReceipts", '["' .. number .. '"]', nil, nil, read)
  if receipts and receipts ~= node.null then
    return receipts
  end
  local class = failure and failures.class(failure)
  if class == "unsupported" or class == "rpc" then
    self._has_blocks, failure = false, nil
  end
  return nil, failure
end

return M
