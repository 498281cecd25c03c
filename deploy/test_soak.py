"""Runs all relays for a long time under load, with provider faults and restarts, and checks every answer.

Run by test-soak.sh. The five relays share a store, where there is one, and call the simulator, which fails a tenth of
the calls: another kind of fault each PHASE seconds. In the first half, each relay, the simulator and the store are
restarted. Each answer is compared with the one that the same question has without faults:

- an answer that lacks something says so in `errors`;
- the simulator marks each alert with the tenant that asked, and no tenant gets an alert with another's mark;
- only a relay that is just starting refuses connections, and a stopping one answers what it has begun;
- each relay answers completely soon after a restart;
- the memory of the relays stays flat in the second half.

Standard library only.
"""

import asyncio
import json
import random
import re
import shutil
import signal
import statistics
import sys
import time
from collections import Counter
from contextlib import suppress

from alert_stage import SECRET, ask, free_port, token, until
from relays import RELAYS, ROOT
from soak_setup import HOST, Connections, Program, Question

TENANTS = 400
# Requests under way at most. More would be turned away by the relays, which is not what this is about.
AT_ONCE = 300
PHASE = 10
# All but those of which a relay rightly says nothing: 400 and 404 mean that nothing is known.
FAULTS = ["status=500", "status=502", "status=503", "status=429,retry-after=1", "status=401", "status=403", "reset",
          "reset-late", "truncated", "html", "wrong-type", "expired-tokens", "hang", "drip=5ms,chunk=512", "latency=2s",
          "huge=32mb", "redirect=http://127.0.0.1:1/"]
RATE_OF_FAULTS = 0.1
# With the defaults, a relay says nothing where a tenant may not use an extra (Threat Intelligence, statistics), or
# where a search that rarely finds something has failed.
SETTINGS = {
    "graph": {"RELAY_PROVIDER__THREAT_INTEL": "on", "RELAY_PROVIDER__HASH_SCAN_PAGES": "0"},
    "defender": {"RELAY_PROVIDER__STATS": "off"},
}
MARK = "*:mark"
MARKED = re.compile(rb"\[tenant ([\w-]+)\]")
# A program may take this long, in seconds, from its start to its first answer, and then to a complete one: what is
# down is asked by one call after five seconds.
STARTED = 1.0
RECOVERED = 6.5
# The slowest answer: the deadline of a request, and a second.
SLOWEST = 26.0
# Growth of the memory in the second half.
GROWTH = 1.15, 4 * 1024 * 1024
# Examples that are shown of each thing that is wrong.
SHOWN = 10
OBSERVABLES = json.loads((ROOT / "fixtures/observables.json").read_text())


class Soak:
    """The programs, the load, and what went wrong."""

    def __init__(self, programs, seconds, rate):
        self.programs, self.seconds, self.rate = programs, seconds, rate
        self.random = random.Random(1)
        self.counts, self.codes, self.wrong, self.marks = Counter(), Counter(), Counter(), Counter()
        self.examples, self.slowest, self.gaps, self.memory = {}, 0.0, [], []
        self.sent, self.under_way, self.now = 0, set(), None
        self.sim_port, self.store, self.relays, self.connections = free_port(), None, {}, {}

    def begin(self):
        simulator = [f"{self.programs}/provider-sim", "--listen", f"{HOST}:{self.sim_port}", "--fault", MARK]
        self.sim = Program(simulator, {}, self.sim_port, "/livez")
        sharing = {}
        server = shutil.which("valkey-server") or shutil.which("redis-server")
        if server:
            port = free_port()
            self.store = Program([server, "--port", str(port), "--bind", HOST, "--save", "", "--maxmemory", "256mb",
                                  "--maxmemory-policy", "volatile-ttl"], {}, port, None)
            sharing = {"RELAY_SHARED__URL": f"redis://{HOST}:{port}/0", "RELAY_SHARED__KEY": SECRET}
        for name, relay in RELAYS.items():
            port = free_port()
            addresses = {f"RELAY_PROVIDER__{setting}": f"http://{HOST}:{self.sim_port}{path}"
                         for setting, path in relay["addresses"].items()}
            settings = {"RELAY_LISTEN": f"{HOST}:{port}", "RELAY_ADMIN_LISTEN": "off", "RELAY_DRAIN_DELAY": "0s",
                        "RELAY_AUTH__SECRET_KEY": SECRET, "RELAY_AUTH__JWKS_HOSTS": "off", "RELAY_CACHE__TTL": "30s"}
            settings |= addresses | sharing | SETTINGS.get(name, {})
            self.relays[name] = Program([f"{self.programs}/relay-{name}"], settings, port, "/version")
            self.connections[name] = Connections(port)

    def end(self):
        for program in [self.sim, self.store, *self.relays.values()]:
            if program:
                program.end()

    def tenants_token(self, relay, tenant):
        claims = dict(RELAYS[relay]["claims"])
        name = "client_secret" if "client_secret" in claims else "key"
        return token(claims | {name: f"{claims[name]}.{tenant}"})

    async def learn(self):
        """The questions, with what their answers have without faults."""
        self.questions, self.tokens = [], {}
        for relay in RELAYS:
            self.tokens[relay] = [self.tenants_token(relay, number) for number in range(TENANTS)]
            endpoints = json.loads(ask(self.relays[relay].port, "/openapi.json"))["paths"]
            for endpoint in ("/observe/observables", "/deliberate/observables"):
                if endpoint in endpoints:
                    self.questions += [Question(relay, endpoint, asked) for asked in [[one] for one in OBSERVABLES]]
            self.questions.append(Question(relay, "/observe/observables", OBSERVABLES))
        bearer = {relay: self.tenants_token(relay, "first") for relay in RELAYS}
        for question in self.questions:
            connections = self.connections[question.relay]
            _, text = await connections.post(question.endpoint, bearer[question.relay], question.body)
            answer = json.loads(text)
            if "errors" in answer:
                sys.exit(f"{question.relay}: errors without a fault: {answer['errors']}")
            question.complete = Question.found(answer)

    # --- Load -----------------------------------------------------------------------------------------------------

    def fail(self, what, example):
        self.wrong[what] += 1
        self.examples.setdefault(what, []).append(f"{example} (at {self.now})")

    async def one(self, question, tenant):
        begun = time.monotonic()
        relay = self.relays[question.relay]
        about = f"{question.relay} {question.endpoint} {question.body[:80]}"
        fault = self.now
        try:
            status, text = await self.connections[question.relay].post(
                question.endpoint, self.tokens[question.relay][tenant], question.body)
        except (OSError, asyncio.IncompleteReadError) as error:
            if relay.gap and relay.gap[0] <= time.monotonic() and begun <= relay.gap[1]:
                self.counts["not there"] += 1
            else:
                self.fail("no answer", f"{about}: {error!r}")
            return
        took = time.monotonic() - begun
        self.slowest = max(self.slowest, took)
        if took > SLOWEST:
            self.fail("too late", f"{about}: {took:.1f} s")
        if status == 503:
            self.counts["turned away"] += 1
            return
        if status != 200:
            self.fail(f"status {status}", about)
            return
        for mark in MARKED.findall(text):
            if mark == str(tenant).encode():
                self.marks[question.relay] += 1
            else:
                self.fail("another tenant's data", f"{about}: {mark} for {tenant}")
        answer = json.loads(text)
        errors = answer.get("errors", [])
        self.codes.update(f"{question.relay} {error['code']}" for error in errors)
        self.counts["with errors" if errors else "complete"] += 1
        if not errors:
            self.counts[f"complete {question.relay}"] += 1
            found = Question.found(answer)
            halved = question.is_halved_by_large_answers and any("huge" in str(one) for one in (fault, self.now))
            if question.lacks(found) and not halved:
                self.fail("silently missing", f"{about}: {found} of {question.complete}")

    async def load(self):
        begun = time.monotonic()
        while (now := time.monotonic() - begun) < self.seconds:
            while self.sent < now * self.rate and len(self.under_way) < AT_ONCE:
                self.sent += 1
                request = self.one(self.random.choice(self.questions), self.random.randrange(TENANTS))
                task = asyncio.create_task(request)
                self.under_way.add(task)
                task.add_done_callback(self.under_way.discard)
            if len(self.under_way) >= AT_ONCE:
                # Those that are not made now are not made up for.
                self.sent = int(now * self.rate)
                self.counts["moments with all connections in use"] += 1
            await asyncio.sleep(0.005)

    # --- Faults and restarts --------------------------------------------------------------------------------------

    async def control(self, method, path, body=""):
        reader, writer = await asyncio.open_connection(HOST, self.sim_port)
        writer.write((f"{method} {path} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
        head = await reader.readline()
        writer.close()
        if not head.startswith(b"HTTP/1.1 20"):
            sys.exit(f"{method} {path} {body}: {head}")

    async def fault(self, spec):
        await self.control("DELETE", "/_control/faults")
        for one in [MARK, *([f"*:{spec},rate={RATE_OF_FAULTS}"] if spec else [])]:
            await self.control("POST", "/_control/faults", json.dumps({"spec": one}))

    async def faults(self):
        number = 0
        while True:
            self.now = FAULTS[number % len(FAULTS)]
            with suppress(OSError):
                await self.fault(self.now)
            number += 1
            await asyncio.sleep(PHASE)

    async def until_answered(self, program):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, program.port)
                writer.close()
                return
            await asyncio.sleep(0.005)

    async def until_complete(self, relays):
        """Waits until each of these relays gives a complete answer again."""
        for relay in relays:
            before = self.counts[f"complete {relay}"]
            while self.counts[f"complete {relay}"] == before:
                await asyncio.sleep(0.01)

    async def restart(self, name, program, sign, relays):
        begun = time.monotonic()
        program.gap = begun, float("inf")
        program.process.send_signal(sign)
        while program.process.poll() is None:
            if time.monotonic() - begun > SLOWEST + 5:
                self.fail("does not stop", name)
                program.end()
            await asyncio.sleep(0.005)
        stopped = time.monotonic()
        program.start()
        await self.until_answered(program)
        started = time.monotonic()
        program.gap = begun, started
        try:
            await asyncio.wait_for(self.until_complete(relays), 2 * RECOVERED)
        except asyncio.TimeoutError:
            self.fail("does not recover", name)
        recovered = time.monotonic()
        self.gaps.append((name, stopped - begun, started - stopped, recovered - started))
        if started - stopped > STARTED:
            self.fail("starts slowly", f"{name}: {started - stopped:.2f} s")
        if recovered - started > RECOVERED:
            self.fail("recovers slowly", f"{name}: {recovered - started:.2f} s")

    async def restarts(self):
        everything = [(name, program, signal.SIGTERM, [name]) for name, program in self.relays.items()]
        everything.append(("provider-sim", self.sim, signal.SIGKILL, list(RELAYS)))
        if self.store:
            everything.append(("store", self.store, signal.SIGKILL, list(RELAYS)))
        # In the first half, so that the memory of the second is that of programs that run for long.
        pause = self.seconds / 2 / (len(everything) + 1)
        for restart in everything:
            await asyncio.sleep(pause)
            await self.restart(*restart)

    async def watch(self):
        begun = time.monotonic()
        while True:
            memory = {name: relay.memory() for name, relay in self.relays.items()}
            self.memory.append((time.monotonic() - begun, memory))
            if len(self.memory) % 12 == 0:
                print(f"  {self.memory[-1][0]:5.0f} s: {self.line()}; {sum(self.wrong.values())} wrong", flush=True)
            await asyncio.sleep(5)

    async def run(self):
        await self.learn()
        others = [asyncio.create_task(one) for one in (self.faults(), self.restarts(), self.watch())]
        await self.load()
        for other in others:
            if other.done() and other.exception():
                raise other.exception()
            other.cancel()
        await self.fault(None)
        if self.under_way:
            await asyncio.wait(self.under_way, timeout=SLOWEST + 1)

    # --- Report ---------------------------------------------------------------------------------------------------

    def line(self):
        words = ("complete", "with errors", "turned away", "not there")
        return ", ".join(f"{self.counts[what]} {what}" for what in words)

    def flatness(self):
        """For each relay the median of its memory in the third and in the last quarter."""
        for name in RELAYS:
            def median(begin, end):
                return statistics.median([memory[name] for at, memory in self.memory
                                          if begin * self.seconds <= at < end * self.seconds] or [0])
            third, last = int(median(0.5, 0.75)), int(median(0.75, 1))
            # A quarter in which not every kind of fault occurs cannot be compared with another.
            comparable = self.seconds / 4 >= len(FAULTS) * PHASE
            if comparable and last > third * GROWTH[0] + GROWTH[1]:
                self.fail("memory grows", f"{name}: {third >> 20} MiB, then {last >> 20} MiB")
            yield name, third, last

    def report(self):
        answered = self.counts["complete"] + self.counts["with errors"]
        print(f"{self.sent} requests in {self.seconds} s, {answered / self.seconds:.0f} answers a second, slowest "
              f"{self.slowest:.1f} s: {self.line()}")
        print("stopped, started and complete again after")
        for name, stop, start, recovery in self.gaps:
            print(f"  {name:<16} {stop:6.2f} s {start:6.2f} s {recovery:6.2f} s")
        print("memory in the third and in the last quarter, median")
        for name, third, last in self.flatness():
            print(f"  {name:<16} {third / 2 ** 20:6.1f} MiB {last / 2 ** 20:6.1f} MiB")
        print("alerts with the mark of their tenant: " + ", ".join(f"{name} {self.marks[name]}" for name in RELAYS))
        print("errors: " + ", ".join(f"{count} {code}" for code, count in self.codes.most_common(12)))
        for name in RELAYS:
            # SecurityTrails' answers have no titles.
            if not self.marks[name] and name != "securitytrails":
                self.fail("no mark was seen", name)
        for what, count in self.wrong.items():
            print(f"WRONG: {count} times {what}")
            for example in self.examples[what][:SHOWN]:
                print(f"  {example}")
        return not self.wrong


def main():
    programs, seconds, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    soak = Soak(programs, seconds, rate)
    try:
        soak.begin()
        asyncio.run(soak.run())
        good = soak.report()
    finally:
        soak.end()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
