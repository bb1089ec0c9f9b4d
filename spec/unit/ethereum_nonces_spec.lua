-- Nonces of one account: in order, gaps filled, asked anew where they are not known. The node is a table that answers.
local nonces = require("vernier.ethereum.nonces")
local scheduler = require("vernier.scheduler")

local MS = 1e6

local function node(counts)
  local endpoint = { asked = 0 }
  function endpoint.call(_, method, params)
    assert(method == "eth_getTransactionCount" and params == '["0xaa","pending"]', params)
    endpoint.asked = endpoint.asked + 1
    scheduler.sleep(MS)
    local answer = counts[math.min(endpoint.asked, #counts)]
    if type(answer) == "table" then
      return nil, answer
    end
    return answer
  end
  return endpoint
end

describe("the nonces of an account", function()
  it("begin with what the node says, asked once however many want one", function()
    scheduler.run(function()
      local endpoint, taken = node({ "0x7" }), {}
      local list = nonces.new("0xaa", endpoint)
      for _ = 1, 5 do
        scheduler.spawn(function()
          local nonce = list:take()
          taken[#taken + 1] = nonce
        end)
      end
      scheduler.sleep(20 * MS)
      assert.are.same({ 7, 8, 9, 10, 11 }, taken)
      assert.are.equal(1, endpoint.asked)
    end)
  end)

  it("of refused transactions go to the next ones, the lowest first", function()
    scheduler.run(function()
      local list = nonces.new("0xaa", node({ "0x0" }))
      for expected = 0, 4 do
        assert.are.equal(expected, list:take())
      end
      list:settled(4, "funds") -- the last one: no gap
      assert.are.equal(4, list:take())
      list:settled(3, "gas")
      list:settled(1, "pool-full")
      assert.are.same({ 1, 3, 5 }, { list:take(), list:take(), list:take() })
    end)
  end)

  it("that nothing fills are filled by a transaction of their own", function()
    scheduler.run(function()
      local filled, list = {}, nil
      list = nonces.new("0xaa", node({ "0x0" }), function(nonce)
        filled[#filled + 1] = nonce
        list:settled(nonce)
        return true
      end)
      for _ = 1, 3 do
        list:take()
      end
      list:settled(0, "funds")
      list:settled(1)
      list:settled(2)
      scheduler.sleep(800 * MS)
      assert.are.same({ 0 }, filled)
      assert.are.equal(3, list:take())
    end)
  end)

  it("are asked anew where nobody knows, once no send is open", function()
    scheduler.run(function()
      local endpoint = node({ "0x0", "0x1" })
      local list, taken = nonces.new("0xaa", endpoint), nil
      assert.are.same({ 0, 1 }, { list:take(), list:take() })
      list:settled(1, "connection")
      scheduler.spawn(function()
        taken = list:take()
      end)
      scheduler.sleep(20 * MS)
      assert.are.same({ 1 }, { endpoint.asked, taken })
      list:settled(0)
      scheduler.sleep(20 * MS)
      assert.are.same({ 2, 1 }, { endpoint.asked, taken })
    end)
  end)

  it("fail for all who wait, where the node does not answer, and are asked for again by the next", function()
    scheduler.run(function()
      local down = { class = "connection", message = "gone" }
      local list, failures = nonces.new("0xaa", node({ down, "rubbish", "0x2" })), {}
      for i = 1, 2 do
        scheduler.spawn(function()
          failures[i] = select(2, list:take())
        end)
      end
      scheduler.sleep(20 * MS)
      assert.are.same({ down, down }, failures)
      local taken, failure = list:take()
      assert.are.same({ nil, "protocol" }, { taken, failure.class })
      assert.are.equal(2, list:take())
    end)
  end)
end)
