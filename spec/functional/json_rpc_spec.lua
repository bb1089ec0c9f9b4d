-- JSON-RPC against a real Ethereum node, anvil, over HTTP, WebSocket and its IPC socket. Without the package of npm (make
-- deps installs it) there is nothing to ask.
local http_client = require("spec.support.http_client")
local json_rpc = require("vernier.json_rpc")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")

local MS, S = 1e6, 1e9
local await = http_client.await
local ANVIL = ("spec/node_modules/@foundry-rs/anvil-linux-%s/bin/anvil"):format(jit.arch == "x64" and "amd64" or "arm64")
local ACCOUNT = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266" -- the first of anvil's default mnemonic

local function is_there()
  local f = io.open(ANVIL, "rb")
  return f and f:close()
end

describe("anvil", function()
  if not is_there() then
    pending(ANVIL .. " is not there: make deps installs it")
    return
  end

  local node, urls

  setup(function()
    local port, socket = support.free_port(), support.tmpdir() .. "/anvil.ipc"
    node = support.start({ "setpriv", "--pdeathsig", "KILL", ANVIL, "--port", tostring(port), "--ipc", socket, "-b", "1", "-q",
      "--prune-history", "20" })
    support.wait_for(function()
      assert(node:running(), select(2, node:output()))
      return support.accepts(port) and os.execute("test -S " .. socket) == 0
    end, 10, "anvil to listen")
    urls = { http = "http://127.0.0.1:" .. port, websocket = "ws://127.0.0.1:" .. port, ipc = "ipc:" .. socket }
  end)

  teardown(function()
    node:stop()
  end)

  local function with(options, fn)
    return scheduler.run(function()
      local client = assert(json_rpc.connect(options))
      local ok, err = pcall(fn, client)
      client:close()
      assert(ok, err)
    end)
  end

  -- What curl, a client that is not ours, is told.
  local function ask_by_curl(method)
    local body = ('{"jsonrpc":"2.0","id":1,"method":"%s","params":[]}'):format(method)
    return require("cjson").decode(support.get(urls.http, "-H", "Content-Type: application/json", "-d", body).body).result
  end

  for _, transport in ipairs({ "http", "websocket", "ipc" }) do
    it("answers over " .. transport .. ": values, errors, batches, many at once", function()
      with({ url = urls[transport] }, function(client)
        assert.are.equal("0x7a69", client:call("eth_chainId"))
        assert.are.equal(ask_by_curl("web3_clientVersion"), client:call("web3_clientVersion", {}))
        assert.are.equal("0x21e19e0c9bab2400000", client:call("eth_getBalance", { ACCOUNT, "latest" }))
        assert.are.equal(json_rpc.null, client:call("eth_getTransactionReceipt", '["0x' .. ("0"):rep(64) .. '"]'))
        local result, failure = client:call("eth_nothing")
        assert.is_nil(result)
        assert.are.equal("rpc", failure.class)
        assert.is_true(failure.code == -32601 or failure.code == -32602, tostring(failure)) -- anvil has both
        result, failure = client:call("eth_sendRawTransaction", '["0x1234"]')
        assert.is_nil(result)
        assert.are.equal("rpc", failure.class)
        local outcomes = assert(client:batch({ { "eth_chainId" }, { "eth_nothing" }, { "net_version" } }))
        assert.are.same({ "0x7a69", "31337" }, { outcomes[1].result, outcomes[3].result })
        assert.are.equal("rpc", outcomes[2].error.class)
        local left = 200
        for _ = 1, 200 do
          scheduler.spawn(function()
            assert.are.equal("0x7a69", client:call("eth_chainId"))
            left = left - 1
          end)
        end
        await(function() return left == 0 end, "the answers")
      end)
    end)
  end

  for _, transport in ipairs({ "websocket", "ipc" }) do
    it("tells new heads over " .. transport .. ", one a second, each the child of the one before", function()
      local heads, subscription = {}, nil
      local options = { url = urls[transport], on_notification = function(method, params, at_ns)
        assert(method == "eth_subscription", method)
        heads[#heads + 1] = { params.subscription, params.result, at_ns }
      end }
      with(options, function(client)
        subscription = assert(client:call("eth_subscribe", '["newHeads"]'))
        local deadline = scheduler.now() + 10 * S * support.slow
        while #heads < 3 and scheduler.now() < deadline do
          assert(client:call("eth_blockNumber")) -- answers come between the notifications
          scheduler.sleep(20 * MS)
        end
        assert.are.equal(true, client:call("eth_unsubscribe", { subscription }))
      end)
      assert.are.equal(3, #heads)
      for i, head in ipairs(heads) do
        assert.are.equal(subscription, head[1])
        if i > 1 then
          assert.are.equal(heads[i - 1][2].hash, head[2].parentHash)
          local apart = (head[3] - heads[i - 1][3]) / MS
          assert.is_true(apart > 700 and apart < 1000 + 300 * support.slow, apart .. " ms apart")
        end
      end
    end)
  end

  it("keeps the order of a connection's transactions", function()
    with({ url = urls.websocket }, function(client)
      local before = tonumber((client:call("eth_getTransactionCount", { ACCOUNT, "pending" })))
      local hashes, left = {}, 50
      for i = 1, 50 do
        scheduler.spawn(function()
          local nonce = ("0x%x"):format(before + i - 1)
          hashes[i] = assert(client:call("eth_sendTransaction", { { from = ACCOUNT, to = ACCOUNT, value = "0x1", nonce = nonce,
            gas = "0x5208" } }))
          left = left - 1
        end)
      end
      await(function() return left == 0 end, "the hashes")
      assert.are.equal(before + 50, tonumber((client:call("eth_getTransactionCount", { ACCOUNT, "pending" }))))
      for i = 1, 50 do
        assert.are.equal(("0x%x"):format(before + i - 1), client:call("eth_getTransactionByHash", { hashes[i] }).nonce)
      end
    end)
  end)

  it("fails what is in flight when it is killed", function()
    with({ url = urls.websocket, reconnect_min_ns = 20 * MS }, function(client)
      assert(client:call("eth_chainId"))
      node:kill("KILL")
      local result, failure
      repeat
        result, failure = client:call("eth_chainId")
      until not result
      assert.are.equal("connection", failure.class)
    end)
  end)
end)
