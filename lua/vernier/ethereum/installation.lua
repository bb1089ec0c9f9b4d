-- What the manager does before a run: deploys contracts, gives money to accounts that are derived from one key, and says what
-- each worker gets.
local abi = require("vernier.ethereum.abi")
local accounts = require("vernier.ethereum.accounts")
local bytes = require("vernier.core.bytes")
local contracts = require("vernier.ethereum.contracts")
local private_sender = require("vernier.ethereum.private_sender")
local quantity = require("vernier.ethereum.quantity")
local scheduler = require("vernier.scheduler")
local sender = require("vernier.ethereum.sender")
local sorted = require("vernier.sorted")

local M = {}

local TRANSFER_GAS = 21000
local SHARE = 0.9 -- of the balance, what derived accounts get together
local ENOUGH = 0.5 -- of that: who has more from an earlier run gets nothing

local Installation = {}
Installation.__index = Installation

-- chain: of vernier.ethereum.chain; options: of the connector; ctx: of the connector on the manager.
function M.new(chain, options, ctx)
  return setmetatable({ _chain = chain, _options = options, _ctx = ctx, _deployed = {}, _deployers = {} }, Installation)
end

-- group: a name in `privacy`, or nil for public transactions.
local function sender_of(self, name, group)
  local one = accounts.single(self._options, name)
  if not one then
    return nil
  end
  accounts.unlock(self._chain.node, one)
  self._chain:start(self._chain:ask_fees(), true)
  if group then
    return private_sender.new(self._chain, one, self._chain.home, self._options.privacy[group], self._options)
  end
  return sender.new(self._chain, one, self._chain.home)
end

local function new_deployer(self, group)
  return sender_of(self, "contractDeployerAddress", group) or sender_of(self, "fromAddress", group)
    or error("there is no account that deploys: write contractDeployerAddressPrivateKey (or, of an account that the node "
      .. "holds, contractDeployerAddress)", 0)
end

local function code_of(name, entry, file)
  local buffer = bytes.new()
  if not buffer:put_hex(file.bytecode) then
    error(("contract file %s has bytecode that is no whole number of bytes"):format(entry.path), 0)
  end
  local ok, message = pcall(function()
    assert(abi.new(file.abi)).constructor:encode(buffer, entry.args)
  end)
  if not ok then
    error(("contract %s: %s"):format(name, tostring(message):gsub("^[^:]+:%d+: ", "")), 0)
  end
  return buffer:hex()
end

local function deployer_of(self, group)
  local key = group or self -- of public ones
  self._deployers[key] = self._deployers[key] or new_deployer(self, group)
  return self._deployers[key]
end

-- The receipt, or nil; why there is none; the gas limit; the contract's file.
local function deploy(self, name, entry)
  local deployer = deployer_of(self, entry.private)
  local file = contracts.read(entry.path, self._ctx.workspace)
  local code = code_of(name, entry, file)
  local gas, failure = file.gas or entry.private and private_sender.GAS, nil
  if not gas then
    gas, failure = deployer:estimate(nil, code)
  end
  if not gas then
    return nil, "eth_estimateGas: " .. tostring(failure)
  end
  local receipt, message = deployer:send(nil, code, nil, gas)
  return receipt, message, gas, file
end

local function installed(entry, address, list)
  return { address = address, abi = list, gas = entry.gas, estimateGas = entry.estimateGas, private = entry.private }
end

local function code_at(self, entry)
  if entry.private then
    return deployer_of(self, entry.private):code(entry.address)
  end
  return self._chain.node:ask("eth_getCode", { entry.address, "latest" })
end

local function need_code(self, name, entry)
  local code = code_at(self, entry)
  if code == "0x" or code == "0x0" then
    error(("there is no contract at %s, where the network file has %s"):format(entry.address, name), 0)
  end
end

local function install_one(self, name, entry)
  local receipt, message, gas, file = deploy(self, name, entry)
  if not receipt or receipt.status ~= 1 then
    error(("contract %s was not deployed: %s"):format(name, message or receipt.gasUsed == gas
      and ("all of its gas, %.0f, was used"):format(gas) or "its constructor reverted"), 0)
  end
  self._deployed[name] = installed(entry, receipt.contractAddress, file.abi)
  self._ctx.log(("ethereum: contract %s is at %s"):format(name, receipt.contractAddress))
end

-- Those that have a path are deployed, one after the other; an address beside it is that of an earlier run, as in the files
-- of Caliper's samples.
function Installation:install()
  for _, name in ipairs(sorted(self._options.contracts)) do
    local entry = self._options.contracts[name]
    if entry.path then
      install_one(self, name, entry)
    else
      need_code(self, name, entry)
    end
  end
end

-- One that was not deployed in this run.
local function existing(self, name, entry)
  if not entry.address then
    error(("contract %s has not been deployed in this run: the install phase does it, or write its address"):format(name), 0)
  end
  need_code(self, name, entry)
  return installed(entry, entry.address, entry.abi or contracts.read(entry.path, self._ctx.workspace).abi)
end

-- Contracts by name as workers get them; raises an error where the install phase was left out and is needed.
local function handed_over(self)
  local list = {}
  for _, name in ipairs(sorted(self._options.contracts)) do
    list[name] = self._deployed[name] or existing(self, name, self._options.contracts[name])
  end
  return list
end

-- ---- money ----

local function balance(self, address)
  return tonumber(quantity.decimal(self._chain.node:ask("eth_getBalance", { address, "latest" })))
end

local function derived(options, workers)
  local list = {}
  for worker = 0, workers - 1 do
    for _, one in ipairs(accounts.of_worker(options, worker, workers)) do
      list[#list + 1] = one.address
    end
  end
  return list
end

local function gas_to_give(self, from, to)
  local gas = from:estimate(to, nil, 1)
  return math.max(gas or 0, TRANSFER_GAS)
end

-- Wei to each, as decimal text.
local function fund(self, from, list, each)
  local left, failed, co = #list, nil, scheduler.current()
  local gas = gas_to_give(self, from, list[1])
  for _, address in ipairs(list) do
    scheduler.spawn_later(function()
      local receipt, message = from:send(address, nil, each, gas)
      failed = failed or not receipt and message or receipt and receipt.status ~= 1 and "reverted" or nil
      left = left - 1
      if left == 0 then
        scheduler.resume_later(co)
      end
    end)
  end
  coroutine.yield()
  if failed then
    error(("accounts derived from fromAddressPrivateKey got no money: %s"):format(failed), 0)
  end
end

local function poor_of(self, list, each)
  local poor = {}
  for _, address in ipairs(list) do
    if balance(self, address) < ENOUGH * each then
      poor[#poor + 1] = address
    end
  end
  return poor
end

-- What each of n accounts gets of a balance, as decimal text: what is configured, or a share, of which nothing is lost in that
-- form: a double below 10^300 prints exactly.
local function part_of(self, total, n)
  local wanted = self._options.fundPerAccount
  return wanted and quantity.decimal(quantity.encode(wanted)) or ("%.0f"):format(math.floor(SHARE * total / n))
end

local function give(self, workers)
  local list = derived(self._options, workers)
  local from = sender_of(self, "fromAddress")
  local total = balance(self, from.address)
  local least = tonumber(part_of(self, total, #list))
  local poor = least > 0 and poor_of(self, list, least) or {}
  if poor[1] then
    local each = part_of(self, total, #poor)
    if #poor * tonumber(each) > total then
      error(("fundPerAccount: %d accounts are to get %s wei each, and %s has %.0f"):format(#poor, each, from.address, total), 0)
    end
    fund(self, from, poor, each)
    self._ctx.log(("ethereum: %d accounts derived from %s got %s wei each"):format(#poor, from.address, each))
  end
end

-- What each of n workers gets: {contracts, fees, worker, workers}. Nothing secret: a worker has the options itself.
function Installation:prepare(n)
  if self._options.accountSharing == "derive" and accounts.is_derived(self._options, n) then
    give(self, n)
  end
  local list, all, asked = {}, handed_over(self), self._chain:ask_fees()
  for worker = 0, n - 1 do
    list[worker + 1] = { contracts = all, fees = asked, worker = worker, workers = n }
  end
  return list
end

return M
