#!/usr/bin/env bash
# Packs the programs of target/dist into NAME.tar.gz, with completions, manual pages and a software bill of materials.
# The release workflow calls it after the build; it needs cargo-cyclonedx.
#
# Usage: deploy/archive.sh NAME
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:?the name of the archive}
programs=target/${PROFILE:-dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/$name

mkdir -p "$out/bin" "$out/share/man/man1" "$out/share/completions" "$out/sbom"
for package in relays/*/Cargo.toml; do
    package=${package%/Cargo.toml}
    install "$programs/relay-${package#relays/}" "$out/bin/"
done
install "$programs/provider-sim" "$programs/relayctl" "$out/bin/"
# Bytes. The largest relay had 15.1 MB when this bound was set.
for program in "$out"/bin/relay-*; do
    size=$(stat --format %s "$program")
    [ "$size" -le 16000000 ] || { echo "$(basename "$program") has $size bytes" >&2; exit 1; }
done
"$out/bin/relayctl" man --out "$out/share/man/man1"
for shell in bash zsh fish; do
    "$out/bin/relayctl" completions "$shell" >"$out/share/completions/relayctl.$shell"
done
cp LICENSE README.md CHANGELOG.md SECURITY.md "$out/"

# One bill per program; cargo-cyclonedx writes it beside the manifest.
cargo cyclonedx --format json --describe binaries --target all >/dev/null
find relays crates -name '*_bin.cdx.json' -exec mv -t "$out/sbom" {} +
find relays crates -name '*.cdx.json' -delete

tar --create --gzip --sort=name --owner=0 --group=0 --numeric-owner --directory "$work" --file "$name.tar.gz" "$name"
echo "$name.tar.gz: $(du -h "$name.tar.gz" | cut -f 1)"
