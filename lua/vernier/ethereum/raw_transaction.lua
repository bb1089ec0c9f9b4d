-- Signed transactions as they travel, read strictly: one form of each, the sender recovered. Types 0 (legacy, with and
-- without EIP-155), 1 (EIP-2930) and 2 (EIP-1559). Making them: vernier.ethereum.transaction.
local address = require("vernier.core.address")
local bytes = require("vernier.core.bytes")
local digest = require("vernier.core.digest")
local k256 = require("vernier.core.k256")
local rlp = require("vernier.ethereum.rlp")
local transaction = require("vernier.ethereum.transaction")
local word = require("vernier.core.word")

local M = {}

local FIELDS, BITS = transaction.FIELDS, transaction.BITS
local KEY = 32 -- bytes of a storage key

local scratch, integer = bytes.new(), bytes.new(word.BYTES)
integer:reserve(word.BYTES)

local function bad(message, ...)
  error(message:format(...), 0)
end

local READERS = {}

-- Integers are one item without leading zeros. As decimal text.
local function read_integer(item, name)
  local bits = BITS[name] or 256
  if type(item) ~= "string" or #item > bits / 8 or item:byte() == 0 then
    bad("%s is no integer of at most %d bits", name, bits)
  end
  word.write(integer, 0, item == "" and "0" or bytes.to_hex(item), 256)
  return word.text(integer, 0, 256)
end

local function read_address(item, name)
  if type(item) ~= "string" or #item ~= address.BYTES then
    bad("%s is no address", name)
  end
  scratch:clear()
  scratch:put(item)
  return address.read(scratch, 0)
end

function READERS.to(item)
  return item ~= "" and read_address(item, "to") or nil
end

function READERS.data(item)
  if type(item) ~= "string" then
    bad("data is a list")
  end
  return bytes.to_hex(item)
end

local function read_keys(list)
  local keys = {}
  for i, key in ipairs(list) do
    if type(key) ~= "string" or #key ~= KEY then
      bad("accessList has a key that is none")
    end
    keys[i] = bytes.to_hex(key)
  end
  return keys
end

function READERS.accessList(item)
  if type(item) ~= "table" then
    bad("accessList is no list")
  end
  local list = {}
  for i, entry in ipairs(item) do
    if type(entry) ~= "table" or #entry ~= 2 or type(entry[2]) ~= "table" then
      bad("accessList has an entry that is none")
    end
    list[i] = { address = read_address(entry[1], "address"), storageKeys = read_keys(entry[2]) }
  end
  return list
end

-- The type, and the items of a raw transaction.
local function open(raw)
  local first = raw:byte() or bad("there is nothing")
  local kind = first >= 0xc0 and 0 or first
  if not FIELDS[kind] or kind == 0 and first < 0xc0 then
    bad("unknown type %d", first)
  end
  local items, message = rlp.decode(kind == 0 and raw or raw:sub(2))
  if not items then
    bad("%s", message)
  elseif type(items) ~= "table" or #items ~= #FIELDS[kind] + 3 then
    bad("a transaction of type %d has %d fields", kind, #FIELDS[kind] + 3)
  end
  return kind, items
end

-- Parity and chain id that v stands for: the latter as a number, nil before EIP-155.
local function split_v(v)
  local number = tonumber(v)
  if number == 27 or number == 28 then
    return number - 27
  elseif number < 35 or number >= 2 ^ 53 then
    bad("v is %s", v)
  end
  return (number - 35) % 2, math.floor((number - 35) / 2)
end

-- What was signed: the fields, for one chain, with the type before.
local function signed_bytes(kind, items, chain_id)
  local list = {}
  for i = 1, #FIELDS[kind] do
    list[i] = items[i]
  end
  if kind == 0 and chain_id then
    list[#list + 1], list[#list + 2], list[#list + 3] = chain_id, 0, 0
  end
  return (kind > 0 and string.char(kind) or "") .. rlp.encode(list)
end

local function padded(item, name)
  read_integer(item, name)
  return ("\0"):rep(32 - #item) .. item
end

local recovery, signer = bytes.new(), bytes.new()

-- The address that signed these bytes.
local function recover(signed, r, s, parity)
  recovery:clear()
  recovery:put(padded(r, "r") .. padded(s, "s") .. string.char(parity) .. digest.keccak256(signed))
  signer:clear()
  local ok, message = k256.put_signer(signer, recovery, 0, recovery, k256.SIGNATURE_BYTES)
  if not ok then
    bad("%s", message)
  end
  return address.read(signer, 0)
end

local function read(raw)
  local kind, items = open(raw)
  local n, tx = #FIELDS[kind], { type = kind, hash = bytes.to_hex(digest.keccak256(raw)) }
  for i, name in ipairs(FIELDS[kind]) do
    tx[name] = (READERS[name] or read_integer)(items[i], name)
  end
  local v, r, s = read_integer(items[n + 1], kind > 0 and "yParity" or "v"), items[n + 2], items[n + 3]
  local parity, chain_id = tonumber(v), nil
  if kind == 0 then
    parity, chain_id = split_v(v)
    tx.chainId = chain_id and ("%.0f"):format(chain_id)
  elseif parity > 1 then
    bad("yParity is %s", v)
  end
  tx.from = recover(signed_bytes(kind, items, chain_id), r, s, parity)
  tx.v, tx.r, tx.s = v, bytes.to_hex(padded(r, "r")), bytes.to_hex(padded(s, "s"))
  return tx
end

-- The fields of a signed transaction, "0x…", strictly read; also hash, from (recovered), v, r and s. Integers are decimal
-- texts, but type is a number. Or nil, message.
function M.decode(text)
  local raw = type(text) == "string" and text:find("^0x") and bytes.from_hex(text)
  if not raw then
    return nil, "transaction: no hexadecimal text"
  end
  local ok, tx = pcall(read, raw)
  if not ok then
    return nil, "transaction: " .. tx
  end
  return tx
end

return M
