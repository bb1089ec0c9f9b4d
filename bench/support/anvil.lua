-- A chain for one cell: anvil with a block every second, on a core of its own. What it holds is the witness of all figures. It
-- keeps every state in memory, so each cell has a new one.
local cjson = require("cjson")
local file = require("vernier.core.file")
local work = require("support.work")

local M = {}

local modules = work.bench .. "/node_modules/"
local PROGRAM = modules .. ("@foundry-rs/anvil-linux-%s/bin/anvil"):format(jit.arch == "x64" and "amd64" or "arm64")
local port = tonumber(os.getenv("PORT") or 18081) + 4

M.url, M.ws = ("http://127.0.0.1:%d"):format(port), ("ws://127.0.0.1:%d"):format(port)
-- The first account of the wallet that everybody knows.
M.ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
M.KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

-- True; or nil and what is missing.
function M.available()
  for _, path in ipairs({ PROGRAM, modules .. "solc/package.json" }) do
    if not file.realpath(path) then
      return nil, path:match("node_modules/(.*)") .. " is missing: make bench-deps"
    end
  end
  return true
end

-- The contract file Simple.json in the workspace.
function M.compile()
  work.run("compile", { "env", "NODE_PATH=" .. modules, "node", work.bench .. "/../examples/ethereum/compile.js", work.dir,
    work.bench .. "/../examples/ethereum/Simple.sol" }, { seconds = 120 })
end

function M.rpc(method, params)
  local body = ('{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}'):format(method, params or "[]")
  local answer = work.output(("curl -sf -m 10 -H 'Content-Type: application/json' -d %s %s"):format(work.quote(body), M.url))
  return answer ~= "" and cjson.decode(answer).result or nil
end

-- How many transactions of the sender are in blocks.
function M.committed()
  return tonumber(M.rpc("eth_getTransactionCount", ('["%s","latest"]'):format(M.ADDRESS)))
end

-- fn() with a new chain; gives what it gives, and how many transactions the chain has taken in the meantime.
function M.with(fn)
  local server = work.start("anvil", { PROGRAM, "-q", "--port", port, "-b", "1", "--prune-history", "20", "--gas-limit",
    "3000000000" }, { core = work.server_core })
  if not work.wait_for(function() return M.rpc("eth_chainId") end, 10) then
    error("anvil does not answer: " .. work.read("anvil.out") .. work.read("anvil.err"), 0)
  end
  local result = fn()
  local n = M.committed()
  server:stop()
  return result, n
end

return M
