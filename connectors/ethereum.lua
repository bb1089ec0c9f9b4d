-- Ethereum and what speaks its JSON-RPC (geth, Besu, anvil, ganache …): ctx.sut:send{contract =, verb =, args =, value =, gas =,
-- readOnly =}. A transaction is signed here, sent, and awaited until it is in a block that is deep enough; its result is
-- {hash, blockNumber, gasUsed, status, accepted_ns, included_ns, confirmed_ns}. readOnly calls give what the function returned.
--
-- A transaction that was mined and reverted has failed, with the class `reverted` and the contract's reason. The response time
-- ends with the arrival of the block that confirms it (vernier.ethereum.confirmation).
local connector = require("vernier.ethereum.connector")

local M = connector.new()

local BESU = "private transactions are of the connector besu: write caliper: {blockchain: besu}"

M.options.privacy = { type = "any", doc = "refused here: private transactions are of the connector besu",
  convert = function()
    return nil, "cannot be used: " .. BESU
  end }

-- What is contradictory: a message, and the path to it.
function M.check(options)
  for name, entry in pairs(options.contracts) do
    if entry.private then
      return "cannot be used: " .. BESU, { "contracts", name, "private" }
    end
  end
end

local function refuse_private(request)
  if type(request) == "table" and request.privacy ~= nil then
    error(BESU, 0)
  end
end

function M:sign(request)
  refuse_private(request)
  return connector.sign(self, request)
end

function M:run(request, tx)
  refuse_private(request)
  return connector.run(self, request, tx)
end

return M
