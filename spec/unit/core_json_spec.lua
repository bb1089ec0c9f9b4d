-- Members of objects in JSON texts, taken out without a tree; whatever the order, the blanks and the rest are.
local json = require("vernier.core.json")

local function text_of(read, text)
  return read(text, #text)
end

describe("a reader of members", function()
  local read = json.reader({ "hash", "status", "list" })

  it("gives those of one object, or of a list of them, in any order and with any blanks", function()
    for text, expected in pairs({
      ['{"hash":"0xab","status":"0x1","list":[1,2]}'] = { { hash = "0xab", status = "0x1", list = "[1,2]" } },
      [' \r\n{ "list" :\t[ ] , "x" : {"hash":"no"} ,"status":"" ,"hash" : "0xab" } '] = { { hash = "0xab", status = "", list = "[ ]" } },
      ['[{"hash":"a"} ,\n{"hash":"b","x":[[{}],"]}"]}]'] = { { hash = "a" }, { hash = "b" } },
      ['{"hash":null,"status":true,"list":-1.5e3}'] = { { status = "true", list = "-1.5e3" } },
      ['{"hash":"null","status":{"hash":"c"},"list":"nnnn"}'] = { { hash = "null", status = '{"hash":"c"}', list = "nnnn" } },
      ['{"hash":"first","hash":"last"}'] = { { hash = "last" } },
      ['{"hashes":"x","has":"y","":"z","Hash":"w"}'] = { {} },
      ['{"hash":"a\\"b\\\\"}'] = { { hash = '"a\\"b\\\\"' } }, -- an escape is left to who decodes
      ['{"h\\u0061sh":"x"}'] = { {} },
      ["{}"] = { {} }, ["[]"] = {}, [" [ {} ] "] = { {} },
    }) do
      assert.are.same(expected, text_of(read, text), text)
    end
  end)

  it("passes over strings of every length, whatever stands in them", function()
    for n = 0, 40 do
      for _, rubbish in ipairs({ "", '\\"', "\\\\", '\\\\\\"', "]}", "\226\130\172", "\127\255" }) do
        local bloom = ("0"):rep(n) .. rubbish .. ("f"):rep(40 - n)
        local text = ('[{"bloom":"%s","hash":"%s"},{"status":"%s"}]'):format(bloom, ("a"):rep(n), ("b"):rep(n))
        assert.are.same({ { hash = ("a"):rep(n) }, { status = ("b"):rep(n) } }, text_of(read, text), text)
      end
    end
  end)

  it("reads so many bytes and none behind them", function()
    assert.are.same({ { hash = "a" } }, { read('{"hash":"a"},"b"}', 12)[1] })
    for len = 0, #'[{"hash":"abcdefgh","status":"0x1"}' do
      local list, message = read('[{"hash":"abcdefgh","status":"0x1"}]', len)
      assert.is_nil(list, len)
      assert.is_truthy(message:find("not JSON", 1, true), message)
    end
  end)

  it("refuses what is no object, with its start", function()
    for _, text in ipairs({ "", "null", "12", '"{}"', "[1]", "[null]", '[{"hash":"a"},null]', '[{"hash":"a"},]', '[{"hash":"a"}{}]',
      '{"hash":"a"}{}', '{"hash":}', '{"hash" "a"}', '{"hash":"a"', '{"hash":"a\n"}', '{"hash":"a\0b"}', '{"x":[}', "{hash:1}",
      '{"hash":"a",}', '{"hash":"abc\\', '[{"hash":"' .. ("x"):rep(1000) }) do
      local list, message = text_of(read, text)
      assert.is_nil(list, text)
      assert.is_truthy(message:find("not JSON", 1, true), message)
      assert.is_true(#message < 200)
    end
  end)

  it("takes nesting of any depth that it passes over", function()
    local deep = ("["):rep(1e6) .. ("]"):rep(1e6)
    assert.are.same({ { hash = "a", list = deep } }, text_of(read, '{"list":' .. deep .. ',"hash":"a"}'))
    assert.is_nil((text_of(read, '{"list":' .. ("["):rep(1e6) .. ',"hash":"a"}')))
  end)
end)

describe("the strings of a list", function()
  it("are its items, as they stand", function()
    assert.are.same({ "a", "", "0xff", "1", "null", "{}" }, json.texts(' ["a" , "","0xff",1,null,{}] '))
    assert.are.same({}, json.texts("[]"))
  end)

  it("are refused where the list has no end", function()
    for _, text in ipairs({ '["a"', '["a",', '["a" "b"]', "[,]", '["a"]x' }) do
      local list, message = json.texts(text)
      assert.is_nil(list, text)
      assert.is_truthy(message:find("not JSON", 1, true), message)
    end
  end)
end)
