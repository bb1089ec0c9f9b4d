#!/bin/sh
# The layer rules of doc/design.md as greps. Prints every offending line with the rule; status 1 if there is one.
# usage: spec/support/layers.sh [DIR]
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 2

bad=0

complain() {
  printf '%s\n' "$1"
  bad=1
}

# forbid RULE PATTERN ALLOWED FILE…: no line matches PATTERN, except those that also match ALLOWED.
forbid() {
  rule=$1
  pattern=$2
  allowed=$3
  shift 3
  [ $# -gt 0 ] || return 0
  found=$(grep -nE -e "$pattern" "$@" /dev/null | grep -vE -e "$allowed")
  [ -z "$found" ] || complain "$(printf '%s\n' "$found" | sed "s|\$|   <- $rule|")"
}

# files PATTERN EXCEPT DIR…: the paths there that match PATTERN and not EXCEPT; what npm has installed is not ours.
files() {
  pattern=$1
  except=$2
  shift 2
  for dir in "$@"; do
    [ -d "$dir" ] && find "$dir" -name node_modules -prune -o -type f -print
  done | grep -E -e "$pattern" | grep -vE -e "$except" | sort
}

none='^$'
plugins="connectors workloads ratecontrollers"
inner="lua/vernier/stages lua/vernier/observers lua/vernier/monitors lua/vernier/reporters"
requires() { printf '%s' "require *\(? *[\"']($1)"; }

# The lists below are lists of words, and no name in this tree has blanks.
# shellcheck disable=SC2046,SC2086
lua_rules() {
  forbid "only lua/vernier/core may use the FFI" "$(requires '(ffi|vernier\.core\.ffi|vernier\.cdef)["'\'']')" "$none" \
    $(files '\.lua$' '^lua/vernier/core/' lua $plugins)
  forbid "the core knows nothing above it" "$(requires 'vernier\.')" "$(requires 'vernier\.(core|cdef|embedded)')" \
    $(files '\.lua$' "$none" lua/vernier/core)
  forbid "built-in plug-ins do not require each other" "$(requires '(connectors|workloads|ratecontrollers)\.')" "$none" \
    $(files '\.lua$' "$none" $plugins)
  forbid "stages, observers, monitors and reporters do not require each other" \
    "$(requires 'vernier\.(stages|observers|monitors|reporters)\.')" "$(requires 'vernier\.reporters\.(html|text)\.')" \
    $(files '\.lua$' "$none" $inner)
  forbid "the runtime does not know the command line" "$(requires 'vernier\.cli["'\''.]')" "$none" \
    $(files '\.lua$' '^lua/vernier/(cli/|cli\.lua|main\.lua)' lua $plugins)
  forbid "no module() and no setfenv()" '^ *module *\(|setfenv *\(' "$none" $(files '\.lua$' "$none" lua $plugins)
}

# Files on the loop include loop.h or stream.h; the others are pure and do not know libuv.
# shellcheck disable=SC2046
c_rules() {
  forbid "only main.c includes Lua's headers" '#include *<(lua|lualib|lauxlib|luajit)\.h>' "$none" \
    $(files '\.[ch]$' '^src/main\.c$' src)
  forbid "a pure file does not know the loop" '#include *(<uv\.h>|"(loop|stream)\.h")' "$none" \
    $(files '\.[ch]$' '^src/((loop|pacing|process|probe|link|resolve|listener|stream|channel|ipc|mqtt|curl)|(http|websocket|h2|server)(_[a-z]+)?)\.[ch]$' src)
  forbid "the HTTP parser is pure" '#include *(<uv\.h>|"(loop|stream)\.h")' "$none" $(files '_parser\.[ch]$' "$none" src)
  forbid "vernier.h includes nothing of ours, no varargs, unions or bit-fields" \
    '#include *"|\.\.\.[^ ]*\)|^ *union |[a-z_] *: *[0-9]+;' "$none" $(files '/vernier\.h$' "$none" src)
}

# shellcheck disable=SC2046,SC2086
common_rules() {
  sources=$(files '\.(c|h|lua|sh|js|md|yaml)$|^\.ci/|^(Makefile|[A-Z]+\.md)$' '^spec/(support/layers\.sh|unit/layers_spec\.lua)$' \
    src lua $plugins spec examples bench doc .ci; ls Makefile ./*.md 2>/dev/null)
  forbid "no path of somebody's machine" '/(home|Users|root|work)/[a-z]' "$none" $sources
  forbid "no open end is left in the code" '\b(TODO|FIXME|XXX|HACK)\b' "$none" $sources
  forbid "no tab, no blank at the end of a line" '	| +$' "$none" $(echo "$sources" | grep -E '\.(c|h|lua|js)$')
}

begins_with() {
  pattern=$1
  shift
  for f in "$@"; do
    head -n 2 "$f" | grep -qE -e "$pattern" || complain "$f:1: a file begins with what it is for"
  done
}

# shellcheck disable=SC2046,SC2086
shape_rules() {
  begins_with '^/\*' $(files '\.[ch]$' "$none" src spec/fuzz)
  begins_with '^--' $(files '\.lua$' '_spec\.lua$' lua $plugins spec bench examples src)
  begins_with '^# ' $(files '\.sh$|^\.ci/' "$none" .ci spec bench examples)
  for f in $(files '\.(c|lua)$' "$none" src lua $plugins); do
    lines=$(wc -l <"$f")
    [ "$lines" -le 600 ] || complain "$f:$lines: more than 600 lines: it holds two nouns"
  done
}

lua_rules
c_rules
common_rules
shape_rules
exit $bad
