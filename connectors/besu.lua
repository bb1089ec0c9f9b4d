-- Besu: the connector ethereum, and Besu's private transactions, which it had until 25.6. A request with privacy = "GROUP", a
-- name in the network file's `privacy`, goes to that group alone: eea_sendRawTransaction, then the block that has the privacy
-- marker transaction, then the private receipt, with which the response time ends. readOnly requests are priv_call. A contract
-- with private: GROUP is deployed for the group, and its requests go there unless they name another.
--
-- Results are those of the connector ethereum, of the marker: {hash, blockNumber, gasUsed, …}; status and output are those of
-- what was private.
local connector = require("vernier.ethereum.connector")
local privacy = require("vernier.ethereum.privacy")
local private_sender = require("vernier.ethereum.private_sender")
local quantity = require("vernier.ethereum.quantity")

local M = connector.new()

M.options.privacy = { type = "table", default = {}, convert = privacy.check,
  doc = "groups by name: {groupType: legacy, privateFrom, privateFor} or {groupType: pantheon or onchain, privateFrom, "
    .. "privacyGroupId}; the accounts of the worker send" }

-- What is contradictory: a message, and the path to it.
function M.check(options)
  for name, entry in pairs(options.contracts) do
    if entry.private and not options.privacy[entry.private] then
      return "cannot be used: " .. privacy.unknown(options.privacy, entry.private), { "contracts", name, "private" }
    elseif entry.private and entry.estimateGas then
      return "cannot be used: nodes give no estimates for private contracts: write gas limits",
        { "contracts", name, "estimateGas" }
    end
  end
  if next(options.privacy) and #options.url > 1 then
    return "cannot be a list: the groups' privateFrom is of one node's enclave: write the one URL of that node", { "url" }
  end
end

function M:init(ctx)
  connector.init(self, ctx)
  self._private = {}
end

-- Of a group, the sender whose turn it is. They outlive rounds: what is open or waits for no block is not in the node's counts.
local function sender_of(self, name)
  local group = self.options.privacy[name]
  if not group then
    error(privacy.unknown(self.options.privacy, name), 0)
  end
  local public, turn = connector.next_sender(self)
  local list, account = self._private[name] or {}, self._accounts[turn]
  self._private[name] = list
  list[account.address] = list[account.address]
    or private_sender.new(self._chain, account, public.endpoint, group, self.options)
  return list[account.address]
end

function M:sign(request)
  local contract = connector.contract_of(self, request)
  if request.privacy or contract.private then
    return nil, "a private transaction waits for the one before it: it cannot be made ahead", "unsupported"
  end
  return connector.sign(self, request)
end

function M:run(request, tx)
  if type(request) == "string" then -- signed ahead
    return connector.run(self, request, tx)
  end
  local contract = connector.contract_of(self, request)
  local name = request.privacy or contract.private
  if not name then
    return connector.run(self, request, tx)
  elseif request.value ~= nil and quantity.encode(request.value) ~= "0x0" then
    error("a private transaction transfers no value", 0)
  end
  return connector.perform(self, private_sender, sender_of(self, name), contract, request, tx)
end

return M
