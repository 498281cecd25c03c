#!/usr/bin/env bash
# Runs the real programs in a cgroup of 512 MiB, as the shipped containers do, before clients and a provider that do
# what they can to end a relay or to starve others: deploy/test_bounds.py says what. Prints for each the highest
# memory, the slowest requests of others, kills, and the memory a minute later; fails where an aim is missed.
#
# Needs root for the cgroup, and two quiet cores: the slowest request of a machine that is busy says nothing.
#
# Usage: deploy/test-bounds.sh [SCENARIO ...]
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
    echo 'test-bounds: a cgroup of its own needs root, so nothing was tested'
    exit 0
fi
# With the allocator of the images.
cargo build --locked --release --quiet -p relay-xforce --features relay-core/jemalloc
exec python3 deploy/test_bounds.py target/release/relay-xforce "$@"
