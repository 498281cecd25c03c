"""Real programs for test_alerts.py: relays before a simulator, requests to them, and what they export."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time

from relays import RELAYS

SECRET = "a-shared-secret-of-more-than-32-bytes"
BODY = [{"type": "domain", "value": "login-verify.example"}, {"type": "ip", "value": "203.0.113.9"},
        {"type": "domain", "value": "benign.example"}]
# An application that the operator's certificate serves.
APPLICATION = "corp.example/22222222-3333-4444-8555-666666666666"
# The address of a service that is not there.
NOBODY = "127.0.0.1:1"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def token(claims):
    """A token that is signed with the shared secret."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest())).decode()


def ask(port, path, text=None, claims=None, bearer=None, patience=30):
    """One request; its answer as text, or nothing where the client did not wait for it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    headers = {"Connection": "close"}
    if bearer or claims:
        headers["Authorization"] = f"Bearer {bearer or token(claims)}"
    try:
        connection.request("GET" if text is None else "POST", path, text, headers)
        return connection.getresponse().read().decode()
    except TimeoutError:
        return None
    finally:
        connection.close()


def until(what, condition, patience=20):
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {patience} s")
        time.sleep(0.05)


class Stage:
    """A simulator, and a relay that calls it."""

    def __init__(self, programs, relay, settings, faults=(), descriptors=None, unread=False):
        self.name, self.claims, self.stack = relay, RELAYS[relay]["claims"], contextlib.ExitStack()
        self.descriptors, self.unread, self.relay = descriptors, unread, None
        self.program = f"{programs}/relay-{relay}"
        self.sim, self.port, self.admin = free_port(), free_port(), free_port()
        arguments = [f"{programs}/provider-sim", "--listen", f"127.0.0.1:{self.sim}"]
        self.start([*arguments, *(part for fault in faults for part in ("--fault", fault))], {})
        until("the simulator", lambda: self.is_up(self.sim))
        addresses = {f"RELAY_PROVIDER__{name}": f"http://127.0.0.1:{self.sim}{path}"
                     for name, path in RELAYS[relay]["addresses"].items()}
        self.settings = {
            "RELAY_LISTEN": f"127.0.0.1:{self.port}", "RELAY_ADMIN_LISTEN": f"127.0.0.1:{self.admin}",
            "RELAY_DRAIN_DELAY": "0s", "RELAY_WORKERS": "1", "RELAY_CACHE__TTL": "0s", "RELAY_PROVIDER__RETRIES": "0",
            "RELAY_AUTH__SECRET_KEY": SECRET, "RELAY_AUTH__JWKS_HOSTS": "off"} | addresses | settings
        self.restart()

    def start(self, command, environment, stderr=subprocess.DEVNULL):
        if self.descriptors and command[0] == self.program:
            command = ["sh", "-c", f'ulimit -n {self.descriptors}; exec "$0" "$@"', *command]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)
        self.stack.callback(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.wait()

    @staticmethod
    def is_up(port):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    def restart(self):
        if self.relay:
            self.end(self.relay)
        stderr = subprocess.PIPE if self.unread else subprocess.DEVNULL
        self.relay = self.start([self.program], self.settings, stderr)
        until(f"relay-{self.name}", lambda: self.is_up(self.admin))

    def observe(self, times=1, body=None, **options):
        """So many requests at once."""
        text = json.dumps(BODY if body is None else body)
        def one():
            ask(self.port, "/observe/observables", text, self.claims, **options)
        threads = [threading.Thread(target=one) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def scrape(self):
        """What it exports, by series, and whether it can be scraped at all."""
        samples = {}
        with contextlib.suppress(OSError):
            for line in ask(self.admin, "/metrics").splitlines():
                found = re.fullmatch(r"(\w+)\{(.*)\} (\S+)", line) or re.fullmatch(r"(\w+)() (\S+)", line)
                if found and not line.startswith("#"):
                    name, labels, value = found.groups()
                    # As the job of prometheus.yml adds them.
                    labels = ",".join(filter(None, [labels, 'job="relays"', f'instance="relay-{self.name}:9091"']))
                    samples[f"{name}{{{labels}}}"] = float(value)
        samples[f'up{{job="relays",instance="relay-{self.name}:9091"}}'] = float(bool(samples))
        return samples

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stack.close()


def certificate(folder, days):
    """A certificate that ends in this number of days; the settings that name it."""
    files = {name: os.path.join(folder, name) for name in ("key.pem", "certificate.pem")}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=relay", "-days", str(days),
                    "-keyout", files["key.pem"], "-out", files["certificate.pem"]], check=True, capture_output=True)
    return {"RELAY_PROVIDER__CREDENTIAL": "certificate", "RELAY_PROVIDER__KEY_FILE": files["key.pem"],
            "RELAY_PROVIDER__CERTIFICATE_FILE": files["certificate.pem"],
            "RELAY_PROVIDER__ALLOWED_APPLICATIONS": APPLICATION}
