-- Accounts from one seed: BIP39 (mnemonic to seed) and BIP32 (seed to a tree of private keys).
--
-- The words of a mnemonic are not looked up: there is no list of them here, so its checksum is not tested either. Their
-- number and letters are; words of other alphabets, which would have to be brought to a normal form first, are refused.
local account = require("vernier.ethereum.account")
local bytes = require("vernier.core.bytes")
local digest = require("vernier.core.digest")
local k256 = require("vernier.core.k256")

local M = {}

local WORDS = { [12] = true, [15] = true, [18] = true, [21] = true, [24] = true }
local ITERATIONS = 2048
local HARDENED = 2 ^ 31
local SECRET = 32
local MASTER_KEY = "Bitcoin seed" -- BIP32, for all chains

M.PATH = "m/44'/60'/0'/0/0" -- the first account of Ethereum's wallets

local Node = {}
Node.__index = Node

-- HMAC-SHA512 of a buffer: the left half goes to a key, the right half is the chain code. Or nil, message.
local function node_of(chain, data, parent)
  local halves = bytes.new(2 * SECRET)
  digest.put_hmac_sha512(halves, chain, data)
  local key, message
  if parent then
    key, message = k256.sum(parent, halves, 0)
  else
    key, message = k256.key(halves, 0)
  end
  local own = bytes.new(SECRET)
  own:put_part(halves, SECRET, 2 * SECRET)
  halves:wipe()
  if not key then
    return nil, message
  end
  return setmetatable({ _key = key, _chain = own }, Node)
end

-- seed: raw bytes, at least one. The root of its tree; or nil, message.
function M.root(seed)
  if seed == "" then
    return nil, "an empty seed"
  end
  local key, data = bytes.new(), bytes.new()
  key:put(MASTER_KEY)
  data:put(seed)
  local node, message = node_of(key, data)
  data:wipe()
  return node, message
end

-- One step; index: from 0, hardened from 2^31. Or nil, message: one index in 2^127 has no key.
function Node:child(index)
  local data = bytes.new()
  if index >= HARDENED then
    data:put_byte(0)
    self._key:put_secret(data)
  else
    self._key:put_compressed(data)
  end
  for shift = 24, 0, -8 do
    data:put_byte(math.floor(index / 2 ^ shift) % 256)
  end
  local node, message = node_of(self._chain, data, self._key)
  data:wipe()
  return node, message
end

-- The indexes of a path such as m/44'/60'/0'/0/0; or nil, message.
local function indexes_of(path)
  local rest = path:match("^m(.*)$")
  local indexes = {}
  while rest and rest ~= "" do
    local digits, hard, more = rest:match("^/(%d+)(['hH]?)(.*)$")
    local index = tonumber(digits)
    if not index or index >= HARDENED then
      rest = nil
    else
      indexes[#indexes + 1] = index + (hard ~= "" and HARDENED or 0)
      rest = more
    end
  end
  if not rest then
    return nil, ('"%s" is no path: one is m/44\'/60\'/0\'/0/0, with numbers below 2^31'):format(path)
  end
  return indexes
end

-- The node at a path from here: "m" is this one. Or nil, message.
function Node:derive(path)
  local indexes, message = indexes_of(path)
  if not indexes then
    return nil, message
  end
  local node = self
  for _, index in ipairs(indexes) do
    node, message = node:child(index)
    if not node then
      return nil, message
    end
  end
  return node
end

-- The account that this node is the private key of.
function Node:account()
  return account.of_key(self._key)
end

local function check_words(mnemonic)
  local words = {}
  for one in mnemonic:gmatch("%S+") do
    if one:find("[^a-z]") then
      return nil, ("word %d of the mnemonic has other letters than a to z: give the seed instead"):format(#words + 1)
    end
    words[#words + 1] = one
  end
  if not WORDS[#words] then
    return nil, ("a mnemonic has 12, 15, 18, 21 or 24 words, and this %d"):format(#words)
  end
  return words
end

-- The seed of a mnemonic, 64 raw bytes; or nil, message. passphrase: "" unless told.
function M.seed(mnemonic, passphrase)
  local words, message = check_words(mnemonic)
  if not words then
    return nil, message
  elseif passphrase and passphrase:find("[\128-\255]") then
    return nil, "the passphrase of the mnemonic has letters beyond ASCII: give the seed instead"
  end
  local seed = bytes.new(64)
  digest.put_pbkdf2_sha512(seed, table.concat(words, " "), "mnemonic" .. (passphrase or ""), ITERATIONS)
  local text = seed:text()
  seed:wipe()
  return text
end

local function account_at(seed, path)
  local root, message = M.root(seed)
  local node
  if root then
    node, message = root:derive(path)
  end
  return node and node:account(), message
end

-- The account at a path (M.PATH unless told) of a mnemonic; or nil, message.
function M.from_mnemonic(mnemonic, path, passphrase)
  local seed, message = M.seed(mnemonic, passphrase)
  if not seed then
    return nil, message
  end
  return account_at(seed, path or M.PATH)
end

-- The account that Caliper gives a worker (from 0) by fromAddressSeed: the text of the seed is hashed as it stands, 0x
-- included, and each worker has a branch. Or nil, message.
function M.from_address_seed(text, worker)
  return account_at(text, ("m/44'/60'/%d'/0/0"):format(worker))
end

return M
