-- nginx with one process on a core of its own: what it has counted is the witness of all HTTP figures.
local work = require("support.work")

local M = {}

local port = tonumber(os.getenv("PORT") or 18081)

M.url = ("http://127.0.0.1:%d"):format(port)
M.tls_url = ("https://127.0.0.1:%d"):format(port + 1)

-- /slow takes some seconds for each answer, so that every request in flight needs a connection. One cipher, so that all
-- clients use the same. A request of 1 KiB is read at once: in two parts it takes nginx longer than a client, and what is
-- measured is how clients wait.
local CONFIG = [[
daemon off;
master_process off;
pid nginx.pid;
error_log nginx.log;
worker_rlimit_nofile 16384;
events { worker_connections 12000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600;
  client_header_buffer_size 4k;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  ssl_certificate server.pem; ssl_certificate_key server.key;
  ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
  server {
    listen 127.0.0.1:%d backlog=4096;
    listen 127.0.0.1:%d ssl;
    location / { return 200 "ok"; }
    location /slow { limit_rate 250; return 200 "%s"; }
    location /status { stub_status; }
  }
}
]]

local CERTIFICATE = "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
  .. "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.pem 2>/dev/null"

local function ask()
  return work.output(("curl -sf -m 5 %s/status"):format(M.url))
end

-- Starts it in the workspace; it answers when this returns.
function M.start()
  assert(work.has("nginx") and work.has("curl") and work.has("openssl"), "nginx, curl or openssl is missing: make deps")
  assert(os.execute(CERTIFICATE:format(work.quote(work.dir))) == 0, "openssl could not make a certificate")
  work.write("nginx.conf", CONFIG:format(port, port + 1, ("x"):rep(1000)))
  local server = work.start("nginx", { "nginx", "-p", work.dir, "-c", "nginx.conf", "-e", "nginx.log" },
    { core = work.server_core })
  if not work.wait_for(function() return ask() ~= "" end, 5) then
    error("nginx does not answer: " .. work.read("nginx.log") .. work.read("nginx.err"), 0)
  end
  return server
end

-- Connections that wait for a request, and requests so far, this one included.
function M.status()
  local text = ask()
  local requests = text:match("%s%d+%s+%d+%s+(%d+)%s")
  return tonumber(text:match("Waiting: (%d+)")), tonumber(requests)
end

-- Calls run(), which returns a number of requests first, and raises an error unless nginx has counted the same: exactly,
-- or up to `open` more, by a client that leaves the last ones behind. Gives what run() gives.
function M.witnessed(open, run)
  local _, before = M.status()
  local n, more = run()
  local _, after = M.status()
  local seen = after - before - 1
  if seen < n or seen > n + open then
    error(("the client counts %.0f requests, nginx %.0f"):format(n, seen), 0)
  end
  return n, more
end

return M
