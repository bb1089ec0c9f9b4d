#!/usr/bin/env bash
# Builds and runs each fuzz harness for some seconds. usage: O=build-asan spec/fuzz/run.sh SECONDS [HARNESS…]
# O is a sanitizer build of vernier. An input that breaks something stays as $O/fuzz/NAME.input and is the argument of
# $O/fuzz/NAME 1 /dev/null FILE.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=$1
shift
out=$O/fuzz
mkdir -p "$out"
objects=()
for object in "$O"/*.o; do
  case ${object##*/} in
    main.o | embed.o) ;;
    *) objects+=("$object") ;;
  esac
done
read -r -a libraries <<<"$(pkg-config --libs luajit libuv yaml-0.1 openssl zlib libsecp256k1)"
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for file in spec/fuzz/*.c; do
    name=${file##*/}
    [ "$name" = driver.c ] || names+=("${name%.c}")
  done
fi
for name in "${names[@]}"; do
  "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -fsanitize=address,undefined -fno-sanitize-recover=undefined \
    -Isrc -Ispec/fuzz -o "$out/$name" "spec/fuzz/$name.c" spec/fuzz/driver.c "${objects[@]}" "${libraries[@]}" -lm -lpthread
  printf '%-12s ' "$name"
  "$out/$name" "$seconds" "$out/$name.input"
done
