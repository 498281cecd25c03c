# shellcheck shell=bash
# Sourced by the scripts that need tools from PyPI: TOOLS is the folder that has them. Without one from the caller it is
# a new folder, removed at the end. Nothing is installed system-wide.

if [ -z "${TOOLS:-}" ]; then
    TOOLS=$(mktemp -d)
    trap 'rm -rf "$TOOLS"' EXIT
fi
mkdir -p "$TOOLS"
TOOLS=$(realpath "$TOOLS")

# python_tools FOLDER PROGRAM PACKAGE...: a virtual environment $TOOLS/FOLDER with these packages, if it lacks PROGRAM.
python_tools() {
    local venv=$TOOLS/$1 program=$2
    shift 2
    if [ -x "$venv/bin/$program" ]; then return; fi
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --retries 3 "$@"
}
