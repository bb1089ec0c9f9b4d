-- Besu's private transactions: those that web3-eea 0.10.0 and web3js-quorum 22.4.0 signed, and the groups that web3-eea computed.
local account = require("vernier.ethereum.account")
local private_transaction = require("vernier.ethereum.private_transaction")

local A, B, C = "A1aVtMxLCUHmBVHXoZzzBgPbW/wj5axDpW9X8l91SGo=", "Ko2bVqD+nNlNYL5EE7y3IdOnviftjiizpjRt+HTuFBs=",
  "k2zXEin4Ip/qBGlRkJejnGWdP9cjkK+DAvKNW31L2C8="
local PAIR = "DyAOiF/ynpc+JXa2YAGB0bCitSlOMNm+ShmB/7M6C4w="
local TO = "0xfe3b557e8fb62b89f4916b721be55ceb828dbd73"
local me = assert(account.new("8f2a55949038a9610f50fb23b5883af3b4ecb3c3bb792cbcefbd1542c692be63"))

local KEY_A, KEY_B = "a0035695b4cc4b0941e60551d7a19cf30603db5bfc23e5ac43a56f57f25f75486a",
  "a02a8d9b56a0fe9cd94d60be4413bcb721d3a7be27ed8e28b3a6346df874ee141b"
local RESTRICTED = "8a72657374726963746564"

local CASES = {
  { { nonce = 0, data = "0x6001600055", chainId = 2018, privateFrom = A, privateFor = { B } },
    "0xf8a18080832dc6c08080856001600055820fe8a096bf7288bacb896af60760cbb947c97c4f9f0c6d0e308852e10e13b376754870"
    .. "a022e9a20406a0799e53834d94f9914c0b880bf85023364ed0e5567474bbdde484" .. KEY_A .. "e1" .. KEY_B .. RESTRICTED },
  { { nonce = 5, to = TO, data = "0xa9059cbb0000", chainId = 1337, privateFrom = A, privateFor = { B, C } },
    "0xf8d80580832dc6c094fe3b557e8fb62b89f4916b721be55ceb828dbd738086a9059cbb0000820a95a0ee8eaf4a9e8f3c71cc7095a237c24f9d"
    .. "5938b297dc0f5541300cf6c4d78e5cc4a0237be4ccd25eb5ba95777a1ebfe04f904d3968089e7107df1a9cdce5bc996813" .. KEY_A .. "f842"
    .. KEY_B .. "a0936cd71229f8229fea0469519097a39c659d3fd72390af8302f28d5b7d4bd82f" .. RESTRICTED },
  { { nonce = 300, to = TO, data = "0x", chainId = 2018, privateFrom = B, privacyGroupId = PAIR },
    "0xf8b182012c80832dc6c094fe3b557e8fb62b89f4916b721be55ceb828dbd738080820fe7a0ae6237677894ca25b857a27ac99c579373582411"
    .. "b49322b0c21cb864411456ada056fe0227ba64d3b231013d4d016a7ee0987cc8d313a7b5c7e979a9b2fbcfb748" .. KEY_B
    .. "a00f200e885ff29e973e2576b6600181d1b0a2b5294e30d9be4a1981ffb33a0b8c" .. RESTRICTED },
  { { nonce = 1, gasPrice = 1000, gas = 100000, to = TO, data = "0xdeadbeef", chainId = 31337, privateFrom = A, privateFor = { B } },
    "0xf8b6018203e8830186a094fe3b557e8fb62b89f4916b721be55ceb828dbd738084deadbeef82f4f6a06babbccdc4221838c8cac6335ac5c59a"
    .. "9fa1af3c3f582add5e5b0d01c3c33e41a04aba81eda20514ec67dd0ed7c74c018d177e4aa9bf6870e2516f01b6fcdbe887" .. KEY_A .. "e1" .. KEY_B .. RESTRICTED },
  { { nonce = 127, data = "0x6001600055", chainId = 31337, privateFrom = A, privacyGroupId = PAIR },
    "0xf8a07f80832dc6c0808085600160005582f4f6a04deef1a7cb057b9ffc93a470c59bdbc55050c7798780077cdbb411078b40fd3aa03f8c7256"
    .. "fee60b367965081751a4f86a1ba5fcee6e7e70956e85aac87ae779e6" .. KEY_A
    .. "a00f200e885ff29e973e2576b6600181d1b0a2b5294e30d9be4a1981ffb33a0b8c" .. RESTRICTED },
}

describe("a private transaction", function()
  it("is signed as these do", function()
    for _, case in ipairs(CASES) do
      case[1].gas = case[1].gas or 3000000
      local raw, hash = private_transaction.sign(case[1], me)
      assert.are.equal(case[2], raw)
      assert.is_truthy(hash:find("^0x%x+$") and #hash == 66)
    end
  end)

  it("with a wrong field is an error that names it", function()
    for _, case in ipairs({
      { { privateFrom = "x" }, 'privateFrom: "x" is no key: 32 bytes in base64 are' }, { { privateFrom = "QUJD" }, "privateFrom: " },
      { { privateFor = { A, "Zg==" } }, 'privateFor[2]: "Zg==" is no key' }, { { privateFor = {} }, "privateFor is no list of keys" },
      { { privateFor = "x" }, "privateFor is no list of keys" }, { { privacyGroupId = PAIR },
        "one of privateFor and privacyGroupId is needed, and not both" },
      { { privateFor = "none" }, "one of privateFor and privacyGroupId is needed" }, { { privateFor = "none", privacyGroupId = "x" },
        "privacyGroupId: " },
      { { chainId = "none" }, "chainId: a nil is no integer" }, { { nonce = "none" }, "nonce is missing" }, { { gas = 1.5 },
        "gas: 1.5 is no integer" },
      { { to = "0x1" }, "to: " }, { { data = "zz" }, "data: " }, { { value = -1 }, "value: -1 does not fit" }, { { gasPrice = {} },
        "gasPrice: a table" },
    }) do
      local tx = { nonce = 0, gas = 1, data = "0x", chainId = 1, privateFrom = A, privateFor = { B } }
      for key, value in pairs(case[1]) do
        if value == "none" then
          value = nil
        end
        tx[key] = value
      end
      local ok, message = pcall(private_transaction.sign, tx, me)
      assert.is_false(ok, case[2])
      assert.is_truthy(message:find("private transaction: " .. case[2], 1, true), message)
    end
  end)
end)

describe("a legacy privacy group", function()
  it("is the same whatever the order of its members, and however often they are named", function()
    assert.are.equal(PAIR, private_transaction.group_id({ A, B }))
    assert.are.equal(PAIR, private_transaction.group_id({ B, A, B }))
    for _, members in ipairs({ { A, B, C }, { C, B, A }, { B, C, A, A } }) do
      assert.are.equal("95yIn/OYTZ1xN7SiBX1MdBJv9Bqk6Oq7fy+7XSaInyY=", private_transaction.group_id(members))
    end
    assert.are.equal("8lDVI66RZHIrBsolz6Kn88Rd+WsJ4hUjb4hsh29xW/o=", private_transaction.group_id({ A }))
  end)

  it("has members that are keys", function()
    assert.has_error(function() private_transaction.group_id({}) end)
    assert.has_error(function() private_transaction.group_id({ A, "x" }) end)
  end)
end)
