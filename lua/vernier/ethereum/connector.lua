-- What the connectors of Ethereum's kind have in common: their options and hooks, and one way of making transactions.
--
-- A way is how transactions and calls are made, of a sender and for a contract (vernier.ethereum.contracts):
--   way.call(self, from, contract, data, tx)                       the answer "0x…"; or nil, failure
--   way.gas(from, contract, method, request)                       the gas limit; or nil, message, class
--   way.why_reverted(from, contract, data, value, gas, entry)      a text
-- A sender has address, endpoint, ready() and send(to, data, value, gas, tx), as vernier.ethereum.sender has them.
--
-- Transactions can be signed ahead of a round: what `sign` gives is a text that `run` takes in the place of the request.
local accounts = require("vernier.ethereum.accounts")
local account = require("vernier.ethereum.account")
local bytes = require("vernier.core.bytes")
local chains = require("vernier.ethereum.chain")
local contracts = require("vernier.ethereum.contracts")
local failures = require("vernier.ethereum.failure")
local fees = require("vernier.ethereum.fees")
local installation = require("vernier.ethereum.installation")
local quantity = require("vernier.ethereum.quantity")
local raw_transaction = require("vernier.ethereum.raw_transaction")
local redact = require("vernier.config.redact")
local sender = require("vernier.ethereum.sender")
local signed = require("vernier.ethereum.signed")
local url = require("vernier.url")

local function check_urls(value)
  local list = type(value) == "table" and value or { value }
  for _, text in ipairs(list) do
    local parts, why = url.rpc(tostring(text))
    if not parts then
      return nil, why
    end
  end
  if not list[1] then
    return nil, "must be a URL, or a list of them"
  end
  return list
end

local function check_integer(value)
  local ok, message = pcall(quantity.encode, value)
  if not ok then
    return nil, "must be a whole number: " .. tostring(message):gsub("^[^:]+:%d+: ", "")
  end
  return value
end

local function check_seed(text)
  if text == "" then
    return nil, "must not be empty"
  end
  return text
end

local ADDRESS = "of an account that the node holds, or beside its private key"

local M = {}

local OPTIONS = {
  url = { type = "any", required = true, convert = check_urls,
    doc = "http(s)://host:port, ws(s)://host:port or ipc:/path of the node; or a list, for accounts to take turns" },
  contractDeployerAddress = { type = "string", convert = account.checksum, doc = "who deploys: " .. ADDRESS },
  contractDeployerAddressPrivateKey = { type = "string", secret = true, convert = accounts.check_key, doc = "its key" },
  contractDeployerAddressPassword = { type = "string", secret = true, doc = "unlocks it in the node" },
  fromAddress = { type = "string", convert = account.checksum, doc = "who sends: " .. ADDRESS },
  fromAddressPrivateKey = { type = "string", secret = true, convert = accounts.check_key, doc = "its key" },
  fromAddressPassword = { type = "string", secret = true, doc = "unlocks it in the node" },
  fromAddressSeed = { type = "string", secret = true, convert = check_seed,
    doc = "instead: each worker sends from an account of its own, m/44'/60'/WORKER'/0/0, as with Caliper" },
  mnemonic = { type = "string", secret = true, doc = "instead: the accounts of this wallet, m/44'/60'/0'/0/i" },
  accountsPerWorker = { type = "integer", default = 1, min = 1, max = 10000, doc = "accounts of a worker, which take turns" },
  accountSharing = { type = "enum", values = { "derive", "refuse" }, default = "derive",
    doc = "more accounts needed than fromAddressPrivateKey: derive and fund them, or refuse" },
  fundPerAccount = { type = "any", convert = check_integer, unit = "wei",
    doc = "what a derived account gets; an equal share of nine tenths of the balance if absent" },
  transactionConfirmationBlocks = { type = "integer", default = 1, min = 1, max = 1000,
    doc = "a transaction is confirmed when its block is so deep; 1: when it is in a block" },
  confirmation = { type = "enum", values = { "subscription", "receipt", "none" }, default = "subscription",
    doc = "by the blocks of new heads, by asking for receipts, or not at all: accepted by the node is enough" },
  outcomes = { type = "enum", values = { "receipts", "traces" }, default = "receipts",
    doc = "whether what a block has went well, with confirmation: subscription: by receipts, or by trace_block, without gasUsed "
      .. "(anvil's receipts cost it the more the larger its blocks are)" },
  confirmationTimeout = { type = "duration", default = 60, min = 0.001, doc = "from sending to confirmation" },
  pollInterval = { type = "duration", default = 0.1, min = 0.001,
    doc = "between questions for the newest block (HTTP) or for receipts" },
  chainId = { type = "any", convert = check_integer, doc = "that the nodes have to have; asked for if absent" },
  gasPrice = { type = "any", convert = check_integer, unit = "wei", doc = "for legacy transactions; asked for if absent" },
  fees = { type = "enum", values = fees.KINDS, default = "auto",
    doc = "kind of transactions; auto: legacy with a gasPrice or on a chain without a base fee, else 1559" },
  timeout = { type = "duration", default = 30, min = 0.001, doc = "of a single call of the node" },
  connectTimeout = { type = "duration", default = 10, min = 0.001, doc = "within which the nodes have to be there" },
  connections = { type = "integer", default = 64, min = 1, max = 65535, doc = "over HTTP, per worker and node" },
  batching = { type = "table", doc = "transactions and calls that wait at the same time go out as one batch; not, if absent",
    fields = {
      size = { type = "integer", default = 100, min = 2, max = 10000, doc = "as many at most" },
      wait = { type = "duration", default = 0.002, max = 10, doc = "for so long at most; 0s: those of the same instant" },
    } },
  headers = { type = "table", secret = true, doc = "of HTTP requests and of the WebSocket handshake" },
  contracts = { type = "table", default = {}, convert = contracts.check,
    doc = "by name: {path} or {address, abi}; {args, gas: {function: limit}, estimateGas, private}" },
}

-- A connector that can be extended: its table of options is its own.
function M.new()
  local made, options = {}, {}
  for name, spec in pairs(OPTIONS) do
    options[name] = spec
  end
  for _, hook in ipairs({ "init", "install", "prepare", "open", "sign", "discard", "run", "end" }) do
    made[hook] = M[hook]
  end
  made.options = options
  return made
end

function M:init(ctx)
  self._ctx = ctx
  self._chain = chains.open(self.options, math.max(ctx.worker, 0))
  if ctx.where == "manager" then
    self._installation = installation.new(self._chain, self.options, ctx)
  end
end

function M:install()
  self._installation:install()
end

function M:prepare(n)
  return self._installation:prepare(n)
end

-- ---- in a worker ----

local function open_senders(self, prepared)
  local list = {}
  self._accounts = accounts.of_worker(self.options, prepared.worker, prepared.workers)
  for i, one in ipairs(self._accounts) do
    accounts.unlock(self._chain.node, one)
    list[i] = sender.new(self._chain, one, self._chain.node:endpoint(prepared.worker + i - 1))
  end
  return list
end

function M:open(round)
  local prepared = round.prepared
  self._contracts = {}
  for name, installed in pairs(prepared.contracts) do
    self._contracts[name] = contracts.open(name, installed)
  end
  self._chain:start(prepared.fees, self.options.confirmation ~= "none")
  self._senders, self._turn, self._opening = open_senders(self, prepared), 0, (self._opening or 0) + 1
end

local buffer = bytes.new()

local function refused(failure)
  return nil, redact.text(tostring(failure)), failures.class(failure)
end

local function reverted(contract, failure)
  return nil, redact.text(failures.reason(contract.abi, failure)), "reverted"
end

local function call(self, way, from, contract, method, request, tx)
  local answer, failure = way.call(self, from, contract, method:call_data(request.args), tx)
  if answer == nil then
    if failures.class(failure) == "reverted" then
      return reverted(contract, failure)
    end
    return refused(failure)
  end
  local result, message = method:decode(answer)
  if message then
    return nil, message, "protocol"
  end
  return result == nil and true or result
end

-- ---- the way of public transactions ----

local public = {}

function public.call(self, from, contract, data, tx)
  return self._chain.node.client:call("eth_call", '[{"from":"' .. from.address .. '","to":"' .. contract.address .. '","data":"'
    .. data .. '"},"latest"]', nil, tx)
end

-- Its call is made once more, on the state of its block.
function public.why_reverted(from, contract, data, value, gas, entry)
  if entry.gasUsed == gas then
    return ("out of gas: all of its %.0f were used"):format(gas)
  end
  local _, failure = from.endpoint:call("eth_call", { { from = from.address, to = contract.address, data = data,
    value = value and quantity.encode(value), gas = quantity.encode(gas) }, quantity.encode(entry.blockNumber) })
  return failure and redact.text(failures.reason(contract.abi, failure)) or "reverted, and would not be now"
end

-- An integer of a request in the form that read gives it; an error names it.
local function integer(request, name, read)
  local ok, value = pcall(read, request[name])
  if not ok then
    error(("%s: %s"):format(name, value:gsub("^[^:]+:%d+: ", "")), 0)
  end
  return value
end

function public.gas(from, contract, method, request)
  local limit = request.gas ~= nil and integer(request, "gas", quantity.count) or contract:gas(method)
  if limit then
    return limit
  end
  local gas, failure = from:estimate(contract.address, method:call_data(request.args), request.value)
  if gas then
    return gas
  elseif failures.class(failure) == "reverted" then
    return reverted(contract, failure)
  end
  return refused(failure)
end

-- ---- requests ----

-- Waits for what has to be known, and puts the call into the buffer: what follows without a wait may use it. The gas limit; or
-- nil, message, class.
local function encode(way, from, contract, method, request)
  if request.value ~= nil then
    integer(request, "value", quantity.encode) -- what cannot be sent is an error before it takes a nonce
  end
  local gas, why, kind = way.gas(from, contract, method, request)
  if not gas then
    return nil, why, kind
  end
  local ready, message, class = from:ready()
  if not ready then
    return nil, message, class
  end
  buffer:clear()
  method:encode(buffer, request.args)
  return gas
end

local function transact(way, from, contract, method, request, tx)
  local value = request.value
  local gas, message, class = encode(way, from, contract, method, request)
  if not gas then
    return nil, message, class
  end
  local entry
  entry, message, class = from:send(contract.address, buffer, value, gas, tx)
  if not entry then
    return nil, message, class
  elseif entry.status == 0 then
    return nil, way.why_reverted(from, contract, method:call_data(request.args), value, gas, entry), "reverted", entry
  end
  return entry
end

-- Does what a request says, in a way and by a sender.
function M.perform(self, way, from, contract, request, tx)
  local method = contract:method(request.verb, request.args)
  if request.readOnly then
    return call(self, way, from, contract, method, request, tx)
  end
  return transact(way, from, contract, method, request, tx)
end

local function expect_request(self)
  error(("the %s connector expects a request like {contract =, verb =, args =, readOnly =}"):format(self.name), 0)
end

-- The contract that a request is for.
function M.contract_of(self, request)
  if type(request) ~= "table" or type(request.verb) ~= "string" then
    expect_request(self)
  elseif not self._contracts then
    error(("the %s connector sends in rounds only"):format(self.name), 0)
  end
  return self._contracts[request.contract] or error(contracts.unknown(self._contracts, request.contract), 0)
end

-- The senders of this worker take turns.
function M.next_sender(self)
  local turn = self._turn % #self._senders + 1
  self._turn = turn
  return self._senders[turn], turn
end

-- ---- signed ahead ----

-- The request as a text that run takes; texts have to be run in the order in which they were made. Or nil, message, class.
function M:sign(request)
  local contract = M.contract_of(self, request)
  if request.readOnly then
    return nil, "a call (readOnly) is answered when it is made: it cannot be made ahead", "unsupported"
  end
  local from, turn = M.next_sender(self)
  local gas, message, class = encode(public, from, contract, contract:method(request.verb, request.args), request)
  if not gas then
    return nil, message, class
  end
  local nonce, raw, hash = from:sign(contract.address, buffer, request.value, gas)
  if not nonce then
    return nil, raw, hash
  end
  return signed.write(self._opening, turn, nonce, raw, hash)
end

-- What was signed and not run will not be.
function M:discard()
  for _, from in ipairs(self._senders) do
    from:discard()
  end
end

local function why_signed_reverted(self, from, raw, entry)
  local sent = assert(raw_transaction.decode(raw))
  for _, contract in pairs(self._contracts) do
    if contract.address:lower() == sent.to:lower() then
      return public.why_reverted(from, contract, sent.data, sent.value, tonumber(sent.gas), entry)
    end
  end
end

local function send_signed(self, text, tx)
  local opening, turn, nonce, raw, hash = signed.read(text)
  if not opening then
    expect_request(self)
  elseif opening ~= self._opening then
    error("this was signed ahead for a round in which another has begun: such a round has to run alone on its workers", 0)
  end
  local from = self._senders[turn]
  local entry, message, class = from:send_signed(nonce, raw, hash, tx)
  if entry and entry.status == 0 then
    return nil, why_signed_reverted(self, from, raw, entry), "reverted", entry
  end
  return entry, message, class
end

-- ---- hooks of a transaction ----

function M:run(request, tx)
  if type(request) == "string" then
    return send_signed(self, request, tx)
  end
  local contract = M.contract_of(self, request)
  return M.perform(self, public, request.readOnly and self._senders[1] or M.next_sender(self), contract, request, tx)
end

M["end"] = function(self)
  if self._chain then
    self._chain:close()
    self._chain = nil
  end
end

return M
