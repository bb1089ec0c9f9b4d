-- The HTTP parser, called through the FFI: every message is fed whole and in all ways to cut it in two, and byte by byte.
local ffi = require("ffi")
local core = require("vernier.core.ffi")
local support = require("spec.support")
local C = core.C

local header = support.run({ "cc", "-E", "-P", "-DVN_CDEF", "src/http_parser.h" })
assert(header.status == 0, header.stderr)
ffi.cdef(header.stdout)

local MORE, DONE = tonumber(C.VN__PARSER_MORE), tonumber(C.VN__PARSER_DONE)
local PROTOCOL, LIMIT, RESET = tonumber(C.VN_EPROTOCOL), tonumber(C.VN_ELIMIT), tonumber(C.VN_ERESET)
local MAX_HEAD, MAX_BODY = 1000, 10000

local function new(options)
  local p = ffi.new("vn__parser")
  C.vn__parser_init(p, options.request or false, options.max_head or MAX_HEAD, options.max_body or MAX_BODY)
  p.head_only = options.head_only or false
  p.upgrade = options.upgrade or false
  return p
end

-- Feeds the pieces; gives the result, the parser, the buffer and how many bytes are in it.
local function feed(pieces, options)
  local p = new(options or {})
  local total = 0
  for _, piece in ipairs(pieces) do
    total = total + #piece
  end
  local buffer, len, rc = ffi.new("char[?]", total + 1), ffi.new("size_t[1]"), MORE
  for _, piece in ipairs(pieces) do
    if rc ~= MORE then
      break
    end
    ffi.copy(buffer + len[0], piece, #piece)
    len[0] = len[0] + #piece
    rc = C.vn__parser_feed(p, buffer, len)
  end
  return rc, p, buffer, tonumber(len[0])
end

local function describe_result(rc, p, buffer, rest)
  if rc ~= DONE then
    return { rc = rc }
  end
  return {
    rc = rc,
    status = p.status,
    method = p.method,
    path = ffi.string(buffer + p.path, p.path_len),
    head = ffi.string(buffer + p.head, p.head_len),
    body = ffi.string(buffer + p.body, p.body_len),
    keep_alive = p.keep_alive,
    rest = rest,
  }
end

-- The result of the whole message, after checking that all cuts give the same.
local function parse(text, options)
  local rc, p, buffer, len = feed({ text }, options)
  local whole = describe_result(rc, p, buffer, rc == DONE and len - tonumber(p.pos) or nil)
  local message = rc < 0 and ffi.string(C.vn_errmsg()) or nil
  for cut = 1, #text - 1 do
    local cut_rc, cut_p, cut_buffer = feed({ text:sub(1, cut), text:sub(cut + 1) }, options)
    local result = describe_result(cut_rc, cut_p, cut_buffer, whole.rest)
    assert.are.same(whole, result, "cut after byte " .. cut)
  end
  local bytes = {}
  for i = 1, #text do
    bytes[i] = text:sub(i, i)
  end
  local one_rc, one_p, one_buffer = feed(bytes, options)
  assert.are.same(whole, describe_result(one_rc, one_p, one_buffer, whole.rest), "byte by byte")
  whole.message = message
  return whole
end

local function rejects(text, code, pattern, options)
  local result = parse(text, options)
  assert.are.equal(code, result.rc, text)
  assert.is_truthy(result.message:find(pattern, 1, true), result.message)
end

describe("a response", function()
  it("with a length ends where its body does", function()
    local r = parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello")
    assert.are.equal(DONE, r.rc)
    assert.are.equal(200, r.status)
    assert.are.equal("hello", r.body)
    assert.are.equal("Content-Length: 5\r\nX-A: b\r\n", r.head)
    assert.is_true(r.keep_alive)
    assert.are.equal(0, r.rest)
  end)

  it("leaves what follows in the buffer", function()
    local r = parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 204")
    assert.are.equal("ok", r.body)
    assert.are.equal(#"HTTP/1.1 204", r.rest)
  end)

  it("may have no reason phrase, bare LF line ends, and blanks around values", function()
    local r = parse("HTTP/1.1 404\nContent-length:\t 3 \t\nConnection:  Close \n\nabc")
    assert.are.equal(404, r.status)
    assert.are.equal("abc", r.body)
    assert.is_false(r.keep_alive)
  end)

  it("in chunks is decoded, with extensions and trailers", function()
    local r = parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. "5\r\nhello\r\n1;name=\"value\"\r\n \r\n00A \r\n0123456789\r\n0\r\nX-Trailer: 1\r\nContent-Length: 99\r\n\r\nrest")
    assert.are.equal(DONE, r.rc)
    assert.are.equal("hello 0123456789", r.body)
    assert.are.equal(4, r.rest)
    assert.is_true(r.keep_alive)
  end)

  it("in thousands of tiny chunks needs no more memory than its body", function()
    local p, len = new({}), ffi.new("size_t[1]")
    local buffer = ffi.new("char[256]")
    local function add(text)
      assert.is_true(len[0] + #text < 256)
      ffi.copy(buffer + len[0], text, #text)
      len[0] = len[0] + #text
      return C.vn__parser_feed(p, buffer, len)
    end
    add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ = 1, 100 do
      assert.are.equal(MORE, add("1;some-long-extension=that-would-fill-the-buffer\r\nx\r\n"))
    end
    assert.are.equal(DONE, add("0\r\n\r\n"))
    assert.are.equal(("x"):rep(100), ffi.string(buffer + p.body, p.body_len))
  end)

  it("without a length ends with the connection", function()
    local rc, p, buffer, len = feed({ "HTTP/1.1 200 OK\r\n\r\nsome", " text" })
    assert.are.equal(MORE, rc)
    assert.are.equal(DONE, C.vn__parser_eof(p, len))
    assert.are.equal("some text", ffi.string(buffer + p.body, p.body_len))
    assert.is_false(p.keep_alive)
  end)

  it("has no body after HEAD, with 204 and with 304, whatever its length says", function()
    local text = "HTTP/1.1 %d X\r\nContent-Length: 50000\r\n\r\n"
    assert.are.equal(DONE, parse(text:format(200), { head_only = true }).rc)
    assert.are.equal(DONE, parse("HTTP/1.1 304 X\r\nContent-Length: 50\r\n\r\n").rc)
    assert.are.equal(DONE, parse("HTTP/1.1 204 X\r\n\r\n").rc)
    assert.are.equal(DONE, parse("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n", { head_only = true }).rc)
  end)

  it("may follow interim responses", function()
    local r = parse("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\nContent-Length: 7\r\n\r\n"
      .. "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n!")
    assert.are.equal(201, r.status)
    assert.are.equal("Content-Length: 1\r\n", r.head)
    assert.are.equal("!", r.body)
  end)

  it("to a request for another protocol ends with the head of a 101, whatever follows", function()
    local r = parse("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nabc", { upgrade = true })
    assert.are.same({ DONE, 101, "Upgrade: x\r\n", "", 3 }, { r.rc, r.status, r.head, r.body, r.rest })
    assert.are.equal("no", parse("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", { upgrade = true }).body)
  end)

  it("of HTTP/1.0 closes unless it says keep-alive", function()
    assert.is_false(parse("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").keep_alive)
    assert.is_true(parse("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: x, Keep-Alive\r\n\r\n").keep_alive)
    assert.is_false(parse("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x ,close\r\n\r\n").keep_alive)
  end)

  it("says what is missing when the connection ends early", function()
    local cases = {
      [""] = "before a response",
      ["HTTP/1.1 200 OK\r\nCont"] = "inside the response head",
      ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"] = "after 3 of 10 body bytes",
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"] = "inside a chunked body",
    }
    for text, message in pairs(cases) do
      local _, p, _, len = feed({ text })
      assert.are.equal(RESET, C.vn__parser_eof(p, len))
      assert.is_truthy(ffi.string(C.vn_errmsg()):find(message, 1, true), ffi.string(C.vn_errmsg()))
    end
  end)

  it("that is malformed is rejected with the reason", function()
    local head = "HTTP/1.1 200 OK\r\n"
    rejects("SSH-2.0-OpenSSH_9\r\n", PROTOCOL, "malformed status line")
    rejects("HTTP/2.0 200 OK\r\n", PROTOCOL, "not HTTP/1.x")
    rejects("HTTP/1.1 2x0 OK\r\n", PROTOCOL, "malformed status code")
    rejects("HTTP/1.1 2000 OK\r\n", PROTOCOL, "malformed status line")
    rejects("HTTP/1.1 099 OK\r\n", PROTOCOL, "malformed status code")
    rejects("\r\n", PROTOCOL, "malformed status line")
    rejects(head .. "no colon\r\n", PROTOCOL, "malformed header line")
    rejects(head .. "Name : x\r\n", PROTOCOL, "malformed header line")
    rejects(head .. ": x\r\n", PROTOCOL, "malformed header line")
    rejects(head .. "A: b\r\n folded\r\n", PROTOCOL, "folded header line")
    rejects(head .. "A: b\rc\r\n", PROTOCOL, "control character")
    rejects(head .. "A: b\0c\r\n", PROTOCOL, "control character")
    rejects("HTTP/1.1 101 Switching\r\n\r\n", PROTOCOL, "101")
  end)

  it("with lengths that two readers might take differently is rejected", function()
    local head = "HTTP/1.1 200 OK\r\n"
    rejects(head .. "Content-Length: 5\r\nContent-Length: 6\r\n", PROTOCOL, "conflicting Content-Length")
    rejects(head .. "Content-Length: 5, 5\r\n", PROTOCOL, "malformed Content-Length")
    rejects(head .. "Content-Length: -1\r\n", PROTOCOL, "malformed Content-Length")
    rejects(head .. "Content-Length: +1\r\n", PROTOCOL, "malformed Content-Length")
    rejects(head .. "Content-Length: 0x10\r\n", PROTOCOL, "malformed Content-Length")
    rejects(head .. "Content-Length:\r\n", PROTOCOL, "empty Content-Length")
    rejects(head .. "Content-Length: 99999999999999999999999\r\n", PROTOCOL, "malformed Content-Length")
    rejects(head .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", PROTOCOL, "both")
    rejects(head .. "Transfer-Encoding: gzip, chunked\r\n", PROTOCOL, "unsupported Transfer-Encoding")
    rejects(head .. "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", PROTOCOL, "unsupported Transfer-Encoding")
    rejects("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", PROTOCOL, "HTTP/1.0")
    assert.are.equal("abcde", parse(head .. "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde").body)
  end)

  it("with malformed chunks is rejected", function()
    local head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    rejects(head .. "zz\r\n", PROTOCOL, "malformed chunk size")
    rejects(head .. "\r\n", PROTOCOL, "malformed chunk size")
    rejects(head .. "-1\r\n", PROTOCOL, "malformed chunk size")
    rejects(head .. "3\r\nabcd\r\n", PROTOCOL, "chunk longer than its size")
    rejects(head .. "fffffffffffffffff\r\n", PROTOCOL, "chunk size too large")
    rejects(head .. "0\r\nno colon\r\n", PROTOCOL, "malformed header line")
    rejects(head .. "1;" .. ("x"):rep(5000) .. "\r\n", PROTOCOL, "chunk line too long")
  end)

  it("over a limit is rejected", function()
    local head = "HTTP/1.1 200 OK\r\n"
    rejects(head .. "X: " .. ("x"):rep(MAX_HEAD) .. "\r\n\r\n", LIMIT, "head is over the limit of 1000")
    rejects(head .. ("X: y\r\n"):rep(200), LIMIT, "head is over the limit")
    rejects(("HTTP/1.1 100 Continue\r\n\r\n"):rep(50), LIMIT, "head is over the limit")
    rejects(head .. "Content-Length: 10001\r\n\r\n", LIMIT, "over the limit of 10000")
    local chunked = head .. "Transfer-Encoding: chunked\r\n\r\n"
    rejects(chunked .. "5\r\nhello\r\n7\r\n", LIMIT, "over the limit of 10", { max_body = 10 })
    rejects(chunked .. "0\r\n" .. ("X: y\r\n"):rep(200), LIMIT, "head is over the limit")
    rejects(head .. "\r\n" .. ("x"):rep(11), LIMIT, "over the limit of 10", { max_body = 10 })
  end)
end)

describe("a request", function()
  local function request(text, options)
    options = options or {}
    options.request = true
    return parse(text, options)
  end

  local function refuses(text, pattern)
    rejects(text, PROTOCOL, pattern, { request = true })
  end

  it("gives method, path with query, and body", function()
    local r = request("POST /a/b?c=d%20e HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyGET")
    assert.are.equal(tonumber(C.VN_METHOD_POST), r.method)
    assert.are.equal("/a/b?c=d%20e", r.path)
    assert.are.equal("body", r.body)
    assert.are.equal(3, r.rest)
  end)

  it("without a length has no body", function()
    local r = request("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert.are.equal(DONE, r.rc)
    assert.are.equal("", r.body)
    assert.are.equal(DONE, request("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").rc)
  end)

  it("in chunks is decoded", function()
    local r = request("PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert.are.equal("abc", r.body)
  end)

  it("may begin with empty lines and use the absolute form", function()
    assert.are.equal("/p?q", request("\r\n\r\nGET http://host:80/p?q HTTP/1.1\r\nHost: host\r\n\r\n").path)
  end)

  it("with an unknown method is taken for what it is", function()
    assert.are.equal(tonumber(C.VN_METHOD_OTHER), request("BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n").method)
  end)

  it("that is malformed is rejected with the reason", function()
    refuses("GET /\r\n", "malformed request line")
    refuses("GET  HTTP/1.1\r\n", "malformed request target")
    refuses(" / HTTP/1.1\r\n", "malformed request line")
    refuses("G(T / HTTP/1.1\r\n", "malformed request method")
    refuses("GET /a b HTTP/1.1\r\n", "malformed request target")
    refuses("GET /a\1b HTTP/1.1\r\n", "malformed request target")
    refuses("GET a HTTP/1.1\r\n", "malformed request target")
    refuses("GET http://host HTTP/1.1\r\n", "malformed request target")
    refuses("GET / HTTP/3.1\r\n", "not HTTP/1.x")
    refuses("GET / HTTP/1.1\r\n\r\n", "no Host field")
    refuses("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", "two Host fields")
    refuses("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "both")
    refuses(("\r\n"):rep(6), "malformed request line")
  end)
end)
