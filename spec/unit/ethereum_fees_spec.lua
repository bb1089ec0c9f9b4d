-- What transactions offer for gas, and how it follows a chain on which that changes. The node is a table that answers.
local fees = require("vernier.ethereum.fees")
local rpc = require("vernier.json_rpc.message")

-- base: of its newest block, in hexadecimal digits or nil; price: of gas.
local function node(base, price)
  local chain = { base = base, price = price }

  local function answer(method)
    if chain.down then
      return nil, rpc.failure("connection", "lost")
    end
    return method == "eth_gasPrice" and chain.price or method == "eth_maxPriorityFeePerGas" and "0x5" or nil
  end

  function chain.call(_, method, _, _, _, read)
    if method == "eth_getBlockByNumber" and not chain.down then
      local text = ('{"number":"0x1","transactions":["0x1"]%s}'):format(chain.base and ',"baseFeePerGas":"' .. chain.base .. '"' or "")
      return read(text, #text)
    end
    return answer(method)
  end

  function chain.try(_, method)
    return (answer(method))
  end

  function chain.ask(_, method)
    return method == "eth_getBlockByNumber" and { baseFeePerGas = chain.base } or answer(method)
  end
  return chain
end

local function of(chain, wanted, price)
  return fees.new(fees.ask(chain, wanted, price), 1)
end

describe("fees", function()
  it("are of the kind that is wanted, or that fits the chain", function()
    local function offered(...)
      local f = of(...)
      return { f.kind, f.moves, f.fields.gasPrice, f.fields.maxFeePerGas, f.fields.maxPriorityFeePerGas }
    end
    assert.are.same({ "1559", true, nil, 205, 5 }, offered(node("0x64"), "auto"))
    assert.are.same({ "legacy", false, 7 }, offered(node("0x64"), "auto", 7))
    assert.are.same({ "legacy", false, "9" }, offered(node(nil, "0x9"), "auto"))
    assert.are.same({ "2930", true, "9" }, offered(node("0x64", "0x9"), "2930"))
    assert.has_error(function() of(node(nil), "1559") end,
      "fees: 1559 are wanted, but the node's blocks have no base fee: write fees: legacy")
  end)

  it("follow the base fee of blocks that come by, and of those that are looked at", function()
    local chain = node("0x64")
    local f = of(chain, "1559")
    f:follow({ baseFeePerGas = "0xc8" })
    assert.are.equal(405, f.fields.maxFeePerGas)
    chain.base = "0x12c"
    assert.is_true(f:look(chain))
    assert.are.equal(605, f.fields.maxFeePerGas)
    assert.is_false(f:look(chain))
  end)

  it("follow the node's gas price where there is a base fee", function()
    local chain = node("0x64", "0x65")
    local f = of(chain, "legacy")
    chain.price, chain.base = "0xc8", "0xc8"
    f:follow({ baseFeePerGas = "0xc8" })
    assert.are.equal("101", f.fields.gasPrice)
    assert.is_true(f:look(chain))
    assert.are.equal("200", f.fields.gasPrice)
    assert.is_false(f:look(chain))
  end)

  it("stay what they are where the node does not answer", function()
    for _, kind in ipairs({ "legacy", "1559" }) do
      local chain = node("0x64", "0x65")
      local f = of(chain, kind)
      chain.down = true
      assert.is_false(f:look(chain))
      assert.are.same({ kind == "legacy" and "101" or nil, kind == "1559" and 205 or nil }, { f.fields.gasPrice, f.fields.maxFeePerGas })
    end
  end)
end)
