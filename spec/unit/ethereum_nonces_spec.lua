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

-- Until a list has so many entries: what is due in the same turn has no order.
local function until_filled(list, n)
  local deadline = scheduler.now() + 10e9
  while #list < n and scheduler.now() < deadline do
    scheduler.sleep(MS)
  end
end

-- A node that holds what it gets: the nonces in `held`; `count` is the first that it lacks, `refused` what it got twice.
local function pool_of()
  local pool = { held = {}, refused = {}, asked = 0 }

  function pool.count()
    local n = 0
    while pool.held[n] do
      n = n + 1
    end
    return n
  end

  function pool.call()
    pool.asked = pool.asked + 1
    scheduler.sleep(MS / 10)
    return ("0x%x"):format(pool.count())
  end

  -- fate: nil where it is taken; "arrived" where it is, behind all others, and nobody hears of it; else the class of the refusal.
  function pool.send(list, nonce, fate)
    if fate and (fate ~= "arrived" or pool.count() < nonce) then
      return list:settled(nonce, fate ~= "arrived" and fate or "connection")
    elseif pool.held[nonce] then
      pool.refused[#pool.refused + 1] = nonce
    end
    pool.held[nonce] = true
    return list:settled(nonce, fate and "connection")
  end
  return pool
end

local function n_held(pool)
  local n = 0
  for _ in pairs(pool.held) do
    n = n + 1
  end
  return n
end

-- Sends so many at the same time, as long as the node need not be asked in between; fates by nonce. is_ahead: nonces that were
-- reserved before.
local function send(list, pool, n, fates, is_ahead)
  local left, kept = n, {}
  for i = 1, is_ahead and n or 0 do
    kept[i] = list:reserve()
  end
  for i = 1, n do
    scheduler.spawn(function()
      local nonce = kept[i] or list:take()
      local failure = kept[i] and list:redeem(nonce)
      assert(not failure, failure)
      scheduler.sleep(MS / 10)
      pool.send(list, nonce, fates and fates[nonce])
      left = left - 1
    end)
  end
  local deadline = scheduler.now() + 30e9
  while left > 0 and scheduler.now() < deadline do
    scheduler.sleep(MS / 10)
  end
  assert(left == 0, left .. " wait for their nonce")
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
      until_filled(taken, 5)
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

  it("that the node holds behind a gap are not given out again, nor what was given back before", function()
    scheduler.run(function()
      local list = nonces.new("0xaa", node({ "0x0", "0x1", "0x8" }))
      for _ = 0, 7 do
        list:take()
      end
      for nonce, class in pairs({ [0] = false, "underpriced", "rpc", false, "funds", false, "gas", "gas" }) do
        list:settled(nonce, class or nil)
      end
      assert.are.same({ 1, 2, 4, 6 }, { list:take(), list:take(), list:take(), list:take() })
      list:settled(6, "rpc") -- the last one: nothing is behind it
      for _, nonce in ipairs({ 1, 2, 4 }) do
        list:settled(nonce)
      end
      assert.are.equal(8, list:take()) -- another client has used 6 and 7
    end)
  end)

  it("of which nobody knows wait behind one that the node lacks for the next count", function()
    scheduler.run(function()
      local endpoint = node({ "0x0", "0x1", "0x4" })
      local list = nonces.new("0xaa", endpoint)
      for _ = 0, 4 do
        list:take()
      end
      for nonce, class in pairs({ [0] = false, "rpc", false, "connection", "connection" }) do
        list:settled(nonce, class or nil)
      end
      assert.are.equal(1, list:take())
      list:settled(1) -- and the node goes on to 3, which it has got
      assert.are.same({ 4, 5, 6 }, { list:take(), list:take(), list:take() })
      assert.are.equal(3, endpoint.asked)
    end)
  end)

  it("that the node has taken are not used where it counts them a little later", function()
    scheduler.run(function()
      local endpoint = node({ "0x0", "0x1", "0x2" })
      local list = nonces.new("0xaa", endpoint)
      list:take()
      list:take()
      list:settled(0)
      list:settled(1)
      list:doubt()
      assert.are.same({ 2, 3, 3 }, { list:take(), list:take(), endpoint.asked })
    end)
  end)

  it("that the node has lost are free again, all of them where it began anew", function()
    scheduler.run(function()
      local pool = pool_of()
      local list = nonces.new("0xaa", pool)
      send(list, pool, 40)
      pool.held = {} -- started again
      list:doubt()
      send(list, pool, 60)
      assert.are.same({ {}, 60 }, { pool.refused, pool.count() })
      pool.held[57], pool.held[20] = nil, nil -- dropped
      list:doubt()
      send(list, pool, 10)
      assert.are.same({ {}, 68 }, { pool.refused, pool.count() })
      assert.is_true(pool.asked < 20, pool.asked)
    end)
  end)

  it("are filled after a doubt, too, when no transaction comes, and once only where the node does not count them", function()
    scheduler.run(function()
      local pool, filled, list = pool_of(), {}, nil
      list = nonces.new("0xaa", pool, function(nonce)
        filled[#filled + 1] = nonce
        pool.held[nonce] = not pool.forgets
        list:settled(nonce)
        return true
      end)
      send(list, pool, 6, { [2] = "rpc", [4] = "connection" })
      scheduler.sleep(700 * MS)
      assert.are.same({ { 2, 4 }, 6 }, { filled, pool.count() })
      pool.forgets, pool.held = true, {}
      send(list, pool, 1, { [6] = "rpc" })
      scheduler.sleep(1200 * MS)
      assert.are.same({ 2, 4, 0 }, filled)
    end)
  end)

  it("are used once each and without a gap, whatever becomes of sends", function()
    local FATES = { "underpriced", "rpc", "funds", "connection", "arrived" }
    for seed = 1, 24 do
      math.randomseed(seed)
      scheduler.run(function()
        local pool, list = pool_of(), nil
        list = nonces.new("0xaa", pool, function(nonce)
          pool.send(list, nonce)
          return true
        end)
        for _ = 1, 30 do
          local fates = {}
          for nonce = 0, 400 do
            fates[nonce] = math.random(6) == 1 and FATES[math.random(#FATES)] or nil
          end
          send(list, pool, math.random(12), fates, seed % 2 == 0)
        end
        send(list, pool, 10)
        local deadline = scheduler.now() + 5e9
        while pool.count() < n_held(pool) and scheduler.now() < deadline do
          scheduler.sleep(MS)
        end
        assert.are.same({ {}, n_held(pool) }, { pool.refused, pool.count() }, "seed " .. seed)
      end)
    end
  end)

  it("that are reserved come before those that are taken, and are not asked for again", function()
    scheduler.run(function()
      local endpoint = node({ "0x5" })
      local list = nonces.new("0xaa", endpoint)
      assert.are.same({ 5, 6, 7, 8 }, { list:reserve(), list:reserve(), list:reserve(), list:take() })
      assert.is_nil(list:redeem(5))
      list:settled(5, "pool-full") -- a gap: the next ones have theirs
      assert.is_nil(list:redeem(6))
      list:settled(6)
      assert.is_nil(list:redeem(7))
      list:settled(7, "funds")
      assert.are.same({ 5, 7, 9 }, { list:take(), list:take(), list:take() })
      assert.are.equal(1, endpoint.asked)
    end)
  end)

  it("that are reserved stay when the node is asked anew; what it lacks before them is filled at once", function()
    scheduler.run(function()
      local filled, list = {}, nil
      list = nonces.new("0xaa", node({ "0x0", "0x1" }), function(nonce)
        filled[#filled + 1] = nonce
        list:settled(nonce)
        return true
      end)
      for _ = 1, 6 do
        list:reserve()
      end
      for nonce = 0, 2 do
        assert.is_nil(list:redeem(nonce))
      end
      list:settled(0)
      list:settled(1, "connection") -- 1 and 2 have not arrived
      list:settled(2, "connection")
      assert.is_nil(list:redeem(3))
      list:settled(3)
      until_filled(filled, 2)
      assert.are.same({ 1, 2 }, filled)
      assert.is_nil(list:redeem(4))
      assert.is_nil(list:redeem(5))
      list:settled(4)
      list:settled(5)
      assert.are.equal(6, list:take())
    end)
  end)

  it("that are reserved and that others have used are void, each by itself", function()
    scheduler.run(function()
      local list = nonces.new("0xaa", node({ "0x0", "0x2", "0x9" }))
      for _ = 1, 4 do
        list:reserve()
      end
      list:doubt()
      assert.are.same({ "nonce", "nonce" }, { list:redeem(0).class, list:redeem(1).class })
      assert.is_nil(list:redeem(2))
      list:settled(2)
      list:doubt()
      assert.are.equal("nonce", list:redeem(3).class)
      assert.are.equal(9, list:take())
    end)
  end)

  it("that are reserved and cannot be sent since the node does not answer are filled when it does", function()
    scheduler.run(function()
      local down, filled, list = { class = "connection", message = "gone" }, {}, nil
      list = nonces.new("0xaa", node({ "0x0", down, "0x0" }), function(nonce)
        filled[#filled + 1] = nonce
        list:settled(nonce)
        return true
      end)
      for _ = 1, 3 do
        list:reserve()
      end
      list:doubt()
      assert.are.equal(down, list:redeem(0))
      assert.is_nil(list:redeem(1))
      list:settled(1)
      until_filled(filled, 1)
      assert.are.same({ 0 }, filled)
    end)
  end)

  it("that are reserved and not sent are given back", function()
    scheduler.run(function()
      local endpoint = node({ "0x0", "0x1" })
      local list = nonces.new("0xaa", endpoint)
      for _ = 1, 3 do
        list:reserve()
      end
      assert.is_nil(list:redeem(0))
      list:settled(0)
      list:release()
      assert.are.equal(1, list:take())
      list:settled(1)
      list:release() -- nothing is reserved
      assert.are.equal(2, list:take())
      assert.are.equal(2, endpoint.asked)
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
      until_filled(failures, 2)
      assert.are.same({ down, down }, failures)
      local taken, failure = list:take()
      assert.are.same({ nil, "protocol" }, { taken, failure.class })
      assert.are.equal(2, list:take())
    end)
  end)
end)
