#!/bin/sh
# check_library.sh LIB...: each library exports tb_plugin_entry and nothing else, holds no unique symbols, wants no executable stack
# and no run path, and leaves no symbol to be resolved at its first call.
set -eu
fail() { echo "error[plugin_library]: $1" >&2; exit 1; }
for lib in "$@"; do
  exported=$(nm -D --defined-only "$lib" | awk '{print $2, $3}')
  [ "$exported" = "T tb_plugin_entry" ] || fail "$lib exports: $exported"
  ! readelf -Ws "$lib" | grep -q UNIQUE || fail "$lib holds unique symbols: it would stay mapped after dlclose"
  ! nm -D "$lib" | grep -q __cxa_thread_atexit || fail "$lib has a thread_local with a destructor"
  dynamic=$(readelf -dW "$lib")
  echo "$dynamic" | grep -q 'Flags: .*NOW' || fail "$lib is bound lazily"
  case $dynamic in *RPATH*|*RUNPATH*) fail "$lib has a run path" ;; *TEXTREL*) fail "$lib has text relocations" ;; esac
  readelf -lW "$lib" | grep GNU_STACK | grep -q 'RW ' || fail "$lib wants an executable stack"
  echo "ok: $lib"
done
