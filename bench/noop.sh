#!/usr/bin/env bash
# The cost of vernier itself: empty transactions of one worker, beside sysbench's empty event().
# shellcheck source=bench/common.sh
source "$(dirname "$0")/common.sh"

noop_network
benchmark_file noop "txDuration: $seconds" "{ type: fixed-load, opts: { transactionLoad: 64 } }" "{ module: ./trivial.lua }"
pin=$client_core
printf 'function event() end\n' >"$work/event.lua"

sysbench_once() {
  measured sysbench taskset -c "$client_core" sysbench "$work/event.lua" --threads=1 --events=0 --time="$seconds" run
  awk '/total number of events:/ { print $NF }' "$work/sysbench.out"
}

for _ in $(seq "$repeat"); do
  run_vernier vernier noop.yaml noop-network.yaml
  n=$(field vernier tests.1.submitted)
  field vernier tests.1.throughput >>"$work/vernier.rate"
  calc "$(cpu vernier) * 1e9 / $n" >>"$work/vernier.cost" && echo >>"$work/vernier.cost"
  if command -v sysbench >/dev/null; then
    n=$(sysbench_once)
    calc "$n / $(wall sysbench)" >>"$work/sysbench.rate" && echo >>"$work/sysbench.rate"
    calc "$(cpu sysbench) * 1e9 / $n" >>"$work/sysbench.cost" && echo >>"$work/sysbench.cost"
  fi
done

echo "noop: one worker, trivial workload, all stamps and histograms; median of $repeat runs of $seconds s"
printf '%-24s %14s %16s\n' "" "transactions/s" "CPU ns each"
printf '%-24s %14.0f %16.0f\n' vernier "$(median <"$work/vernier.rate")" "$(median <"$work/vernier.cost")"
if [ -s "$work/sysbench.rate" ]; then
  printf '%-24s %14.0f %16.0f\n' "sysbench, empty event()" "$(median <"$work/sysbench.rate")" "$(median <"$work/sysbench.cost")"
  printf 'vernier / sysbench: %s of the rate\n' "$(calc "$(median <"$work/vernier.rate") / $(median <"$work/sysbench.rate")")"
else
  echo "sysbench is not installed: no comparison"
fi
