-- TLS by OpenSSL memory BIOs, through the HTTP client, against nginx and node with certificates of their own.
local http = require("vernier.http")
local http_client = require("spec.support.http_client")
local servers = require("spec.support.http_servers")
local support = require("spec.support")

local MS = 1e6
local S = 1e9
local with_client, get, parallel, fails = http_client.with_client, http_client.get, http_client.parallel, http_client.fails

describe("TLS", function()
  local good, nginx

  setup(function()
    good = support.certificate()
    nginx = support.nginx({ tls = good })
  end)

  teardown(function()
    nginx.stop()
  end)

  local function tls(options)
    options.port, options.tls = options.port or nginx.port, true
    options.connect_timeout_ns = 2 * S * support.slow
    return options
  end

  it("is trusted with the right CA, by address and by name", function()
    for _, host in ipairs({ "127.0.0.1", "localhost" }) do
      with_client(tls({ host = host, ca = good.ca }), function(client)
        for _ = 1, 3 do
          assert.are.equal("ok\n", assert(get(client, "/x")).body)
        end
        assert.are.equal(1, client:stats().connects)
      end)
    end
    assert.are.equal("/x", nginx.log()[1].uri)
  end)

  it("fails with another CA, with the system's store, and with a wrong name", function()
    local other = support.certificate({ names = "DNS:other.example" })
    with_client(tls({ ca = other.ca }), function(client)
      fails("tls", "certificate not accepted", get(client, "/"))
    end)
    with_client(tls({}), function(client)
      fails("tls", "certificate not accepted", get(client, "/"))
    end)
    local wrong = support.nginx({ tls = other })
    for _, host in ipairs({ "127.0.0.1", "localhost" }) do
      with_client(tls({ host = host, port = wrong.port, ca = other.ca }), function(client)
        fails("tls", "mismatch", get(client, "/"))
      end)
    end
    wrong.stop()
  end)

  it("fails with an expired certificate", function()
    local expired = support.certificate({ days = -1 })
    local server = support.nginx({ tls = expired })
    with_client(tls({ port = server.port, ca = expired.ca }), function(client)
      fails("tls", "expired", get(client, "/"))
    end)
    server.stop()
  end)

  it("takes any certificate when it is told so", function()
    with_client(tls({ verify = false }), function(client)
      assert.are.equal("ok\n", assert(get(client, "/")).body)
    end)
  end)

  it("carries large bodies and many connections", function()
    local witness = support.witness("--tls", good.cert, good.key)
    with_client(tls({ port = witness.port, ca = good.ca, connections = 8 }), function(client)
      assert.are.equal(3e6, #assert(get(client, "/bytes/3000000")).body)
      local text = ("0123456789"):rep(100000)
      assert.are.equal(text, assert(client:request({ method = "POST", path = "/echo", body = text })).body)
      parallel(40, function(i)
        assert.are.equal("n" .. i, assert(client:request({ method = "POST", path = "/echo", body = "n" .. i })).body)
      end)
      fails("reset", "", get(client, "/reset"))
    end)
    witness.stop()
  end)

  it("fails where the server does not speak it, or does not speak at all", function()
    local witness = support.witness()
    with_client(tls({ port = witness.port }), function(client)
      fails("tls", "TLS", get(client, "/"))
    end)
    witness.stop()
    local silent = servers.raw_server({})
    local options = tls({ port = silent.port })
    options.connect_timeout_ns = 200 * MS
    with_client(options, function(client)
      fails("timeout", "no connection within 0.2 s", get(client, "/"))
    end)
    silent.stop()
  end)

  it("says at once when the CA file cannot be read", function()
    local client, message, class = http.new({ host = "127.0.0.1", port = 1, tls = true, ca = "/no/such/file" })
    assert.is_nil(client)
    assert.are.equal("tls", class)
    assert.is_truthy(message:find("/no/such/file", 1, true))
  end)
end)
