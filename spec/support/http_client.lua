-- What the specs of clients share: clients in tasks, requests at the same time, how a request fails.
local assert = require("luassert")
local clock = require("vernier.core.clock")
local http = require("vernier.http")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")

local M = {}

local S = 1e9

-- Runs fn(client) as a task with what open(options) gives, and closes it by that method (close).
function M.with(open, options, fn, close)
  return scheduler.run(function()
    local client = assert(open(options))
    local ok, err = xpcall(fn, function(e)
      return type(e) == "string" and debug.traceback(e, 2) or e
    end, client)
    client[close or "close"](client)
    if not ok then
      error(err, 0)
    end
  end)
end

-- The same with a client of that port.
function M.with_client(options, fn)
  if type(options) == "number" then
    options = { port = options }
  end
  options.host = not options.path and (options.host or "127.0.0.1") or options.host
  return M.with(http.new, options, fn)
end

function M.get(client, path, options)
  local request = { path = path }
  for name, value in pairs(options or {}) do
    request[name] = value
  end
  return client:request(request)
end

-- Runs n tasks fn(i) at the same time and waits for all.
function M.parallel(n, fn)
  local left, key = n, {}
  for i = 1, n do
    scheduler.spawn(function()
      fn(i)
      left = left - 1
      if left == 0 then
        scheduler.wake_key(key, true)
      end
    end)
  end
  if left > 0 then
    assert(scheduler.wait_key(key, clock.now() + 20 * S * support.slow), "the tasks did not end")
  end
end

-- In a task: waits until condition() is true; an error that names `what` after the deadline.
function M.await(condition, what, seconds)
  local deadline = clock.now() + (seconds or 10) * S * support.slow
  while not condition() do
    assert(clock.now() < deadline, "waited in vain for " .. what)
    scheduler.sleep(1e6)
  end
end

function M.fails(class, pattern, ok, message, actual)
  assert.is_nil(ok)
  assert.are.equal(class, actual, message)
  assert.is_truthy(message:find(pattern, 1, true), message)
end

return M
