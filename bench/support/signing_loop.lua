-- CPU time of what a sender does for one transaction, warm: a line "name us" per part. Values differ from turn to turn.
-- usage: vernier lua signing_loop.lua
local abi = require("vernier.ethereum.abi")
local account = require("vernier.ethereum.account")
local bytes = require("vernier.core.bytes")
local clock = require("vernier.core.clock")
local transaction = require("vernier.ethereum.transaction")

local WARM_UP, TURNS = 2000, 8000
local TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

local me = assert(account.new("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
local address, uint256, text = { type = "address", name = "to" }, { type = "uint256", name = "value" }, { type = "string",
  name = "account" }
local contract = assert(abi.new({
  { type = "function", name = "transfer", inputs = { address, uint256 } },
  { type = "function", name = "open", inputs = { text, { type = "uint256", name = "amount" } } },
}))
local transfer, open = contract:method("transfer"), contract:method("open")

local buffer, args, digest = bytes.new(), { TO, 0 }, bytes.new()
local legacy = { nonce = 0, gas = 60000, gasPrice = "1000000000", chainId = 31337, to = TO, data = buffer }
local eip1559 = { nonce = 0, gas = 60000, maxFeePerGas = "2000000000", maxPriorityFeePerGas = 1000000, chainId = 31337, to = TO,
  data = buffer }

local function send(tx, method, i)
  tx.nonce = i
  buffer:clear()
  method:encode(buffer, args)
  return transaction.sign(tx, me)
end

local PARTS = {
  { "signature", function(i)
    digest:clear()
    digest:reserve(32)
    digest.data[0] = i % 256
    me.key:sign(digest, digest, 0)
  end },
  { "arguments", function(i)
    args[1], args[2] = TO, i
    buffer:clear()
    transfer:encode(buffer, args)
  end },
  { "transfer", function(i)
    args[1], args[2] = TO, i
    return send(eip1559, transfer, i)
  end },
  { "open", function(i)
    args[1], args[2] = "account_" .. i, "1000000000000000000"
    return send(legacy, open, i)
  end },
}

-- As a workload's run does it: in a coroutine that waits after each.
local function in_runner(fn)
  return coroutine.wrap(function()
    local i = 0
    while true do
      i = i + 1
      fn(i)
      coroutine.yield()
    end
  end)
end

local function each(fn)
  local run = in_runner(fn)
  for _ = 1, WARM_UP do
    run()
  end
  local from = clock.cpu_ns()
  for _ = 1, TURNS do
    run()
  end
  return (clock.cpu_ns() - from) / TURNS / 1e3
end

for _, part in ipairs(PARTS) do
  print(("%s %.3f"):format(part[1], each(part[2])))
end
