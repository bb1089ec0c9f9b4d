-- The WebSocket client over TLS and on unix sockets, with npm's ws as its peer.
local client = require("spec.support.websocket_client")
local fails = require("spec.support.http_client").fails
local scheduler = require("vernier.scheduler")
local servers = require("spec.support.http_servers")
local support = require("spec.support")
local websocket = require("vernier.websocket")

local ask, soon, with = client.ask, client.soon, client.with

describe("a WebSocket over TLS", function()
  local server, good

  setup(function()
    good = support.certificate()
    server = servers.ws_server("--tls", good.cert, good.key)
  end)

  teardown(function()
    server.stop()
  end)

  it("carries large messages both ways", function()
    with(server.ws(), { ca = good.ca }, function(connection)
      local text = ("0123456789abcdef"):rep(65536)
      for _ = 1, 3 do
        assert(connection:send(text))
      end
      for _ = 1, 3 do
        assert.is_true(connection:receive(soon()) == text)
      end
      assert.is_true((connection:close()))
    end)
  end)

  it("fails with another CA, a wrong name, without TLS on the other side", function()
    local other = support.certificate({ names = "DNS:other.example" })
    local plain = servers.ws_server()
    scheduler.run(function()
      fails("tls", "certificate not accepted", websocket.connect(server.ws(), { ca = other.ca }))
      fails("tls", "/no/such/file", websocket.connect(server.ws(), { ca = "/no/such/file" }))
      fails("tls", "TLS", websocket.connect((plain.ws():gsub("^ws", "wss")), { ca = good.ca }))
      fails("reset", "", websocket.connect((server.ws():gsub("^wss", "ws"))))
    end)
    with(server.ws(), { verify = false }, function(connection)
      connection:send("x")
      assert.are.equal("x", (connection:receive(soon())))
    end)
    plain.stop()
  end)
end)

describe("a WebSocket on a unix socket", function()
  it("is one like others", function()
    local path = support.tmpdir() .. "/ws.sock"
    local server = servers.ws_server("--unix", path)
    with("ws+unix:" .. path .. ":/some/target", {}, function(connection)
      local head = ask(connection, { ["do"] = "head" })
      assert.are.same({ "/some/target", "localhost" }, { head.url, head.headers.host })
      assert.is_true((connection:close()))
    end)
    server.stop()
  end)
end)
