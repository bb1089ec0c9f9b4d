-- Batching over an endpoint that does what it is told: what goes out together, when, and what becomes of each call.
local batching = require("vernier.json_rpc.batching")
local message = require("vernier.json_rpc.message")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")

local MS, S = 1e6, 1e9

-- An endpoint that notes what it is given, as {method, …} for a batch and a text for a call, and answers after some ms:
-- outcome(params) to each call; answer(requests), if there is one, to a whole batch.
local function scripted(outcome, answer)
  local endpoint = { url = "test:", sent = {}, closed = false }

  local function work(tx)
    tx.sent_ns = scheduler.now()
    scheduler.sleep(5 * MS)
    tx.finished_ns = scheduler.now()
  end

  function endpoint:call(method, params, timeout_ns, tx)
    self.sent[#self.sent + 1] = method .. (timeout_ns and " in " .. timeout_ns or "")
    work(tx or {})
    return outcome(params)
  end

  function endpoint:batch(requests, _, tx)
    local methods = {}
    for i, request in ipairs(requests) do
      methods[i] = request[1]
    end
    self.sent[#self.sent + 1] = methods
    work(tx)
    if answer then
      return answer(requests)
    end
    local outcomes = {}
    for i, request in ipairs(requests) do
      local result, failure = outcome(request[2])
      outcomes[i] = { result = result, error = failure }
    end
    return outcomes
  end

  function endpoint:close()
    self.closed = true
  end
  return endpoint
end

local function echo(params)
  if params == "bad" then
    return nil, message.failure("rpc", "bad", 7)
  end
  return params
end

-- fn(endpoint, calls): calls(list) makes all calls {method, params, timeout_ns, tx} at the same time, and gives a list of
-- {result, failure} when all have ended.
local function with(endpoint, options, fn)
  batching.attach(endpoint, { size = options.size, wait_ns = options.wait_ns, methods = { a = true, b = true } })
  scheduler.run(function()
    fn(endpoint, function(list)
      local outcomes, left, key = {}, #list, {}
      for i, one in ipairs(list) do
        scheduler.spawn(function()
          outcomes[i] = { endpoint:call(one[1], one[2], one[3], one[4]) }
          left = left - 1
          if left == 0 then
            scheduler.wake_key(key, true)
          end
        end)
      end
      assert(left == 0 or scheduler.wait_key(key, scheduler.now() + 20 * S), "the calls did not end")
      return outcomes
    end)
  end)
end

describe("batching", function()
  it("gives the error of a whole batch to each of its calls, once, and sends nothing again", function()
    local refused = message.failure("rpc", "batch too large", -32005)
    local unanswered = message.failure("protocol", "no answer")
    for what, answer in pairs({
      ["at once"] = function() return nil, refused end,
      ["to the first"] = function() return { { error = refused }, { error = unanswered }, { error = unanswered } } end,
    }) do
      local endpoint = scripted(echo, answer)
      with(endpoint, { size = 3, wait_ns = 10 * S }, function(_, calls)
        for _, outcome in ipairs(calls({ { "a", "1" }, { "a", "2" }, { "b", "3" } })) do
          assert.are.equal(refused, outcome[2], what)
          assert.is_nil(outcome[1])
        end
      end)
      assert.are.same({ { "a", "a", "b" } }, endpoint.sent)
    end
  end)

  it("takes an error of the first call for what it is where others have answers", function()
    local endpoint = scripted(echo)
    with(endpoint, { size = 2, wait_ns = 10 * S }, function(_, calls)
      local outcomes = calls({ { "a", "bad" }, { "a", "2" } })
      assert.are.equal(7, outcomes[1][2].code)
      assert.are.same({ "2" }, outcomes[2])
    end)
  end)

  it("fails what waits when the endpoint is closed", function()
    local endpoint, failure = scripted(echo), nil
    with(endpoint, { size = 5, wait_ns = 60 * S }, function()
      local co = scheduler.current()
      scheduler.spawn(function()
        local _
        _, failure = endpoint:call("a", "1")
        scheduler.resume_later(co)
      end)
      endpoint:close()
      coroutine.yield()
    end)
    assert.are.equal("connection", failure.class)
    assert.is_true(endpoint.closed)
    assert.are.same({}, endpoint.sent)
  end)

  it("sends as many as make a batch at once, and the rest when the time is over", function()
    local endpoint = scripted(echo)
    with(endpoint, { size = 3, wait_ns = 30 * MS }, function(_, calls)
      local list, begun = {}, scheduler.now()
      for i = 1, 8 do
        list[i] = { i % 2 == 0 and "a" or "b", tostring(i), nil, {} }
      end
      for i, outcome in ipairs(calls(list)) do
        assert.are.same({ tostring(i) }, outcome)
      end
      assert.are.same({ { "b", "a", "b" }, { "a", "b", "a" }, { "b", "a" } }, endpoint.sent)
      for first = 1, 7, 3 do -- each has the stamps of its batch
        local tx = list[first][4]
        assert.is_true(tx.finished_ns - tx.sent_ns >= 5 * MS)
        assert.are.same(tx, list[first + 1][4])
      end
      assert.is_true(list[1][4].sent_ns - begun < 30 * MS * support.slow)
      assert.is_true(list[8][4].sent_ns - begun >= 30 * MS)
    end)
  end)

  it("waits anew for the next batch, and sends one alone as a call", function()
    local endpoint = scripted(echo)
    with(endpoint, { size = 2, wait_ns = 1 * MS }, function(_, calls)
      local tx = {}
      assert.are.same({ { "1" } }, calls({ { "a", "1", nil, tx } }))
      assert.is_true(tx.finished_ns - tx.sent_ns >= 5 * MS)
      assert.are.same({ { nil, message.failure("rpc", "bad", 7) } }, calls({ { "a", "bad" } }))
      assert.are.same({ { "2" }, { "3" } }, calls({ { "a", "2" }, { "b", "3" } }))
      assert.are.same({ "a", "a", { "a", "b" } }, endpoint.sent)
    end)
  end)

  it("leaves other methods and calls with a timeout of their own alone", function()
    local endpoint = scripted(echo)
    with(endpoint, { size = 2, wait_ns = 60 * S }, function(_, calls)
      assert.are.same({ { "1" }, { "2" } }, calls({ { "c", "1" }, { "a", "2", 9 } }))
      assert.are.same({ "c", "a in 9" }, endpoint.sent)
    end)
  end)

  it("collects those of the same turn where there is nothing to wait for", function()
    local endpoint = scripted(echo)
    with(endpoint, { size = 100, wait_ns = 0 }, function(_, calls)
      calls({ { "a", "1" }, { "a", "2" }, { "a", "3" } })
      assert.are.same({ { "a", "a", "a" } }, endpoint.sent)
    end)
  end)
end)
