-- Runs of the connector ethereum for specs: workspaces whose workload sends what a spec says in Lua, and their outcomes.
local bench = require("spec.support.bench")
local support = require("spec.support")

return function(chain)
  local M = {}

  M.KEYS = ([[
  contractDeployerAddress: "%s"
  contractDeployerAddressPrivateKey: "%s"
  fromAddressPrivateKey: "%s"
]]):format(chain.ADDRESS, chain.KEY, chain.KEY)

  -- Each worker has an account of its own, with money, without any preparation.
  M.WALLET = ([[
  contractDeployerAddressPrivateKey: "%s"
  mnemonic: %s
]]):format(chain.KEY, chain.MNEMONIC)

  M.CONTRACTS = [[
  contracts:
    simple: {path: Simple.json, gas: {open: 100000, transfer: 100000}}
    ERC20: {path: Token.json, args: ["1000000"], estimateGas: true}
]]

  M.OPEN = '{contract = "simple", verb = "open", args = {"a" .. ctx.index, 100 + ctx.index}}'

  -- Sends what arguments.send (Lua text) says; the outcomes are written to a file: a line each.
  local WORKLOAD = [[
local M = {}
function M:init(ctx)
  self.request = loadstring("local ctx = ... return " .. ctx.arguments.send)
  self.file = io.open(ctx.workspace .. "/outcomes." .. ctx.worker, "a")
  self.file:setvbuf("line")
end
function M:run(ctx)
  local request = self.request(ctx)
  local result, err, class = ctx.sut:send(request)
  if type(result) == "table" and result.hash then
    local in_order = result.accepted_ns and (not result.confirmed_ns or result.confirmed_ns >= result.included_ns)
    self.file:write("ok ", result.hash, " ", result.blockNumber or "-", " ", tostring(in_order), "\n")
  elseif result ~= nil then
    self.file:write("value ", tostring(result), "\n")
  else
    self.file:write("failed ", class, " ", err, "\n")
  end
end
function M:finish()
  self.file:close()
end
return M
]]

  -- A round that sends o.send; the rest as bench.round has it.
  function M.send(o)
    o.module, o.arguments = "./send.lua", ("{send: '%s'}"):format(o.send)
    return bench.round(o)
  end

  -- o: rounds, workers, keys, contracts, more (YAML of the network file).
  function M.workspace(url, o)
    local files = { ["send.lua"] = WORKLOAD }
    for _, name in ipairs({ "Simple.json", "Token.json", "Reverts.json" }) do
      files[name] = support.read_file(chain.contracts() .. "/" .. name)
    end
    local network = ("caliper: {blockchain: ethereum}\nethereum:\n  url: %s\n%s%s%s"):format(url, o.keys or M.KEYS,
      o.contracts or M.CONTRACTS, o.more or "")
    return bench.workspace({ workers = o.workers, rounds = o.rounds, network = network, files = files })
  end

  local function checked(dir, status, wanted, output)
    assert(status == wanted, ("exit status %s instead of %d:\n%s"):format(tostring(status), wanted, output))
    local tests = support.summary(dir).tests
    for _, test in ipairs(tests) do
      bench.conserved(test)
    end
    return tests, output, dir
  end

  -- Runs it to the end. The tests of its summary, what it has printed, its folder. o: also options, status (0) it has to exit with.
  function M.run(url, o)
    local dir = M.workspace(url, o)
    local r = bench.run(dir, o.options)
    return checked(dir, r.status, o.status or 0, r.stdout .. r.stderr)
  end

  -- The same, with meddle(dir, running) while it runs.
  function M.run_while(url, o, meddle)
    local dir = M.workspace(url, o)
    local running = bench.start(dir, o.options)
    meddle(dir, running)
    local status = running:wait(60)
    local out, err = running:output()
    return checked(dir, status, o.status or 0, out .. err)
  end

  -- The lines that a worker's runs have written so far.
  function M.outcomes(dir, worker)
    local list = {}
    local f = io.open(dir .. "/outcomes." .. (worker or 0))
    for line in f and f:lines() or function() end do
      list[#list + 1] = line
    end
    if f then
      f:close()
    end
    return list
  end

  -- What has become of the transactions of so many workers: the hashes of the successes, and how many failures by class.
  function M.tally(dir, workers)
    local ok, failed = {}, {}
    for worker = 0, workers - 1 do
      for _, line in ipairs(M.outcomes(dir, worker)) do
        local what, word = line:match("^(%a+) (%S+)")
        if what == "ok" then
          ok[#ok + 1] = word
        elseif what == "failed" then
          failed[word] = (failed[word] or 0) + 1
        end
      end
    end
    return ok, failed
  end

  function M.address_of(output, name)
    return output:match("contract " .. name .. " is at (0x%x+)") or error("no address of " .. name .. " in " .. output)
  end

  -- Nothing waits, and no nonce is missing, in what chain.state has seen.
  function M.no_gaps(state)
    for address, sender in pairs(state.senders) do
      assert(not sender.gap, address .. " has a gap in its nonces")
      assert(sender.pending == 0, address .. " has transactions that wait")
    end
  end

  -- Each of these hashes is a transaction of the contract that was mined and not reverted; and there are no more of these.
  function M.all_mined(state, hashes)
    local n = 0
    for _, transaction in pairs(state.transactions) do
      n = n + transaction.status
    end
    for _, hash in ipairs(hashes) do
      local found = state.transactions[hash]
      assert(found and found.status == 1, hash .. (found and " was reverted" or " is not in the chain"))
    end
    assert(n == #hashes, ("%d were counted, the chain has %d"):format(#hashes, n))
  end

  return M
end
