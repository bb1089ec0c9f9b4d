-- The nodes of a network as the connector sees them: a JSON-RPC client whose failures are errors where nothing can go on.
local failures = require("vernier.ethereum.failure")
local json_rpc = require("vernier.json_rpc")
local quantity = require("vernier.ethereum.quantity")
local redact = require("vernier.config.redact")
local scheduler = require("vernier.scheduler")

local M = { null = json_rpc.null }

local SECOND = 1e9
local RETRY_NS = 50e6 -- while a node that was just started comes up

local Node = {}
Node.__index = Node

-- What a transaction or a call of a workload is sent by.
local BATCHED = { eth_sendRawTransaction = true, eth_call = true }

local function client_options(self, options)
  local batching = options.batching
  return { urls = options.url, timeout_ns = options.timeout * SECOND, connect_timeout_ns = options.connectTimeout * SECOND,
    connections = options.connections, headers = options.headers,
    batching = batching and { size = batching.size, wait_ns = batching.wait * SECOND, methods = BATCHED },
    on_connected = function(endpoint)
      if self.on_connected then
        self.on_connected(endpoint)
      end
    end,
    on_notification = function(method, params, at_ns)
      if self.on_notification then
        self.on_notification(method, params, at_ns)
      end
    end }
end

local function try_open(self, options)
  local client, why = json_rpc.connect(client_options(self, options))
  if not client then
    return nil, why
  end
  for _, endpoint in ipairs(client.endpoints) do
    local answer, failure = endpoint:call("eth_chainId")
    local number = answer and quantity.number(answer)
    if not number then
      client:close()
      return nil, ("%s: eth_chainId: %s"):format(endpoint.url, failure and tostring(failure) or "no quantity")
    end
    self.chain_id = self.chain_id or number
    if self.chain_id ~= number then
      client:close()
      error(redact.text(("the nodes are of different chains: %s says %.0f, another %.0f"):format(endpoint.url, number,
        self.chain_id)), 0)
    end
  end
  return client
end

-- options: of the connector. Waits for nodes that are still coming up, for connectTimeout. Raises an error where they do not,
-- or are of another chain than is configured. Has chain_id; on_connected(endpoint) and on_notification(method, params, at_ns)
-- may be set.
function M.open(options)
  local self = setmetatable({}, Node)
  local deadline_ns = scheduler.now() + options.connectTimeout * SECOND
  local client, why = try_open(self, options)
  while not client and scheduler.now() < deadline_ns do
    scheduler.sleep(RETRY_NS)
    client, why = try_open(self, options)
  end
  if not client then
    error(redact.text(("no node within %g s: %s"):format(options.connectTimeout, why)), 0)
  end
  self.client = client
  if options.chainId and quantity.encode(options.chainId) ~= quantity.encode(self.chain_id) then
    self:close()
    error(("chainId is %s in the network file, but the node's chain is %.0f"):format(tostring(options.chainId), self.chain_id), 0)
  end
  return self
end

-- The endpoint of the nth of what belongs to one node (from 0): its calls are those of the client.
function Node:endpoint(n)
  local endpoints = self.client.endpoints
  return endpoints[n % #endpoints + 1]
end

-- The result; or nil and a failure.
function Node:try(method, params)
  return self.client:call(method, params)
end

-- The result; a failure is an error.
function Node:ask(method, params)
  local result, failure = self.client:call(method, params)
  if result == nil then
    error(("%s: %s"):format(method, redact.text(tostring(failure))), 0)
  end
  return result
end

-- An error that tells what the node lacks, for a method that not all have.
function Node:need(method, params, why)
  local result, failure = self.client:call(method, params)
  if result == nil then
    local lacks = failures.class(failure) == "unsupported"
    error(("%s: %s%s"):format(method, redact.text(tostring(failure)), lacks and ": " .. why or ""), 0)
  end
  return result
end

function Node:close()
  if self.client then
    self.client:close()
    self.client = nil
  end
end

return M
