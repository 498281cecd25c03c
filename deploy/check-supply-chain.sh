#!/usr/bin/env bash
# Checks what the programs are built from (.cargo/deny.toml): licences, banned and doubled crates, sources and, where the
# database of advisories can be fetched, known vulnerabilities. Installs cargo-deny where it is missing.
#
# Usage: deploy/check-supply-chain.sh
set -euo pipefail
cd "$(dirname "$0")/.."

cargo deny --version >/dev/null 2>&1 || cargo install --quiet --locked --debug cargo-deny

deny() { cargo deny --log-level error "$@"; }
deny check licenses bans sources
if timeout 60 cargo deny --log-level off fetch db 2>/dev/null; then
    deny check --disable-fetch advisories
else
    echo 'the database of advisories cannot be fetched here: known vulnerabilities are not checked'
fi
