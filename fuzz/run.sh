#!/usr/bin/env bash
# Fuzzes on stable Rust: builds with the coverage that libFuzzer needs (rustc.sh) and runs each target for a while. Ends
# with 1 at the first finding, which stays below target/fuzz/artifacts.
#
# Usage: fuzz/run.sh [seconds per target] [target…]
#
#   RUNS=N     number of inputs per target, instead of a time
#   RSS=MB     memory that a target may take (2048)
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
[ $# -eq 0 ] || shift
host=x86_64-unknown-linux-gnu
folder=$PWD/target/fuzz

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for file in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

# A cargo configuration must not add to the flags. rustc.sh adds those of the coverage.
CARGO_ENCODED_RUSTFLAGS=$'--cfg\x1ffuzzing' RUSTC_WRAPPER=$PWD/fuzz/rustc.sh cargo build --locked --quiet --release \
    --bin seed "${targets[@]/#/--bin=}" --manifest-path fuzz/Cargo.toml --target "$host" --target-dir "$folder"
programs=$folder/$host/release
"$programs/seed" "$folder"

for target in "${targets[@]}"; do
    mkdir -p "$folder/corpus/$target" "$folder/artifacts/$target"
    # What is found goes into the first folder; the others are only read.
    corpora=("$folder/corpus/$target")
    for one in "fuzz/corpus/$target" "fuzz/regressions/$target" "$folder/seeds/$target"; do
        if [ -d "$one" ]; then corpora+=("$one"); fi
    done
    dictionary=fuzz/dictionaries/$target.dict
    [ -f "$dictionary" ] || dictionary=$folder/dictionaries/$target.dict
    if [ -n "${RUNS:-}" ]; then bound=("-runs=$RUNS"); else bound=("-max_total_time=$seconds"); fi
    log=$folder/$target.log
    if ! "$programs/$target" "${bound[@]}" -max_len=16384 -timeout=10 "-rss_limit_mb=${RSS:-2048}" \
        -dict="$dictionary" -artifact_prefix="$folder/artifacts/$target/" -print_final_stats=1 "${corpora[@]}" \
        >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        echo "$target: finding. Again: $programs/$target ${input:-(see $log)}" >&2
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    reached=$(grep -o 'cov: [0-9]* ft: [0-9]* corp: [0-9]*' "$log" | tail -n 1)
    printf '%-16s %10s inputs, %7s per second, %s\n' "$target" "$runs" "$rate" "$reached"
done
