#!/usr/bin/env bash
# HTTP/1.1 in a closed loop of 64 connections: CPU per request, beside wrk with a Lua request(). nginx and client have a
# core each; the client's figures hold all of its processes.
# shellcheck source=bench/common.sh
source "$(dirname "$0")/common.sh"

start_nginx
pin=$client_core
cat >"$work/network.yaml" <<YAML
caliper: { blockchain: http }
http: { url: "http://127.0.0.1:$port", connections: 64, timeout: 5s }
YAML
benchmark_file http "txDuration: $seconds" "{ type: fixed-load, opts: { transactionLoad: 64 } }" \
  "{ module: http-request, arguments: { method: GET, path: / } }"
printf 'request = function() return wrk.format("GET", "/") end\n' >"$work/request.lua"

wrk_once() {
  measured wrk taskset -c "$client_core" wrk -t1 -c64 -d"${seconds}s" -s "$work/request.lua" "http://127.0.0.1:$port/"
  awk '/requests in/ { print $1 }' "$work/wrk.out"
}

note() {
  calc "$2 / $seconds" >>"$work/$1.rate" && echo >>"$work/$1.rate"
  calc "$(cpu "$1") * 1e6 / $2" >>"$work/$1.cost" && echo >>"$work/$1.cost"
}

for _ in $(seq "$repeat"); do
  run_vernier vernier http.yaml network.yaml
  note vernier "$(field vernier tests.1.ok)"
  note wrk "$(wrk_once)"
done

echo "http: 64 connections, closed loop, nginx on core $server_core, client on core $client_core; median of $repeat runs of $seconds s"
printf '%-24s %14s %16s\n' "" "requests/s" "CPU us each"
for client in vernier wrk; do
  printf '%-24s %14.0f %16.2f\n' "$client" "$(median <"$work/$client.rate")" "$(median <"$work/$client.cost")"
done
printf 'vernier / wrk with Lua request(): %s of the CPU per request\n' \
  "$(calc "$(median <"$work/vernier.cost") / $(median <"$work/wrk.cost")")"
