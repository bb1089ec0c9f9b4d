-- Witnesses outside vernier, on loopback: nginx (counts, access log), a fault-injecting server in node, certificates.
--
-- All of them are single processes that die with the spec (setpriv --pdeathsig), so a spec that is killed leaves none.

return function(support, process)
  local M = {}

  local function start_server(name, args, port_of)
    local dir = support.tmpdir()
    local command = { "setpriv", "--pdeathsig", "KILL", unpack(args) }
    local child = process.start(command, { stdout = dir .. "/stdout", stderr = dir .. "/stderr" })
    local server = { process = child, pid = child.pid, stdout = dir .. "/stdout", stderr = dir .. "/stderr" }
    function server.stop()
      return child:stop(2)
    end
    server.port = support.wait_for(function()
      if child:status() then
        error(("%s ended at once: %s"):format(name, support.read_file(server.stderr)), 0)
      end
      local port = port_of(server)
      return port and support.accepts(port) and port
    end, 15, name .. " to listen")
    server.url = "http://127.0.0.1:" .. server.port
    return server
  end

  local NGINX = [[
daemon off;
master_process off;
pid %(dir)/nginx.pid;
error_log %(dir)/error.log warn;
events { worker_connections 4096; }
http {
  log_format spec '$msec $request_time $status $request_method $request_uri $connection $connection_requests';
  access_log %(log);
  client_body_temp_path %(dir)/body;
  proxy_temp_path %(dir)/proxy;
  fastcgi_temp_path %(dir)/fastcgi;
  uwsgi_temp_path %(dir)/uwsgi;
  scgi_temp_path %(dir)/scgi;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  default_type text/plain;
  server {
    listen 127.0.0.1:%(port)%(tls);
    location = /stub_status { stub_status; access_log off; }
    %(locations)
    location / { return 200 "ok\n"; }
  }
}
]]

  local function nginx_tls(tls)
    if not tls then
      return ""
    end
    return (" ssl;\n    ssl_certificate %s;\n    ssl_certificate_key %s"):format(tls.cert, tls.key)
  end

  -- options: locations = text, log = false (no access log), tls = what certificate() gave.
  -- Gives {port, url, stop(), log(), status()}.
  function M.nginx(options)
    options = options or {}
    local dir, port = support.tmpdir(), support.free_port()
    local values = {
      dir = dir,
      port = port,
      tls = nginx_tls(options.tls),
      locations = options.locations or "",
      log = options.log == false and "off" or dir .. "/access.log spec",
    }
    local conf = support.write_file(dir .. "/nginx.conf", (NGINX:gsub("%%%((%w+)%)", values)))
    local server = start_server("nginx", { "nginx", "-p", dir, "-c", conf, "-e", dir .. "/error.log" }, function()
      return port
    end)
    if options.tls then
      server.url = "https://127.0.0.1:" .. port
    end

    -- The requests so far, in order of completion: {at (s since 1970, ms fine), seconds, status, method, uri, connection}.
    function server.log()
      local list = {}
      for line in io.lines(dir .. "/access.log") do
        local at, seconds, status, method, uri, connection = line:match("^(%S+) (%S+) (%d+) (%S+) (%S+) (%d+)")
        list[#list + 1] = {
          at = tonumber(at),
          seconds = tonumber(seconds),
          status = tonumber(status),
          method = method,
          uri = uri,
          connection = tonumber(connection),
        }
      end
      return list
    end

    -- stub_status: {active, accepts, handled, requests}; the question itself is one of the requests.
    function server.status()
      local text = M.get(server.url .. "/stub_status").body
      local accepts, handled, requests = text:match("(%d+) (%d+) (%d+)")
      return {
        active = tonumber(text:match("Active connections: (%d+)")),
        accepts = tonumber(accepts),
        handled = tonumber(handled),
        requests = tonumber(requests),
      }
    end
    return server
  end

  -- The fault-injecting server of spec/support/witness.js; gives {port, url, stop(), arrivals(), reset()}.
  function M.witness(...)
    local server = start_server("witness", { "node", "spec/support/witness.js", ... }, function(s)
      return tonumber(support.read_file(s.stdout):match("listening (%d+)"))
    end)

    -- What has arrived: {at = seconds since the first arrival, method, url, body}.
    function server.arrivals()
      return require("cjson").decode(M.get(server.url .. "/_arrivals").body)
    end
    return server
  end

  -- vernier's own demo server with these options; gives its URL, and the process.
  function M.demo_server(...)
    local port_file = support.tmpdir() .. "/port"
    local running = support.start({ "setpriv", "--pdeathsig", "KILL", support.binary, "demo-server", "--port", "0", "--port-file",
      port_file, ... })
    local port = support.wait_for(function()
      return tonumber(support.read_file(port_file))
    end, 10, "the demo server")
    return "http://127.0.0.1:" .. port, running
  end

  -- The same with an arrival log: {url, arrivals()}, which ends the server and gives its arrivals in order: {at (ns), path}.
  function M.arrival_server(...)
    local log = support.tmpdir() .. "/arrivals"
    local url, running = M.demo_server("--arrival-log", log, ...)
    return { url = url, arrivals = function()
      running:kill("TERM")
      assert(running:wait(5) == 0, "the demo server failed")
      local list = {}
      for line in io.lines(log) do
        local at, path = line:match("^(%d+) %S+ (%S+)$")
        list[#list + 1] = { at = tonumber(at), path = path }
      end
      return list
    end }
  end

  -- curl, as the client that is not ours: {status (0: no answer), body}.
  function M.get(url, ...)
    local result = support.run({ "curl", "-sk", "--max-time", "10", "-w", "\n%{http_code}", url, ... })
    local body, status = result.stdout:match("^(.*)\n(%d+)$")
    return { status = tonumber(status) or 0, body = body or "" }
  end

  -- A certificate authority and a certificate that it signed for `names` (default 127.0.0.1 and localhost):
  -- {ca, cert, key} as paths. options: names = "DNS:a,IP:b", days (negative: expired).
  function M.certificate(options)
    options = options or {}
    local dir = support.tmpdir()
    local script = [[
set -eu
cd "$1"
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=spec-ca -keyout ca.key -out ca.pem
openssl req -newkey rsa:2048 -nodes -subj /CN=spec -keyout key.pem -out request.pem
printf 'subjectAltName=%s\n' "$2" >ext
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days "$3" -extfile ext -out cert.pem
]]
    local names = options.names or "DNS:localhost,IP:127.0.0.1"
    local result = support.run({ "sh", "-c", script, "sh", dir, names, tostring(options.days or 30) })
    assert(result.status == 0, result.stderr)
    return { ca = dir .. "/ca.pem", cert = dir .. "/cert.pem", key = dir .. "/key.pem" }
  end

  return M
end
