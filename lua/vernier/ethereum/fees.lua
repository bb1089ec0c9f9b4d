-- What a transaction offers for its gas: legacy (a gas price), 2930 (a gas price, typed envelope) or 1559 (a tip and a maximum).
--
-- Wanted: auto takes legacy where a gasPrice is configured or blocks have no base fee, else 1559. The maximum is twice the base
-- fee plus the tip, which lasts for five full blocks in a row: the base fee grows by an eighth with each of them. So it follows
-- the blocks; and so does a gas price that is the node's, where there is a base fee.
local json = require("vernier.core.json")
local quantity = require("vernier.ethereum.quantity")

local M = { KINDS = { "auto", "legacy", "2930", "1559" } }

local GWEI = 1e9
local ROOM = 2 -- base fees

local read_header = json.reader({ "baseFeePerGas" })

local Fees = {}
Fees.__index = Fees

-- In wei, as a number: what a base fee of 2^53 or more would be is no chain that pays fees.
local function wei(text, what)
  local value, message = quantity.number(text)
  if not value then
    error(("the node's %s: %s"):format(what, message), 0)
  end
  return value
end

local function tip_of(node)
  local answer = node:try("eth_maxPriorityFeePerGas")
  return answer and wei(answer, "eth_maxPriorityFeePerGas") or GWEI
end

local function kind_of(wanted, price, base)
  if wanted ~= "auto" then
    return wanted
  end
  return (price ~= nil or not base) and "legacy" or "1559"
end

-- What a node asks, as a table that can be sent to workers: {kind, price, is_asked (it is the node's, and moves), tip, base}.
-- wanted: of KINDS; price: configured or nil. Raises an error where the node does not have what is wanted.
function M.ask(node, wanted, price)
  local latest = node:ask("eth_getBlockByNumber", '["latest",false]')
  local base = type(latest.baseFeePerGas) == "string" and wei(latest.baseFeePerGas, "base fee") or nil
  local kind = kind_of(wanted, price, base)
  if kind ~= "1559" then
    return { kind = kind, price = price or quantity.decimal(node:ask("eth_gasPrice")),
      is_asked = price == nil and base ~= nil }
  elseif not base then
    error("fees: 1559 are wanted, but the node's blocks have no base fee: write fees: legacy", 0)
  end
  return { kind = kind, base = base, tip = tip_of(node) }
end

-- asked: what ask gave. The fields of a transaction to sign, with those of its fee; moves: whether they follow the chain.
function M.new(asked, chain_id)
  local self = setmetatable({ kind = asked.kind, moves = asked.kind == "1559" or asked.is_asked or false, _tip = asked.tip,
    fields = { chainId = chain_id, nonce = 0, gas = 0 } }, Fees)
  if asked.kind == "1559" then
    self.fields.type, self.fields.maxPriorityFeePerGas = 2, asked.tip
    self.fields.maxFeePerGas = ROOM * asked.base + asked.tip
  else
    self.fields.type, self.fields.gasPrice = asked.kind == "2930" and 1 or 0, asked.price
  end
  return self
end

-- A block's header or the block itself has come.
function Fees:follow(block)
  local base = block.baseFeePerGas
  if self._tip and base ~= self._base and type(base) == "string" then
    self._base = base
    self.fields.maxFeePerGas = ROOM * wei(base, "base fee") + self._tip
  end
end

-- Asks for what has become of it: the base fee of the newest block, or the gas price. Whether it is another than before.
function Fees:look(endpoint)
  local fields = self.fields
  local maximum, price = fields.maxFeePerGas, fields.gasPrice
  if self._tip then
    local list = endpoint:call("eth_getBlockByNumber", '["latest",false]', nil, nil, read_header)
    self:follow(type(list) == "table" and list[1] or {})
  else
    local answer = endpoint:call("eth_gasPrice")
    fields.gasPrice = answer and quantity.decimal(answer) or price
  end
  return fields.maxFeePerGas ~= maximum or fields.gasPrice ~= price
end

return M
