#!/usr/bin/env bash
# From exec to exit: one round of one transaction, noop, one worker, journal and reports included.
# shellcheck source=bench/common.sh
source "$(dirname "$0")/common.sh"

noop_network
benchmark_file one "txNumber: 1" "{ type: fixed-rate, opts: { tps: 1000 } }" "{ module: ./trivial.lua }"
runs=$((repeat * 5))
for _ in $(seq "$runs"); do
  run_vernier vernier one.yaml noop-network.yaml
  wall vernier >>"$work/wall"
  cpu vernier >>"$work/cpu"
done
printf 'startup: one transaction, exec to exit: %s ms wall, %s ms CPU (median of %d runs)\n' \
  "$(calc "$(median <"$work/wall") * 1000" %.0f)" "$(calc "$(median <"$work/cpu") * 1000" %.0f)" "$runs"
