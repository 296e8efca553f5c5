#!/bin/sh
# What cargo runs instead of rustc (RUSTC_WRAPPER): adds the instrumentation that libFuzzer reads
# to our crates and leaves their dependencies as fast as they are. Stable compilers have it.
case " $* " in
*" --crate-name ja4_wasm "* | *" --crate-name ja4_fuzz "* | *" targets/"*)
  set -- "$@" -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
  ;;
esac
exec "$@"
