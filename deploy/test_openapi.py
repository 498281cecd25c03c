"""Calls relays as their OpenAPI documents say, and as they do not: with bodies of other types, without fields, with
other methods, with tokens that are none.

Run by test-openapi.sh. Each relay runs before the simulator, with all response actions allowed. Schemathesis makes the
requests, which test_openapi_hooks.py mixes with observables that the simulated provider knows and actions that were
offered. Each answer has a status, a content type and a form that the document names, none is a 5xx, and none takes
longer than PATIENCE.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from relays import CLAIMS, RELAYS, ROOT

PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
SECRET = "a shared secret of at least 32 bytes"
# Seconds for an answer, and for a program to start. Before that a relay has to give up, such as a call that waits for
# the quota of its provider: so many requests use up any quota.
PATIENCE = 5
DEADLINE = "3s"
# Requests that each relay answers at least, and how many are made for each operation to get there.
REQUESTS = 2000
EXAMPLES = 300
# A refused request is answered 200 with `errors`, as the platform wants it; so what only statuses tell is not checked.
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "unsupported_method", "allow_header_conformance", "positive_data_acceptance"]


def token(relay):
    """A token signed with the shared secret."""
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    signed = ".".join(part(json.dumps(value).encode()) for value in ({"alg": "HS256", "typ": "JWT"}, CLAIMS[relay]))
    return f"{signed}.{part(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256))}"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(program, settings, url, log):
    """Starts a program, and waits until it answers."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RELAY_", "PROVIDER_SIM"))}
    process = subprocess.Popen([PROGRAMS / program], env=environment | settings, stdout=log, stderr=log)
    end = time.monotonic() + 6 * PATIENCE
    while True:
        try:
            urllib.request.urlopen(url, timeout=PATIENCE).close()
            return process
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                sys.exit(f"{program} does not start; see {log.name}")
            time.sleep(0.05)


def test(relay, simulator, work):
    """What Schemathesis finds at a relay, and after how many requests; no text where it finds nothing."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "RELAY_LISTEN": f"127.0.0.1:{port}", "RELAY_ADMIN_LISTEN": "off", "RELAY_WORKERS": "1",
        "RELAY_DRAIN_DELAY": "0s", "RELAY_DEADLINE": DEADLINE, "RELAY_AUTH__SECRET_KEY": SECRET,
        "RELAY_HEALTH_QUOTAS": "true", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }
    settings |= {f"RELAY_PROVIDER__{name}": simulator + path for name, path in RELAYS[relay]["addresses"].items()}
    if relay in ("graph", "defender"):
        settings["RELAY_PROVIDER__ACTIONS"] = "all"
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", f"{url}/openapi.json", "--no-color",
        "--checks", ",".join(CHECKS),
        "--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES), "--request-timeout", str(PATIENCE),
        "--max-response-time", str(PATIENCE), "--suppress-health-check", "all", "--max-failures", "10",
    ]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "test_openapi_hooks", "PYTHONPATH": str(ROOT / "deploy"), "NO_PROXY": "127.0.0.1",
        "RELAY_TOKEN": f"Bearer {token(relay)}",
    }
    with open(work / f"{relay}.log", "w", encoding="utf-8") as log:
        process = start(f"relay-{relay}", settings, f"{url}/openapi.json", log)
        try:
            begin = time.monotonic()
            run = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
            seconds = time.monotonic() - begin
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(6 * PATIENCE)
    made = re.search(r"(\d+) generated", run.stdout)
    count = int(made[1]) if made else 0
    problems = [run.stdout[-8000:] + run.stderr[-2000:]] if run.returncode else []
    if process.returncode:
        problems.append(f"the program ended with {process.returncode}")
    if "panicked" in (text := (work / f"{relay}.log").read_text(encoding="utf-8")):
        problems.append(text[text.index("panicked") - 200:][:2000])
    if count < REQUESTS:
        problems.append(f"{count} requests are too few to say anything")
    return f"relay-{relay}: {count} requests in {seconds:.0f} s", "\n".join(problems)


def main():
    relays = sys.argv[1:] or list(RELAYS)
    work = Path(tempfile.mkdtemp())
    address = f"127.0.0.1:{free_port()}"
    failed = False
    with open(work / "provider-sim.log", "w", encoding="utf-8") as log:
        simulator = start("provider-sim", {"PROVIDER_SIM_LISTEN": address}, f"http://{address}/", log)
        try:
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                for line, problems in pool.map(lambda relay: test(relay, f"http://{address}", work), relays):
                    print(f"{line}\n{problems}\nlogs: {work}" if problems else line, flush=True)
                    failed = failed or bool(problems)
        finally:
            simulator.terminate()
            simulator.wait(6 * PATIENCE)
    if failed:
        sys.exit(1)
    shutil.rmtree(work)


main()
