-- The frames of RFC 6455, called through the FFI: what a server may send is fed whole, in all ways to cut it in two, and byte
-- by byte; what it may not send ends with the right close code. Written frames are taken apart by the rules, here in Lua.
local bit = require("bit")
local core = require("vernier.core.ffi")
local ffi = require("ffi")
local support = require("spec.support")
local C = core.C

for _, name in ipairs({ "src/utf8.h", "src/websocket_parser.h" }) do
  local header = support.run({ "cc", "-E", "-P", "-DVN_CDEF", name })
  assert(header.status == 0, header.stderr)
  ffi.cdef(header.stdout)
end

local MORE, PIECE, CONTROL = tonumber(C.VN__FRAME_MORE), tonumber(C.VN__FRAME_PIECE), tonumber(C.VN__FRAME_CONTROL)
local TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
local PROTOCOL, LIMIT = tonumber(C.VN_EPROTOCOL), tonumber(C.VN_ELIMIT)
local MAX = 1e6

local function big_endian(n, bytes)
  local out = {}
  for i = bytes, 1, -1 do
    out[i] = string.char(n % 256)
    n = math.floor(n / 256)
  end
  return table.concat(out)
end

-- A server's frame. o: fin = false, bits (first byte, added), masked, form = 2 or 8 (bytes of the length), length (a lie).
local function frame(opcode, payload, o)
  o = o or {}
  local length = o.length or #payload
  local form = o.form or length < 126 and 0 or length < 65536 and 2 or 8
  local second = ({ [0] = length, [2] = 126, [8] = 127 })[form] + (o.masked and 128 or 0)
  local first = (o.fin == false and 0 or 128) + (o.bits or 0) + opcode
  return string.char(first, second) .. (form > 0 and big_endian(length, form) or "") .. payload
end

-- What comes out: messages {kind, text}, control frames {kind, text, code}; the failure as {rc, code, complaint}.
local function feed(pieces, max)
  local p = ffi.new("vn__frame_parser")
  C.vn__frame_parser_init(p, max or MAX)
  local out, parts = {}, {}
  for _, piece in ipairs(pieces) do
    -- Memory of the exact size, so that a sanitizer sees what is read beyond it.
    local memory = ffi.new("char[?]", math.max(#piece, 1))
    ffi.copy(memory, piece, #piece)
    local data, len = ffi.new("const char *[1]", { memory }), ffi.new("size_t[1]", #piece)
    local rc = C.vn__frame_parser_next(p, data, len)
    while rc > 0 do
      local text = ffi.string(p.data, p.len)
      if rc == CONTROL then
        out[#out + 1] = { p.kind, text, p.kind == CLOSE and p.close_code or nil }
      else
        assert(rc == PIECE)
        parts[#parts + 1] = text
        if p.last then
          out[#out + 1] = { p.kind, table.concat(parts) }
          parts = {}
        end
      end
      rc = C.vn__frame_parser_next(p, data, len)
    end
    if rc < 0 then
      return out, { rc, p.close_code, ffi.string(p.complaint) }
    end
    assert.are.equal(MORE, rc)
    assert.are.equal(0, tonumber(len[0]))
  end
  return out
end

local function split(text)
  local bytes = {}
  for i = 1, #text do
    bytes[i] = text:sub(i, i)
  end
  return bytes
end

-- The result of the whole, after checking that no cut changes it: all of them where the text is short.
local function parse(text, max)
  local out, failure = feed({ text }, max)
  local step = math.max(1, math.floor(#text / 300))
  for cut = 1, #text - 1, step do
    local cut_out, cut_failure = feed({ text:sub(1, cut), text:sub(cut + 1) }, max)
    assert.are.same({ out, failure }, { cut_out, cut_failure }, "cut after byte " .. cut)
  end
  if #text < 2000 then
    local one_out, one_failure = feed(split(text), max)
    assert.are.same({ out, failure }, { one_out, one_failure }, "byte by byte")
  end
  return out, failure
end

local function rejects(text, code, complaint, max)
  local _, failure = parse(text, max)
  assert.is_truthy(failure, complaint)
  assert.are.same({ code, true }, { failure[2], failure[3]:find(complaint, 1, true) ~= nil }, failure[3])
  assert.are.equal(code == 1009 and LIMIT or PROTOCOL, failure[1])
end

describe("a message", function()
  it("of any length arrives as it was sent", function()
    for _, n in ipairs({ 0, 1, 125, 126, 127, 65535, 65536, 70000 }) do
      local text = ("abcdefghij"):rep(math.ceil(n / 10)):sub(1, n)
      local got, failure = parse(frame(TEXT, text) .. frame(BINARY, text))
      assert.is_nil(failure)
      assert.are.equal(2, #got)
      assert.are.same({ TEXT, BINARY }, { got[1][1], got[2][1] })
      assert.is_true(got[1][2] == text and got[2][2] == text, n .. " bytes")
    end
  end)

  it("in fragments is one, with control frames between them", function()
    local got, failure = parse(frame(TEXT, "a", { fin = false }) .. frame(PING, "1") .. frame(0, "", { fin = false })
      .. frame(PONG, "") .. frame(0, "bc", { fin = false }) .. frame(PING, ("x"):rep(125)) .. frame(0, "") .. frame(BINARY, "\255"))
    assert.is_nil(failure)
    assert.are.same({ { PING, "1" }, { PONG, "" }, { PING, ("x"):rep(125) }, { TEXT, "abc" }, { BINARY, "\255" } }, got)
  end)

  it("may be empty in all its fragments", function()
    assert.are.same({ { TEXT, "" } }, (parse(frame(TEXT, "", { fin = false }) .. frame(0, ""))))
  end)

  it("that breaks the rules of frames ends with 1002", function()
    for _, bits in ipairs({ 16, 32, 64, 112 }) do
      rejects(frame(TEXT, "x", { bits = bits }), 1002, "reserved bit")
    end
    for _, opcode in ipairs({ 3, 4, 5, 6, 7, 11, 12, 13, 14, 15 }) do
      rejects(frame(opcode, ""), 1002, "reserved opcode")
    end
    rejects(frame(TEXT, "\1\2\3\4x", { masked = true, length = 1 }), 1002, "masked frame from a server")
    rejects(frame(0, "x"), 1002, "continuation of no message")
    rejects(frame(TEXT, "a") .. frame(0, "x"), 1002, "continuation of no message")
    rejects(frame(TEXT, "a", { fin = false }) .. frame(TEXT, "b"), 1002, "new message inside a fragmented one")
    rejects(frame(PING, "", { fin = false }), 1002, "control frame in fragments")
    rejects(frame(PING, ("x"):rep(126)), 1002, "more than 125 bytes")
    rejects(frame(TEXT, "x", { form = 2 }), 1002, "more bytes than it needs")
    rejects(frame(TEXT, ("x"):rep(65535), { form = 8 }), 1002, "more bytes than it needs")
    rejects("\129\127\128\0\0\0\0\0\0\0", 1002, "more than 63 bits")
  end)

  it("over the limit ends with 1009, before its payload is there", function()
    rejects("\130\126" .. big_endian(1001, 2), 1009, "over the limit", 1000)
    rejects("\130\127" .. big_endian(2 ^ 40, 8), 1009, "over the limit")
    rejects(frame(TEXT, ("x"):rep(600), { fin = false }) .. "\128\126" .. big_endian(401, 2), 1009, "over the limit", 1000)
    local got = parse(frame(TEXT, ("x"):rep(600), { fin = false }) .. frame(0, ("y"):rep(400)), 1000)
    assert.are.equal(1000, #got[1][2])
    assert.are.equal(125, #parse(frame(PING, ("x"):rep(125)), 10)[1][2])
  end)

  it("of text has to be UTF-8, also over fragments; 1007 as soon as it cannot be", function()
    local word = "Hellö €uro \240\159\152\128"
    local fragments = {}
    for i, byte in ipairs(split(word)) do
      fragments[i] = frame(i == 1 and TEXT or 0, byte, { fin = i == #word })
    end
    assert.are.same({ { TEXT, word } }, (parse(table.concat(fragments))))
    rejects(frame(TEXT, "abc\255"), 1007, "not UTF-8")
    rejects(frame(TEXT, "\237\160\128"), 1007, "not UTF-8")
    rejects(frame(TEXT, "\195"), 1007, "not UTF-8")
    rejects(frame(TEXT, "\226\130", { fin = false }) .. frame(0, "x"), 1007, "not UTF-8")
    rejects(frame(TEXT, "\226\130", { fin = false }) .. frame(0, ""), 1007, "not UTF-8")
    rejects(frame(TEXT, "ab\255", { length = 1000 }), 1007, "not UTF-8")
    assert.are.same({ { BINARY, "\255\195" } }, (parse(frame(BINARY, "\255\195"))))
  end)
end)

describe("a close frame", function()
  local function close(code, reason)
    return frame(CLOSE, big_endian(code, 2) .. (reason or ""))
  end

  it("has a code and a reason, or neither", function()
    assert.are.same({ { CLOSE, "going away", 1001 } }, (parse(close(1001, "going away"))))
    assert.are.same({ { CLOSE, "", 4999 } }, (parse(close(4999))))
    assert.are.same({ { CLOSE, "", 1005 } }, (parse(frame(CLOSE, ""))))
    assert.are.same({ { CLOSE, ("x"):rep(123), 1000 } }, (parse(close(1000, ("x"):rep(123)))))
  end)

  it("of one byte, with a code that never stands in a frame, or a reason that is not UTF-8 is rejected", function()
    rejects(frame(CLOSE, "\3"), 1002, "one byte")
    for _, code in ipairs({ 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535 }) do
      rejects(close(code), 1002, "code that is none")
    end
    for code = 1000, 1014 do
      local valid = code ~= 1004 and code ~= 1005 and code ~= 1006
      assert.are.equal(valid, C.vn__close_code_is_valid(code), tostring(code))
    end
    rejects(close(1000, "\255"), 1007, "reason is not UTF-8")
    rejects(close(1000, "\226\130"), 1007, "reason is not UTF-8")
  end)
end)

describe("a written frame", function()
  local function unmask(text)
    local first, second = text:byte(1, 2)
    assert.is_true(second >= 128, "not masked")
    local at, length = 3, second - 128
    local size = length == 126 and 2 or length == 127 and 8 or 0
    if size > 0 then
      length = 0
      for i = 0, size - 1 do
        length = length * 256 + text:byte(at + i)
      end
      at = at + size
    end
    local mask, out = { text:byte(at, at + 3) }, {}
    for i = 1, length do
      out[i] = string.char(bit.bxor(text:byte(at + 3 + i), mask[(i - 1) % 4 + 1]))
    end
    assert.are.equal(at + 3 + length, #text)
    return first, table.concat(out), mask
  end

  it("is final, masked, and as short as it may be", function()
    for _, n in ipairs({ 0, 1, 7, 8, 9, 125, 126, 65535, 65536 }) do
      local payload = ("0123456\255"):rep(math.ceil(n / 8)):sub(1, n)
      local size = n + (n < 126 and 6 or n < 65536 and 8 or 14)
      local out = ffi.new("char[?]", size)
      assert.are.equal(size, tonumber(C.vn__frame_write(out, BINARY, 0x04030201, payload, n)))
      local first, got, mask = unmask(ffi.string(out, size))
      assert.are.equal(128 + BINARY, first)
      assert.is_true(got == payload, n .. " bytes")
      assert.are.same({ 1, 2, 3, 4 }, mask)
    end
  end)
end)
