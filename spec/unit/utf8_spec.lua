-- UTF-8 in pieces, beside node's TextDecoder as the witness.
local core = require("vernier.core.ffi")
local ffi = require("ffi")
local random = require("vernier.core.random")
local support = require("spec.support")
local C = core.C

local header = support.run({ "cc", "-E", "-P", "-DVN_CDEF", "src/utf8.h" })
assert(header.status == 0, header.stderr)
ffi.cdef(header.stdout)

local WITNESS = [[
const fatal = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lines = require('fs').readFileSync(0, 'latin1').split('\n');
console.log(lines.map((line) => { try { fatal.decode(Buffer.from(line, 'hex')); return 1; } catch { return 0; } }).join(''));
]]

local function in_pieces(text, at)
  local u = ffi.new("vn__utf8")
  return C.vn__utf8_feed(u, text, at) and C.vn__utf8_feed(u, text:sub(at + 1), #text - at) and u.missing == 0
end

describe("UTF-8", function()
  it("is what node takes for it, whole and in two pieces", function()
    local parts = { "abcdefghijkl", "ä", "€", "\240\159\152\128", "\194", "\224\160\128", "\224\159\128", "\237\159\191",
      "\237\160\128", "\240\144\128\128", "\240\143\128\128", "\244\143\191\191", "\244\144\128\128", "\245\128\128\128", "\192\128",
      "\193\191", "\128", "\255", "\0", "\226\130", "\240\159\152" }
    local rng, texts, hex = random.new(5), {}, {}
    for i = 1, 3000 do
      local list = {}
      for k = 1, rng(0, 6) do
        -- Every tenth part is a byte of any value.
        list[k] = rng(10) == 1 and string.char(rng(0, 255)) or parts[i <= #parts * 2 and (i + 1) % #parts + 1 or rng(#parts)]
      end
      texts[i] = table.concat(list)
      hex[i] = texts[i]:gsub(".", function(c)
        return ("%02x"):format(c:byte())
      end)
    end
    local witness = support.run({ "node", "-e", WITNESS, stdin = table.concat(hex, "\n") })
    assert.are.equal(0, witness.status, witness.stderr)
    local good = 0
    for i, text in ipairs(texts) do
      local expected = witness.stdout:sub(i, i) == "1"
      good = good + (expected and 1 or 0)
      assert.are.equal(expected, C.vn__utf8_is_text(text, #text), hex[i])
      for at = 0, #text do
        assert.are.equal(expected, in_pieces(text, at), hex[i] .. " at " .. at)
      end
    end
    assert.is_true(good > 300 and good < 2700, good .. " of 3000 are text: too one-sided to tell anything")
  end)
end)
