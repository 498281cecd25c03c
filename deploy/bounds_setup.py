"""What test_bounds.py attacks and asks with: a relay in a cgroup of 512 MiB, a provider that answers what no real
one does, tokens and requests. Standard library only.
"""

import asyncio
import base64
import gzip
import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import time
import zlib
from contextlib import suppress
from pathlib import Path

MIB = 1024 * 1024
LIMIT = 512 * MIB
SECRET = "a-shared-secret-of-more-than-32-bytes"
HOST = "127.0.0.1"


# --- The cgroup ---------------------------------------------------------------------------------------------------


class Cgroup:
    """A memory limit for one process, by version 2 or 1 of the interface."""

    def __init__(self):
        root = Path("/sys/fs/cgroup")
        self.v2 = (root / "cgroup.controllers").exists()
        parent = root if self.v2 else root / "memory"
        self.path = parent / f"relay-bounds-{os.getpid()}"
        if self.v2:
            (parent / "cgroup.subtree_control").write_text("+memory")
        self.path.mkdir()
        (self.path / ("memory.max" if self.v2 else "memory.limit_in_bytes")).write_text(str(LIMIT))
        with suppress(OSError):
            (self.path / "memory.swap.max").write_text("0")

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def peak(self):
        return int((self.path / ("memory.peak" if self.v2 else "memory.max_usage_in_bytes")).read_text())

    def kills(self):
        events = (self.path / ("memory.events" if self.v2 else "memory.oom_control")).read_text()
        return next((int(line.split()[1]) for line in events.splitlines() if line.startswith("oom_kill ")), 0)

    def remove(self):
        for _ in range(100):
            with suppress(OSError):
                self.path.rmdir()
                return
            time.sleep(0.05)


# --- The provider -------------------------------------------------------------------------------------------------

# 400 MiB of JSON, `{` and `}` with spaces between them.
BROTLI_BOMB = base64.b64decode(
    "z///fwCkQPbiskBw7//j//8/ABIAcVgAuvf//P//B0ACIA4LQPf+n////wBIAMRhAeje//P//x8ACYA4LADd+3/+//8DIAEQhwWge//P//9/ACQA"
    "4rAAdO//+f//D4AEQBwWgO79P////wGQAIjDAtC9/+f//z8AEgBxWAC69//8//8HQAIgDgtA9/6f////AEgAxGEB6N7/8///HwAJgDgsAN37f/7/"
    "/wMgARCHBaB7/8///38AJADisAB07//5//8PgARAHBaA7v0/////AZAAiMMC0L3/5///PwASAHFYALr3//z//wdAAiAOC0D3/p////8ASADEYQHo"
    "3v/z//8fAAmAOCwA3ft//v//AyABEIcFoHv/z///fwAkAOKwAHTv//n//w+ABEAcFoDu/X/+//8DkOgrRQ4LYO79Pw=="
)


def gzip_bomb():
    return gzip.compress(b"{" + b" " * (200 * MIB) + b"}", 9)


def records(number):
    record = {"value": "192.0.2.1", "type": "ip", "recordType": "A", "first": "2026-01-01T00:00:00Z",
              "last": "2026-02-02T00:00:00Z"}
    return json.dumps({"Passive": {"query": "x", "records": [record] * number}}).encode()


class Answers:
    """What the provider answers: as X-Force does, and by the first label of the observable `large`, `gzip`, `brotli` or
    `slow`."""

    def __init__(self):
        def answer(body, encoding=""):
            return (f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                    f"{encoding}\r\n").encode() + body

        self.report = answer(json.dumps({"result": {"url": "x", "cats": {"Malware": True}, "score": 7}}).encode())
        self.few = answer(records(20))
        self.by_label = {
            "large": answer(records(250_000)),
            "gzip": answer(gzip_bomb(), "Content-Encoding: gzip\r\n"),
            "brotli": answer(BROTLI_BOMB, "Content-Encoding: br\r\n"),
        }

    def to(self, target):
        """The answer to a target, and after how many seconds."""
        label = target.split("?")[0].rsplit("/", 1)[-1].split("-")[0]
        # Not all at the same moment, which no provider does.
        delay = 1 + zlib.crc32(target.encode()) % 200 / 1000 if label == "slow" else 0
        return self.by_label.get(label) or (self.few if "/resolve/" in target else self.report), delay


class Connection(asyncio.Protocol):
    """A connection to the provider: a protocol, since streams take several times as long for a call, which those who
    share the processors would wait for."""

    def __init__(self, answers):
        self.answers, self.received = answers, b""
        self.unsent, self.paused = memoryview(b""), False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            answer, delay = self.answers.to(head.split(b" ", 2)[1].decode())
            if delay:
                asyncio.get_running_loop().call_later(delay, self.send, answer)
            else:
                self.send(answer)

    def send(self, answer):
        self.unsent = memoryview(answer)
        self.go_on()

    def go_on(self):
        # In pieces: what a transport cannot send at once, it copies.
        while self.unsent and not self.paused and not self.transport.is_closing():
            piece, self.unsent = self.unsent[:64 * 1024], self.unsent[64 * 1024:]
            self.transport.write(piece)

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        self.go_on()


def provide(port):
    # A real provider has machines of its own. This one must not be what the others wait for.
    os.nice(-10)

    async def run():
        answers = Answers()
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(answers), HOST, port, backlog=4096, reuse_port=True)
        await server.serve_forever()

    asyncio.run(run())


# --- The relay ----------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as any_port:
        any_port.bind((HOST, 0))
        return any_port.getsockname()[1]


class Relay:
    """The program with its default settings in a cgroup of its own."""

    def __init__(self, program, provider, stalled_log):
        self.port, self.admin = free_port(), free_port()
        self.cgroup = Cgroup()
        settings = {
            "RELAY_LISTEN": f"{HOST}:{self.port}",
            "RELAY_ADMIN_LISTEN": f"{HOST}:{self.admin}",
            "RELAY_DRAIN_DELAY": "0s",
            "RELAY_AUTH__SECRET_KEY": SECRET,
            "RELAY_AUTH__JWKS_HOSTS": "off",
            # So that the cache is empty when its share of the memory would be in the way.
            "RELAY_CACHE__TTL": "5s",
            "RELAY_PROVIDER__API_URL": f"http://{HOST}:{provider}",
        }
        log = subprocess.PIPE if stalled_log else subprocess.DEVNULL
        self.process = subprocess.Popen([program], env=settings, stderr=log, preexec_fn=self.cgroup.enter)
        wait("the relay is ready", lambda: probe(self.admin, "/readyz") == 200)

    def rss(self, field="VmRSS"):
        with suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith(field):
                    return int(line.split()[1]) * 1024
        return 0

    def stop(self):
        """How long it takes to stop; nothing if it has ended already."""
        if self.process.poll() is not None:
            return None
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return float("inf")
        return time.monotonic() - begun

    def remove(self):
        self.process.kill()
        self.process.wait()
        self.cgroup.remove()


def wait(what, condition, patience=30):
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"not within {patience} s: {what}")
        time.sleep(0.02)


def probe(port, path):
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(HOST, port, timeout=2)
        connection.request("GET", path)
        return connection.getresponse().status
    return None


def metric(port, name):
    """The sum of a metric over its labels."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + "{", name + " ")))


# --- Requests -----------------------------------------------------------------------------------------------------


def token(tenant):
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    claims = {"key": tenant, "password": "x"}
    signed = ".".join(part(json.dumps(value).encode()) for value in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{signed}.{part(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256))}"


def domains(number, label):
    return json.dumps([{"type": "domain", "value": f"{label}-{n}.example"} for n in range(number)], separators=(",", ":"))


def post(path, body, tenant=None, length=None):
    authorization = f"Authorization: Bearer {token(tenant)}\r\n" if tenant else ""
    return (f"POST {path} HTTP/1.1\r\nHost: relay\r\n{authorization}"
            f"Content-Length: {length or len(body)}\r\n\r\n{body}").encode()
