-- What nodes mean by their errors. The messages are those of real nodes: anvil 1.7, ganache 7.9, hardhat 2.26, geth, Besu.
local abi = require("vernier.ethereum.abi")
local failure = require("vernier.ethereum.failure")

local function rpc(code, message, data)
  return { class = "rpc", code = code, message = message, data = data }
end

local CASES = {
  { "nonce", -32003, "nonce too low" },
  { "nonce", -32000, "nonce too low: next nonce 5, tx nonce 3" },
  { "nonce", -32000, "the tx doesn't have the correct nonce. account has nonce of: 1 tx has nonce of: 0" },
  { "nonce", -32000, "Nonce too low. Expected nonce to be 1 but got 0." },
  { "nonce", -32001, "Nonce too low" },
  { "nonce", -32006, "Nonce too high" },
  { "known", -32003, "transaction already imported" },
  { "known", -32000, "already known" },
  { "known", -32000, "Known transaction" },
  { "underpriced", -32000, "replacement transaction underpriced" },
  { "underpriced", -32000, "Replacement transaction underpriced" },
  { "underpriced", -32009, "Gas price below configured minimum gas price" },
  { "underpriced", -32000, "max fee per gas less than block base fee: address 0x00, maxFeePerGas: 1, baseFee: 7" },
  { "funds", -32000, "insufficient funds for gas * price + value: balance 0, tx cost 21000" },
  { "funds", -32003, "Insufficient funds for gas * price + value" },
  { "funds", -32004, "Upfront cost exceeds account balance" },
  { "funds", -32000, "sender doesn't have enough funds to send tx. The upfront cost is: 1 and the sender's account only has: 0" },
  { "gas", -32003, "intrinsic gas too low" },
  { "gas", -32003, "Intrinsic gas exceeds gas limit" },
  { "gas", -32000, "exceeds block gas limit" },
  { "gas", -32005, "Transaction gas limit exceeds block gas limit" },
  { "pool-full", -32000, "txpool is full" },
  { "chain-id", -32700, "Invalid signature v value" },
  { "chain-id", -32000, "invalid chain id for signer: have 5 want 1" },
  { "chain-id", -32000, "only replay-protected (EIP-155) transactions allowed over RPC" },
  { "chain-id", -32000, "Wrong chainId" },
  { "reverted", 3, "execution reverted: no" },
  { "reverted", -32603, "Error: VM Exception while processing transaction: reverted with reason string 'no'" },
  { "reverted", -32000, "Execution reverted" },
  { "unsupported", -32601, "Method not found" },
  { "unsupported", -32601, "the method personal_unlockAccount does not exist/is not available" },
  { "batch", -32600, "batch too large" },
  { "batch", -32005, "Number of requests in batch exceeds limit" },
  { "batch", -32600, "batch requests are not supported" },
  { "reverted", 3, "execution reverted: this batch is over" },
  { "rpc", -32000, "something else" },
  { "nonce", -50100, "Private transaction nonce too low" },
  { "nonce", -50100, "Private transaction nonce is incorrect" },
  { "gas", -50100, "Privacy Marker Transaction failed due to intrinsic gas exceeding the limit. Gas limit used from the Private "
    .. "Transaction." },
  { "privacy", -50100, "Private from does not match enclave public key" },
  { "privacy", -50100, "Offchain Privacy group does not exist." },
  { "privacy", -50100, "Privacy is not enabled" },
  { "privacy", -50200, "NodeMissingPeerUrl" },
}

describe("the class of a failure", function()
  it("follows from its words, then from its code", function()
    for _, case in ipairs(CASES) do
      assert.are.equal(case[1], failure.class(rpc(case[2], case[3])), case[3])
    end
    assert.are.equal("reverted", failure.class(rpc(3, "oops")))
    assert.are.equal("rpc", failure.class(rpc(nil, "")))
  end)

  it("of the way to the node is that of the transport, whatever its words", function()
    for _, class in ipairs({ "timeout", "connection", "protocol", "connect" }) do
      assert.are.equal(class, failure.class({ class = class, message = "nonce too low" }))
    end
  end)

  it("leaves the nonce free only where no node can have taken it", function()
    for class, free in pairs({ funds = true, gas = true, ["pool-full"] = true, ["chain-id"] = true, batch = true, privacy = true,
      nonce = false, known = false,
      underpriced = false, reverted = false, rpc = false, timeout = false, connection = false }) do
      assert.are.equal(free, failure.is_untaken(class), class)
    end
  end)
end)

describe("the reason of a revert", function()
  local contract = assert(abi.new({}))
  local NO = "0x08c379a0" .. ("0"):rep(62) .. "20" .. ("0"):rep(62) .. "02" .. "6e6f" .. ("0"):rep(60)

  it("is found wherever nodes put it", function()
    for _, data in ipairs({ NO, "Reverted " .. NO, { result = NO }, { data = NO }, { ["0x12"] = { ["return"] = NO } } }) do
      assert.are.equal("no", failure.reason(contract, rpc(3, "execution reverted", data)))
    end
  end)

  it("is the message where there is no data, or none that is data", function()
    for _, data in ipairs({ "", "0x", "text", {}, { result = 5 }, { a = { b = 1 } } }) do
      assert.are.equal("execution reverted", failure.reason(contract, rpc(3, "execution reverted", data)))
    end
  end)
end)
