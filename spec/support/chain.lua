-- Ethereum nodes for specs: anvil (npm), contracts of examples/ethereum compiled by solc (npm), and what ethers (npm) sees in them.
local cjson = require("cjson")

return function(support)
  local M = {}

  M.ANVIL = ("spec/node_modules/@foundry-rs/anvil-linux-%s/bin/anvil"):format(jit.arch == "x64" and "amd64" or "arm64")
  -- The first accounts of its wallet, in which there is money.
  M.MNEMONIC = "test test test test test test test test test test test junk"
  M.KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
  M.ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"

  -- Whether npm's packages are there; or nil and what is missing.
  function M.available()
    for _, path in ipairs({ M.ANVIL, "spec/node_modules/solc/package.json", "spec/node_modules/ethers/package.json" }) do
      local f = io.open(path, "rb")
      if not f then
        return nil, path .. " is not there: make deps installs it"
      end
      f:close()
    end
    return true
  end

  -- anvil with these options, at a free port or that of {port = …}: {url, ws, port, ipc, stop(), rpc(method, …)}.
  function M.anvil(options)
    local node = { port = options.port or support.free_port(), ipc = support.tmpdir() .. "/anvil.ipc" }
    local command = { "setpriv", "--pdeathsig", "KILL", M.ANVIL, "-q", "--port", tostring(node.port), "--ipc", node.ipc }
    for _, word in ipairs(options) do
      command[#command + 1] = tostring(word)
    end
    node.process = support.start(command)
    node.url, node.ws = "http://127.0.0.1:" .. node.port, "ws://127.0.0.1:" .. node.port
    support.wait_for(function()
      assert(node.process:running(), select(2, node.process:output()))
      return support.accepts(node.port) and os.execute("test -S " .. node.ipc) == 0
    end, 10, "anvil to listen")

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
    return node
  end

  local compiled

  -- A folder with the contract files Simple.json and Token.json.
  function M.contracts()
    if not compiled then
      compiled = support.tmpdir()
      local r = support.run({ "node", "examples/ethereum/compile.js", compiled, "examples/ethereum/Simple.sol",
        "examples/ethereum/Token.sol", env = { NODE_PATH = "spec/node_modules" } })
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
