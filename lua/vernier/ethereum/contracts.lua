-- The contracts of a network file: {path} of a file {name, abi, bytecode, gas}, or {address, abi} of one that is there.
local abi = require("vernier.ethereum.abi")
local account = require("vernier.ethereum.account")
local cjson = require("cjson")
local named = require("vernier.ethereum.named")
local quantity = require("vernier.ethereum.quantity")
local sorted = require("vernier.sorted")
local word = require("vernier.core.word")

local M = {}

local function check_address(value)
  return account.checksum(value)
end

local function check_gas(limits)
  local checked = {}
  for _, verb in ipairs(sorted(limits)) do
    local ok, limit = pcall(quantity.count, limits[verb])
    if not ok or limit < 1 then
      return nil, ('has no gas limit, a whole number, for "%s": %s'):format(verb, word.shown(limits[verb]))
    end
    checked[verb] = limit
  end
  return checked
end

local function check_abi(list)
  local contract, message = abi.new(list)
  return contract and list, message
end

-- Of a contract in the network file.
M.OPTIONS = {
  path = { type = "string", doc = "JSON file {name, abi, bytecode, gas} in the workspace; the install phase deploys it" },
  address = { type = "string", convert = check_address,
    doc = "of a contract that is deployed already; beside a path, where the install phase is left out" },
  abi = { type = "list", convert = check_abi, doc = "of that contract; that of the file if absent" },
  args = { type = "list", doc = "what the constructor gets" },
  gas = { type = "table", convert = check_gas, doc = "gas limits by function" },
  estimateGas = { type = "boolean", default = false,
    doc = "the node is asked before each call of a function without a limit; the limit is a thousand more" },
  private = { type = "string", doc = "the privacy group for which it is deployed (connector besu)" },
}

local function lack(entry)
  if not entry.path and not entry.address then
    return "needs a path, or an address and an abi"
  elseif not entry.path and not entry.abi then
    return "has an address and no abi"
  end
end

-- A convert function of vernier.options: contracts by name.
function M.check(contracts)
  return named.check("an entry", contracts, M.OPTIONS, lack)
end

local function misshapen(file)
  if type(file) ~= "table" or type(file.abi) ~= "table" then
    return "is no contract: JSON {name, abi, bytecode, gas} is"
  elseif type(file.bytecode) ~= "string" or not file.bytecode:find("^0?x?%x+$") then
    return file.bytecode and tostring(file.bytecode):find("__") and "has bytecode with libraries that are not linked"
      or 'has no "bytecode" in hexadecimal digits'
  end
  local ok, message = check_abi(file.abi)
  return not ok and "has an ABI that cannot be read: " .. message or nil
end

-- The file of a contract {abi, bytecode ("0x…"), gas or nil}; raises an error.
function M.read(path, workspace)
  local full = path:sub(1, 1) == "/" and path or (workspace or ".") .. "/" .. path
  local f, why = io.open(full, "rb")
  if not f then
    error(("contract file %s cannot be read: %s"):format(path, why), 0)
  end
  local text = f:read("*a")
  f:close()
  local ok, file = pcall(cjson.decode, text or "")
  local problem = not ok and "is not JSON: " .. tostring(file) or misshapen(file)
  if problem then
    error(("contract file %s %s"):format(path, problem), 0)
  end
  local digits = file.bytecode:gsub("^0x", "")
  return { abi = file.abi, bytecode = "0x" .. digits, gas = tonumber(file.gas) }
end

-- ---- in a worker ----

local Contract = {}
Contract.__index = Contract

-- The methods of a contract {address, abi, gas, estimateGas, private} that was installed.
function M.open(name, installed)
  return setmetatable({ name = name, address = installed.address, abi = assert(abi.new(installed.abi)),
    _gas = installed.gas or {}, estimates = installed.estimateGas, private = installed.private }, Contract)
end

function Contract:method(verb, args)
  local method, message = self.abi:method(verb, args)
  if not method then
    error(("contract %s: %s"):format(self.name, message), 0)
  end
  return method
end

-- The gas limit of a method, or the default (nil: it is needed); nil where it is to be estimated.
function Contract:gas(method, default)
  local limit = self._gas[method.name] or self._gas[method.signature] or default
  if not limit and not self.estimates then
    error(('contract %s has no gas limit for "%s": write gas: {%s: 100000} or estimateGas: true in the network file'):format(
      self.name, method.name, method.name), 0)
  end
  return limit
end

-- What is wrong with a name, for contracts by name.
function M.unknown(contracts, name)
  return named.unknown("contract", contracts, name)
end

return M
