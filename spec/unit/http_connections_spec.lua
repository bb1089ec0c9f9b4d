-- Connections of the HTTP client that cannot be made.
local ffi = require("ffi")
local clock = require("vernier.core.clock")
local http = require("vernier.http")
local http_client = require("spec.support.http_client")
local support = require("spec.support")

ffi.cdef("int listen(int fd, int backlog);")

local MS, S = 1e6, 1e9

local with_client, get, parallel, fails = http_client.with_client, http_client.get, http_client.parallel, http_client.fails

describe("connections that cannot be made", function()
  it("fail with class connect, once per request", function()
    with_client({ port = support.free_port(), connections = 3 }, function(client)
      local classes = {}
      parallel(10, function()
        local _, message, class, sent_ns = get(client, "/")
        classes[#classes + 1] = class
        assert.is_truthy(message:find("connection refused", 1, true), message)
        assert.are.equal(0, sent_ns)
      end)
      assert.are.equal(10, #classes)
      assert.are.equal("connect", classes[1])
      assert.are.equal(10, client:stats().errors)
      assert.are.equal(0, client:stats().open)
    end)
  end)

  it("fail with class resolve where the name is unknown", function()
    with_client({ host = "no-such-name.invalid", port = 80 }, function(client)
      fails("resolve", "no-such-name.invalid", client:resolved(clock.now() + 20 * S))
      fails("resolve", "no-such-name.invalid", get(client, "/"))
    end)
  end)

  it("fail with class timeout where nobody accepts", function()
    local fd = ffi.C.socket(2, 1, 0)
    local port = support.free_port()
    local address = ffi.new("struct spec_address", { family = 2, ip = { 127, 0, 0, 1 } })
    address.port[0], address.port[1] = math.floor(port / 256), port % 256
    assert(ffi.C.bind(fd, address, 16) == 0 and ffi.C.listen(fd, 0) == 0)
    local options = { port = port, connections = 4, connect_timeout_ns = 200 * MS, request_timeout_ns = 400 * MS }
    with_client(options, function(client)
      local texts = {}
      parallel(4, function()
        local _, message, class = get(client, "/")
        assert.are.equal("timeout", class, message)
        texts[#texts + 1] = message:match("no %a+")
      end)
      table.sort(texts)
      assert.are.same({ "no connection", "no response" }, { texts[1], texts[4] })
    end)
    ffi.C.close(fd)
  end)

  it("are refused at once where the options make no sense", function()
    for _, options in ipairs({ { port = 80 }, { host = "x", port = 0 }, { host = "x", port = 70000 },
      { host = "x", port = 1, connections = 0 }, { host = ("x"):rep(300), port = 1 } }) do
      local client, message = http.new(options)
      assert.is_nil(client)
      assert.is_true(#message > 5)
    end
  end)
end)
