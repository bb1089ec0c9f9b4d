-- Many questions to a node at once: one batch; or, where the node refuses batches, calls of their own, several in flight.
--
-- That it does is known when it has refused one as a whole and answers the same calls: it gets no further batch. What it refuses
-- for other reasons is left to who asked.
local batching = require("vernier.json_rpc.batching")
local failures = require("vernier.ethereum.failure")
local scheduler = require("vernier.scheduler")

local M = {}

local IN_FLIGHT = 16 -- calls

local refusing = setmetatable({}, { __mode = "k" }) -- endpoints

-- Statuses that tell of a node that has too much to do.
local BUSY = { ["408"] = true, ["429"] = true, ["500"] = true, ["502"] = true, ["503"] = true, ["504"] = true }

local function is_refusal(failure)
  local class = failures.class(failure)
  if class == "status" then
    return not BUSY[failure.message:match("%d+")]
  end
  return failure.class == "rpc" or class == "protocol"
end

-- A list of {result =} or {error =}, and whether there is a result among them.
local function one_by_one(endpoint, requests, stamp, read)
  local n, following, outcomes, has_result = #requests, 1, {}, false
  local left, co = math.min(n, IN_FLIGHT), scheduler.current()
  local function work()
    while following <= n do
      local i = following
      following = i + 1
      local result, failure = endpoint:call(requests[i][1], requests[i][2], nil, stamp, read)
      outcomes[i] = { result = result, error = failure }
      has_result = has_result or result ~= nil
    end
    left = left - 1
    if left == 0 then
      scheduler.resume_later(co)
    end
  end
  for _ = 1, left do
    scheduler.spawn_later(work)
  end
  coroutine.yield()
  return outcomes, has_result
end

-- As endpoint:batch of vernier.json_rpc: requests {method, params}; stamp: its finished_ns is when the last answer came; read: of
-- each result. A list of {result =} or {error =}; or nil and a failure of all.
function M.ask(endpoint, requests, stamp, read)
  if not requests[2] then
    local result, failure = endpoint:call(requests[1][1], requests[1][2], nil, stamp, read)
    return { { result = result, error = failure } }
  elseif refusing[endpoint] then
    return (one_by_one(endpoint, requests, stamp, read))
  end
  local outcomes, failure = endpoint:batch(requests, nil, stamp, read)
  local refusal = failure or batching.refusal(outcomes)
  if refusal and is_refusal(refusal) then
    local singly, has_result = one_by_one(endpoint, requests, stamp, read)
    if has_result then
      refusing[endpoint] = true
      return singly
    end
  end
  return outcomes, failure
end

return M
