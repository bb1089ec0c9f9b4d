#!/usr/bin/env bash
# All side-by-side figures, in a row. usage: bench/all.sh [VERNIER]
# shellcheck source=bench/common.sh
source "$(dirname "$0")/common.sh"

machine
for name in startup noop http memory; do
  echo
  "$here/$name.sh" "$vernier"
done
