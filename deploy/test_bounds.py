"""Attacks a relay in a cgroup of 512 MiB and measures what becomes of it and of others.

Run by test-bounds.sh, with the program and, if not all, the names of scenarios. Each function of SCENARIOS is one
attack; it runs in a process of its own, beside two threads that ask as well-behaved clients do. The provider is a
third process: a small one, because it has to answer what no real one does.

Attackers run on machines of their own. Here they share the relay's processors, so they get a lower priority: otherwise
the others' requests would wait for the attacker's program, which says nothing about the relay.

Standard library only.
"""

import asyncio
import http.client
import multiprocessing
import os
import socket
import statistics
import sys
import threading
import time
from collections import Counter
from contextlib import suppress

from bounds_setup import (
    HOST, MIB, Cgroup, Relay, domains, free_port, metric, post, probe, provide, token, wait,
)

# Aims.
MOST_MEMORY = 400 * MIB
MOST_VERSION = 0.050
MOST_TIMES_QUIET = 3
REFUSED_WITHIN = 0.005
SETTLED_AFTER = float(os.environ.get("BOUNDS_SETTLE", "60"))
# Seconds of quiet before an attack: as long as one takes, so that both have the same chances of a slow request.
QUIET = 20
ATTACKER_NICE = 10
# Processes of the provider, which share its connections.
PROVIDERS = 2
# A relay at its deadline of 25 s answers half a second later at the latest. The attackers' clock runs on for another half:
# at their priority they wait for a processor before they see the answer.
DEADLINE = 26


class Clients:
    """Connections that send what they are given, as fast as the relay takes it, and read nothing."""

    def __init__(self, port, number, requests):
        self.sockets = []
        for _ in range(number):
            client = socket.socket()
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect((HOST, port))
            self.sockets.append([client, requests])

    def send(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for entry in self.sockets:
                client, rest = entry
                if not rest:
                    continue
                try:
                    entry[1] = rest[client.send(rest[:65536]):]
                except BlockingIOError:
                    pass
                except OSError:
                    entry[1] = b""
            time.sleep(0.002)


async def answers(port, requests):
    """The statuses of requests that are sent at once, one connection each, and when their answers began: how fast these
    clients read on their busy processor is not the relay's time."""
    async def one(request):
        begun = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            took = time.monotonic() - begun
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            while length > 0:
                length -= len(await reader.read(65536)) or length
            writer.close()
            status = int(head.split(b" ")[1])
        except (OSError, asyncio.IncompleteReadError):
            status, took = 0, time.monotonic() - begun
        return status, took

    return await asyncio.gather(*map(one, requests))


# --- Attacks ------------------------------------------------------------------------------------------------------


def never_read(port, _):
    """60 connections of 2,000 pipelined GET /openapi.json, never read."""
    Clients(port, 60, b"GET /openapi.json HTTP/1.1\r\nHost: relay\r\n\r\n" * 2000).send(20)


def unfinished_bodies(port, _):
    """600 bodies of 1 MB that lack their last bytes."""
    body = "[" + " " * 999_980
    Clients(port, 600, post("/refer/observables", body, length=1_000_000)).send(20)


def untaken_answers(port, _):
    """100 times links for 24,000 domains, never read."""
    body = domains(24_000, "d")
    Clients(port, 100, post("/refer/observables", body)).send(20)


def slow_headers(port, _):
    """900 connections of 30 kB of headers that do not end, opened anew when they are closed."""
    head = b"GET /version HTTP/1.1\r\nHost: relay\r\nX-Long: " + b"x" * 30_000
    for _ in range(3):
        Clients(port, 900, head).send(7)


def large_answers(port, results):
    """16 observables whose provider answers are 30 MB each."""
    results.put(asyncio.run(answers(port, [post("/observe/observables", domains(16, "large"), "attacker")])))


def bombs(port, results):
    """16 observables with gzip bombs of 200 MiB, 16 with brotli bombs of 400 MiB."""
    for label in ("gzip", "brotli"):
        results.put(asyncio.run(answers(port, [post("/observe/observables", domains(16, label), "attacker")])))


def many_tenants(port, results):
    """200 tenants with 1,000 observables each, whose provider takes a second."""
    requests = [post("/observe/observables", domains(1000, "slow"), f"tenant-{n}") for n in range(200)]
    results.put(asyncio.run(answers(port, requests)))


def stalled_log(port, results):
    """60 s of requests while nobody reads the log."""
    end = time.monotonic() + 60
    version = b"GET /version HTTP/1.1\r\nHost: relay\r\n\r\n"
    while time.monotonic() < end:
        results.put(asyncio.run(answers(port, [version] * 50)))


def when(go, scenario, port, results):
    os.nice(ATTACKER_NICE)
    go.wait()
    scenario(port, results)


SCENARIOS = [never_read, unfinished_bodies, untaken_answers, slow_headers, large_answers, bombs, many_tenants,
             stalled_log]


# --- Measuring ----------------------------------------------------------------------------------------------------


class Others:
    """Well-behaved clients: one asks for the version, one tenant about one observable, again and again."""

    def __init__(self, relay):
        self.relay = relay
        self.running = True
        self.begun = time.monotonic()
        self.version, self.observe, self.refused, self.lost = [], [], [], 0
        # How long the slowest observe took, and after how many seconds it was sent.
        self.slowest = (0, 0)
        self.threads = [threading.Thread(target=self.ask, args=(f,)) for f in (self.ask_version, self.ask_observe)]
        for thread in self.threads:
            thread.start()

    def ask(self, question):
        number = 0
        while self.running:
            number += 1
            begun = time.monotonic()
            try:
                question(number, begun)
            except (OSError, http.client.HTTPException):
                self.lost += 1
            time.sleep(0.05)

    def request(self, *arguments, **named):
        connection = http.client.HTTPConnection(HOST, self.relay.port, timeout=60)
        try:
            connection.request(*arguments, **named)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ask_version(self, _, begun):
        self.request("GET", "/version")
        self.version.append(time.monotonic() - begun)

    def ask_observe(self, number, begun):
        headers = {"Authorization": f"Bearer {token('neighbour')}"}
        status, _ = self.request("POST", "/observe/observables", domains(1, f"quiet-{id(self)}-{number}"), headers)
        took = time.monotonic() - begun
        (self.refused if status == 503 else self.observe).append(took)
        if status != 503:
            self.slowest = max(self.slowest, (took, begun - self.begun))

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join()


def ms(seconds):
    return f"{1000 * seconds:.0f} ms"


def mib(size):
    return f"{size / MIB:.0f} MiB"


def run(scenario, program, provider):
    """Measures one scenario; gives what is missed."""
    relay = Relay(program, provider, stalled_log=scenario is stalled_log)
    missed = []

    def must(holds, what):
        if not holds:
            missed.append(what)

    try:
        quiet = Others(relay)
        time.sleep(QUIET)
        quiet.stop()
        idle = relay.rss()
        # A process is not to be made while threads run.
        results, go = multiprocessing.Queue(), multiprocessing.Event()
        attack = multiprocessing.Process(target=when, args=(go, scenario, relay.port, results))
        attack.start()
        others = Others(relay)
        go.set()
        got = []
        while attack.is_alive() or not results.empty():
            with suppress(Exception):
                got.extend(results.get(timeout=0.1))
        attack.join()
        others.stop()
        kills = relay.cgroup.kills() + (relay.process.poll() is not None)
        peak, highest = relay.cgroup.peak(), relay.rss("VmHWM")

        quietest, (slowest, after) = max(quiet.observe), others.slowest
        print(f"\n{scenario.__name__}: {scenario.__doc__}")
        print(f"  highest memory {mib(peak)} (resident {mib(highest)}, idle {mib(idle)}), kills {kills}")
        print(f"  /version of others: slowest {ms(max(others.version, default=0))} of {len(others.version)}, "
              f"quiet {ms(max(quiet.version))}")
        print(f"  observe of another tenant: slowest {ms(slowest)} (after {after:.1f} s) of {len(others.observe)}, "
              f"median {ms(statistics.median(others.observe or [0]))}; quiet: slowest {ms(quietest)}, median "
              f"{ms(statistics.median(quiet.observe))}; refused {len(others.refused)}, slowest "
              f"{ms(max(others.refused, default=0))}; lost {others.lost}")
        if got:
            statuses = dict(Counter(status for status, _ in got))
            print(f"  its own requests: statuses {statuses}, slowest {max(took for _, took in got):.1f} s")
            must(0 not in statuses, "a request was lost")
            must(max(took for _, took in got) <= DEADLINE, "a request took longer than the deadline")
        must(kills == 0, "killed")
        must(peak <= MOST_MEMORY, f"highest memory {mib(peak)}")
        must(max(others.version, default=0) <= MOST_VERSION, f"/version {ms(max(others.version, default=0))}")
        must(slowest <= MOST_TIMES_QUIET * quietest, f"observe {ms(slowest)}")
        must(max(others.refused, default=0) <= REFUSED_WITHIN, f"refusal {ms(max(others.refused, default=0))}")
        must(others.lost == 0, f"{others.lost} requests of others lost")
        if kills:
            return missed

        end = time.monotonic() + SETTLED_AFTER
        after = Others(relay)
        time.sleep(max(0, end - time.monotonic()))
        after.stop()
        settled = relay.rss()
        print(f"  {SETTLED_AFTER:.0f} s later {mib(settled)}")
        must(settled <= 2 * idle, f"{mib(settled)} {SETTLED_AFTER:.0f} s later")
        if scenario is stalled_log:
            dropped = metric(relay.admin, "relay_log_lines_dropped_total")
            print(f"  log lines dropped {dropped:.0f}")
            must(dropped > 0, "no log line counted as dropped")
        stopped = relay.stop()
        print(f"  stopped within {stopped:.1f} s")
        must(stopped <= 32, "no orderly stop")
        return missed
    finally:
        relay.remove()


def main():
    program, names = sys.argv[1], sys.argv[2:]
    wanted = [scenario for scenario in SCENARIOS if not names or scenario.__name__ in names]
    try:
        Cgroup().remove()
    except OSError as problem:
        print(f"test-bounds: no cgroup can be made ({problem}), so nothing was tested")
        return
    # A thread that has an answer to time must not wait 5 ms for one that has not.
    sys.setswitchinterval(0.0005)
    port = free_port()
    for _ in range(PROVIDERS):
        multiprocessing.Process(target=provide, args=(port,), daemon=True).start()
    wait("the provider is ready", lambda: probe(port, "/") == 200, 60)
    missed = {scenario.__name__: run(scenario, program, port) for scenario in wanted}
    missed = {name: what for name, what in missed.items() if what}
    print()
    for name, what in missed.items():
        print(f"missed: {name}: {'; '.join(what)}")
    if missed:
        raise SystemExit(1)
    print("test-bounds: all aims are met")


if __name__ == "__main__":
    main()
