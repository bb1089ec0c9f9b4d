-- Keccak-256 against ethers' hashes, and the shared ones whose lengths lie around a block's.
local bytes = require("vernier.core.bytes")
local digest = require("vernier.core.digest")
local vectors = require("spec.support.vectors")

local function keccak(text)
  return bytes.to_hex(digest.keccak256(text))
end

-- i & 255 for i < n
local function counted(n)
  local out = {}
  for i = 0, n - 1 do
    out[i + 1] = string.char(i % 256)
  end
  return table.concat(out)
end

describe("Keccak-256", function()
  it("is not SHA3-256", function()
    assert.are.equal("0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470", keccak(""))
    assert.are.equal("0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45", keccak("abc"))
  end)

  it("gives all of ethers' hashes", function()
    local list = vectors.ethers("hashes")
    for _, case in ipairs(list) do
      local data = assert(bytes.from_hex(case.data))
      assert.are.equal(case.keccak256, keccak(data))
    end
    assert.are.equal(516, #list)
  end)

  it("gives the shared hashes, around the ends of blocks", function()
    local shared = vectors.shared("eth.json")
    if not shared then
      return pending("the shared vectors are not here")
    end
    for _, case in ipairs(shared.keccak256) do
      local n = case.bytes and tonumber(case.bytes:match("i<(%d+)$"))
      assert.are.equal(case.hash, keccak(case.utf8 or counted(assert(n, case.bytes))))
    end
  end)

  it("is the same from any offset of a buffer, and reads no byte before or behind its part", function()
    local text = counted(700)
    for offset = 0, 9 do
      for _, len in ipairs({ 0, 1, 7, 8, 135, 136, 137, 271, 272, 273, 600 }) do
        local buffer, out = bytes.new(), bytes.new(32)
        buffer:put(("x"):rep(offset) .. text:sub(1, len) .. "y")
        out:put_keccak256(buffer, offset, offset + len)
        assert.are.equal(digest.keccak256(text:sub(1, len)), out:text(), offset .. " " .. len)
      end
    end
  end)
end)
