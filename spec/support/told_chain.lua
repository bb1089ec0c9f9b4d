-- A chain that is told what to do, as an endpoint of JSON-RPC without a network: blocks come, are replaced, or stay away; the
-- node answers late, wrongly or not.
local json = require("vernier.json")
local rpc = require("vernier.json_rpc.message")
local scheduler = require("vernier.scheduler")

local M = {}

local MS = 1e6

-- A hash with the name at its end.
function M.hash_of(name)
  return "0x" .. ("0"):rep(64 - #name) .. name
end

-- A chain: chain:mine(name, {transactions}) adds a block; an endpoint's methods; `asked` counts calls by method; answers[method],
-- when set, answers instead: a function of the params' text.
function M.new()
  local methods = {}
  local chain = { blocks = {}, asked = {}, answers = {}, methods = methods, url = "ws://node" }

  function methods.eth_blockNumber()
    return ("0x%x"):format(#chain.blocks)
  end

  function methods.eth_subscribe()
    return "0x1"
  end

  local function by_number(params)
    return chain.blocks[tonumber(params:match("0x%x+"))]
  end

  function methods.eth_getBlockByNumber(params)
    local block = by_number(params)
    return block and ('{"transactions": [%s] ,"baseFeePerGas":"0x7", "parentHash":"%s","extra":[{"a":"]"}],"hash":"%s"}'):format(
      table.concat(block.quoted, ","), block.parent, block.hash)
  end

  local function receipt(block, hash)
    return ('{"logs":[{"transactionHash":"0xff"}],"status":"%s","blockHash":"%s","transactionHash":"%s","gasUsed":"0x5208",'
      .. '"contractAddress":null,"blockNumber":"0x%x"}'):format(block.status or "0x1", block.hash, hash, block.number)
  end

  function methods.eth_getBlockReceipts(params)
    local block, list = by_number(params), {}
    for i, hash in ipairs(block and block.transactions or {}) do
      list[i] = receipt(block, hash)
    end
    return block and "[" .. table.concat(list, ",") .. "]"
  end

  function methods.eth_getTransactionReceipt(params)
    for _, block in ipairs(chain.blocks) do
      for _, hash in ipairs(block.transactions) do
        if params:find(hash, 1, true) then
          return receipt(block, hash)
        end
      end
    end
  end

  -- As reward: what Besu tells of a block's miner, which belongs to no transaction.
  function methods.trace_block(params)
    local block = by_number(params)
    local list = { '{"type":"reward","traceAddress":[],"transactionHash":null,"blockHash":"0x0","action":{"value":"0x1"}}' }
    for _, hash in ipairs(block and block.transactions or {}) do
      local trace = '{"type":"%s","traceAddress":%s,"transactionHash":"%s","blockHash":"%s","action":{"error":"no"}%s}'
      local outer = (block.traces or {})[hash] or {}
      list[#list + 1] = trace:format(outer.type or "call", "[]", hash, outer.block or block.hash,
        outer.error and ',"error":"Reverted"' or ',"result":{"gasUsed":"0x1"}')
      list[#list + 1] = trace:format("call", "[0]", hash, block.hash, ',"error":"Out of gas"') -- which its caller has caught
    end
    return block and "[" .. table.concat(list, ",") .. "]"
  end

  local function answer(method, params, read)
    chain.asked[method] = (chain.asked[method] or 0) + 1
    local result, failure = (chain.answers[method] or methods[method])(params or "")
    if failure then
      return nil, failure
    elseif result and read and result:find("^[[{]") then
      local value, message = read(result, #result)
      return value, message and rpc.failure("protocol", message) or nil
    end
    return result or json.null
  end

  function chain.call(_, method, params, _, stamp, read)
    scheduler.sleep(MS)
    if stamp then
      stamp.finished_ns = scheduler.now()
    end
    return answer(method, params, read)
  end

  function chain.batch(_, requests, _, stamp, read)
    local outcomes = {}
    scheduler.sleep(MS)
    for i, request in ipairs(requests) do
      local result, failure = answer(request[1], request[2], read)
      outcomes[i] = { result = result, error = failure }
    end
    stamp.finished_ns = scheduler.now()
    return outcomes
  end

  -- number: the block that it takes the place of, and all behind it are gone.
  function chain.mine(name, names, number)
    number = number or #chain.blocks + 1
    for i = #chain.blocks, number, -1 do
      chain.blocks[i] = nil
    end
    local parent = chain.blocks[number - 1]
    local block = { number = number, hash = M.hash_of(name), parent = parent and parent.hash or M.hash_of("0"), transactions = {},
      quoted = {} }
    for i, one in ipairs(names or {}) do
      block.transactions[i], block.quoted[i] = M.hash_of(one), '"' .. M.hash_of(one) .. '"'
    end
    chain.blocks[number] = block
    return block
  end

  return chain
end

return M
