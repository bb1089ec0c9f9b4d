-- The http connector and the two workloads that fit it, without a load around them.
local clock = require("vernier.core.clock")
local core = require("vernier.core.load")
local plugins = require("vernier.plugins")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")

-- Runs fn(connector) as a task with an open connector of these options.
local function with_connector(options, fn)
  return scheduler.run(function()
    local connector = assert(plugins.new("connector", "http", options, "."))
    connector:init({ workspace = "/" })
    local ok, err = xpcall(fn, debug.traceback, connector)
    plugins.hook(connector, "end")(connector)
    if not ok then
      error(err, 0)
    end
  end)
end

local function send(connector, request)
  return connector:run(request, core.untimed_tx())
end

local function fails(class, pattern, response, message, actual, judged)
  assert.is_nil(response)
  assert.are.equal(class, actual, message)
  assert.is_truthy(message:find(pattern, 1, true), message)
  return judged
end

describe("the http connector's options", function()
  local function url(text)
    local connector, message = plugins.new("connector", "http", { url = text }, ".")
    return connector and connector.options.url, message
  end

  it("take addresses of all kinds apart", function()
    assert.are.same({ host = "a.b", tls = false, base = "" }, url("http://a.b"))
    assert.are.same({ host = "a.b", port = 81, tls = true, base = "/x/y" }, url("https://a.b:81/x/y/"))
    assert.are.same({ host = "::1", port = 8080, tls = false, base = "" }, url("http://[::1]:8080/"))
    assert.are.same({ path = "/run/a.sock", base = "" }, url("unix:/run/a.sock"))
    assert.are.same({ path = "/run/a.sock", base = "" }, url("unix:///run/a.sock"))
  end)

  it("refuse what is no address", function()
    for _, text in ipairs({ "", "localhost:80", "ftp://x", "http://", "http://x:0", "http://x:70000", "http://x:y",
      "http://[::1", "http://x?query", "unix:relative" }) do
      local parts, message = url(text)
      assert.is_nil(parts, text)
      assert.is_truthy(message:find("url: must", 1, true), message)
    end
    local _, message = url("http://user:password@x")
    assert.is_truthy(message:find("headers option", 1, true))
    assert.is_nil((plugins.new("connector", "http", {}, ".")))
    assert.is_nil((plugins.new("connector", "http", { url = "http://x", connections = 0 }, ".")))
  end)
end)

describe("the http connector", function()
  local witness

  setup(function()
    witness = support.witness()
  end)

  teardown(function()
    witness.stop()
  end)

  it("gives status, headers and body, and stamps the transaction", function()
    with_connector({ url = witness.url, headers = { ["X-A"] = "1" } }, function(connector)
      local tx, before = core.untimed_tx(), clock.now()
      local r = assert(connector:run({ path = "/headers", headers = { ["X-B"] = "2" } }, tx))
      assert.are.equal(200, r.status)
      assert.is_truthy(r.headers["content-length"])
      assert.is_truthy(r.body:find('"x-a":"1"', 1, true))
      assert.is_truthy(r.body:find('"x-b":"2"', 1, true))
      assert.is_true(before < tx.sent_ns and tx.sent_ns < tx.finished_ns and tx.finished_ns < clock.now())
    end)
  end)

  it("judges by the status, unless the request expects something else", function()
    with_connector({ url = witness.url }, function(connector)
      local judged = fails("status", "status 404", send(connector, { path = "/status/404" }))
      assert.are.same({ 404, "status 404" }, { judged.status, judged.body })
      fails("status", "status 503", send(connector, { path = "/status/503" }))
      assert.are.equal(302, send(connector, { path = "/redirect" }).status)
      assert.are.equal(404, send(connector, { path = "/status/404", expect = { status = 404 } }).status)
      assert.are.equal(404, send(connector, { path = "/status/404", expect = { status = { 200, 404 } } }).status)
      fails("status", "status 200", send(connector, { path = "/", expect = { status = { 201, 204 } } }))
      assert.are.equal(200, send(connector, { path = "/", expect = { body = "ok" } }).status)
      judged = fails("check", 'does not contain "no%"', send(connector, { path = "/", expect = { substring = "no%" } }))
      assert.are.equal("ok", judged.body)
      fails("status", "status 404", send(connector, { path = "/status/404", expect = { body = "404" } }))
    end)
  end)

  it("classes failures and stamps them, too", function()
    with_connector({ url = witness.url, timeout = "100ms" }, function(connector)
      local tx = core.untimed_tx()
      fails("timeout", "no response", connector:run({ path = "/blackhole" }, tx))
      assert.is_true(tx.sent_ns > 0 and tx.finished_ns - tx.sent_ns >= 99e6)
      fails("timeout", "within 0.05 s", send(connector, { path = "/blackhole", timeout = 0.05 }))
      fails("reset", "reset", send(connector, { path = "/reset" }))
      fails("protocol", "malformed", send(connector, { path = "/garbage" }))
    end)
    with_connector({ url = "http://127.0.0.1:" .. support.free_port() }, function(connector)
      local tx = core.untimed_tx()
      fails("connect", "refused", connector:run({}, tx))
      assert.are.equal(0, tx.sent_ns)
    end)
  end)

  it("puts the path of its url before every request's", function()
    with_connector({ url = witness.url .. "/status/" }, function(connector)
      assert.are.equal("status 201", send(connector, { path = "/201" }).body)
    end)
  end)

  it("maps the contract of key-value workloads to routes", function()
    with_connector({ url = witness.url }, function(connector)
      assert.are.equal(200, send(connector, { contract = "simple", verb = "open", args = { account = "a" } }).status)
      local arrivals = witness.arrivals()
      local last = arrivals[#arrivals]
      assert.are.same({ "POST", "/open", '{"account":"a"}' }, { last.method, last.url, last.body })
      assert.has_error(function()
        send(connector, { contract = "simple" })
      end)
      assert.has_error(function()
        send(connector, "text")
      end)
    end)
  end)

  it("finds its CA relative to the workspace, and fails its init when it cannot", function()
    local certificate = support.certificate()
    local nginx = support.nginx({ tls = certificate })
    with_connector({ url = nginx.url, tls = { ca = certificate.ca:sub(2) } }, function(connector)
      assert.are.equal("ok\n", send(connector, { path = "/" }).body)
    end)
    with_connector({ url = nginx.url }, function(connector)
      fails("tls", "not accepted", send(connector, { path = "/" }))
    end)
    with_connector({ url = nginx.url, tls = { verify = false } }, function(connector)
      assert.are.equal("ok\n", send(connector, { path = "/" }).body)
    end)
    nginx.stop()
    for _, options in ipairs({ { url = "https://localhost:1", tls = { ca = "missing.pem" } }, { url = "http://no.invalid" } }) do
      local ok, message = pcall(with_connector, options, function() end)
      assert.is_false(ok)
      assert.is_truthy(tostring(message):find("http: ", 1, true), message)
    end
  end)
end)

describe("the workload", function()
  -- Runs a workload for these indices against a connector that remembers; gives what it was sent.
  local function sent(name, arguments, label, indices)
    local workload = assert(plugins.new("workload", name, arguments, "."))
    local list = {}
    local ctx = {
      arguments = workload.options, worker = 1, workers = 2, round = { index = 1, label = label },
      random = function(from, to)
        return from == 0 and to or from
      end,
      sut = {
        send = function(_, request, options)
          list[#list + 1] = { request = request, operation = options.operation }
        end,
      },
    }
    workload:init(ctx)
    for _, index in ipairs(indices or { 0 }) do
      ctx.index = index
      workload:run(ctx)
    end
    return list
  end

  it("http-request fills in paths and bodies", function()
    local list = sent("http-request", { path = "/a/{index}/{worker}?r={random:10}&{other}", body = '{"i":{index}}' }, "x", { 5, 6 })
    assert.are.equal("/a/5/1?r=9&{other}", list[1].request.path)
    assert.are.equal("/a/6/1?r=9&{other}", list[2].request.path)
    assert.are.equal('{"i":6}', list[2].request.body)
    assert.are.equal("POST", list[2].request.method)
    assert.are.equal("x", list[1].operation)
  end)

  it("http-request has defaults and sends tables as JSON", function()
    local request = sent("http-request", {}, "x")[1].request
    assert.are.same({ "GET", "/" }, { request.method, request.path })
    local list = sent("http-request", { method = "PUT", body = { a = "{index}" }, headers = { ["X-A"] = "1" }, operation = "op",
      expect = { status = 201 } }, "x", { 7 })
    request = list[1].request
    assert.are.equal('{"a":"7"}', request.body)
    assert.are.same({ ["X-A"] = "1", ["Content-Type"] = "application/json" }, request.headers)
    assert.are.same({ "PUT", 201, "op" }, { request.method, request.expect.status, list[1].operation })
    assert.has_error(function()
      sent("http-request", { path = "/{random:0}" }, "x")
    end)
  end)

  it("simple opens, queries and transfers by its operation or the round's label", function()
    local list = sent("simple", { initialMoney = 5 }, "open", { 0, 1 })
    assert.are.same({ contract = "simple", verb = "open", args = { "account-1", 5 } }, list[2].request)
    assert.are.equal("open", list[1].operation)
    list = sent("simple", { operation = "query", numberOfAccounts = 10, accountPrefix = "a%d" }, "any")
    assert.are.same({ contract = "simple", verb = "query", args = { "a%d-9" }, readOnly = true }, list[1].request)
    list = sent("simple", { numberOfAccounts = 10, moneyToTransfer = 3 }, "transfer")
    assert.are.same({ "account-9", "account-0", 3 }, list[1].request.args)
    list = sent("simple", { numberOfAccounts = 1, money = 7, moneyToTransfer = 3 }, "transfer")
    assert.are.same({ "account-0", "account-0", 7 }, list[1].request.args)
    assert.has_error(function()
      sent("simple", {}, "dance")
    end)
    assert.is_nil((plugins.new("workload", "simple", { operation = "dance" }, ".")))
    list = sent("simple", { initialMoney = "0x100000000000000000" }, "open", { 0 })
    assert.are.same({ "account-0", "0x100000000000000000" }, list[1].request.args)
    for _, money in ipairs({ -1, 2 ^ 53, "-1", "1.5", "much", "0x", true }) do
      local made, message = plugins.new("workload", "simple", { operation = "open", initialMoney = money }, ".")
      assert.is_nil(made, tostring(money))
      assert.is_truthy(tostring(message):find("0 to 2^53", 1, true), tostring(message))
    end
  end)
end)
