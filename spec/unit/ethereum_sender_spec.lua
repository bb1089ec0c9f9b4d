-- Transactions that are signed now and sent later, by a node that is a table which answers.
local account = require("vernier.ethereum.account")
local fees = require("vernier.ethereum.fees")
local raw_transaction = require("vernier.ethereum.raw_transaction")
local rpc = require("vernier.json_rpc.message")
local scheduler = require("vernier.scheduler")
local sender = require("vernier.ethereum.sender")
local signed = require("vernier.ethereum.signed")

local KEY = "0x4f3edf983ac636a65a842ce7c78d9aa706d3b113bce9c46f30d7d21715b23b1d"
local TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

-- A node at nonce `count`; refusals: messages by nonce. It notes what it has got.
local function node(count, refusals)
  local endpoint = { sent = {} }
  function endpoint.call(_, method, params)
    if method == "eth_getTransactionCount" then
      return ("0x%x"):format(count)
    end
    assert(method == "eth_sendRawTransaction", method)
    local tx = assert(raw_transaction.decode(params:match('^%["(0x%x+)"%]$')))
    endpoint.sent[#endpoint.sent + 1] = tx
    local refusal = refusals and refusals[tonumber(tx.nonce)]
    if refusal then
      return nil, rpc.failure("rpc", refusal, -32000)
    end
    return tx.hash
  end
  return endpoint
end

local function chain()
  return { waits = false, fees = fees.new({ kind = "legacy", price = 7 }, 1337) }
end

local function new(endpoint)
  return sender.new(chain(), assert(account.new(KEY)), endpoint)
end

describe("a sender", function()
  it("signs ahead, in the order of nonces, and sends nothing yet", function()
    scheduler.run(function()
      local endpoint = node(4)
      local from, kept = new(endpoint), {}
      for i = 1, 3 do
        kept[i] = { from:sign(TO, "0x0" .. i, i, 50000) }
      end
      assert.are.same({}, endpoint.sent)
      for i = 1, 3 do
        local entry = assert(from:send_signed(unpack(kept[i])))
        assert.are.equal(kept[i][3], entry.hash)
        local tx = endpoint.sent[i]
        assert.are.same({ tostring(3 + i), "0x0" .. i, tostring(i), "50000", "7", "1337", from.address, TO, kept[i][3] },
          { tx.nonce, tx.data, tx.value, tx.gas, tx.gasPrice, tx.chainId, tx.from, tx.to, tx.hash })
      end
      assert(from:send(TO, nil, 0, 21000))
      assert.are.equal("7", endpoint.sent[4].nonce)
    end)
  end)

  it("gives the reason of a refusal, and the next one has its own nonce", function()
    scheduler.run(function()
      local endpoint = node(0, { [1] = "intrinsic gas too low" })
      local from, kept = new(endpoint), {}
      for i = 1, 3 do
        kept[i] = { from:sign(TO, nil, 0, 21000) }
      end
      assert(from:send_signed(unpack(kept[1])))
      local entry, message, class = from:send_signed(unpack(kept[2]))
      assert.are.same({ nil, "intrinsic gas too low (code -32000)", "gas" }, { entry, message, class })
      assert(from:send_signed(unpack(kept[3])))
      assert(from:send(TO, nil, 5, 21000) == nil) -- the gap is its own: refused there again
      assert.are.equal("1", endpoint.sent[4].nonce)
    end)
  end)

  it("discards what is never sent: its nonces are used by what comes next", function()
    scheduler.run(function()
      local endpoint = node(9)
      local from = new(endpoint)
      for _ = 1, 3 do
        assert(from:sign(TO, nil, 0, 21000))
      end
      from:discard()
      assert(from:send(TO, nil, 0, 21000))
      assert.are.equal("9", endpoint.sent[1].nonce)
    end)
  end)

  it("cannot sign ahead for an account that the node holds", function()
    local from = sender.new(chain(), { address = TO }, node(0))
    local nonce, message, class = from:sign(TO, nil, 0, 21000)
    assert.is_nil(nonce)
    assert.matches("the node holds the key of " .. TO, message)
    assert.are.equal("unsupported", class)
    from:discard()
  end)
end)

describe("a signed transaction as a text", function()
  it("is read as it was written", function()
    local hash = "0x" .. ("ab"):rep(32)
    for _, case in ipairs({ { 1, 1, 0, "0x02f8" }, { 99999999, 10000, 2 ^ 53 - 1, "0x" .. ("0f"):rep(5000) } }) do
      local opening, turn, nonce, raw = unpack(case)
      assert.are.same({ opening, turn, nonce, raw, hash }, { signed.read(signed.write(opening, turn, nonce, raw, hash)) })
    end
  end)

  it("is not any text", function()
    assert.is_nil(signed.read(""))
    assert.is_nil(signed.read("open"))
    assert.is_nil(signed.read(("x"):rep(500)))
  end)
end)
