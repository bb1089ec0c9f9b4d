-- Many questions at once, to a node that takes batches or refuses them in one of the ways that there are. The node is a table.
local batches = require("vernier.ethereum.batches")
local rpc = require("vernier.json_rpc.message")
local scheduler = require("vernier.scheduler")

local MS = 1e6

-- batch(requests) gives what a batch does; call(params), if there is one, what a call does, else its params.
local function node(batch, call)
  local endpoint = { calls = 0, batches = 0, in_flight = 0, most = 0 }

  function endpoint:call(_, params, _, stamp, read)
    self.calls, self.in_flight = self.calls + 1, self.in_flight + 1
    self.most = math.max(self.most, self.in_flight)
    scheduler.sleep(MS)
    self.in_flight = self.in_flight - 1
    stamp.finished_ns = scheduler.now()
    if call then
      return call(params)
    end
    return read and read(params) or params
  end

  function endpoint:batch(requests)
    self.batches = self.batches + 1
    scheduler.sleep(MS)
    return batch(requests)
  end
  return endpoint
end

local function requests(n)
  local list = {}
  for i = 1, n do
    list[i] = { "m", i }
  end
  return list
end

local function results(outcomes)
  local list = {}
  for i, outcome in ipairs(outcomes) do
    list[i] = outcome.result or tostring(outcome.error)
  end
  return list
end

-- As a server that has one error for all of it.
local function to_all(class, message)
  return function()
    return nil, rpc.failure(class, message)
  end
end

-- As a WebSocket: the same error for each, or the first gets it and there is nothing for the others.
local function to_each(list)
  local failure, outcomes = rpc.failure("rpc", "batch requests are not supported"), {}
  for i = 1, #list do
    outcomes[i] = { error = failure }
  end
  return outcomes
end

local function to_first(list)
  local outcomes = to_each(list)
  for i = 2, #list do
    outcomes[i] = { error = rpc.failure("protocol", "no answer to it") }
  end
  return outcomes
end

local function answered(list)
  local outcomes = {}
  for i, request in ipairs(list) do
    outcomes[i] = { result = request[2] }
  end
  return outcomes
end

describe("many questions to a node", function()
  it("are one batch, and one of them is a call", function()
    scheduler.run(function()
      local endpoint, stamp = node(answered), {}
      assert.are.same({ 1, 2, 3 }, results(batches.ask(endpoint, requests(3), stamp)))
      assert.are.same({ 1, 0 }, { endpoint.batches, endpoint.calls })
      local outcomes = batches.ask(endpoint, { { "m", 7 } }, stamp, function(params) return params + 1 end)
      assert.are.same({ 8 }, results(outcomes))
      assert.are.same({ 1, 1 }, { endpoint.batches, endpoint.calls })
      assert.is_true(stamp.finished_ns > 0)
    end)
  end)

  it("are calls, several in flight, from the first batch on that is refused, in whatever form", function()
    for name, refusal in pairs({ error = to_all("rpc", "batch requests are not supported"), status = to_all("status", "status 400: no"),
      unknown = to_all("status", "status 501"), rubbish = to_all("protocol", "not JSON"), each = to_each, first = to_first }) do
      scheduler.run(function()
        local endpoint, stamp = node(refusal), {}
        local outcomes = batches.ask(endpoint, requests(40), stamp, tostring)
        assert.are.same({ 40, "1", "40" }, { #outcomes, outcomes[1].result, outcomes[40].result }, name)
        assert.are.same({ 1, 40, 16 }, { endpoint.batches, endpoint.calls, endpoint.most }, name)
        assert.are.same({ 1, 2 }, results(batches.ask(endpoint, requests(2), stamp)), name)
        assert.are.same({ 1, 42 }, { endpoint.batches, endpoint.calls }, name)
      end)
    end
  end)

  it("stay batches where a failure is none of batches", function()
    local each = function(list)
      local outcomes = {}
      for i = 1, #list do
        outcomes[i] = { error = rpc.failure("rpc", "no such block " .. i) }
      end
      return outcomes
    end
    for message, batch in pairs({ ["no answer"] = to_all("timeout", "no answer"), lost = to_all("connection", "lost"),
      ["status 429: slower"] = to_all("status", "status 429: slower"), ["status 503"] = to_all("status", "status 503") }) do
      scheduler.run(function()
        local endpoint = node(batch)
        for i = 1, 2 do
          local outcomes, failure = batches.ask(endpoint, requests(3), {})
          assert.are.same({ nil, message, i, 0 }, { outcomes, tostring(failure), endpoint.batches, endpoint.calls })
        end
      end)
    end
    scheduler.run(function()
      local endpoint = node(each)
      for i = 1, 2 do
        assert.are.same({ "no such block 1", "no such block 2" }, results(batches.ask(endpoint, requests(2), {})))
        assert.are.same({ i, 0 }, { endpoint.batches, endpoint.calls })
      end
    end)
  end)

  it("stay batches where the same calls fail, too", function()
    scheduler.run(function()
      local endpoint = node(to_all("rpc", "busy"), function() return nil, rpc.failure("rpc", "busy") end)
      for i = 1, 2 do
        local outcomes, failure = batches.ask(endpoint, requests(3), {})
        assert.are.same({ nil, "busy", i, 3 * i }, { outcomes, tostring(failure), endpoint.batches, endpoint.calls })
      end
    end)
  end)
end)
