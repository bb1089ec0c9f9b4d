#!/bin/sh
# Starts the example's chain in the background, with its contracts compiled, or stops it. usage: chain.sh start|stop PORT
set -eu
cd "$(dirname "$0")"
port=$2
pid_file=build/anvil-$port.pid

stop() {
  [ ! -f "$pid_file" ] || kill "$(cat "$pid_file")" 2>/dev/null || true
  rm -f "$pid_file"
}

start() {
  mkdir -p build
  [ -d node_modules ] || npm ci --loglevel=error >build/npm.log 2>&1 || { cat build/npm.log >&2; exit 1; }
  node compile.js build Simple.sol Token.sol
  anvil=$(ls node_modules/@foundry-rs/anvil-linux-*/bin/anvil)
  stop
  "$anvil" --quiet --port "$port" --block-time 1 --prune-history 20 >build/anvil.log 2>&1 </dev/null &
  echo $! >"$pid_file"
}

"$1"
