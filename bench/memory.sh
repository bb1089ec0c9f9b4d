#!/usr/bin/env bash
# Memory does not grow with duration: anonymous resident memory of manager and worker near the end of a short and a long
# run at full speed. DURATIONS="10 100" in the environment.
# shellcheck source=bench/common.sh
source "$(dirname "$0")/common.sh"

noop_network
rss() { awk '/^RssAnon:/ { print $2 }' "/proc/$1/status" 2>/dev/null || true; }

one_run() {
  local duration=$1 pid worker value manager_kib=0 worker_kib=0
  benchmark_file memory "txDuration: $duration" "{ type: fixed-load, opts: { transactionLoad: 64 } }" "{ module: ./trivial.lua }"
  (cd "$work" && rm -rf runs)
  "$vernier" run "$work/memory.yaml" "$work/noop-network.yaml" --workspace "$work" \
    --caliper-progress-reporting-enabled false >"$work/memory.out" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    worker=$(pgrep -P "$pid" | head -n 1 || true)
    value=$(rss "$pid")
    manager_kib=${value:-$manager_kib}
    if [ -n "$worker" ]; then
      value=$(rss "$worker")
      worker_kib=${value:-$worker_kib}
    fi
    sleep 0.2
  done
  wait "$pid" || { cat "$work/memory.out" >&2; exit 1; }
  cp "$work"/runs/*/summary.json "$work/memory.json"
  printf '%-10s %16s %14s %14s\n' "$duration s" "$(field memory tests.1.submitted)" "$manager_kib" "$worker_kib"
}

echo "memory: last sample of anonymous resident memory, noop at full speed"
printf '%-10s %16s %14s %14s\n' "duration" "transactions" "manager KiB" "worker KiB"
for duration in ${DURATIONS:-10 100}; do
  one_run "$duration"
done
