#!/bin/sh
# The demo: starts the embedded server, runs examples/http against it, stops it. usage: examples/demo.sh [VERNIER]
set -eu
cd "$(dirname "$0")/.."
vernier=${1:-build/vernier}
first_port=8080
last_port=8099

workdir=$(mktemp -d)
server=
# shellcheck disable=SC2317 # called by the traps
clean_up() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" || true
  fi
  rm -rf "$workdir"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts the server on a port; status 1 if it ends instead of listening.
start_server() {
  "$vernier" demo-server --port "$1" >"$workdir/server.log" 2>&1 &
  server=$!
  tries=0
  while kill -0 "$server" 2>/dev/null; do
    if grep -q "^listening on .*:$1" "$workdir/server.log"; then
      return 0
    fi
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ]; then
      kill "$server"
      break
    fi
    sleep 0.1
  done
  server=
  return 1
}

port=$first_port
until start_server "$port"; do
  port=$((port + 1))
  if [ "$port" -gt "$last_port" ]; then
    echo "demo: the server does not start on any port from $first_port to $last_port; it said:" >&2
    cat "$workdir/server.log" >&2
    exit 1
  fi
done

network=examples/http/network.yaml
if [ "$port" -ne "$first_port" ]; then
  echo "demo: port $first_port is taken; using $port"
  network=$workdir/network.yaml
  sed "s/:$first_port/:$port/" examples/http/network.yaml >"$network"
fi
echo "demo: $vernier run examples/http/benchmark.yaml $network"
"$vernier" run examples/http/benchmark.yaml "$network"
echo "demo: the report is $PWD/report.html"
