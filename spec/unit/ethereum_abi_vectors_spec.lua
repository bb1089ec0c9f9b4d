-- The contract ABI against what compiled contracts returned and logged, as ethers has collected it: both ways.
local abi = require("vernier.ethereum.abi")
local bytes = require("vernier.core.bytes")
local cjson = require("cjson")
local vectors = require("spec.support.vectors")
local word = require("vernier.core.word")

local scratch = bytes.new()
scratch:reserve(32)

-- Integers come as decimal or hexadecimal text, positive or not.
local function decimal(value)
  assert(not word.write(scratch, 0, value, -256) or not word.write(scratch, 0, value, 256), value)
  return word.text(scratch, 0, value:sub(1, 1) == "-" and -256 or 256)
end

-- Values as ethers tells them apart, {type, value}; lists are arrays. What is given to encode.
local function given(item)
  if item.type == nil or item.type == "tuple" then
    local list = {}
    for i, one in ipairs(item.type and item.value or item) do
      list[i] = given(one)
    end
    return list
  end
  return item.value
end

local SAME = {
  number = function(ours, theirs) return tostring(ours) == decimal(theirs) end,
  string = function(ours, theirs) return ours == theirs or #ours == 42 and ours:lower() == theirs:lower() end,
  buffer = function(ours, theirs) return ours == theirs end,
  boolean = function(ours, theirs) return ours == theirs end,
}

local function same(ours, item)
  if item.type and item.type ~= "tuple" then
    return SAME[item.type](ours, item.value)
  end
  local list = item.type and item.value or item
  if #ours ~= #list then
    return false
  end
  for i, one in ipairs(list) do
    if not same(ours[i], one) then
      return false
    end
  end
  return true
end

-- The ABI of `test`, whose results are also made the arguments of `back`.
local function contract_of(interface)
  local list = cjson.decode(interface)
  for _, entry in ipairs(list) do
    if entry.name == "test" then
      list[#list + 1] = { type = "function", name = "back", inputs = entry.outputs, outputs = {} }
      break
    end
  end
  return assert(abi.new(list))
end

local function check_results(name)
  local list = vectors.ethers(name)
  for _, case in ipairs(list) do
    -- normalizedValues: what is there after the compiler has made an uint32 of -14, which we refuse.
    local contract, values = contract_of(case.interface), cjson.decode(case.normalizedValues or case.values)
    local test, back = assert(contract:method("test")), assert(contract:method("back"))
    assert.are.equal(case.result, "0x" .. back:call_data(given(values)):sub(11), case.name)
    local result, message = test:decode(case.result)
    assert(result ~= nil, message)
    if #values == 1 then
      result = { result }
    end
    assert(same(result, values), case.name)
    assert.are.equal(case.result, "0x" .. back:call_data(result):sub(11), case.name)
  end
  return #list
end

describe("what contracts return is read and written as it was", function()
  it("in ABI version 1", function()
    assert.are.equal(2045, check_results("contract-interface"))
  end)

  it("in ABI version 2, with tuples", function()
    assert.are.equal(1880, check_results("contract-interface-abi2"))
  end)
end)

describe("selectors", function()
  it("are those of all of ethers' signatures", function()
    local list = vectors.ethers("contract-signatures")
    for _, case in ipairs(list) do
      local method = assert(assert(abi.new(cjson.decode(case.abi))):method("testSig"))
      assert.are.same({ case.signature, case.sigHash }, { method.signature, method.selector })
    end
    assert.are.equal(1880, #list)
  end)
end)

describe("events", function()
  local function same_value(ours, theirs)
    if type(theirs) ~= "table" then
      if type(ours) == "boolean" or ours == theirs then
        return ours == theirs
      elseif type(ours) == "string" and ours:find("^0x") then
        return ours:lower() == theirs:lower()
      end
      return tostring(ours) == decimal(theirs)
    end
    for i, one in ipairs(theirs) do
      if not same_value(ours[i], one) then
        return false
      end
    end
    return #ours == #theirs
  end

  it("of contracts have the values that ethers tells, named and anonymous, indexed and hashed", function()
    local list, hashed, anonymous = vectors.ethers("contract-events"), 0, 0
    for _, case in ipairs(list) do
      local contract = assert(abi.new(cjson.decode(case.interface)))
      local event = contract.events.by_name.testEvent[1]
      if event.topic then
        assert.are.equal(event, contract:event(case.topics), case.name)
      else
        assert.is_nil(contract:event(case.topics))
        anonymous = anonymous + 1
      end
      local values, message = event:decode(case.topics, case.data)
      assert(values, message)
      assert(same_value(values, case.normalizedValues), case.name)
      for i, is_hashed in ipairs(case.hashed) do
        assert.are.equal(is_hashed == true, event.arguments[i].hashed, case.name)
        hashed = hashed + (is_hashed == true and 1 or 0)
      end
    end
    assert.are.equal(2016, #list)
    assert.is_true(hashed > 500 and anonymous == 992)
  end)
end)

describe("the shared vectors", function()
  it("have these encodings", function()
    local shared = vectors.shared("eth.json")
    if not shared then
      return pending("the shared vectors are not here")
    end
    for _, case in ipairs(shared.abi) do
      local types = case.sig:match("%((.*)%)$")
      local list, depth, from = {}, 0, 1
      for i = 1, #types + 1 do
        local c = types:sub(i, i)
        depth = depth + (c == "(" and 1 or c == ")" and -1 or 0)
        if depth == 0 and (c == "," or c == "") and i > from then
          list[#list + 1], from = types:sub(from, i - 1), i + 1
        end
      end
      assert.are.equal(case.calldata:sub(11), abi.encode(list, case.args):sub(3), case.sig)
    end
  end)
end)
