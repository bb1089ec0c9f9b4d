-- The contracts of a network file, as they are checked before a run.
local contracts = require("vernier.ethereum.contracts")

local ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

describe("a contract of a network file", function()
  it("is refused with its name and the reason", function()
    for part, entry in pairs({
      ["needs a path, or an address and an abi"] = { estimateGas = true },
      ["has an address and no abi"] = { address = ADDRESS },
      ['gas limit, a whole number, for "open": 1.5'] = { path = "x.json", gas = { open = 1.5 } },
      ['gas limit, a whole number, for "open": 0'] = { path = "x.json", gas = { open = 0 } },
      ['gas limit, a whole number, for "open": "much"'] = { path = "x.json", gas = { open = "much" } },
      ['gas limit, a whole number, for "open": 9007199254740992'] = { path = "x.json", gas = { open = 2 ^ 53 } },
      ['gas limit, a whole number, for "open": "-5"'] = { path = "x.json", gas = { open = "-5" } },
      ['unknown option "adress"'] = { adress = ADDRESS },
    }) do
      local checked, message = contracts.check({ bank = entry })
      assert.is_nil(checked, part)
      assert.is_truthy(message:find('"bank"', 1, true) and message:find(part, 1, true), message)
    end
  end)

  it("has gas limits as numbers or texts", function()
    local checked = assert(contracts.check({ bank = { path = "x.json", gas = { a = 70000, b = "70000", c = "0x11170" } } }))
    assert.are.same({ a = 70000, b = 70000, c = 70000 }, checked.bank.gas)
  end)

  it("may have an address beside its path, as in Caliper's files", function()
    local checked = assert(contracts.check({ bank = { path = "x.json", address = ADDRESS, abi = {} } }))
    assert.are.equal(ADDRESS, checked.bank.address)
  end)
end)
