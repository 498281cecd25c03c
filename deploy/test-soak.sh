#!/usr/bin/env bash
# Runs the five relays for half an hour under load, with provider faults and restarts, and checks every answer (see
# deploy/test_soak.py). Fails where an answer lacks something without saying so, shows another tenant's data or comes too
# late, where a program does not recover, or where memory grows.
#
# Usage: deploy/test-soak.sh [SECONDS [REQUESTS_A_SECOND]]
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(--package provider-sim)
for package in relays/*/Cargo.toml; do packages+=(--package "relay-$(basename "${package%/*}")"); done
# With the allocator of the images.
cargo build --locked --release --quiet --bins "${packages[@]}" --features relay-core/jemalloc
exec python3 deploy/test_soak.py "${CARGO_TARGET_DIR:-target}/release" "${1:-1800}" "${2:-200}"
