"""What test_soak.py runs and asks: programs that can be restarted, questions with their complete answers, connections."""

import asyncio
import json
import subprocess
from contextlib import suppress
from pathlib import Path

from alert_stage import ask, until

HOST = "127.0.0.1"


class Program:
    """One of the programs, which can be stopped and started again on the same port."""

    def __init__(self, command, environment, port, ready):
        self.command, self.environment, self.port, self.ready = command, environment, port, ready
        self.process = None
        # Since when it is not there, and until when.
        self.gap = None
        self.start()
        until(command[0], self.is_ready)

    def start(self):
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def is_ready(self):
        with suppress(OSError):
            return bool(ask(self.port, self.ready)) if self.ready else True
        return False

    def memory(self):
        with suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    return int(line.split()[1]) * 1024
        return 0

    def end(self):
        self.process.kill()
        self.process.wait()


class Question:
    """A request to a relay, and what its answer has without faults."""

    def __init__(self, relay, endpoint, observables):
        self.relay, self.endpoint = relay, endpoint
        self.body = json.dumps([{"type": one["type"], "value": one["value"]} for one in observables])
        # The halves of a question get other rows of the simulator than the whole one.
        self.is_halved_by_large_answers = len(observables) > 1
        self.complete = None

    @staticmethod
    def found(answer):
        """How many entities an answer has, by their kind."""
        data = answer.get("data") or {}
        return {kind: entities["count"] for kind, entities in data.items()
                if isinstance(entities, dict) and "count" in entities}

    def lacks(self, found):
        return any(found.get(kind, 0) < count for kind, count in self.complete.items())


class Connections:
    """Kept connections to one port."""

    def __init__(self, port):
        self.port, self.idle = port, []

    async def post(self, path, bearer, body):
        head = (f"POST {path} HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {bearer}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
        # One that the other side has closed meanwhile is not used.
        while self.idle:
            reader, writer = self.idle.pop()
            if not (reader.at_eof() or writer.is_closing()):
                break
            writer.close()
        else:
            reader, writer = await asyncio.open_connection(HOST, self.port, limit=2 ** 20)
        try:
            writer.write(head.encode() + body.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            answer = await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        if b"connection: close" in head:
            writer.close()
        else:
            self.idle.append((reader, writer))
        return int(head.split(b" ")[1]), answer
