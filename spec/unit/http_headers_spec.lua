-- Headers of the HTTP client's requests, and heads of its answers.
local http = require("vernier.http")
local http_client = require("spec.support.http_client")
local servers = require("spec.support.http_servers")
local support = require("spec.support")

local with_client, get = http_client.with_client, http_client.get

describe("headers", function()
  local witness

  setup(function()
    witness = support.witness()
  end)

  teardown(function()
    witness.stop()
  end)

  local function seen(client, headers, body)
    local r = assert(client:request({ method = body and "POST" or "GET", path = "/headers", headers = headers, body = body }))
    return require("cjson").decode(r.body)
  end

  it("come from tables, from text and from the client's defaults", function()
    with_client({ port = witness.port, headers = { ["X-Default"] = "d", ["x-other"] = "o" } }, function(client)
      local h = seen(client)
      assert.are.same({ "d", "o", "127.0.0.1:" .. witness.port }, { h["x-default"], h["x-other"], h.host })
      h = seen(client, { ["X-A"] = 1, ["X-DEFAULT"] = "mine", ["X-List"] = { "a", "b" } })
      assert.are.same({ "1", "mine", "o", "a, b" }, { h["x-a"], h["x-default"], h["x-other"], h["x-list"] })
      h = seen(client, "X-A: text\r\nx-default: here\r\n")
      assert.are.same({ "text", "here", "o" }, { h["x-a"], h["x-default"], h["x-other"] })
    end)
  end)

  it("may name the host and the type of a JSON body", function()
    with_client(witness.port, function(client)
      assert.are.equal("other", seen(client, { Host = "other" }).host)
      assert.are.equal("other2", seen(client, "Host: other2\r\n").host)
      assert.are.equal("application/json", seen(client, nil, { a = 1 })["content-type"])
      assert.are.equal("x/y", seen(client, { ["content-Type"] = "x/y" }, { a = 1 })["content-type"])
      assert.are.equal("7", seen(client, nil, { a = 1 })["content-length"])
    end)
  end)

  it("of a table that has changed are encoded again", function()
    with_client(witness.port, function(client)
      local headers = { ["X-A"] = 1 }
      assert.are.equal("1", seen(client, headers)["x-a"])
      headers["X-A"] = 2
      assert.are.equal("2", seen(client, headers)["x-a"])
      headers["X-B"] = 3
      assert.are.equal("3", seen(client, headers)["x-b"])
      headers["X-A"] = nil
      assert.is_nil(seen(client, headers)["x-a"])
      headers["X-B"], headers["X-C"] = nil, 3
      assert.are.same({ nil, "3" }, { seen(client, headers)["x-b"], seen(client, headers)["x-c"] })
      headers["X-C"] = nil
      assert.is_nil(seen(client, headers)["x-c"])
    end)
  end)

  it("that would break the message are the caller's error", function()
    with_client(witness.port, function(client)
      assert.has_error(function()
        get(client, "/", { headers = { ["X A"] = "b" } })
      end)
      assert.has_error(function()
        get(client, "/", { headers = { X = "a\r\nY: b" } })
      end)
      assert.has_error(function()
        get(client, "/", { headers = { ["Content-length"] = "1" } })
      end)
      assert.has_error(function()
        get(client, "/a b")
      end)
      assert.has_error(function()
        get(client, "")
      end)
      assert.has_error(function()
        get(client, "/", { method = "GET\r\n" })
      end)
      assert.are.equal(200, assert(get(client, "/")).status)
    end)
  end)

  it("of responses are found by lower-case names", function()
    local h = http.parse_headers("Content-Type: a\r\nSET-COOKIE: b=1 \r\nset-cookie:c=2\r\nEmpty:\r\nX: a:b\r\n")
    assert.are.same({ ["content-type"] = "a", ["set-cookie"] = "b=1, c=2", empty = "", x = "a:b" }, h)
  end)
end)

describe("the heads of answers", function()
  local echo

  setup(function()
    echo = servers.echo_server()
  end)

  teardown(function()
    echo.stop()
  end)

  -- A head that is that of an answer before is not parsed again.
  it("tells answers apart whose heads are alike", function()
    with_client(echo.port, function(client)
      local heads = {}
      for i = 1, 60 do
        local n = i % 3 == 0 and 5 or i % 7
        local method = i % 5 == 0 and "HEAD" or "GET"
        local r = assert(client:request({ method = method, path = i % 4 == 0 and "/close" or "/bytes/" .. n }))
        local body = i % 4 == 0 and "bye" or ("x"):rep(n)
        assert.are.same({ 200, method == "HEAD" and "" or body, tostring(#body) }, { r.status, r.body, r.headers["content-length"] })
        assert.are.equal(i % 4 == 0 and "close" or nil, r.headers.connection)
        heads[i] = r
      end
      -- Headers are parsed when they are looked at: also after others have come.
      assert.are.equal("1", heads[1].headers["content-length"])
      assert.are.equal(204, assert(get(client, "/none")).status)
      assert.are.equal("xxxxx", assert(get(client, "/bytes/5")).body)
    end)
  end)

  it("keeps the heads of clients apart, and those of answers that nobody waited for", function()
    with_client(echo.port, function(a)
      with_client(echo.port, function(b)
        for i = 1, 20 do
          local one = a:request({ path = "/later/60", timeout_ns = i % 4 == 0 and 20e6 or nil })
          local two = assert(get(b, "/bytes/" .. i % 2))
          assert.are.equal(tostring(i % 2), two.headers["content-length"])
          assert.are.equal(i % 4 == 0 and "none" or "6", one and one.headers["content-length"] or "none")
          assert.are.equal("3", assert(get(a, "/bytes/3")).headers["content-length"])
        end
      end)
    end)
  end)
end)
