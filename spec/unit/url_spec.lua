local url = require("vernier.url")

describe("the URL of a service", function()
  it("is refused with what is wrong about it", function()
    for text, message in pairs({
      ["localhost:80"] = "must be http://host:port, https://host:port or unix:/path",
      ["http://x/?query"] = "must be http://host:port",
      ["unix:relative"] = "must be http://host:port",
      ["http://user:password@x"] = "must not hold a password",
      ["http://x:70000"] = "a port in 1-65535",
      ["http://[::1"] = "must name a host",
    }) do
      local parts, why = url.service(text)
      assert.is_nil(parts, text)
      assert.matches(message, why, 1, true)
    end
  end)

  it("has a host, a port and a base without the last slash, or the path of a socket", function()
    assert.are.same({ tls = true, host = "a.b", port = 81, base = "/x/y" }, url.service("https://a.b:81/x/y/"))
    assert.are.same({ path = "/run/a.sock", base = "" }, url.service("unix:///run/a.sock"))
  end)
end)

describe("the URL of a WebSocket", function()
  it("has a host, a port and a target, or the path of a socket", function()
    assert.are.same({ tls = false, host = "a", port = 1, target = "/x?y=z" }, url.websocket("ws://a:1/x?y=z"))
    assert.are.same({ tls = true, host = "::1", target = "/?q" }, url.websocket("wss://[::1]?q"))
    assert.are.same({ path = "/run/a.sock", target = "/" }, url.websocket("ws+unix:/run/a.sock"))
    assert.are.same({ path = "/run/a.sock", target = "/x" }, url.websocket("ws+unix:///run/a.sock:/x"))
  end)

  it("is refused with what is wrong about it", function()
    for _, text in ipairs({ "", "http://x", "ws://", "ws:///x", "ws://u@x/", "ws://x:0/", "ws://x/#part", "ws+unix:relative" }) do
      local parts, why = url.websocket(text)
      assert.is_nil(parts, text)
      assert.is_string(why)
    end
  end)
end)

describe("the URL of a JSON-RPC server", function()
  it("says the transport", function()
    local function rpc(text)
      local parts = assert(url.rpc(text))
      assert.are.equal(text, parts.text)
      parts.text = nil
      return parts
    end
    assert.are.same({ transport = "http", tls = true, host = "a", target = "/v3/key?x" }, rpc("https://a/v3/key?x"))
    assert.are.same({ transport = "http", tls = false, host = "a", port = 8545, target = "/" }, rpc("http://a:8545"))
    assert.are.same({ transport = "http", path = "/run/a.sock", target = "/" }, rpc("unix:/run/a.sock"))
    assert.are.same({ transport = "websocket", tls = false, host = "a", port = 8546, target = "/" }, rpc("ws://a:8546"))
    assert.are.same({ transport = "websocket", path = "/run/a.sock", target = "/" }, rpc("ws+unix:/run/a.sock"))
    assert.are.same({ transport = "ipc", path = "/data/geth.ipc" }, rpc("ipc:///data/geth.ipc"))
    assert.are.same({ transport = "ipc", path = "/data/geth.ipc" }, rpc("/data/geth.ipc"))
  end)

  it("is refused with what is wrong about it", function()
    for text, message in pairs({ ["tcp://x"] = "must be http://host:port, https://…, ws://", ["x:80"] = "must be http", ["/no/socket"] = "ipc:",
      ["ws://x:70000"] = "a port in 1-65535", ["http://u:p@x"] = "must not hold a password" }) do
      local parts, why = url.rpc(text)
      assert.is_nil(parts, text)
      assert.matches(message, why, 1, true)
    end
  end)
end)

describe("the URL of a page", function()
  it("is refused with what is wrong about it", function()
    for _, text in ipairs({ "", "127.0.0.1:80", "ftp://x", "http://", "http://u@x/", "http://x:99999/", "http://x:y/",
      "http://x:0/", "http://x/#part", "unix:/run/a.sock" }) do
      local parts, why = url.page(text)
      assert.is_nil(parts, text)
      assert.matches("must", why, 1, true)
    end
  end)

  it("keeps its query and has a path in any case", function()
    assert.are.same({ tls = true, host = "::1", port = 8443, path = "/?a=b", text = "https://[::1]:8443?a=b" },
      url.page("https://[::1]:8443?a=b"))
    assert.are.equal("/", url.page("http://a.b").path)
  end)
end)
