#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS under libFuzzer: six at a time on two processors, since those that call servers wait.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-60}
targets=${FUZZ_TARGETS:-$(ls fuzz/corpus)}
jobs=${FUZZ_JOBS:-$(($(nproc) * 3))}

# Instruments the crates of the workspace alone. With the package `undead` named, though not built, the dependencies have the features that
# they have in the release build, and are not built again.
RUSTC_WORKSPACE_WRAPPER=$PWD/scripts/fuzz-rustc.sh \
    cargo build --release --locked --package fuzz --package undead --bin fuzz --features fuzz/libfuzzer
program=target/release/fuzz

run() {
    local target=$1
    mkdir -p "fuzz/found/$target"
    local inputs=("fuzz/found/$target" "fuzz/corpus/$target")
    [[ -d fuzz/regressions/$target ]] && inputs+=("fuzz/regressions/$target")
    UNDEAD_FUZZ_TARGET=$target "$program" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="fuzz/found/$target/" "${inputs[@]}" >"fuzz/found/$target.log" 2>&1 || {
        echo "$target FAILED"
        tail -n 40 "fuzz/found/$target.log"
        return 1
    }
    echo "$target: $(grep --max-count=1 number_of_executed_units "fuzz/found/$target.log" | grep --only-matching '[0-9]*$') inputs"
}
export -f run
export seconds program
mkdir -p fuzz/found
printf '%s\n' $targets | xargs --max-procs="$jobs" --replace bash -c 'run {}'
