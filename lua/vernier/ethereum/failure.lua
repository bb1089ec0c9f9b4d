-- What a node means by an error: nodes share neither codes nor words, so both are looked at, the words first.
--
-- Classes of transactions and calls that a node refuses: nonce, known, underpriced, funds, gas, pool-full, chain-id, reverted,
-- privacy (by Besu or its enclave), unsupported, batch (it takes none, or not so great a one), rpc (any other error). Those of
-- the way to the node stay as they are: timeout, connection, connect, protocol, …
local M = {}

-- In this order; plain texts in small letters. One class has several, as geth, Besu, anvil, ganache and hardhat have them.
local WORDS = {
  { "nonce", { "nonce too", "nonce is too", "correct nonce", "invalid nonce", "nonce gap", "nonce has",
    "nonce is incorrect" } },
  { "known", { "already known", "known transaction", "already imported", "already exists", "already in the pool" } },
  { "underpriced", { "underpriced", "gas price below", "gas price too low", "less than block base fee", "below the minimum",
    "less than the block's basefee", "is less than the block", "too low for the next block" } },
  { "funds", { "insufficient funds", "upfront cost", "enough funds", "insufficient balance" } },
  { "gas", { "intrinsic gas", "block gas limit", "exceeds the block", "out of gas", "gas limit", "gas required exceeds",
    "gas too low", "base fee exceeds gas limit" } },
  { "pool-full", { "pool is full", "pool limit", "pool full", "transaction pool", "account limit", "queue limit" } },
  { "chain-id", { "chain id", "chainid", "chain_id", "invalid signature v", "eip155", "eip-155", "invalid sender" } },
  { "reverted", { "revert", "invalid opcode", "vm exception" } },
  { "batch", { "batch" } },
  { "unsupported", { "method not found", "not supported", "does not exist/is not available", "unknown method", "not available",
    "unsupported method", "did not match any variant" } },
}

-- Codes that mean one thing with all nodes that have them: JSON-RPC's own, geth's and Besu's.
local CODES = { [3] = "reverted", [-32601] = "unsupported", [-32006] = "nonce", [-32009] = "underpriced",
  [-50100] = "privacy", [-50200] = "privacy" }

-- Refused for reasons of their own: the node has taken no transaction with that nonce.
local UNTAKEN = { funds = true, gas = true, ["pool-full"] = true, ["chain-id"] = true, unsupported = true, batch = true,
  limit = true, privacy = true }

local function has(text, words)
  for i = 1, #words do
    if text:find(words[i], 1, true) then
      return true
    end
  end
  return false
end

-- failure: of vernier.json_rpc. Its class.
function M.class(failure)
  if failure.class ~= "rpc" then
    return failure.class
  end
  local text = failure.message:lower()
  for i = 1, #WORDS do
    if has(text, WORDS[i][2]) then
      return WORDS[i][1]
    end
  end
  return CODES[failure.code] or "rpc"
end

-- Whether a transaction that was refused with this class leaves its nonce to the next one for sure.
function M.is_untaken(class)
  return UNTAKEN[class] or false
end

local function is_data(value)
  return type(value) == "string" and value:find("^0x%x*$") ~= nil
end

-- The "0x…" that a reverted call returned, wherever the node puts it; or nil.
function M.revert_data(failure)
  local data = failure.data
  if type(data) ~= "table" then
    return type(data) == "string" and data:match("0x%x*$") or nil
  end
  for _, name in ipairs({ "result", "data", "return" }) do
    if is_data(data[name]) then
      return data[name]
    end
  end
  for _, entry in pairs(data) do -- an older form of ganache: by the hash of the transaction
    if type(entry) == "table" and is_data(entry["return"]) then
      return entry["return"]
    end
  end
end

-- Why a call of a contract (vernier.ethereum.abi) was reverted, as a text.
function M.reason(contract, failure)
  local data = M.revert_data(failure)
  if data and data ~= "0x" then
    return contract:revert(data).message
  end
  return failure.message
end

return M
