-- The ABI of a contract: its functions, constructor, events and errors, found by name and by what they are given. Knows no
-- transactions and no chain. What values look like: vernier.ethereum.abi.encode and .decode.
--
--   local contract = assert(abi.new(list))                       list: the JSON ABI, decoded
--   local method = assert(contract:method("transfer", args))
--   method:call_data(args)                                       "0x…"; or method:encode(buffer, args)
--   method:decode("0x…")                                         what it returned
--   contract:event(topics), contract:revert("0x…"), contract.constructor
local bytes = require("vernier.core.bytes")
local decode = require("vernier.ethereum.abi.decode")
local digest = require("vernier.core.digest")
local encode = require("vernier.ethereum.abi.encode")
local events = require("vernier.ethereum.abi.event")
local methods = require("vernier.ethereum.abi.method")
local near = require("vernier.near")
local reverts = require("vernier.ethereum.abi.revert")
local sorted = require("vernier.sorted")
local types = require("vernier.ethereum.abi.type")

local M = {}

local SELECTOR = 4 -- bytes

local Contract = {}
Contract.__index = Contract

-- ---- reading a JSON ABI ----

local function tuple_of(parameters)
  local members = {}
  for i, parameter in ipairs(type(parameters) == "table" and parameters or {}) do
    local ok, member = pcall(types.parameter, parameter)
    if not ok then
      error(("parameter %d: %s"):format(i, member), 0)
    end
    members[i] = member
  end
  return types.tuple(members)
end

-- ABIs before stateMutability have constant and payable.
local function mutability(entry)
  if type(entry.stateMutability) == "string" then
    return entry.stateMutability
  end
  return entry.constant == true and "view" or entry.payable == true and "payable" or "nonpayable"
end

-- Under its signature, and in the list of those with its name.
local function add(all, item)
  all.by_signature[item.signature] = item
  all.by_name[item.name] = all.by_name[item.name] or {}
  table.insert(all.by_name[item.name], item)
end

local READERS = {}

READERS["function"] = function(self, entry, inputs)
  local selector = self._hash(entry.name .. inputs.name):sub(1, SELECTOR)
  add(self.methods, methods.new(entry.name, inputs, tuple_of(entry.outputs), selector, mutability(entry)))
end

function READERS.constructor(self, entry, inputs)
  self.constructor = methods.new("constructor", inputs, types.tuple({}), "", mutability(entry))
end

local function topic_key(topic, indexed)
  return topic .. "/" .. indexed
end

function READERS.event(self, entry, inputs)
  local event = events.new(entry.name, inputs, self._hash(entry.name .. inputs.name), entry.anonymous == true)
  add(self.events, event)
  if event.topic then
    self._by_topic[topic_key(event.topic, event.indexed)] = event
  end
end

function READERS.error(self, entry, inputs)
  local known = reverts.new(entry.name, inputs, self._hash(entry.name .. inputs.name):sub(1, SELECTOR))
  self._errors[known.selector] = known
end

local UNUSED = { fallback = true, receive = true } -- they have no arguments

local function read_entry(self, entry)
  if type(entry) ~= "table" then
    error("no object", 0)
  end
  local kind = entry.type == nil and "function" or entry.type
  if UNUSED[kind] then
    return
  elseif not READERS[kind] then
    error(('unknown type "%s"'):format(tostring(kind)), 0)
  elseif kind ~= "constructor" and (type(entry.name) ~= "string" or entry.name == "") then
    error("a " .. kind .. " without a name", 0)
  end
  READERS[kind](self, entry, tuple_of(entry.inputs))
end

local function entry_name(entry)
  local name = type(entry) == "table" and entry.name
  return type(name) == "string" and (" (%s)"):format(name) or ""
end

-- list: the entries of a JSON ABI. options.hash: what makes selectors of signatures, from text to 32 raw bytes; Keccak-256
-- unless told. Its fields: constructor (always there), methods and events, {by_name = {name = list}, by_signature = {…}}. Or
-- nil, message.
function M.new(list, options)
  local self = setmetatable({
    methods = { by_name = {}, by_signature = {} }, events = { by_name = {}, by_signature = {} }, _by_topic = {}, _errors = {},
    _hash = options and options.hash or digest.keccak256,
  }, Contract)
  if type(list) ~= "table" or list[1] == nil and next(list) ~= nil then
    return nil, "an ABI is a list of functions, events and errors"
  end
  for _, known in ipairs(reverts.STANDARD) do
    self._errors[bytes.to_hex(self._hash(known.signature):sub(1, SELECTOR))] = known
  end
  self.constructor = methods.new("constructor", types.tuple({}), types.tuple({}), "", "nonpayable")
  for i, entry in ipairs(list) do
    local ok, message = pcall(read_entry, self, entry)
    if not ok then
      return nil, ("ABI entry %d%s: %s"):format(i, entry_name(entry), message)
    end
  end
  return self
end

-- ---- finding ----

local function signatures(list)
  local texts = {}
  for i, item in ipairs(list) do
    texts[i] = item.signature
  end
  table.sort(texts)
  return table.concat(texts, ", ")
end

local function argument_count(args)
  if type(args) ~= "table" then
    return 0
  elseif args[1] ~= nil then
    return #args
  end
  local n = 0
  for _ in pairs(args) do
    n = n + 1
  end
  return n
end

local scratch = bytes.new()

-- Those of a list that take so many arguments; where these are several, those that take just these. Also why others did not.
local function fitting(list, args)
  local by_count, by_type, problems = {}, {}, {}
  for _, method in ipairs(list) do
    if #method.inputs.members == argument_count(args) then
      by_count[#by_count + 1] = method
    end
  end
  if #by_count < 2 then
    return by_count, problems
  end
  for _, method in ipairs(by_count) do
    scratch:clear()
    local problem = method:try(scratch, args)
    if problem then
      problems[#problems + 1] = ("%s: args%s"):format(method.signature, problem)
    else
      by_type[#by_type + 1] = method
    end
  end
  return by_type, problems
end

local function choose(list, args)
  local name, found, problems = list[1].name, fitting(list, args)
  if #found == 1 then
    return found[1]
  elseif #found > 1 then
    return nil, ('"%s" with these arguments may be %s: name it by its signature'):format(name, signatures(found))
  elseif #problems > 0 then
    return nil, ('no "%s" takes these arguments: %s'):format(name, table.concat(problems, "; "))
  end
  return nil, ('no "%s" takes %d arguments: there are %s'):format(name, argument_count(args), signatures(list))
end

-- A function by its name or its signature, "transfer(address,uint256)". Of several with one name it is the one that takes so
-- many arguments, then the one that takes these; args may be missing where there is one only. Or nil, message.
function Contract:method(name, args)
  local exact = self.methods.by_signature[name]
  if exact then
    return exact
  end
  local list = self.methods.by_name[name]
  if not list then
    local hint = near.hint_or_known(name:match("^[^(]*"), sorted(self.methods.by_name))
    return nil, ('no function "%s"%s'):format(name, hint and " (" .. hint .. ")" or "")
  elseif #list == 1 then
    return list[1]
  end
  return choose(list, args)
end

-- The event of a log with these topics ("0x…"); nil for what is not in the ABI. Anonymous ones are found by name only:
-- contract.events.by_name.
function Contract:event(topics)
  return topics[1] and self._by_topic[topic_key(topics[1], #topics - 1)]
end

-- Why a call was reverted that returned "0x…": {message, name, signature, args}, the latter three for known errors.
function Contract:revert(data)
  return reverts.explain(self._errors, data)
end

-- ---- values without a contract ----

local function tuple_of_texts(texts)
  local members = {}
  for i, text in ipairs(texts) do
    members[i] = { name = "", type = types.parse(text) }
  end
  return types.tuple(members)
end

-- texts: list of types such as "uint8", "(address,bytes[])[2]"; values: a list. Their bytes as "0x…". What does not fit is
-- an error.
function M.encode(texts, values)
  scratch:clear()
  local problem = encode.compile(tuple_of_texts(texts))(scratch, values)
  if problem then
    error("values" .. problem, 2)
  end
  return scratch:hex()
end

-- The values in "0x…"; or nil, message.
function M.decode(texts, data)
  scratch:clear()
  if type(data) ~= "string" or not data:find("^0x") or not scratch:put_hex(data) then
    return nil, "no hexadecimal text"
  end
  return decode.compile(tuple_of_texts(texts))(scratch)
end

return M
