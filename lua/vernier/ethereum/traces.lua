-- What became of the transactions of a block by its traces (trace_block, as Parity has defined it): for nodes that have traces at
-- hand, and for which receipts are dear.
--
-- A call that has gone well is known by its outermost trace, which has no error then; which gas it took is not, because a trace
-- counts neither what the transaction itself costs nor refunds. All others need their receipts.
local json = require("vernier.core.json")
local node = require("vernier.ethereum.node")
local rpc = require("vernier.json_rpc.message")

local M = {}

local read = json.reader({ "transactionHash", "blockHash", "traceAddress", "type", "error" })

-- By hash those calls of a block that went well, as receipts are: {transactionHash, blockHash, status = "0x1"}.
local function good_calls(endpoint, number)
  local list, failure = endpoint:call("trace_block", ('["0x%x"]'):format(number), nil, nil, read)
  if not list or list == node.null then
    return nil, failure or rpc.failure("rpc", "no traces of the block yet")
  end
  local by_hash = {}
  for i = 1, #list do
    local trace = list[i]
    if trace.traceAddress == "[]" and trace.type == "call" and not trace.error and trace.transactionHash then
      trace.status = "0x1"
      by_hash[trace.transactionHash] = trace
    end
  end
  return by_hash
end

-- endpoint: the node that is asked; receipts: of vernier.ethereum.receipts; number: of a block; hashes: of transactions in it. A
-- list of as many, in any order, like receipts, with holes where there is none yet; or nil and a failure.
function M.outcomes(endpoint, receipts, number, hashes)
  local by_hash, failure = good_calls(endpoint, number)
  if not by_hash then
    return nil, failure
  end
  local list, others = {}, {}
  for i = 1, #hashes do
    local trace = by_hash[hashes[i]]
    if trace then
      list[#list + 1] = trace
    else
      others[#others + 1] = hashes[i]
    end
  end
  local more, why = receipts:of(others)
  if not more then
    return nil, why
  end
  local n = #list
  for i = 1, #others do
    list[n + i] = more[i]
  end
  return list
end

return M
