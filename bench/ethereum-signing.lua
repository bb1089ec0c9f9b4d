-- us of CPU for a signed transaction of Ethereum: ABI, RLP, hashes and signature, in Lua as a workload runs it.
local figures = require("support.figures")
local work = require("support.work")

local AT_MOST_US = 40

local function signing()
  work.run("signing", { work.vernier, "lua", work.bench .. "/support/signing_loop.lua" }, { core = work.client_core,
    seconds = 60 })
  local parts = {}
  for name, us in work.read("signing.out"):gmatch("(%S+) (%S+)") do
    parts[name] = tonumber(us)
  end
  return parts
end

return function(b)
  local all = figures.turns(b.repeats, { { "vernier", signing } }).vernier
  local add = figures.adder("ethereum-signing")
  add("a token's transfer (EIP-1559), signed", "us", { vernier = all.transfer, at_most = AT_MOST_US })
  add("... with a text, amounts as texts (EIP-155)", "us", { vernier = all.open, at_most = AT_MOST_US })
  add("... the signature alone", "us", { vernier = all.signature })
  add("... the arguments alone", "us", { vernier = all.arguments })
end
