-- Caliper's "simple" benchmark on any key-value system: opens accounts, queries them, transfers money between them.
-- What a run does is `operation`, or the round's label if that names one of the three. Accounts are numbered by the
-- run's index, so any number of workers opens the same ones. Arguments are given by position, as Caliper gives them: what
-- they are called is the contract's business.
local EXACT = 2 ^ 53

local function check_money(value)
  if type(value) == "number" and value >= 0 and value < EXACT then
    return value
  elseif type(value) == "string" and (value:find("^%d+$") or value:find("^0x%x+$")) then
    return value
  end
  return nil, "must be a number from 0 to 2^53, or a decimal or 0x… text"
end

local M = {
  options = {
    operation = { type = "enum", values = { "open", "query", "transfer" }, aliases = { "verb" },
      doc = "open, query or transfer; the round's label if absent" },
    initialMoney = { type = "any", convert = check_money, doc = "of a new account; `money`, or 10000, if absent" },
    moneyToTransfer = { type = "any", convert = check_money, doc = "of a transfer, where there is no `money`; 100 if absent" },
    money = { type = "any", convert = check_money, doc = "the older name of both" },
    numberOfAccounts = { type = "integer", default = 1000, min = 1, doc = "how many accounts earlier rounds have opened" },
    accountPrefix = { type = "string", default = "account", doc = "begins the names of accounts" },
  },
}

local operations = {}

function operations:open(ctx)
  return { self._name(ctx.index), self._initial }
end

function operations:query(ctx)
  return { self._name(ctx.random(0, self._accounts - 1)) }
end

-- The two accounts differ where there are two.
function operations:transfer(ctx)
  local n = self._accounts
  local from = ctx.random(0, n - 1)
  local to = n > 1 and (from + ctx.random(1, n - 1)) % n or from
  return { self._name(from), self._name(to), self._amount }
end

function M:init(ctx)
  local o = ctx.arguments
  local verb = o.operation or ctx.round.label
  self._arguments = operations[verb]
  if not self._arguments then
    error(('"%s" is none of open, query and transfer: write operation: open into the arguments'):format(tostring(verb)), 0)
  end
  self._verb, self._read_only, self._options = verb, verb == "query" or nil, { operation = verb }
  self._initial = o.initialMoney or o.money or 10000
  self._amount = o.money or o.moneyToTransfer or 100
  self._accounts = o.numberOfAccounts or 1000
  local format = (o.accountPrefix or "account"):gsub("%%", "%%%%") .. "-%.0f"
  self._name = function(index)
    return format:format(index)
  end
end

function M:run(ctx)
  ctx.sut:send({ contract = "simple", verb = self._verb, args = self._arguments(self, ctx), readOnly = self._read_only },
    self._options)
end

return M
