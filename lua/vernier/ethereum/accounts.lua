-- Which accounts send: an account belongs to one worker, since nobody else may use its nonces.
--
--   fromAddressSeed     Caliper's rule: account 0 of branch m/44'/60'/WORKER'/0 of the seed; further ones of a worker follow it
--   mnemonic            the accounts of a wallet, m/44'/60'/0'/0/i, dealt out in turn
--   fromAddressPrivateKey   that account for a single worker with one account; for more of them, accounts that are derived
--                       from the key and get money from it
--   fromAddress (and fromAddressPassword)   an account that the node holds: its nonces are the node's business
local account = require("vernier.ethereum.account")
local hd = require("vernier.ethereum.hd")

local M = {}

local BRANCH = "m/44'/60'/%d'/0/%d"
local WALLET = "m/44'/60'/0'/0/%d"

-- A convert function of vernier.options that does not show the key.
function M.check_key(text)
  local made, message = account.new(text)
  if not made then
    return nil, "is no private key: " .. message
  end
  return text
end

local function at(root, path)
  local node, message = root:derive(path)
  if not node then
    error(message, 0)
  end
  return node:account()
end

local function checked(made, wanted, what)
  if wanted and made.address:lower() ~= wanted:lower() then
    error(("%s is %s, but the private key beside it is that of %s"):format(what, wanted, made.address), 0)
  end
  return made
end

-- The account of an address option and the PrivateKey beside it, or the node's own; nil without both.
function M.single(options, name)
  local key, address = options[name .. "PrivateKey"], options[name]
  if key then
    return checked(assert(account.new(key)), address, name)
  end
  return address and { address = address, password = options[name .. "Password"] } or nil
end

-- Whether the accounts of so many workers are derived from one private key.
function M.is_derived(options, workers)
  return not options.fromAddressSeed and not options.mnemonic and options.fromAddressPrivateKey ~= nil
    and workers * options.accountsPerWorker > 1
end

local function from_seed(options, worker)
  local root, list = assert(hd.root(options.fromAddressSeed)), {}
  for i = 1, options.accountsPerWorker do
    list[i] = at(root, BRANCH:format(worker, i - 1))
  end
  return list
end

local function from_mnemonic(options, worker)
  local seed, message = hd.seed(options.mnemonic)
  if not seed then
    error(message, 0)
  end
  local root, list = assert(hd.root(seed)), {}
  for i = 1, options.accountsPerWorker do
    list[i] = at(root, WALLET:format(worker * options.accountsPerWorker + i - 1))
  end
  return list
end

-- The seed is the text of the key: whoever has the key finds the money again.
local function from_key(options, worker)
  local digits = options.fromAddressPrivateKey:gsub("^0[xX]", ""):lower()
  local root, list = assert(hd.root("vernier " .. digits)), {}
  for i = 1, options.accountsPerWorker do
    list[i] = at(root, BRANCH:format(worker, i - 1))
  end
  return list
end

-- The accounts, {address, key} or {address, password} of one that the node holds, of a worker (from 0) of so many; raises an
-- error where there are none, or fewer than workers and accountSharing refuses to derive more.
function M.of_worker(options, worker, workers)
  if options.fromAddressSeed then
    return from_seed(options, worker)
  elseif options.mnemonic then
    return from_mnemonic(options, worker)
  elseif M.is_derived(options, workers) then
    if options.accountSharing == "refuse" then
      error(("%d workers with %d accounts each need accounts of their own, and there is one private key "
        .. "(accountSharing: refuse): give fromAddressSeed or mnemonic, or write accountSharing: derive"):format(workers,
        options.accountsPerWorker), 0)
    end
    return from_key(options, worker)
  end
  local one = M.single(options, "fromAddress")
  if not one then
    error("there is no account to send from: write fromAddressSeed, mnemonic, fromAddressPrivateKey or fromAddress", 0)
  end
  return { one }
end

-- Opens an account that the node holds for 1000 s, as Caliper does; nothing without a password.
function M.unlock(node, one)
  if one.password and not one.key then
    node:need("personal_unlockAccount", { one.address, one.password, 1000 },
      "this node holds no accounts: give a private key or a seed instead of the password")
  end
end

return M
