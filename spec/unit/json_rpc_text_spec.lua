-- JSON-RPC texts as the core reads them.
local core = require("vernier.core.json_rpc")

describe("a JSON-RPC text", function()
  -- All messages of it, as {kind, id, value, plain, method}; or nil and the complaint.
  local function read(text)
    local list = {}
    local at, kind, id, method = core.next(text, #text, 0)
    while at and kind > 0 do
      local value, plain = core.value()
      list[#list + 1] = { kind, id, value, plain or false, method }
      at, kind, id, method = core.next(text, #text, at)
    end
    return at and list, kind
  end

  it("is a result, an error, a notification, or an array of these", function()
    assert.are.same({ { core.RESULT, 7, "0xab", true } }, (read('{"jsonrpc":"2.0","id":7,"result":"0xab"}')))
    assert.are.same({ { core.RESULT, 7, '"a\\n"', false } }, (read(' { "result" : "a\\n" , "id" : 7 } \r\n\t')))
    assert.are.same({ { core.RESULT, 0, "null", false } }, (read('{"result":null,"id":0}')))
    assert.are.same({ { core.RESULT, 1, "[{}]", false } }, (read('{"error":null,"id":1,"result":[{}]}')))
    assert.are.same({ { core.ERROR, 3, '{"code":-1,"message":"a]}"}', false } },
      (read('{"id":3,"error":{"code":-1,"message":"a]}"}}')))
    assert.are.same({ { core.NOTIFICATION, -1, '{"a":[1]}', false, "eth_subscription" } },
      (read('{"method":"eth_subscription","params":{"a":[1]}}')))
    assert.are.same({ { core.NOTIFICATION, -1, nil, false, "m" } }, (read('{"method":"m"}')))
    assert.are.same({ { core.RESULT, 2, "2", false }, { core.ERROR, 1, "{}", false } },
      (read('[{"id":2,"result":2} , {"id":1,"error":{}}]')))
    assert.are.same({}, (read(" [ ] ")))
  end)

  it("has no id that is not a whole number which Lua holds", function()
    for _, id in ipairs({ "null", '"1"', "-1", "1.5", "1e3", "9007199254740993", "[1]" }) do
      assert.are.equal(-1, read('{"id":' .. id .. ',"result":1}')[1][2], id)
    end
    assert.are.equal(99999999999999, read('{"id":99999999999999,"result":1}')[1][2])
  end)

  it("that is none is refused with its start", function()
    for text, why in pairs({
      [""] = "malformed", ["x"] = "malformed", ["12"] = "malformed", ["{"] = "malformed", ['{"id"}'] = "malformed",
      ['{"id":}'] = "malformed", ['{"id":1,"result":"x}'] = "malformed", ['{"id":1,"result":[}'] = "malformed",
      ['{"id":1 "result":1}'] = "malformed", ["{id:1}"] = "malformed", ['{"id":1,"result":"a\nb"}'] = "malformed",
      ['{"id":1}'] = "neither result nor error", ["{}"] = "neither result nor error", ['{"method":5}'] = "the method is no string",
      ['{"id":1,"result":1}{"id":2,"result":1}'] = "text behind its end", ['{"id":1,"result":1}\0'] = "text behind its end",
      ['[{"id":1,"result":1}'] = "no end", ["[1]"] = "malformed", ['[{"id":1,"result":1},]'] = "malformed", ["[]x"] = "text behind",
      ["<html>\0"] = "malformed",
    }) do
      local list, message = read(text)
      assert.is_nil(list, text)
      assert.is_truthy(message:find("not JSON-RPC (" .. why, 1, true), message)
      assert.is_truthy(message:find(text:sub(1, 30):match("^%Z*"), 1, true), message)
    end
    local _, message = read(("y"):rep(5000))
    assert.is_true(#message < 200)
  end)
end)
