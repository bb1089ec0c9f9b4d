-- Servers and a client for the HTTP specs: exact bytes on the wire, and the product's own server in another process.
local cjson = require("cjson")
local support = require("spec.support")

local M = {}

-- Starts a server that prints "listening PORT" and dies with the spec: {port, url, output(), stop(), kill()}.
local function start(words)
  local child = support.start({ "setpriv", "--pdeathsig", "KILL", unpack(words) })
  local server = {}
  function server.output()
    return (child:output())
  end
  function server.stop()
    return child:stop(2)
  end
  function server.kill()
    child:kill("KILL")
    child:wait(5)
  end
  server.port = support.wait_for(function()
    local out, err = child:output()
    if not child:running() then
      error("the server ended at once: " .. err, 0)
    end
    return tonumber(out:match("listening (%d+)"))
  end, 15, words[2] .. " to listen")
  server.url = "http://127.0.0.1:" .. server.port
  return server
end

-- spec/support/raw_server.js with its scenarios, on TCP or on a unix socket; also connections().
function M.raw_server(scenarios, socket)
  local server = start({ "node", "spec/support/raw_server.js", cjson.encode(scenarios), socket })
  function server.connections()
    return tonumber(support.get(server.url .. "/_connections").body)
  end
  return server
end

-- The product's server: spec/support/echo_server.lua with options as a table.
function M.echo_server(options)
  local words = { support.binary, "lua", "spec/support/echo_server.lua" }
  for name, value in pairs(options or {}) do
    words[#words + 1] = name .. "=" .. value
  end
  return start(words)
end

-- npm's ws as the server, with the words of spec/support/ws_server.js; ws(target) is its URL.
function M.ws_server(...)
  local server = start({ "node", "spec/support/ws_server.js", ... })
  local scheme = (...) == "--tls" and "wss" or "ws"
  function server.ws(target)
    return ("%s://127.0.0.1:%d%s"):format(scheme, server.port, target or "/")
  end
  return server
end

-- spec/support/besu_node.js before two nodes of spec.support.chain; config: its CONFIG as a table.
function M.besu_node(public, private, config)
  local server = start({ "node", "spec/support/besu_node.js", public.url, private.url, cjson.encode(config) })
  server.ws = "ws://127.0.0.1:" .. server.port

  -- The result of a call; or nil and the error.
  function server.rpc(method, ...)
    local body = cjson.encode({ jsonrpc = "2.0", id = 1, method = method, params = { ... } }):gsub('"params":{}', '"params":[]')
    local answer = cjson.decode(support.get(server.url, "-H", "Content-Type: application/json", "-d", body).body)
    return answer.result, answer.error
  end
  return server
end

-- spec/support/rpc_server.js: urls = {http, websocket, ipc}. port: nil = any.
function M.rpc_server(port, socket)
  socket = socket or support.tmpdir() .. "/node.ipc"
  os.remove(socket)
  local server = start({ "node", "spec/support/rpc_server.js", socket, port and tostring(port) })
  server.socket = socket
  server.urls = { http = server.url, websocket = "ws://127.0.0.1:" .. server.port, ipc = "ipc:" .. socket }
  return server
end

-- Sends texts, waits numbers (ms), ends with cjson.null; gives all that came back. See spec/support/raw_client.js.
function M.raw_client(port, steps, seconds)
  return support.run({ "node", "spec/support/raw_client.js", tostring(port), cjson.encode(steps), tostring(seconds or 5) }).stdout
end

return M
