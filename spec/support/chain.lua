-- Ethereum nodes for specs: anvil and ganache (npm), contracts compiled by solc (npm), and what ethers (npm) sees in them.
local cjson = require("cjson")

return function(support)
  local M = {}

  M.ANVIL = ("spec/node_modules/@foundry-rs/anvil-linux-%s/bin/anvil"):format(jit.arch == "x64" and "amd64" or "arm64")
  M.GANACHE = "spec/node_modules/ganache/dist/node/cli.js"
  -- The first accounts of their wallets, in which there is money.
  M.MNEMONIC = "test test test test test test test test test test test junk"
  M.KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
  M.ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"

  -- Whether npm's packages are there; or nil and what is missing.
  function M.available()
    for _, path in ipairs({ M.ANVIL, M.GANACHE, "spec/node_modules/solc/package.json", "spec/node_modules/ethers/package.json" }) do
      local f = io.open(path, "rb")
      if not f then
        return nil, path .. " is not there: make deps installs it"
      end
      f:close()
    end
    return true
  end

  -- Starts a node: command, port, and what tells that it is up. {url, ws, port, process, stop(), rpc(method, …)}.
  local function start(name, command, port, is_up)
    local node = { port = port, url = "http://127.0.0.1:" .. port, ws = "ws://127.0.0.1:" .. port }
    node.process = support.start({ "setpriv", "--pdeathsig", "KILL", unpack(command) })

    function node.stop()
      node.process:kill("KILL")
      node.process:wait(5)
    end

    -- The result of a call; or nil and the error. Parameters, or one text that is the list of them in JSON.
    function node.rpc(method, ...)
      local first = ...
      local params = type(first) == "string" and first:find("^%[") and first or first == nil and "[]" or cjson.encode({ ... })
      local body = ('{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}'):format(method, params)
      local answer = cjson.decode(support.get(node.url, "-H", "Content-Type: application/json", "-d", body).body)
      return answer.result, answer.error
    end

    support.wait_for(function()
      assert(node.process:running(), select(2, node.process:output()))
      return support.accepts(port) and is_up()
    end, 30, name .. " to listen")
    return node
  end

  local function with_options(command, options)
    for _, word in ipairs(options) do
      command[#command + 1] = tostring(word)
    end
    return command
  end

  -- anvil with these options, at a free port or that of {port = …}; its node has an ipc, too.
  function M.anvil(options)
    local port, ipc = options.port or support.free_port(), support.tmpdir() .. "/anvil.ipc"
    local node = start("anvil", with_options({ M.ANVIL, "-q", "--port", tostring(port), "--ipc", ipc }, options), port, function()
      return os.execute("test -S " .. ipc) == 0
    end)
    node.ipc = ipc
    return node
  end

  -- ganache with these options and the wallet of anvil: it listens when it can answer.
  function M.ganache(options)
    local port = options.port or support.free_port()
    return start("ganache", with_options({ "node", M.GANACHE, "-q", "--server.host", "127.0.0.1", "--server.port", tostring(port),
      "--wallet.mnemonic", M.MNEMONIC }, options), port, function()
      return true
    end)
  end

  -- What stands before a node (spec/support/chain_proxy.js, with its options), as a node: messages() is what has come by,
  -- count(method) how many requests for it.
  function M.proxy(node, ...)
    local port = support.free_port()
    local proxy = start("the proxy", { "node", "spec/support/chain_proxy.js", node.url, tostring(port), ... }, port, function()
      return true
    end)

    function proxy.messages()
      return proxy.rpc("proxy_messages")
    end

    function proxy.count(method)
      local _, n = table.concat(proxy.messages(), "\n"):gsub("%f[%w_]" .. method .. "%f[^%w_]", "")
      return n
    end
    return proxy
  end

  -- Another client uses an account of the wallet: see spec/support/chain_client.js. The hashes.
  function M.client(node, index, n, ahead)
    return support.node("chain_client.js", { node.url, M.MNEMONIC, index, n, ahead or 0 })
  end

  local compiled

  -- A folder with the contract files Simple.json, Token.json and Reverts.json.
  function M.contracts()
    if not compiled then
      compiled = support.tmpdir()
      local r = support.run({ "node", "examples/ethereum/compile.js", compiled, "examples/ethereum/Simple.sol",
        "examples/ethereum/Token.sol", "spec/support/Reverts.sol", env = { NODE_PATH = "spec/node_modules" } })
      assert(r.status == 0, r.stdout .. r.stderr)
    end
    return compiled
  end

  -- What ethers sees: see spec/support/chain_state.js. Further words: a function to call and its argument.
  function M.state(node, file, address, ...)
    local r = support.run({ timeout = 60, "node", "spec/support/chain_state.js", node.url, file, address, ... })
    assert(r.status == 0, r.stderr)
    return cjson.decode(r.stdout)
  end

  return M
end
