-- Transfers of an ERC-20 token, as Caliper's ERC-20 benchmark makes them: from the accounts that send to other addresses. The
-- token has to belong to the senders: with one worker and one account that is who deployed it.
local M = {
  options = {
    contract = { type = "string", default = "ERC20", doc = "name of the token in the network file" },
    money = { type = "any", doc = "of a transfer, in the token's smallest unit: a number below 2^53, a decimal or 0x… text" },
    moneyToTransfer = { type = "any", doc = "the same, where there is no `money`; 1 if absent" },
    initialMoney = { type = "any", doc = "of Caliper's files, where it is for the other benchmark; not used" },
    to = { type = "string", doc = "the address that gets all of it; another for each run if absent" },
  },
}

local OPERATION = { operation = "transfer" }
local HALF = 2 ^ 32

-- An address that nobody has the key of: the same for the same run of the same round.
local function drawn(ctx)
  local random = ctx.random
  return ("0x%08x%08x%08x%08x%08x"):format(random(1, HALF - 1), random(0, HALF - 1), random(0, HALF - 1), random(0, HALF - 1),
    random(0, HALF - 1))
end

function M:init(ctx)
  local o = ctx.arguments
  self._to, self._amount, self._contract = o.to, o.money or o.moneyToTransfer or 1, o.contract or "ERC20"
end

function M:run(ctx)
  ctx.sut:send({ contract = self._contract, verb = "transfer", args = { self._to or drawn(ctx), self._amount } }, OPERATION)
end

return M
