-- JSON texts on a unix socket: the channel itself, against a server in node; what JSON-RPC makes of it: json_rpc_spec.
local channel = require("vernier.core.channel")
local http_client = require("spec.support.http_client")
local scheduler = require("vernier.scheduler")
local servers = require("spec.support.http_servers")

local MS = 1e6

describe("a channel of JSON texts", function()
  local server

  setup(function()
    server = servers.rpc_server()
  end)

  teardown(function()
    server.stop()
  end)

  -- Runs fn(handle, events) as a task; events is a list of {kind, …} that grows.
  local function with(options, fn)
    scheduler.run(function()
      local events = {}
      local tag = scheduler.on(function(event)
        if event.kind == channel.CLOSED then
          events[#events + 1] = { event.kind, channel.closed(event) }
        else
          events[#events + 1] = { event.kind, event.kind == channel.MESSAGE and channel.text(event) or nil }
        end
      end)
      options.framing, options.path = "json", options.path or server.socket
      local handle = assert(channel.open(tag, options))
      local ok, err = pcall(fn, handle, events)
      channel.free(handle)
      scheduler.forget(tag)
      assert(ok, err)
    end)
  end

  local function wait_for(events, n)
    http_client.await(function() return #events >= n end, ("event %d"):format(n), 5)
    return events[n]
  end

  local function request(method, params, id)
    return ('{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}'):format(id, method, params)
  end

  it("opens, gives each text as a message, and closes in order behind what was sent", function()
    with({}, function(handle, events)
      assert.are.equal(channel.OPEN, wait_for(events, 1)[1])
      for i = 1, 100 do
        assert(channel.send(handle, channel.TEXT, -1, request("echo", '["}{][\\\\\\"",[{}]]', i)))
      end
      assert(channel.send(handle, channel.TEXT, -1, request("drip", '["]}"]', 101)))
      wait_for(events, 102)
      for i = 1, 100 do
        assert.are.same({ channel.MESSAGE, ('{"jsonrpc":"2.0","id":%d,"result":["}{][\\\\\\"",[{}]]}'):format(i) }, events[i + 1])
      end
      assert.are.equal('{"jsonrpc":"2.0","id":101,"result":"]}"}', events[102][2])
      assert(channel.send(handle, channel.TEXT, -1, request("echo", "[]", 102)))
      assert(channel.close(handle, 1000, ""))
      assert.is_nil((channel.send(handle, channel.TEXT, -1, "{}")))
      local last = wait_for(events, 104)
      assert.are.equal('{"jsonrpc":"2.0","id":102,"result":[]}', events[103][2])
      assert.are.same({ channel.CLOSED, "", "closed", 0, false }, last)
    end)
  end)

  it("tells how it ends", function()
    local ends = {
      { request("end", "[]", 1), "reset", "closed by the peer" },
      { request("raw", '["{\\"a\\": "]', 1) .. request("end", "[]", 2), "reset", "closed by the peer inside a message" },
      { request("raw", '["  \\n 12"]', 1), "protocol", "not JSON-RPC (no object): 12" },
      { request("big", "[5000]", 1), "protocol", "a message over the limit" },
    }
    for _, case in ipairs(ends) do
      with({ max_message = 1000 }, function(handle, events)
        wait_for(events, 1)
        assert(channel.send(handle, channel.TEXT, -1, case[1]))
        local last = wait_for(events, 2)
        assert.are.same({ channel.CLOSED, server.socket .. ": " .. case[3], case[2], 1006 }, { last[1], last[2], last[3], last[4] })
      end)
    end
    with({ path = "/no/such/socket" }, function(_, events)
      assert.are.same({ channel.CLOSED, "/no/such/socket: no such file or directory", "connect" },
        { unpack(wait_for(events, 1), 1, 3) })
    end)
  end)

  it("may be closed before it is open, and ends once", function()
    with({}, function(handle, events)
      assert(channel.close(handle, 1000, ""))
      assert.are.equal("reset", wait_for(events, 1)[3])
      assert(channel.close(handle, 1000, ""))
      scheduler.sleep(20 * MS)
      assert.are.equal(1, #events)
    end)
  end)
end)
