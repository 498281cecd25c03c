#!/bin/sh
# Copies the manifests and the lock file, with empty sources. Built first, they give image layers that remain valid until
# a dependency changes.
#
# Usage: skeleton.sh FROM TO
set -eu

mkdir -p "$2"
cd "$1"
find . -path ./target -prune -o \( -name Cargo.toml -o -name Cargo.lock \) -exec cp --parents {} "$2" \;
find . -path ./target -prune -o \
    \( -path '*/src/lib.rs' -o -path '*/src/main.rs' -o -path '*/benches/*.rs' -o -path '*/examples/*.rs' -o -name build.rs \) -print |
    while read -r source; do
        mkdir -p "$2/${source%/*}"
        printf '#![allow(warnings)]\nfn main() {}\n' >"$2/$source"
    done
