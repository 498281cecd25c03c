"""What the checks of deploy/ share: problems are collected, tools may be missing."""

import os
import shutil
import subprocess

from relays import ROOT

failures = []


def fail(where, what):
    failures.append(f"{where}: {what}")


def expect(condition, where, what):
    if not condition:
        fail(where, what)


def skip(what, why):
    """Reports a check that was skipped; in CI, that is a failure."""
    print(f"NOT CHECKED: {what}: {why}", flush=True)
    expect(not os.environ.get("CI"), what, f"not checked, {why}")


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, **options)


def tool(*names):
    """The first of these programs that is installed."""
    return next((found for name in names if (found := shutil.which(name))), None)
