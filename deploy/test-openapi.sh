#!/usr/bin/env bash
# Calls every relay as its OpenAPI document says, and as it does not, with Schemathesis from PyPI (see test_openapi.py).
# Needs neither network nor accounts besides: the relays run before provider-sim.
#
# Usage: deploy/test-openapi.sh [relay…]       (TOOLS=DIR keeps the tools in DIR for the next run)
set -euo pipefail
cd "$(dirname "$0")/.."

. deploy/tools.sh
python_tools venv-openapi schemathesis 'schemathesis>=4.32,<5'

packages=(--package provider-sim)
for package in relays/*/Cargo.toml; do packages+=(--package "relay-$(basename "${package%/*}")"); done
cargo build --locked --quiet --bins "${packages[@]}"
"$TOOLS/venv-openapi/bin/python" deploy/test_openapi.py "$@"
