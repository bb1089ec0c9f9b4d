-- What a process needs to send transactions: the node, what it asks for gas, and who waits for blocks.
local confirmation = require("vernier.ethereum.confirmation")
local fees = require("vernier.ethereum.fees")
local node = require("vernier.ethereum.node")
local scheduler = require("vernier.scheduler")

local M = {}

local SECOND = 1e9

local Chain = {}
Chain.__index = Chain

-- options: of the connector; n: the number of this process among those that share the nodes. Inside a task. Raises an error
-- where there is no node.
function M.open(options, n)
  local own = node.open(options)
  return setmetatable({ node = own, home = own:endpoint(n), waits = options.confirmation ~= "none", _options = options,
    _followed_ns = 0 }, Chain)
end

-- What the node asks for gas now: it can be sent to workers.
function Chain:ask_fees()
  return fees.ask(self.node, self._options.fees, self._options.gasPrice)
end

local function follow(self, block)
  self.fees:follow(block)
  self._followed_ns = scheduler.now()
end

-- Where no block comes by, the node is asked what it wants for gas: each second, and more often while that changes.
local function keep_fees(self, endpoint)
  local least_ns = self._options.pollInterval * SECOND
  local interval_ns = least_ns
  while not self._closed do
    scheduler.sleep(interval_ns)
    if not self._closed and self.fees.moves and scheduler.now() - self._followed_ns >= interval_ns then
      interval_ns = self.fees:look(endpoint) and interval_ns / 2 or interval_ns * 2
      interval_ns = math.max(least_ns, math.min(interval_ns, SECOND))
    end
  end
end

-- From now on transactions can be sent. asked: what ask_fees gave; waits: false where accepted is enough.
function Chain:start(asked, waits)
  local o = self._options
  self.waits = waits
  self.fees = fees.new(asked, self.node.chain_id)
  if self.confirmation then
    return
  end
  local watched, why = self.home:aside()
  if not watched then
    error(("%s: %s"):format(self.home.url, why), 0)
  end
  local waiting = confirmation.new(watched, { mode = o.confirmation, outcomes = o.outcomes,
    blocks = o.transactionConfirmationBlocks, timeout = o.confirmationTimeout, interval = o.pollInterval }, function(block)
    follow(self, block)
  end)
  self.node.on_notification = function(method, params)
    if method == "eth_subscription" then
      waiting:head(params.result)
      follow(self, params.result)
    end
  end
  self.node.on_connected = function(endpoint)
    if endpoint == self.home then
      waiting:connected()
    end
  end
  local ok, failure = waiting:start()
  if not ok then
    error("eth_blockNumber: " .. tostring(failure), 0)
  elseif o.confirmation == "subscription" and o.outcomes == "traces" then
    self.node:need("trace_block", '["latest"]', "outcomes: traces are of nodes with such a method; write outcomes: receipts")
  end
  self.confirmation = waiting
  scheduler.spawn(keep_fees, self, watched)
end

function Chain:close()
  self._closed = true
  if self.confirmation then
    self.confirmation:stop()
  end
  self.node:close()
end

return M
