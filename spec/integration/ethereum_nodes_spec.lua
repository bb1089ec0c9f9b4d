-- The connector ethereum on two nodes, over HTTP and WebSocket, however they mine: ethers tells that every success which was counted
-- is a mined, successful transaction, that every balance is right, and that no nonce is missing.
local support = require("spec.support")
local chain = require("spec.support.chain")(support)
local runs = require("spec.support.chain_runs")(chain)

local WORKERS, ACCOUNTS, MONEY, TRANSFERRED = 2, 12, 1000, 5

local ONE_BY_ONE = "{type: fixed-load, opts: {transactionLoad: 1}}"

-- ganache keeps back for good what comes while it mines another transaction of the account: it gets them one by one.
local NODES = {
  anvil = { start = chain.anvil, rate = "{type: fixed-rate, opts: {tps: 80}}",
    automine = {}, interval = { "-b", "0.2" }, manual = { "--no-mining" } },
  ganache = { start = chain.ganache, rate = ("{type: fixed-load, opts: {transactionLoad: %d}}"):format(WORKERS),
    automine = {}, interval = { "--miner.blockTime", "0.2" }, manual = { "--miner.blockTime", "86400" } },
}

local OPEN = ('{contract = "simple", verb = "open", args = {"a" .. ctx.index, %d + ctx.index}}'):format(MONEY)
local TRANSFER = ('{contract = "simple", verb = "transfer", args = {"a" .. ctx.index, "a" .. ctx.index + %d, %d}}'):format(ACCOUNTS / 2,
  TRANSFERRED)
local QUERY = '{contract = "simple", verb = "query", args = {"a" .. ctx.index}, readOnly = true}'

local function rounds(rate)
  return runs.send({ label = "open", number = ACCOUNTS, rate = rate, send = OPEN })
    .. runs.send({ label = "transfer", number = ACCOUNTS / 2, rate = rate, send = TRANSFER })
    .. runs.send({ label = "query", number = ACCOUNTS, tps = 200, send = QUERY })
end

-- Queries of all accounts for chain.state; and what they have to give.
local function balances()
  local queries, wanted = {}, {}
  for i = 0, ACCOUNTS - 1 do
    queries[#queries + 1], queries[#queries + 2] = "query", "a" .. i
    wanted[i + 1] = ("%d"):format(MONEY + i + (i < ACCOUNTS / 2 and -1 or 1) * TRANSFERRED)
  end
  return queries, wanted
end

local function mine_while(node)
  return function(_, running)
    while running:running() do
      node.rpc("evm_mine")
      support.sleep(0.05)
    end
  end
end

-- What was queried within the run, in any order.
local function values(dir)
  local list = {}
  for worker = 0, WORKERS - 1 do
    for _, line in ipairs(runs.outcomes(dir, worker)) do
      list[#list + 1] = line:match("^value (%d+)$")
    end
  end
  return list
end

local function sorted(list)
  local copy = { unpack(list) }
  table.sort(copy)
  return copy
end

local function check(node, tests, output, dir)
  assert.are.same({ ACCOUNTS, ACCOUNTS / 2, ACCOUNTS }, { tests[1].ok, tests[2].ok, tests[3].ok }, output)
  local queries, wanted = balances()
  local state = chain.state(node, dir .. "/Simple.json", runs.address_of(output, "simple"), unpack(queries))
  assert.are.same({ open = { ok = ACCOUNTS, reverted = 0 }, transfer = { ok = ACCOUNTS / 2, reverted = 0 } }, state.methods)
  assert.are.same(wanted, state.queries)
  assert.are.same(sorted(wanted), sorted(values(dir)))
  runs.all_mined(state, (runs.tally(dir, WORKERS)))
  runs.no_gaps(state)
end

describe("the connector ethereum", function()
  local available, missing = chain.available()
  if not available then
    pending(missing)
    return
  end

  for name, kind in pairs(NODES) do
    for _, mining in ipairs({ "automine", "interval", "manual" }) do
      describe("on " .. name .. " with " .. mining, function()
        local node

        setup(function()
          node = kind.start(kind[mining])
        end)

        teardown(function()
          node.stop()
        end)

        for _, transport in ipairs({ "url", "ws" }) do
          it("loses nothing over " .. (transport == "url" and "HTTP" or "WebSocket"), function()
            local meddle = mining == "manual" and mine_while(node) or function() end
            check(node, runs.run_while(node[transport], { workers = WORKERS, keys = runs.WALLET, rounds = rounds(kind.rate),
              contracts = "  contracts:\n    simple: {path: Simple.json, gas: {open: 100000, transfer: 100000}}\n" }, meddle))
          end)
        end
      end)
    end
  end

  describe("with an account that the node holds", function()
    local node

    setup(function()
      node = chain.ganache({ "-n", "--wallet.passphrase", "secret" })
    end)

    teardown(function()
      node.stop()
    end)

    local function held(password)
      return ("  contractDeployerAddress: '%s'\n  contractDeployerAddressPassword: %s\n  fromAddress: '%s'\n"
        .. "  fromAddressPassword: %s\n"):format(chain.ADDRESS, password, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", password)
    end

    for _, transport in ipairs({ "url", "ws" }) do
      it("sends what the node signs, over " .. transport, function()
        local tests, output, dir = runs.run(node[transport], { keys = held("secret"), rounds = rounds(ONE_BY_ONE),
          contracts = "  contracts:\n    simple: {path: Simple.json, gas: {open: 100000, transfer: 100000}}\n" })
        check(node, tests, output, dir)
        assert.is_nil(support.run({ "grep", "-rlFw", "secret", dir .. "/runs" }).stdout:match("%S"))
      end)
    end

    it("says so where the password is wrong", function()
      local dir = runs.workspace(node.ws, { keys = held("wrong"), rounds = rounds(ONE_BY_ONE) })
      local r = support.vernier({ "run", "benchmark.yaml", "network.yaml", cwd = dir })
      assert.are_not.equal(0, r.status)
      assert.is_truthy((r.stdout .. r.stderr):find("personal_unlockAccount: ", 1, true), r.stdout .. r.stderr)
    end)
  end)
end)
