-- The connector ethereum on a chain (anvil) whose base fee grows by an eighth with each block while it sends.
local cjson = require("cjson")
local support = require("spec.support")
local chain = require("spec.support.chain")(support)
local runs = require("spec.support.chain_runs")(chain)

local SENDS = 75
local ADDRESS = "0x00000000000000000000000000000000000000aa"

describe("the connector ethereum where the base fee grows", function()
  local available, missing = chain.available()
  if not available then
    pending(missing)
    return
  end

  -- The base fee grows until all has been sent. How much it has grown, and the test.
  local function grown(confirmation, transport)
    local node = chain.anvil({ "--no-mining" })
    node.rpc("anvil_setCode", ADDRESS, "0x00")
    local abi = cjson.encode(support.read_json(chain.contracts() .. "/Simple.json").abi)
    local base = 1e9
    local tests = runs.run_while(node[transport], { keys = runs.WALLET, more = "  confirmation: " .. confirmation .. "\n",
      contracts = ("  contracts:\n    simple: {address: '%s', abi: %s, gas: {open: 100000}}\n"):format(ADDRESS, abi),
      rounds = runs.send({ number = SENDS, tps = 15, send = runs.OPEN }) }, function(dir, running)
      while running:running() and #runs.outcomes(dir) < SENDS do
        base = base * 9 / 8
        node.rpc("anvil_setNextBlockBaseFeePerGas", ("0x%x"):format(base))
        node.rpc("evm_mine")
        support.sleep(0.1)
      end
    end)
    node.stop()
    return base / 1e9, tests[1]
  end

  for _, case in ipairs({ { "none", "url" }, { "none", "ws" }, { "receipt", "ws" }, { "subscription", "url" } }) do
    it("offers enough, with confirmation: " .. case[1] .. " over " .. case[2], function()
      local growth, test = grown(case[1], case[2])
      assert.are.same({ SENDS, 0 }, { test.ok, test.failed }, cjson.encode(test.errors))
      assert.is_true(growth > 4, "it grew to " .. growth .. " times what it was")
    end)
  end
end)
