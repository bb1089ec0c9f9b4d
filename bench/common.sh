#!/usr/bin/env bash
# What the benchmarks share: a workspace that goes away, medians, CPU time of a whole process tree, nginx on one core.
# Sourced; usage of the scripts: bench/NAME.sh [VERNIER], with REPEAT=3 SECONDS_EACH=5 in the environment.
# shellcheck disable=SC2034 # the variables are for the scripts that source this
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vernier=$(realpath "${1:-$here/../build/vernier}")
repeat=${REPEAT:-3}
seconds=${SECONDS_EACH:-5}
work=$(mktemp -d)
server=
finish() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
cores=$(nproc)
# The server on the first core, the client on the last.
server_core=0
client_core=$((cores - 1))

median() {
  sort -g | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

calc() {
  awk "BEGIN { printf \"${2:-%.2f}\", $1 }"
}

# measured NAME COMMAND…: runs it; its output goes to $work/NAME.out, "wall cpu" in seconds (all its processes) to NAME.time.
measured() {
  local name=$1 TIMEFORMAT='%R %U %S'
  shift
  { time "$@" >"$work/$name.out" 2>"$work/$name.err"; } 2>"$work/$name.raw" || {
    echo "bench: $* failed:" >&2
    cat "$work/$name.out" "$work/$name.err" >&2
    exit 1
  }
  awk '{ print $1, $2 + $3 }' "$work/$name.raw" >"$work/$name.time"
}

wall() { cut -d' ' -f1 "$work/$1.time"; }
cpu() { cut -d' ' -f2 "$work/$1.time"; }

# benchmark_file NAME AMOUNT RATE MODULE: a benchmark of one round in the workspace; AMOUNT is "txDuration: 5" or so.
benchmark_file() {
  cat >"$work/$1.yaml" <<YAML
test:
  name: $1
  workers: { number: 1 }
  rounds:
    - label: $1
      $2
      rateControl: $3
      workload: $4
YAML
}

noop_network() {
  printf 'caliper: { blockchain: noop }\n' >"$work/noop-network.yaml"
  printf -- '-- The smallest workload.\nreturn { run = function(_, ctx) ctx.sut:send("ping") end }\n' >"$work/trivial.lua"
}

# run_vernier NAME BENCH NETWORK: in the workspace, measured; its newest summary becomes $work/NAME.json.
run_vernier() {
  (cd "$work" && rm -rf runs)
  measured "$1" taskset -c "${pin:-0-$((cores - 1))}" "$vernier" run "$work/$2" "$work/$3" --workspace "$work" \
    --caliper-progress-reporting-enabled false
  cp "$work"/runs/*/summary.json "$work/$1.json"
}

# field NAME PATH: a value of $work/NAME.json, such as tests.1.throughput.
field() {
  "$vernier" lua "$here/field.lua" "$work/$1.json" "$2"
}

start_nginx() {
  command -v nginx >/dev/null || { echo "bench: nginx is missing (make deps)" >&2; exit 1; }
  port=${PORT:-18081}
  cat >"$work/nginx.conf" <<CONF
daemon off;
master_process off;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fastcgi;
  uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
  server { listen 127.0.0.1:$port; location / { return 200 "ok"; } }
}
CONF
  taskset -c "$server_core" nginx -p "$work" -c "$work/nginx.conf" -e "$work/nginx.log" &
  server=$!
  for _ in $(seq 50); do
    if curl -sf "http://127.0.0.1:$port/" >/dev/null; then return; fi
    sleep 0.1
  done
  echo "bench: nginx does not answer:" >&2
  cat "$work/nginx.log" >&2
  exit 1
}

machine() {
  echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $cores cores, Linux $(uname -r)"
}
