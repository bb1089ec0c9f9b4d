-- Confirmations on a chain that is told what to do: blocks come, are replaced, or stay away; the node answers late, wrongly or not.
local confirmation = require("vernier.ethereum.confirmation")
local rpc = require("vernier.json_rpc.message")
local scheduler = require("vernier.scheduler")
local told_chain = require("spec.support.told_chain")

local MS = 1e6
local hash_of = told_chain.hash_of

-- fn(chain, waiting, head) inside a task; head() tells of the chain's newest block. o: mode, blocks, timeout, url, methods.
local function with(o, fn)
  scheduler.run(function()
    local chain = told_chain.new()
    chain.url = o.url or chain.url
    chain.mine("b1")
    local waiting = confirmation.new(chain, { mode = o.mode or "subscription", outcomes = o.outcomes, blocks = o.blocks or 1,
      timeout = o.timeout or 20, interval = 0.002 })
    assert.is_true(waiting:start())
    fn(chain, waiting, function()
      local block = chain.blocks[#chain.blocks]
      waiting:head({ number = ("0x%x"):format(block.number), hash = block.hash })
    end)
    waiting:stop()
  end)
end

-- Waits for an entry in a task of its own; a table with ok once it is over.
local function awaited(waiting, entry)
  local outcome = { entry = entry }
  scheduler.spawn(function()
    outcome.ok = waiting:await(entry)
  end)
  return outcome
end

local function until_true(check)
  local deadline = scheduler.now() + 15e9
  while not check() do
    assert(scheduler.now() < deadline, "not in time")
    scheduler.sleep(MS)
  end
end

local function over(outcome)
  until_true(function() return outcome.ok ~= nil end)
  return outcome.ok
end

describe("a confirmation by blocks", function()
  it("comes with the block that has the transaction, with what its receipt says", function()
    with({}, function(chain, waiting, head)
      local outcome = awaited(waiting, waiting:expect(hash_of("a")))
      chain.mine("b2", { "a" })
      head()
      assert.is_true(over(outcome))
      local entry = outcome.entry
      assert.are.same({ 2, 21000, 1 }, { entry.blockNumber, entry.gasUsed, entry.status })
      assert.is_nil(entry.contractAddress)
      assert.is_true(entry.confirmed_ns == entry.included_ns and entry.included_ns > 0)
      assert.is_true(waiting:await(entry)) -- once more: it is known
      assert.are.same({ 1, nil }, { chain.asked.eth_getBlockReceipts, chain.asked.eth_getTransactionReceipt })
    end)
  end)

  it("says where it was reverted, and which contract was created", function()
    with({}, function(chain, waiting, head)
      local outcome = awaited(waiting, waiting:expect(hash_of("a")))
      chain.mine("b2", { "a" }).status = "0x0"
      chain.answers.eth_getBlockReceipts = function()
        return ('[{"status":"0x0","contractAddress":"0xcc","gasUsed":"0x1","transactionHash":"%s","blockHash":"%s"}]'):format(
          hash_of("a"), hash_of("b2"))
      end
      head()
      assert.is_true(over(outcome))
      assert.are.same({ 0, "0xcc", 1 }, { outcome.entry.status, outcome.entry.contractAddress, outcome.entry.gasUsed })
    end)
  end)

  it("asks nothing of blocks without ours, and single receipts where few are ours", function()
    with({}, function(chain, waiting, head)
      local outcome = awaited(waiting, waiting:expect(hash_of("a")))
      chain.mine("b2", { "c", "d" })
      head()
      until_true(function() return chain.asked.eth_getBlockByNumber end)
      chain.mine("b3", { "e", "f", "a" })
      head()
      assert.is_true(over(outcome))
      assert.are.same({ 3, nil, 1 }, { outcome.entry.blockNumber, chain.asked.eth_getBlockReceipts, chain.asked.eth_getTransactionReceipt })
    end)
  end)

  it("goes through all blocks between two heads", function()
    with({}, function(chain, waiting, head)
      local outcomes = {}
      for i = 1, 40 do
        outcomes[i] = awaited(waiting, waiting:expect(hash_of("a" .. i)))
        chain.mine("b" .. i + 1, { "a" .. i })
      end
      head() -- the only one
      for i, outcome in ipairs(outcomes) do
        assert.is_true(over(outcome))
        assert.are.equal(i + 1, outcome.entry.blockNumber)
      end
      assert.are.equal(40, chain.asked.eth_getBlockByNumber)
    end)
  end)

  it("waits for as many blocks as it is told to, and for none without need", function()
    with({ blocks = 3 }, function(chain, waiting, head)
      local outcome = awaited(waiting, waiting:expect(hash_of("a")))
      chain.mine("b2", { "a" })
      head()
      chain.mine("b3")
      head()
      until_true(function() return chain.asked.eth_getBlockByNumber == 2 end)
      scheduler.sleep(5 * MS)
      assert.is_nil(outcome.ok)
      assert.are.equal(2, outcome.entry.blockNumber)
      chain.mine("b4")
      head()
      assert.is_true(over(outcome))
      assert.is_true(outcome.entry.confirmed_ns > outcome.entry.included_ns)
      chain.mine("b5", { "z" })
      head()
      scheduler.sleep(5 * MS)
      assert.are.equal(3, chain.asked.eth_getBlockByNumber) -- nobody waits: b5 is not looked at
    end)
  end)

  it("finds what a reorganisation has moved in its new block", function()
    with({ blocks = 3 }, function(chain, waiting, head)
      local moved, lost = awaited(waiting, waiting:expect(hash_of("a"))), waiting:expect(hash_of("b"))
      chain.mine("b2")
      head()
      chain.mine("b3", { "a", "b" })
      head()
      until_true(function() return lost.blockNumber == 3 end)
      chain.mine("c3", { "x" }, 3) -- takes the place of b3
      chain.mine("c4", { "a" })
      head()
      until_true(function() return moved.entry.blockNumber == 4 end)
      assert.is_nil(lost.blockNumber)
      chain.mine("c5")
      chain.mine("c6")
      head()
      assert.is_true(over(moved))
      assert.are.equal(4, moved.entry.blockNumber)
      waiting:forget(lost)
    end)
  end)

  it("believes no receipts of another block, and asks again", function()
    with({}, function(chain, waiting, head)
      local outcome, turn = awaited(waiting, waiting:expect(hash_of("a"))), 0
      chain.mine("b2", { "a" })
      chain.answers.eth_getBlockReceipts = function()
        turn = turn + 1
        local block = turn > 3 and "b2" or "other"
        return turn == 1 and "[]" or ('[{"status":"0x1","gasUsed":"0x1","transactionHash":"%s","blockHash":"%s"}]'):format(
          hash_of("a"), hash_of(block))
      end
      head()
      assert.is_true(over(outcome))
      assert.are.equal(4, turn)
    end)
  end)

  it("asks for single receipts where the node has not those of blocks", function()
    with({}, function(chain, waiting, head)
      chain.answers.eth_getBlockReceipts = function()
        return nil, rpc.failure("rpc", "Method not found", -32601)
      end
      for i = 2, 3 do
        local outcome = awaited(waiting, waiting:expect(hash_of("a" .. i)))
        chain.mine("b" .. i, { "a" .. i })
        head()
        assert.is_true(over(outcome))
      end
      assert.are.same({ 1, 2 }, { chain.asked.eth_getBlockReceipts, chain.asked.eth_getTransactionReceipt })
    end)
  end)

  it("asks again where the node answers rubbish, no block yet, or nothing", function()
    with({}, function(chain, waiting, head)
      local answers = {
        function() return '{"hash":"0x1"}' end,
        function() return "[1]" end,
        function() return '{"hash":"0x1","transactions":["' end,
        function() return "0x0" end,
        function() return nil end,
        function() return nil, rpc.failure("timeout", "no answer") end,
      }
      local outcome = awaited(waiting, waiting:expect(hash_of("a")))
      chain.mine("b2", { "a" })
      local mined = chain.answers.eth_getBlockByNumber
      chain.answers.eth_getBlockByNumber = function(...)
        local one = table.remove(answers)
        if not answers[1] then
          chain.answers.eth_getBlockByNumber = mined
        end
        return one(...)
      end
      head()
      assert.is_true(over(outcome))
      assert.are.equal(7, chain.asked.eth_getBlockByNumber)
    end)
  end)

  it("asks for the newest block over HTTP, and where the node has no subscriptions", function()
    for _, o in ipairs({ { url = "http://node" }, { url = "unix:/node" }, { refuses = true } }) do
      with(o, function(chain, waiting)
        if o.refuses then
          chain.answers.eth_subscribe = function()
            return nil, rpc.failure("rpc", "method not found", -32601)
          end
          waiting:connected()
        end
        local outcome = awaited(waiting, waiting:expect(hash_of("a")))
        chain.mine("b2", { "a" })
        assert.is_true(over(outcome)) -- without a head
      end)
    end
  end)

  it("subscribes again with each connection, and misses nothing meanwhile", function()
    with({}, function(chain, waiting)
      local outcome = awaited(waiting, waiting:expect(hash_of("a")))
      chain.mine("b2", { "a" })
      waiting:connected()
      assert.is_true(over(outcome))
      assert.are.equal(2, chain.asked.eth_subscribe)
    end)
  end)

  it("does not start where the node has no number", function()
    scheduler.run(function()
      for _, mode in ipairs({ "subscription", "receipt" }) do
        local chain = told_chain.new()
        for said, answer in pairs({
          ["no number: x"] = function() return "x" end,
          lost = function() return nil, rpc.failure("connection", "lost") end,
        }) do
          chain.answers.eth_blockNumber = answer
          local ok, failure = confirmation.new(chain, { mode = mode, blocks = 1, timeout = 1, interval = 1 }):start()
          assert.is_nil(ok)
          assert.are.equal(said, tostring(failure))
        end
      end
    end)
  end)

  it("finds what was mined before it was expected", function()
    with({}, function(chain, waiting, head)
      local other = awaited(waiting, waiting:expect(hash_of("o")))
      chain.mine("b2", { "a", "o" })
      head()
      assert.is_true(over(other))
      local late = waiting:expect(hash_of("a"))
      waiting:look_up(late)
      assert.is_true(waiting:await(late))
      assert.are.equal(2, late.blockNumber)
      -- In a block that has not been gone through yet: when it is its turn.
      local early = awaited(waiting, waiting:expect(hash_of("e")))
      chain.mine("b3", { "e" })
      scheduler.spawn(function() waiting:look_up(early.entry) end)
      scheduler.sleep(5 * MS)
      assert.is_nil(early.ok)
      head()
      assert.is_true(over(early))
      assert.are.equal(3, early.entry.blockNumber)
    end)
  end)
end)

describe("outcomes by traces", function()
  it("need no receipts where calls went well", function()
    with({ outcomes = "traces" }, function(chain, waiting, head)
      local a, b = awaited(waiting, waiting:expect(hash_of("a"))), awaited(waiting, waiting:expect(hash_of("b")))
      chain.mine("b2", { "x", "a", "y", "b", "z" })
      head()
      assert.is_true(over(a) and over(b))
      assert.are.same({ 2, 1, nil }, { a.entry.blockNumber, a.entry.status, a.entry.gasUsed })
      assert.are.same({ 1, nil, nil }, { chain.asked.trace_block, chain.asked.eth_getBlockReceipts,
        chain.asked.eth_getTransactionReceipt })
    end)
  end)

  it("are those of receipts for what was reverted, for contracts that were created, and for what is not told", function()
    with({ outcomes = "traces" }, function(chain, waiting, head)
      local outcomes = {}
      for i, name in ipairs({ "a", "b", "c" }) do
        outcomes[i] = awaited(waiting, waiting:expect(hash_of(name)))
      end
      local block = chain.mine("b2", { "a", "b", "c" })
      block.status = "0x0"
      block.traces = { [hash_of("a")] = { error = true }, [hash_of("b")] = { type = "create" } }
      head()
      for i = 1, 3 do
        assert.is_true(over(outcomes[i]))
      end
      assert.are.same({ 0, 0, 1 }, { outcomes[1].entry.status, outcomes[2].entry.status, outcomes[3].entry.status })
      assert.are.same({ 21000, 21000, nil }, { outcomes[1].entry.gasUsed, outcomes[2].entry.gasUsed, outcomes[3].entry.gasUsed })
      assert.are.equal(2, chain.asked.eth_getTransactionReceipt)
    end)
  end)

  it("are asked for again where they are of another block, or fail", function()
    with({ outcomes = "traces" }, function(chain, waiting, head)
      local outcome = awaited(waiting, waiting:expect(hash_of("a")))
      local block, turn = chain.mine("b2", { "a" }), 0
      block.traces = { [hash_of("a")] = { block = "0xother" } }
      chain.answers.trace_block = function(params)
        turn = turn + 1
        if turn == 1 then
          return chain.methods.trace_block(params)
        end
        block.traces, chain.answers.trace_block = nil, nil
        return nil, rpc.failure("timeout", "no answer")
      end
      head()
      assert.is_true(over(outcome))
      assert.are.same({ 2, 1, 3 }, { outcome.entry.blockNumber, outcome.entry.status, chain.asked.trace_block })
    end)
  end)
end)

for _, mode in ipairs({ "subscription", "receipt" }) do
  describe("a confirmation by " .. mode, function()
    it("ends with its deadline, in no block or in one that is not deep enough", function()
      with({ mode = mode, blocks = 2, timeout = 0.1 }, function(chain, waiting, head)
        local never, shallow = awaited(waiting, waiting:expect(hash_of("n"))), awaited(waiting, waiting:expect(hash_of("s")))
        chain.mine("b2", { "s" })
        head()
        assert.is_false(over(never))
        assert.is_false(over(shallow))
        assert.is_nil(never.entry.blockNumber)
        assert.are.equal(2, shallow.entry.blockNumber)
        assert.is_false(waiting:await(never.entry))
        chain.mine("b3", { "n" }) -- too late: it is over
        head()
        scheduler.sleep(10 * MS)
        assert.is_nil(never.entry.confirmed_ns)
        assert.is_false(waiting:wants_blocks())
      end)
    end)

    it("forgets what was refused", function()
      with({ mode = mode }, function(chain, waiting, head)
        local entry, other = waiting:expect(hash_of("a")), awaited(waiting, waiting:expect(hash_of("o")))
        waiting:forget(entry)
        waiting:forget(entry)
        chain.mine("b2", { "a", "o" })
        head()
        assert.is_true(over(other))
        assert.is_nil(entry.blockNumber)
        assert.is_false(waiting:wants_blocks())
      end)
    end)

    it("waits until the block is deep enough", function()
      with({ mode = mode, blocks = 3 }, function(chain, waiting, head)
        local outcome = awaited(waiting, waiting:expect(hash_of("a")))
        for i = 2, 4 do
          assert.is_nil(outcome.ok)
          chain.mine("b" .. i, i == 2 and { "a" } or {})
          head()
          until_true(function() return outcome.entry.blockNumber == 2 end)
          scheduler.sleep(5 * MS)
        end
        assert.is_true(over(outcome))
      end)
    end)
  end)
end

describe("a confirmation by receipts", function()
  it("asks for those of many in batches, and goes on when an answer fails", function()
    with({ mode = "receipt" }, function(chain, waiting)
      local outcomes, names, batch, failed = {}, {}, chain.batch, 0
      for i = 1, 150 do
        names[i] = "a" .. i
        outcomes[i] = awaited(waiting, waiting:expect(hash_of(names[i])))
      end
      chain.batch = function(self, requests, ...)
        assert(#requests <= 100)
        if failed < 2 then
          failed = failed + 1
          return nil, rpc.failure("timeout", "no answer")
        end
        return batch(self, requests, ...)
      end
      chain.mine("b2", names)
      for _, outcome in ipairs(outcomes) do
        assert.is_true(over(outcome))
      end
      assert.are.equal(2, failed)
      assert.is_nil(chain.asked.eth_getBlockByNumber)
    end)
  end)
end)
