-- Private transactions as Besu had them until 25.6 (EEA): a legacy transaction whose list also names, behind the signature,
-- who may see it. All of that is signed, with the chain id, 0 and 0 in the place of the signature.
--
-- Fields beyond those of vernier.ethereum.transaction: chainId (required), privateFrom, privateFor (a list) or
-- privacyGroupId, and restriction ("restricted" unless told). Keys and groups are 32 bytes in base64. gasPrice and value are
-- 0 unless told.
local bit = require("bit")
local bytes = require("vernier.core.bytes")
local digest = require("vernier.core.digest")
local envelope = require("vernier.ethereum.envelope")
local rlp = require("vernier.ethereum.rlp")
local transaction = require("vernier.ethereum.transaction")
local word = require("vernier.core.word")

local M = {}

local KEY = 32
local LEGACY = 0
local INTEGERS = { { "nonce" }, { "gasPrice", 0 }, { "gas" } }

-- The bytes of an enclave's key or of a group; or nil and what is wrong with the text.
function M.key(text)
  local key = bytes.new(KEY)
  if type(text) ~= "string" or key:put_base64(text) ~= KEY then
    return nil, word.shown(text) .. " is no key: 32 bytes in base64 are"
  end
  return key:text()
end

local function raw_key(text, name)
  local key, message = M.key(text)
  return key or error(("%s: %s"):format(name, message), 0)
end

local function raw_keys(list, name)
  if type(list) ~= "table" or #list == 0 then
    error(name .. " is no list of keys", 0)
  end
  local keys = {}
  for i, text in ipairs(list) do
    keys[i] = raw_key(text, ("%s[%d]"):format(name, i))
  end
  return keys
end

-- Who may see it, as RLP has it: the keys, or the group.
local function recipients(tx)
  if (tx.privateFor == nil) == (tx.privacyGroupId == nil) then
    error("one of privateFor and privacyGroupId is needed, and not both", 0)
  elseif tx.privateFor ~= nil then
    return raw_keys(tx.privateFor, "privateFor")
  end
  return raw_key(tx.privacyGroupId, "privacyGroupId")
end

local function must(problem, name)
  if problem then
    error(("%s: %s"):format(name, problem), 0)
  end
end

local function put_fields(tx)
  for _, field in ipairs(INTEGERS) do
    local name, value = field[1], tx[field[1]]
    if value == nil then
      value = field[2] or error(name .. " is missing", 0)
    end
    must(envelope.integer(value), name)
  end
  must(envelope.address(tx.to), "to")
  must(envelope.integer(tx.value or 0), "value")
  must(envelope.data(tx.data), "data")
end

local function put_end(from, to, tx)
  envelope.item(from)
  envelope.item(to)
  envelope.item(tx.restriction or "restricted")
end

local function sign(tx, account)
  local from, to = raw_key(tx.privateFrom, "privateFrom"), recipients(tx)
  local chain_id, problem = transaction.chain_number(tx.chainId)
  if not chain_id then
    error(problem, 0)
  end
  envelope.begin()
  put_fields(tx)
  local mark = envelope.mark()
  envelope.integer(chain_id)
  envelope.integer(0)
  envelope.integer(0)
  put_end(from, to, tx)
  local parity = envelope.sign(LEGACY, account)
  envelope.back(mark)
  envelope.integer(35 + 2 * chain_id + parity)
  envelope.put_signature()
  put_end(from, to, tx)
end

-- The signed private transaction as "0x…", and its hash, which is not that of the public marker. What is wrong is an error.
function M.sign(tx, account)
  local ok, message = pcall(sign, tx, account)
  if not ok then
    error("private transaction: " .. message, 2)
  end
  return envelope.seal(LEGACY)
end

-- Java's hash of a list of signed bytes, by which Besu orders the members.
local function java_hash(raw)
  local hash = 1
  for i = 1, #raw do
    local byte = raw:byte(i)
    hash = bit.tobit(31 * hash + (byte < 128 and byte or byte - 256))
  end
  return hash
end

-- The legacy privacy group of members (base64), in base64: their order does not matter. What is no key is an error.
function M.group_id(members)
  local ok, keys = pcall(raw_keys, members, "members")
  if not ok then
    error(keys, 2)
  end
  local unique, seen = {}, {}
  for _, key in ipairs(keys) do
    if not seen[key] then
      seen[key] = true
      unique[#unique + 1] = key
    end
  end
  table.sort(unique, function(a, b)
    return java_hash(a) < java_hash(b)
  end)
  local id = bytes.new(KEY)
  id:put(digest.keccak256(rlp.encode(unique)))
  return id:base64()
end

return M
