-- Deploys Simple.json and signs so many calls of its `open`, as requests for wrk, a line each.
-- usage: vernier lua bench/support/presigned.lua URL KEY CONTRACT N FILE
local abi = require("vernier.ethereum.abi")
local accounts = require("vernier.ethereum.account")
local bytes = require("vernier.core.bytes")
local cjson = require("cjson")
local file = require("vernier.core.file")
local json_rpc = require("vernier.json_rpc")
local scheduler = require("vernier.scheduler")
local transaction = require("vernier.ethereum.transaction")

local GWEI = 1e9
local REQUEST = '{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["%s"]}\n'

local url, key, path, n, out = unpack(arg)
local account = assert(accounts.new(key))
local contract = cjson.decode((assert(file.read(path))))
local method = assert(abi.new(contract.abi)):method("open")
local tx = { chainId = 31337, maxFeePerGas = 100 * GWEI, maxPriorityFeePerGas = GWEI, nonce = 0, gas = 3e6,
  data = contract.bytecode }

local function deploy()
  local client = assert(json_rpc.connect({ url = url }))
  assert(client:call("eth_sendRawTransaction", { (transaction.sign(tx, account)) }))
  repeat
    scheduler.sleep(50e6)
    local receipt = client:call("eth_getTransactionReceipt", { (select(2, transaction.sign(tx, account))) })
  until receipt ~= json_rpc.null
  client:close()
end

scheduler.run(deploy)
tx.to, tx.gas = transaction.created(account.address, 0), 1e5
local buffer, f = bytes.new(), assert(io.open(out, "w"))
for i = 1, tonumber(n) do
  buffer:clear()
  method:encode(buffer, { "account-" .. i, 10000 })
  tx.nonce, tx.data = i, buffer
  f:write(REQUEST:format((transaction.sign(tx, account))))
end
f:close()
