#!/usr/bin/env bash
# Builds all images as a user would, brings docker-compose.yml up, asks every relay (test_compose.py says what), and
# takes everything down. Where no container engine answers, it says so and succeeds.
#
# Usage: deploy/test-compose.sh        (KEEP=1 leaves stand-ins of base images for the next run)
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "composition not tested: $1"; exit 0; }
step() { printf -- '- %s (after %s s)\n' "$1" "$SECONDS"; }

timeout 30 docker version >/dev/null 2>&1 || skip 'no container engine answers'
if docker compose version >/dev/null 2>&1; then
    composer=(docker compose)
elif command -v docker-compose >/dev/null; then
    composer=(docker-compose)
else
    skip 'neither docker compose nor docker-compose is here'
fi

project=relays-test-$$
work=$(mktemp -d)
relays=()
for package in relays/*/Cargo.toml; do relays+=("$(basename "${package%/*}")"); done

for relay in graph defender securitytrails gigamon xforce; do
    head -c 32 /dev/urandom | base64 | tr -d '\n' >"$work/$relay"
done
chmod 755 "$work"
export RELAY_SECRETS=$work

# With an empty file of settings, since a user's own .env does not matter here.
: >"$work/empty.env"
compose() {
    timeout "${patience:-300}" "${composer[@]}" --env-file "$work/empty.env" --project-name "$project" --file docker-compose.yml \
        --file deploy/compose/secrets.yml "$@"
}

finish() {
    local code=$?
    trap - EXIT INT TERM
    if [ "$code" -ne 0 ]; then compose logs --tail 15 2>&1 | cut -c 1-400 || true; fi
    compose down --volumes --timeout 5 >/dev/null 2>&1 || true
    if [ -z "${KEEP:-}" ]; then deploy/stand-in-bases.sh --remove >/dev/null 2>&1 || true; fi
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

step 'base images'
deploy/stand-in-bases.sh

step 'images'
services=(provider-sim "${relays[@]/#/relay-}")
for service in "${services[@]}" relayctl; do
    built=$SECONDS
    patience=1800 compose build "$service" >"$work/build.log" 2>&1 ||
        { tail -40 "$work/build.log"; exit 1; }
    echo "  $service ($((SECONDS - built)) s)"
done

step 'up'
# The finest logs, so that a credential in them would show; and every question reaches the provider.
export RELAY_LOG=trace RELAY_CACHE_TTL=0s
compose up --detach --no-build "${services[@]}" >"$work/up.log" 2>&1 || { cat "$work/up.log"; exit 1; }

step 'questions'
timeout 600 python3 deploy/test_compose.py "$project" "${relays[*]}" "$work"

step 'relayctl'
compose run --rm -T relayctl demo >"$work/demo.log" 2>&1 || { cat "$work/demo.log"; exit 1; }
grep -q Malicious "$work/demo.log" || { cat "$work/demo.log"; exit 1; }

step 'all answered'
