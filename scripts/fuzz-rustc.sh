#!/usr/bin/env bash
# A rustc that makes libFuzzer see which code an input reaches. Works with the stable toolchain.
# A build script is a program without libFuzzer.
[[ " $* " == *" --crate-name build_script_"* ]] && exec "$@"
exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cdebug-assertions=on -Coverflow-checks=on -Copt-level=1
