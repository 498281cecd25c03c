"""Tests a running composition from the view of a new user, the platform and an operator.

Run by test-compose.sh, which starts and stops the composition. It passes the project's name, a folder with the shared
secret of each relay, and the command of Compose. Each function of CHECKS is one check; the first failed assertion ends
the run.
"""

import base64
import hashlib
import hmac
import json
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from relays import CLAIMS, PORTS, RELAYS, ROOT

SIMULATOR = "http://127.0.0.1:9100"
PATIENCE = 120
# Bytes, as built by default, unoptimized: relay-defender has 41.6 MB. What is published is smaller, and deploy/archive.sh has its bound.
MOST_PROGRAM = 45_000_000
MOST_IMAGE = 40_000_000

PROJECT, SECRETS, COMPOSE = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
OBSERVABLES = [
    {"type": one["type"], "value": one["value"]} for one in json.loads((ROOT / "fixtures/observables.json").read_text())
]

# Must never appear in logs or images.
confidential = {value for claims in CLAIMS.values() for name, value in claims.items() if name not in
                ("tenant_id", "application_id", "client_id")}


# --- HTTP ---------------------------------------------------------------------------------------------------------


def call(url, body=None, token=None, headers=None):
    """Status and JSON of an answer; `body` makes it a POST."""
    request = urllib.request.Request(url, headers=headers or {})
    if body is not None:
        request.data = json.dumps(body).encode()
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, raw = answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        status, raw = answer.code, answer.read()
    return status, json.loads(raw) if raw else None


def url(relay):
    return f"http://127.0.0.1:{PORTS[relay]}"


def platform_token(relay, **claims):
    """A token as the hosted platform signs it (RS256)."""
    claims = {"aud": url(relay), "jwks_host": "provider-sim:9100", **CLAIMS[relay], **claims}
    token = call(f"{SIMULATOR}/_control/token", claims)[1]["token"]
    confidential.add(token)
    return token


def own_token(relay, secret_of=None):
    """A token signed with a shared secret (HS256)."""
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    secret = (SECRETS / (secret_of or relay)).read_text().strip()
    signed = ".".join(part(json.dumps(value).encode()) for value in ({"alg": "HS256", "typ": "JWT"}, CLAIMS[relay]))
    token = f"{signed}.{part(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"
    confidential.update({secret, token})
    return token


def ask(relay, path, body=None, token=None):
    status, answer = call(url(relay) + path, [] if body is None else body, token)
    assert status == 200, f"relay-{relay}{path}: status {status}: {answer}"
    return answer


def codes(answer):
    return [error["code"] for error in answer.get("errors", [])]


def entities(answer):
    return sum(found["count"] for found in answer.get("data", {}).values())


def healthy(relay, token):
    answer = ask(relay, "/health", token=token)
    assert answer == {"data": {"status": "ok"}}, f"relay-{relay}/health: {answer}"


def refused(relay, token, words):
    answer = ask(relay, "/health", token=token)
    assert codes(answer) == ["authorization error"] and "data" not in answer, f"relay-{relay}: {answer}"
    message = answer["errors"][0]["message"]
    assert re.search(words, message), f"relay-{relay}: {message!r} does not say {words!r}"


# --- Engine -------------------------------------------------------------------------------------------------------


def docker(*arguments, check=True):
    result = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert not check or result.returncode == 0, f"docker {' '.join(arguments)}: {result.stderr.strip()}"
    return result


def container(service):
    labels = {"project": PROJECT, "service": service}
    filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
    return docker("ps", "--all", "--quiet", *filters).stdout.strip()


def inspect(name):
    return json.loads(docker("inspect", name).stdout)[0]


def wait_healthy(*services):
    until = time.monotonic() + PATIENCE
    waiting = list(services)
    while waiting:
        states = {service: inspect(container(service))["State"] for service in waiting}
        waiting = [service for service, state in states.items() if state["Health"]["Status"] != "healthy"]
        if waiting and time.monotonic() > until:
            logs = docker("logs", "--tail=20", container(waiting[0]), check=False)
            raise AssertionError(f"{waiting} not healthy after {PATIENCE} s: {states}\n{logs.stdout}{logs.stderr}")
        if waiting:
            time.sleep(0.5)


def all_services():
    return ["provider-sim", *(f"relay-{relay}" for relay in RELAYS)]


# --- Checks -------------------------------------------------------------------------------------------------------


def investigation():
    """Every relay finds something about the observables, without an error."""
    found = []
    for relay in RELAYS:
        healthy(relay, platform_token(relay))
        token = platform_token(relay)
        served = call(f"{url(relay)}/openapi.json")[1]["paths"]
        module_type = json.loads((ROOT / f"relays/{relay}/module_type.json").read_text())
        advertised = {f"/{path}" for path in module_type["properties"]["supported-apis"]}
        assert advertised <= set(served), f"relay-{relay} does not serve {advertised - set(served)}"
        for path in ("/observe/observables", "/deliberate/observables"):
            if path in advertised:
                answer = ask(relay, path, OBSERVABLES, token)
                severe = [error for error in answer.get("errors", []) if error["type"] != "warning"]
                assert not severe and entities(answer), f"relay-{relay}{path}: {json.dumps(answer)[:1000]}"
                found.append(f"{relay} {path.split('/')[1]} {entities(answer)}")
        if "/refer/observables" in advertised:
            links = ask(relay, "/refer/observables", OBSERVABLES)
            assert links["data"], f"relay-{relay}: no links"
        name = call(f"{url(relay)}/version")[1]
        assert re.fullmatch(r"\d+\.\d+\.\d+.*", name["version"]), name
    return "entities: " + ", ".join(found)


def relayctl():
    """`relayctl investigate` works inside the composition and from outside, and prints valid tokens."""
    inside = [*COMPOSE, "run", "--rm", "-T", "relayctl", "investigate"]
    outside = ["docker", "run", "--rm", "--network=host", "--read-only", "relays-test/relayctl", "investigate", "--sim"]
    for command in (inside, outside):
        result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=ROOT)
        output = result.stdout
        assert result.returncode == 0, f"code {result.returncode}: {result.stderr}\n{output}"
        assert output.startswith(f"{len(RELAYS)} relays asked about ") and "Malicious" in output, output
        printed = {name: (address, token) for name, address, token in
                   re.findall(r"^(\w+)  (http://\S+)  .*\nTOKEN=(\S+)$", output, re.MULTILINE)}
        confidential.update(token for _, token in printed.values())
        assert {name: address for name, (address, _) in printed.items()} == {name: url(name) for name in RELAYS}, output
        for relay in RELAYS:
            healthy(relay, printed[relay][1])


def tokens():
    """A relay accepts both kinds of tokens for it, and no others."""
    for relay in RELAYS:
        refused(relay, None, "Authorization failed: ")
        refused(relay, platform_token(relay, aud="https://elsewhere.example"), "audience")
        refused(relay, platform_token(relay, jwks_host="elsewhere.example"), "jwks_host")
        forged = platform_token(relay).rsplit(".", 1)[0] + "." + "A" * 342
        refused(relay, forged, "signature")
        healthy(relay, own_token(relay))
        other = next(name for name in PORTS if name != relay)
        refused(relay, own_token(relay, secret_of=other), "signature")


def hardening():
    """Not root, nothing writable, no capability, no shell, loopback only."""
    for service in all_services():
        name = container(service)
        state = inspect(name)
        host = state["HostConfig"]
        assert state["Config"]["User"] == "65532:65532", service
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["Privileged"], service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service
        bound = [binding for port in (host["PortBindings"] or {}).values() for binding in port]
        assert [binding["HostIp"] for binding in bound] == ["127.0.0.1"], f"{service}: {bound}"
        processes = docker("top", name, "-eo", "pid,uid").stdout.splitlines()[1:]
        users = {process.split()[1] for process in processes}
        assert users == {"65532"}, f"{service} runs as {users}"
        assert docker("exec", name, "sh", "-c", "true", check=False).returncode != 0, f"{service} has a shell"
        # The engine itself creates the mount point of a secret.
        written = [line for line in docker("diff", name).stdout.splitlines() if not line[2:].startswith("/run")]
        assert not written, f"{service} wrote {written}"


def images():
    """Images are small and contain no secrets and no sources."""
    sizes = []
    for service in all_services():
        image = inspect(container(service))["Image"]
        details = docker("image", "inspect", image).stdout + docker("history", "--no-trunc", image).stdout
        assert not [one for one in confidential if one in details], f"{service}: a secret in the image's metadata"
        labels = json.loads(docker("image", "inspect", image).stdout)[0]["Config"]["Labels"]
        assert labels["org.opencontainers.image.title"] == service, labels
        listing = subprocess.run(f"docker export {container(service)} | tar --list --verbose", shell=True, check=True,
                                 capture_output=True, text=True, timeout=PATIENCE).stdout.splitlines()
        files = {line.split()[5]: int(line.split()[2]) for line in listing}
        strays = [file for file in files if re.search(r"\.rs$|\.toml$|\.git/|/\.env|\.key$|^src/|cargo", file)]
        assert not strays, f"{service}: {strays[:5]} in the image"
        size = files[f"usr/local/bin/{'relay' if service.startswith('relay-') else service}"]
        assert size <= MOST_PROGRAM, f"{service}: the program has {size} bytes"
        packed = int(subprocess.run(f"docker save {image} | gzip | wc -c", shell=True, check=True, capture_output=True,
                                    text=True, timeout=PATIENCE).stdout)
        assert packed <= MOST_IMAGE, f"{service}: the image has {packed} bytes when compressed"
        sizes.append(f"{service} {size / 1e6:.1f} ({packed / 1e6:.1f})")
    return "MB of programs (of compressed images): " + ", ".join(sizes)


def replicas():
    """Two replicas of a relay answer, and know of each other and of each other's calls by their store."""
    token = platform_token("securitytrails")
    for address in (url("securitytrails"), "http://127.0.0.1:9120"):
        status, answer = call(address + "/observe/observables", [{"type": "domain", "value": "login-verify.example"}], token)
        assert status == 200 and entities(answer) and not answer.get("errors"), f"{address}: {answer}"

    def store(*words):
        password = (SECRETS / "shared-password").read_text()
        return docker("exec", container("valkey"), "valkey-cli", "--no-auth-warning", "-a", password, *words).stdout

    names = store("KEYS", "relay:securitytrails:*").split()
    known = [int(store("ZCARD", name)) for name in names if ":replicas:" in name]
    assert known == [2] and any(":window:" in name for name in names), f"{names}: {known} replicas"
    return f"{len(names)} entries in the store"


def orderly_stop():
    """A relay that is stopped finishes the running request and exits with code 0."""
    relay = "xforce"
    name, token = container(f"relay-{relay}"), platform_token(relay)
    call(f"{SIMULATOR}/_control/reset", {})
    call(f"{SIMULATOR}/_control/faults", {"spec": "xforce:latency=3s"})
    answers = []
    asking = threading.Thread(target=lambda: answers.append(
        ask(relay, "/observe/observables", [{"type": "domain", "value": "login-verify.example"}], token)))
    asking.start()
    until = time.monotonic() + 30
    while not call(f"{SIMULATOR}/_control/calls?provider=xforce")[1]["calls"]:
        assert time.monotonic() < until, "the relay never called its provider"
        time.sleep(0.05)
    docker("stop", "--time=35", name)
    asking.join(60)
    state = inspect(name)["State"]
    assert state["ExitCode"] == 0 and not state["OOMKilled"], state
    assert answers and entities(answers[0]), f"the running request was cut off: {answers}"
    call(f"{SIMULATOR}/_control/reset", {})
    docker("start", name)
    wait_healthy(f"relay-{relay}")


def killed_relay():
    """Killing a relay does not affect the others, and it works again after a start."""
    relay = "xforce"
    name = container(f"relay-{relay}")
    docker("kill", name)
    assert not inspect(name)["State"]["Running"]
    for other in RELAYS:
        if other != relay:
            healthy(other, platform_token(other))
    docker("start", name)
    wait_healthy(f"relay-{relay}")
    answer = ask(relay, "/observe/observables", OBSERVABLES, platform_token(relay))
    assert entities(answer) and not answer.get("errors"), answer


def provider_gone():
    """A relay reports that its provider is gone, stays alive, and recovers with it."""
    for relay in RELAYS:
        healthy(relay, platform_token(relay))
    docker("stop", "--time=5", container("provider-sim"))
    for relay in RELAYS:
        # A token that needs no key of the platform, because that is gone too.
        answer = ask(relay, "/health", token=own_token(relay))
        assert codes(answer) == ["connection error"], f"relay-{relay}: {answer}"
    docker("start", container("provider-sim"))
    wait_healthy(*all_services())
    for relay in RELAYS:
        healthy(relay, own_token(relay))


def logs():
    """Even the most detailed logs contain no token and no credential."""
    lines = 0
    for relay in RELAYS:
        written = docker("logs", container(f"relay-{relay}"))
        text = written.stdout + written.stderr
        lines += text.count("\n")
        assert "request_id" in text, f"relay-{relay} logged no request"
        for one in confidential:
            for form in (one, base64.b64encode(one.encode()).decode().rstrip("=")):
                place = text.find(form)
                assert place < 0, f"relay-{relay} logged a credential: {text[max(0, place - 300):place]!r}"
    return f"{lines} lines"


CHECKS = [investigation, relayctl, tokens, hardening, images, replicas, orderly_stop, killed_relay, provider_gone, logs]

wait_healthy(*all_services(), "relay-securitytrails-2")
for check in CHECKS:
    started = time.monotonic()
    note = check()
    print(f"  {check.__name__} ({time.monotonic() - started:.1f} s){': ' + note if note else ''}", flush=True)
