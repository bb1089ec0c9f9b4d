-- A transaction in the making: its fields as RLP in one buffer, hashed, signed and closed in place. The fields that are
-- signed come first and stay; what is hashed after them is cut off again before the signature follows.
--
-- One at a time: begin, the fields, sign, what follows, seal. Nothing is allocated but the two texts of the result.
local address = require("vernier.core.address")
local bytes = require("vernier.core.bytes")
local rlp = require("vernier.ethereum.rlp")
local word = require("vernier.core.word")

local M = {}

local FROM = 1 + rlp.HEADER_MAX -- the type's byte and the list's header come before
local ADDRESS_ITEM = 0x80 + address.BYTES
local DIGEST, SCALAR = 32, 32
local R, S, PARITY = DIGEST, DIGEST + SCALAR, DIGEST + 2 * SCALAR -- in work

local raw, work, input = bytes.new(4096), bytes.new(), bytes.new(4096)

function M.begin()
  raw:clear()
  raw:reserve(FROM)
end

-- Each writes one field. Nil; or what is wrong with the value.
function M.integer(value, bits)
  return rlp.put_integer(raw, value, bits)
end

-- nil: none, as where a contract is created.
function M.address(value)
  if value == nil then
    return rlp.put_text(raw, "")
  end
  raw:put_byte(ADDRESS_ITEM)
  return address.write(raw, raw:reserve(address.BYTES), value)
end

-- A 0x… text, a buffer of vernier.core.bytes, or nil for nothing.
function M.data(value)
  if type(value) == "table" and value.put_part then
    return rlp.put_part(raw, value, 0, value.len)
  end
  input:clear()
  if value ~= nil and (type(value) ~= "string" or not value:find("^0x") or not input:put_hex(value)) then
    return ("%s is no data: 0x and pairs of hexadecimal digits are"):format(word.shown(value))
  end
  return rlp.put_part(raw, input, 0, input.len)
end

-- A text of raw bytes, or a list of such.
function M.item(value)
  return rlp.put(raw, value)
end

-- Where the next field goes.
function M.mark()
  return raw.len
end

-- Takes back what has been written since a mark.
function M.back(mark)
  raw:cut(mark)
end

-- The place where the list begins, behind the type's byte if it has one.
local function close(kind)
  local at = rlp.close_list(raw, FROM)
  if kind > 0 then
    at = at - 1
    raw.data[at] = kind
  end
  return at
end

-- Signs what has been written, as a transaction of this type (0: without a byte for it). The parity of the signature.
function M.sign(kind, account)
  work:clear()
  work:put_keccak256(raw, close(kind), raw.len)
  account.key:sign(work, work, 0)
  return work.data[PARITY]
end

local function put_scalar(at)
  rlp.put_part(raw, work, at + SCALAR - word.len(work, at), at + SCALAR)
end

-- r and s of the signature, as integers.
function M.put_signature()
  put_scalar(R)
  put_scalar(S)
end

-- What has been written as "0x…", and its hash.
function M.seal(kind)
  local at = close(kind)
  work:clear()
  work:put_keccak256(raw, at, raw.len)
  return raw:hex(at, raw.len), work:hex()
end

return M
