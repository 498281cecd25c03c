#!/usr/bin/env bash
# Builds all images like a user, starts docker-compose.yml, tests every relay (see test_compose.py), and removes everything
# again: containers, networks, and every image that was not there before. Without a container engine, it reports that and
# succeeds.
#
# Usage: deploy/test-compose.sh        (KEEP=1 keeps images and stand-ins of base images for the next run)
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "composition not tested: $1"; exit 0; }
step() { printf -- '- %s (after %s s)\n' "$1" "$SECONDS"; }

timeout 30 docker version >/dev/null 2>&1 || skip 'no container engine responds'
if docker compose version >/dev/null 2>&1; then
    composer=(docker compose)
elif command -v docker-compose >/dev/null; then
    composer=(docker-compose)
else
    skip 'neither docker compose nor docker-compose is installed'
fi

project=relays-test-$$
work=$(mktemp -d)
relays=()
for package in relays/*/Cargo.toml; do relays+=("$(basename "${package%/*}")"); done

for relay in "${relays[@]}"; do
    head -c 32 /dev/urandom | base64 | tr -d '\n' >"$work/$relay"
done
cp "$work/${relays[0]}" "$work/shared-key"
cp "$work/${relays[1]}" "$work/shared-password"
chmod 755 "$work"
export RELAY_SECRETS=$work

services=(provider-sim "${relays[@]/#/relay-}")
# With separate names, to keep images that are in use here.
{
    echo 'services:'
    for service in "${services[@]}" relayctl; do printf '  %s: {image: relays-test/%s}\n' "$service" "$service"; done
    echo '  relay-securitytrails-2: {image: relays-test/relay-securitytrails}'
} >"$work/images.yml"

# With an empty settings file, because the user's .env must not matter.
: >"$work/empty.env"
command=("${composer[@]}" --env-file "$work/empty.env" --project-name "$project" --project-directory .
    --file docker-compose.yml --file deploy/compose/secrets.yml --file deploy/compose/replicas.yml --file "$work/images.yml")
compose() { timeout --foreground "${patience:-300}" "${command[@]}" "$@"; }

# Removes everything that the builds below create, including layers of stages, and nothing else. Images depend on their
# parents, so removal takes several rounds.
docker image ls --all --quiet >"$work/before"
: >"$work/build.log"
remove_images() {
    local tags=("${services[@]/#/relays-test/}" relays-test/relayctl) left=() count=-1
    # The container of an unfinished step.
    sed -n 's/^ *---> Running in \([0-9a-f]\{12\}\)$/\1/p' "$work/build.log" |
        xargs --no-run-if-empty docker container rm --force >/dev/null 2>&1 || true
    docker image rm "${tags[@]}" >/dev/null 2>&1 || true
    deploy/stand-in-bases.sh --remove >/dev/null 2>&1 || true
    sed -n 's/^ *---> \([0-9a-f]\{12\}\)$/\1/p' "$work/build.log" >"$work/made"
    while mapfile -t left < <(docker image ls --all --quiet | grep -Ff "$work/made" | grep -vFf "$work/before" | sort -u) &&
        [ ${#left[@]} -ne 0 ] && [ ${#left[@]} -ne "$count" ]; do
        count=${#left[@]}
        docker image rm "${left[@]}" >/dev/null 2>&1 || true
    done
    if [ ${#left[@]} -ne 0 ]; then echo "left behind: ${left[*]}"; fi
}

finish() {
    local code=$?
    trap - EXIT INT TERM
    if [ "$code" -ne 0 ]; then compose logs --tail 15 2>&1 | cut -c 1-400 || true; fi
    compose down --volumes --timeout 5 >/dev/null 2>&1 || true
    if [ -z "${KEEP:-}" ]; then remove_images; fi
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

step 'base images'
deploy/stand-in-bases.sh

step 'images'
for service in "${services[@]}" relayctl; do
    built=$SECONDS
    patience=1800 compose build "$service" >>"$work/build.log" 2>&1 || { tail -40 "$work/build.log"; exit 1; }
    echo "  $service ($((SECONDS - built)) s)"
done

step 'up'
# The most detailed logs, to find credentials in them, and no cache, so that every request reaches the provider.
export RELAY_LOG=trace RELAY_CACHE_TTL=0s
compose up --detach --no-build "${services[@]}" valkey relay-securitytrails-2 >"$work/up.log" 2>&1 || { cat "$work/up.log"; exit 1; }

step 'tests'
timeout 600 python3 deploy/test_compose.py "$project" "$work" "${command[@]}"

step 'passed'
