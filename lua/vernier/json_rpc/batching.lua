-- Makes calls of an endpoint that are waiting at the same time go out as one batch: fewer messages and system calls, here and at
-- the server, for a wait of each call that is bounded.
--
-- Model: calls of the chosen methods queue in their order. When there are `size` of them, or the first has waited for `wait_ns`,
-- they go out as one batch (one alone as a call); several batches may be in flight. Each call gets its own outcome and the stamps
-- of its batch. A server that refuses a batch as a whole fails each of its calls; nothing is sent again one by one, because what
-- was measured then would be another thing. Calls with a timeout or a reader of their own go as they are, and so does
-- everything else.
local message = require("vernier.json_rpc.message")
local scheduler = require("vernier.scheduler")

local M = {}

local yield = coroutine.yield

local function finish(waiting, stamp, result, failure)
  local tx = waiting.tx
  if tx and stamp.sent_ns then
    tx.sent_ns, tx.finished_ns = stamp.sent_ns, stamp.finished_ns
  end
  scheduler.resume_later(waiting.co, result, failure)
end

-- The failure of a batch as a whole, or nil. It is that of each of its calls; or, with some servers, of the first, and there is
-- no answer to the others.
function M.refusal(outcomes)
  local first = outcomes[1].error
  if not first or first.class ~= "rpc" then
    return nil
  end
  for i = 2, #outcomes do
    local failure = outcomes[i].error
    if not failure or failure ~= first and failure.class ~= "protocol" then
      return nil
    end
  end
  return first
end

-- As a task of its own.
local function send(queue, list)
  local stamp = {}
  if #list == 1 then
    local one = list[1]
    finish(one, stamp, queue.call(queue.endpoint, one[1], one[2], nil, stamp))
    return
  end
  local outcomes, failure = queue.endpoint:batch(list, nil, stamp)
  failure = failure or M.refusal(outcomes)
  for i = 1, #list do
    if failure then
      finish(list[i], stamp, nil, failure)
    else
      finish(list[i], stamp, outcomes[i].result, outcomes[i].error)
    end
  end
end

-- What waits, which waits no longer.
local function take(queue)
  local list = queue.list
  queue.list = {}
  if queue.timer then
    scheduler.forget(queue.timer)
    queue.timer = nil
  end
  return list
end

local function add(queue, method, params, tx)
  local list = queue.list
  list[#list + 1] = { method, params, co = scheduler.current(), tx = tx }
  if #list >= queue.size then
    scheduler.spawn(send, queue, take(queue))
  elseif #list == 1 then
    queue.timer = scheduler.at(scheduler.now() + queue.wait_ns, queue.on_time)
  end
end

-- endpoint: of vernier.json_rpc, whose call and close are replaced; options: {size (at least 2), wait_ns, methods = {name =
-- true}}: which are batched.
function M.attach(endpoint, options)
  local call, close = endpoint.call, endpoint.close
  local queue = { endpoint = endpoint, call = call, size = options.size, wait_ns = options.wait_ns, list = {} }

  function queue.on_time()
    queue.timer = nil
    scheduler.spawn(send, queue, take(queue))
  end

  function endpoint:call(method, params, timeout_ns, tx, read)
    if timeout_ns or read or not options.methods[method] then
      return call(self, method, params, timeout_ns, tx, read)
    end
    add(queue, method, params, tx)
    local result, failure = yield()
    return result, failure
  end

  function endpoint:close()
    for _, waiting in ipairs(take(queue)) do
      finish(waiting, {}, nil, message.failure("connection", self.url .. ": the client was closed"))
    end
    close(self)
  end
end

return M
