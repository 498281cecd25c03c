#!/usr/bin/env bash
# Cargo's RUSTC_WRAPPER of run.sh: the code under test gets the coverage that libFuzzer needs. Everything else stays as it
# is: the checks of what comes out take most of an input's time, and their coverage leads nowhere.
set -euo pipefail
case " $* " in
*" --crate-name relay_"* | *" --crate-name relayctl "* | *" --crate-name provider_sim "*)
    flags=(-Cpasses=sancov-module)
    for pass in level=4 inline-8bit-counters pc-table trace-compares; do
        flags+=("-Cllvm-args=-sanitizer-coverage-$pass")
    done
    exec "$@" "${flags[@]}"
    ;;
esac
exec "$@"
