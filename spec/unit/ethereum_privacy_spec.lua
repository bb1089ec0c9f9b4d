-- Privacy groups of a network file (vernier.ethereum.privacy). The id is the one that web3-eea computes.
local privacy = require("vernier.ethereum.privacy")

local A, B = "A1aVtMxLCUHmBVHXoZzzBgPbW/wj5axDpW9X8l91SGo=", "Ko2bVqD+nNlNYL5EE7y3IdOnviftjiizpjRt+HTuFBs="
local PAIR = "DyAOiF/ynpc+JXa2YAGB0bCitSlOMNm+ShmB/7M6C4w="

describe("a privacy group", function()
  it("has the id of its members, or its own", function()
    local groups = assert(privacy.check({ pair = { groupType = "legacy", privateFrom = B, privateFor = { A } },
      made = { groupType = "onchain", privateFrom = A, privacyGroupId = B } }))
    assert.are.same({ PAIR, B, "restricted" }, { groups.pair.id, groups.made.id, groups.made.restriction })
    assert.are.same({}, privacy.check({}))
  end)

  for wanted, group in pairs({
    ['missing option "groupType"'] = { privateFrom = A, privateFor = { B } },
    ["groupType: must be one of legacy, pantheon, onchain"] = { groupType = "legasy", privateFrom = A, privateFor = { B } },
    ['missing option "privateFrom"'] = { groupType = "legacy", privateFor = { B } },
    ['unknown option "privateFo" (did you mean privateFor?)'] = { groupType = "legacy", privateFrom = A, privateFo = { B } },
    ['privateFrom: "QUJD" is no key: 32 bytes in base64 are'] = { groupType = "legacy", privateFrom = "QUJD", privateFor = { B } },
    ['"x" is no key'] = { groupType = "legacy", privateFrom = A, privateFor = { B, "x" } },
    ["of type legacy needs privateFor"] = { groupType = "legacy", privateFrom = A, privacyGroupId = B },
    ["of type legacy has no privacyGroupId"] = { groupType = "legacy", privateFrom = A, privateFor = { B }, privacyGroupId = B },
    ["of type onchain needs privacyGroupId"] = { groupType = "onchain", privateFrom = A },
    ["of type pantheon has no privateFor"] = { groupType = "pantheon", privateFrom = A, privateFor = { B }, privacyGroupId = B },
    ["restriction: must be one of restricted, unrestricted"] = { groupType = "onchain", privateFrom = A, privacyGroupId = B,
      restriction = "none" },
  }) do
    it("is refused: " .. wanted, function()
      local groups, message = privacy.check({ pair = group })
      assert.is_nil(groups)
      assert.is_truthy(message:find('has a group "pair" that cannot be used: ', 1, true), message)
      assert.is_truthy(message:find(wanted, 1, true), message)
    end)
  end

  it("that is not there is told, with the nearest name", function()
    assert.are.equal('no privacy group "par" in the network file (did you mean pair?)', privacy.unknown({ pair = {} }, "par"))
    assert.is_truthy(privacy.unknown({ pair = {} }, { groupType = "legacy" }):find("not a table", 1, true))
  end)
end)
