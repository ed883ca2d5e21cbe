"""A client that never asks twice: one keep-alive connection, POST, raw sockets.

Pools of ordinary clients silently send a request again when a connection breaks, which hides just
what is measured here.
"""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field

HOST = "127.0.0.1"
IDLE = 4.0  # seconds; the server closes a connection on which nothing is asked for five


@dataclass
class Tally:
    """What became of the requests: by status, `reset`, `refused`, `timeout`, `wrong`."""

    outcomes: Counter = field(default_factory=Counter)
    latencies: list = field(default_factory=list)  # seconds, of what was answered 200
    refusals: list = field(default_factory=list)  # seconds, of 429 and 503

    def note(self, outcome, seconds):
        """Count one."""
        self.outcomes[outcome] += 1
        if outcome == 200:
            self.latencies.append(seconds)
        elif outcome in {429, 503}:
            self.refusals.append(seconds)

    @property
    def total(self):
        """All of them."""
        return sum(self.outcomes.values())

    def __str__(self):
        return ", ".join(f"{name}: {n}" for name, n in sorted(self.outcomes.items(), key=str))


def percentile(values, share):
    """In milliseconds."""
    if not values:
        return float("nan")
    return 1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))]


class Connection:
    """One connection; opened when it is needed, and again after the server has closed it."""

    def __init__(self, port, path="/predict", timeout=30.0):
        self.port, self.path, self.timeout = port, path, timeout
        self.reader = self.writer = None
        self.rested = 0.0

    async def open(self):
        """Connect, if need be: a server may end a connection on which nothing is asked."""
        is_old = time.monotonic() - self.rested > IDLE
        if self.writer is not None and (is_old or self.reader.at_eof()):
            self.close()
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(HOST, self.port)

    def close(self):
        """Hang up."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def ask(self, row, headers=""):
        """The outcome of one request for one row, and the answer: 200 only for the right one."""
        try:
            async with asyncio.timeout(self.timeout):
                await self.open()
        except (OSError, TimeoutError):
            self.close()
            return "refused", None
        body = json.dumps({"instances": [row]}).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n"
            f"{headers}content-length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(self.timeout):
                self.writer.write(head.encode() + body)
                status, answer = await self.answer()
        except TimeoutError:
            self.close()
            return "timeout", None
        except (OSError, EOFError):
            self.close()
            return "reset", None
        self.rested = time.monotonic()
        if status == 200 and not is_right(row, answer):
            return "wrong", answer
        return status, answer

    async def answer(self):
        """The status and the body of what comes next."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        body = await self.reader.readexactly(length)
        if "\r\nconnection: close" in head:
            self.close()
        return int(head.split(" ", 2)[1]), json.loads(body)


def is_right(row, answer):
    """Whether the answer belongs to the row."""
    return answer == {"predictions": [[row[0], 3 * row[0] + 1]]}


async def closed_loop(port, clients, until, tally, fault=None, headers=""):
    """`clients` connections that ask, wait and ask again until `until()`; numbers never repeat."""
    numbers = iter(range(1, 1 << 60))

    async def client():
        connection = Connection(port)
        while not until():
            number = float(next(numbers))
            began = time.monotonic()
            outcome, _ = await connection.ask([number, fault(number) if fault else 0, 0.0], headers)
            tally.note(outcome, time.monotonic() - began)
            if outcome in {"refused", 503, 429}:
                await asyncio.sleep(0.01)
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
