-- Transactions, signed: legacy ones with and without a chain id (EIP-155), EIP-2930 (type 1) and EIP-1559 (type 2). Reading
-- them: vernier.ethereum.raw_transaction.
--
-- A transaction is a table of fields as JSON-RPC names them; integers as vernier.core.word takes them:
--   type                                   0, 1 or 2; unless told it follows from the fields
--   nonce, gas                             required
--   gasPrice                               required in types 0 and 1
--   maxFeePerGas, maxPriorityFeePerGas     required in type 2
--   chainId                                required in types 1 and 2; type 0 without it is valid on all chains
--   to                                     an address; nil: a contract is created
--   value, data, accessList                nothing unless told; data: "0x…" or a buffer; accessList: {{address, storageKeys}…}
local address = require("vernier.core.address")
local bytes = require("vernier.core.bytes")
local digest = require("vernier.core.digest")
local envelope = require("vernier.ethereum.envelope")
local near = require("vernier.near")
local rlp = require("vernier.ethereum.rlp")
local sorted = require("vernier.sorted")
local word = require("vernier.core.word")

local M = {}

M.FIELDS = {
  [0] = { "nonce", "gasPrice", "gas", "to", "value", "data" },
  [1] = { "chainId", "nonce", "gasPrice", "gas", "to", "value", "data", "accessList" },
  [2] = { "chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "data", "accessList" },
}
-- Fields of other types, which would be left out in silence.
local FOREIGN = {
  [0] = { "maxFeePerGas", "maxPriorityFeePerGas", "accessList" },
  [1] = { "maxFeePerGas", "maxPriorityFeePerGas" },
  [2] = { "gasPrice" },
}
M.BITS = { nonce = 64, chainId = 64, gas = 256, gasPrice = 256, maxFeePerGas = 256, maxPriorityFeePerGas = 256, value = 256 }
local FIELDS, BITS = M.FIELDS, M.BITS
local DEFAULTS = { value = 0 }
local KEY = 32 -- bytes of a storage key

-- ---- access lists ----

local function storage_keys(entry, i)
  local keys = {}
  for k, key in ipairs(entry.storageKeys or {}) do
    local raw = type(key) == "string" and key:find("^0x") and bytes.from_hex(key)
    if not raw or #raw ~= KEY then
      error(("[%d].storageKeys[%d]: %s is no key: 0x and 64 hexadecimal digits are"):format(i, k, word.shown(key)), 0)
    end
    keys[k] = raw
  end
  return keys
end

local scratch = bytes.new()

local function raw_address(text)
  scratch:clear()
  local problem = address.write(scratch, scratch:reserve(address.BYTES), text)
  return not problem and scratch:text() or nil, problem
end

local function raw_access_list(list)
  local raw = {}
  for i, entry in ipairs(list) do
    local who, problem = raw_address(type(entry) == "table" and entry.address or entry)
    if not who then
      error(("[%d].address: %s"):format(i, problem), 0)
    end
    raw[i] = { who, storage_keys(entry, i) }
  end
  return raw
end

local NONE = {}

local function put_access_list(list)
  if list == nil then
    return envelope.item(NONE)
  end
  local ok, raw = pcall(raw_access_list, list)
  if not ok then
    return raw
  end
  return envelope.item(raw)
end

-- ---- signing ----

local WRITERS = { to = envelope.address, data = envelope.data, accessList = put_access_list }

local function missing(tx, name)
  for _, key in ipairs(sorted(tx)) do
    if not BITS[key] and not WRITERS[key] and near.near(tostring(key), { name }) then
      return ("%s is missing (is it what you gave as %s?)"):format(name, tostring(key))
    end
  end
  return name .. " is missing"
end

local function put_field(tx, name)
  local write, value = WRITERS[name], tx[name]
  local problem
  if write then
    problem = write(value)
  else
    if value == nil then
      value = DEFAULTS[name]
      if value == nil then
        return missing(tx, name)
      end
    end
    problem = envelope.integer(value, BITS[name])
  end
  return problem and name .. (problem:find("^%[") and "" or ": ") .. problem
end

local function put_fields(tx, kind)
  local fields, foreign = FIELDS[kind], FOREIGN[kind]
  for i = 1, #foreign do
    if tx[foreign[i]] ~= nil then
      return ("%s: transactions of type %d have none"):format(foreign[i], kind)
    end
  end
  for i = 1, #fields do
    local problem = put_field(tx, fields[i])
    if problem then
      return problem
    end
  end
end

-- The type that a transaction has by its fields, unless it tells; nil for an unknown one.
local function kind_of(tx)
  if tx.type ~= nil then
    return FIELDS[tx.type] and tx.type or nil
  elseif tx.maxFeePerGas ~= nil or tx.maxPriorityFeePerGas ~= nil then
    return 2
  end
  return tx.accessList ~= nil and 1 or 0
end

local chain = bytes.new(word.BYTES)
chain:reserve(word.BYTES)

-- The chain id as a number that leaves room for v; or nil and a problem.
function M.chain_number(value)
  local problem = word.write(chain, 0, value, BITS.chainId)
  local number = not problem and word.number(chain, 0, BITS.chainId)
  if not number or 2 * number + 36 >= 2 ^ 53 then
    return nil, "chainId: " .. (problem or "beyond 2^52 - 19")
  end
  return number
end

-- Behind the fields, where a legacy transaction is hashed for one chain only. The chain id as a number; or nil and a
-- problem.
local function put_chain(chain_id)
  local number, problem = M.chain_number(chain_id)
  if not number then
    return nil, problem
  end
  envelope.integer(number)
  envelope.integer(0)
  envelope.integer(0)
  return number
end

-- What tells the parity: v, where the type has none for it alone.
local function parity_field(kind, chain_id, parity)
  if kind > 0 then
    return parity
  end
  return chain_id and 35 + 2 * chain_id + parity or 27 + parity
end

-- Into the envelope. Nil; or a problem.
local function put_signed(tx, kind, account)
  envelope.begin()
  local problem = put_fields(tx, kind)
  if problem then
    return problem
  end
  local mark, chain_id = envelope.mark()
  if kind == 0 and tx.chainId ~= nil then
    chain_id, problem = put_chain(tx.chainId)
    if not chain_id then
      return problem
    end
  end
  local parity = envelope.sign(kind, account)
  envelope.back(mark)
  envelope.integer(parity_field(kind, chain_id, parity))
  envelope.put_signature()
end

-- The signed transaction as "0x…", and its hash. account: of vernier.ethereum.account. A field that is wrong is an error.
function M.sign(tx, account)
  local kind = kind_of(tx)
  local problem = kind and put_signed(tx, kind, account)
  if not kind then
    problem = ("unknown type %s: there are 0, 1 and 2"):format(word.shown(tx.type))
  end
  if problem then
    error("transaction: " .. problem, 2)
  end
  return envelope.seal(kind)
end

-- The address of the contract that a transaction of this sender with this nonce creates.
function M.created(from, nonce)
  local sender, problem = raw_address(from)
  if not sender then
    error(problem, 2)
  end
  scratch:clear()
  scratch:put(digest.keccak256(rlp.encode({ sender, nonce })))
  return address.read(scratch, 12)
end

return M
