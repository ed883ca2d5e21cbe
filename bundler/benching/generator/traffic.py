"""Traffic: the requests of one round, sent and answered on one thread with `epoll`."""

import os
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from random import Random

from ..subject.process_tree import starved_seconds
from .checker import Checker
from .connection import Connection
from .load import Load
from .response import Head, Heads, NotHttp
from .tally import OK, Tally, Trouble

_LOOK = 0.05  # seconds after which we look at the clock, whatever happens
_AGAIN = 0.01  # seconds until a client with a failed connection tries again
_EVENTS = 256  # that are taken at once
_NOTE = 300  # bytes of an answer that is no good one
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT


class Traffic:
    """One round of load on the server at `address`.

    In a closed loop each client sends again at once when it is answered. In an open loop requests
    are sent when they are due, and latencies are counted from that moment, even if earlier requests
    are unanswered: a stalled server does not slow the clients down (coordinated omission).

    stop   a file descriptor that ends the round when it becomes readable
    """

    def __init__(
        self,
        address: tuple[str, int],
        requests: Sequence[bytes],
        checker: Checker,
        load: Load,
        stop: int | None = None,
    ) -> None:
        family, _, _, _, found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
        self._address = (str(found[0]), int(found[1]))
        self._requests = requests
        self._checker = checker
        self._load = load
        self._stop = stop
        self._tally = Tally()
        self._poller = select.epoll()
        heads = Heads()
        self._clients = [Connection(family, heads) for _ in range(load.clients)]
        self._free = self._clients[::-1]
        self._by_fileno: dict[int, Connection] = {}
        self._due: deque[float] = deque()
        self._begun = 0
        self._retry = 0.0  # before this time no client sends
        self._measured = self._end = 0.0

    def run(self) -> Tally:
        """Send, receive and count until the time is over and all requests are answered."""
        tally, cpu, start = self._tally, time.process_time(), time.monotonic()
        starved = starved_seconds()
        self._checker.forget()
        self._measured = start + self._load.warm
        self._end = self._measured + self._load.seconds
        if self._stop is not None:
            self._poller.register(self._stop, _IN)
        try:
            self._loop(_arrivals(self._load, start))
        finally:
            self._leave()
        now = time.monotonic()
        tally.seconds = max(0.0, min(now, self._end) - self._measured)
        tally.cpu, tally.wall = time.process_time() - cpu, now - start
        tally.starved = starved_seconds() - starved
        tally.wrong, tally.differences = self._checker.wrong, self._checker.differences
        return tally

    def _loop(self, arrivals: Iterator[float]) -> None:
        due = next(arrivals)
        look = now = time.monotonic()
        while not self._is_over(now):
            while due <= now and due < self._end:
                self._due.append(due)
                if due >= self._measured:
                    self._tally.lags.add(now - due)
                due = next(arrivals)
            self._send(now)
            events = self._wait(due)
            now = time.monotonic()
            for fileno, event in events:
                if fileno == self._stop:
                    self._cut(now)
                    return
                client = self._by_fileno.get(fileno)
                if client is not None:
                    self._ready(client, event, now)
            if now - look > _LOOK:
                look = now
                self._give_up(now)

    def _wait(self, due: float) -> list[tuple[int, int]]:
        """What can be read or written now, or before the next request is due."""
        if not self._load.is_open:
            return self._poller.poll(_AGAIN if self._free else _LOOK, _EVENTS)
        events = self._poller.poll(0, _EVENTS)
        if events:
            return events
        rest = due - time.monotonic() if due < self._end else _LOOK
        # The timeout of epoll has a resolution of 1 ms, which would show in the latencies.
        select.select([self._poller], [], [], min(max(rest, 0.0), _LOOK))
        return self._poller.poll(0, _EVENTS)

    def _is_over(self, now: float) -> bool:
        if self._is_counted_out():
            self._end = min(self._end, now)
        if now < self._end:
            return False
        is_idle = len(self._free) == len(self._clients) and not self._due
        return is_idle or now > self._end + self._load.timeout + 2 * _LOOK

    def _is_counted_out(self) -> bool:
        return 0 < self._load.count <= self._begun

    def _send(self, now: float) -> None:
        """Give every client without a request the next one."""
        if now < self._retry:
            return
        if self._load.is_open:
            while self._due and self._free:
                self._ask(self._free.pop(), self._due.popleft())
        elif now < self._end:
            while self._free and not self._is_counted_out() and now >= self._retry:
                self._ask(self._free.pop(), time.monotonic())

    def _ask(self, client: Connection, due: float) -> None:
        client.number = self._begun % len(self._requests)
        client.due = due
        client.is_resent = False
        client.is_busy = True
        self._begun += 1
        self._put(client)

    def _put(self, client: Connection) -> None:
        request = self._requests[client.number]
        try:
            if client.socket is None:
                client.open(self._address, request)
                self._by_fileno[client.fileno] = client
                self._poller.register(client.fileno, _IN | _OUT)
                return
            client.ask(request)
            if client.unsent is not None:
                self._poller.modify(client.fileno, _IN | _OUT)
        except OSError:
            self._fail(client, "reset" if client.is_used else "connect")

    def _ready(self, client: Connection, event: int, now: float) -> None:
        try:
            if client.unsent is not None:
                client.flush()
                if client.unsent is None:
                    self._poller.modify(client.fileno, _IN)
            if event & ~_OUT:
                answer = client.receive()
                if answer is not None:
                    self._answered(client, answer[0], answer[1], now)
        except NotHttp as error:
            self._tally.notes["protocol"] = str(error)
            self._fail(client, "protocol")
        except OSError:
            self._closed(client)

    def _answered(self, client: Connection, head: Head, body: bytes, now: float) -> None:
        request, due = client.number, client.due
        client.is_used = True
        if head.is_last or client.unsent is not None:
            self._drop(client)
        if self._load.is_open or now >= self._end or self._is_counted_out():
            self._release(client)
        else:
            self._ask(client, time.monotonic())
        tally, status = self._tally, head.status
        is_ok = status in OK
        tally.answered += 1
        if due >= self._measured:
            tally.statuses[status] = tally.statuses.get(status, 0) + 1
            (tally.ok if is_ok else tally.refused).add(now - due)
        if is_ok:
            if self._measured <= now < self._end:
                tally.finished += 1
            self._checker.check(request, body)
        elif str(status) not in tally.notes:
            tally.notes[str(status)] = body[:_NOTE].decode("utf-8", "replace").strip()

    def _closed(self, client: Connection) -> None:
        """The server has closed a connection: one that waits for an answer, or an idle one."""
        if not client.is_busy:
            self._drop(client)
            return
        is_stale = client.is_used and not client.has_begun and not client.is_resent
        if is_stale and self._load.is_open:
            # The server closed the idle connection while our request was on its way.
            self._drop(client)
            client.is_resent = True
            self._put(client)
            return
        self._fail(client, "reset" if client.unsent is None or client.is_used else "connect")

    def _fail(self, client: Connection, trouble: Trouble) -> None:
        if client.due >= self._measured:
            self._count(trouble)
        self._drop(client)
        self._release(client)
        if trouble != "timeout":
            self._retry = time.monotonic() + _AGAIN

    def _release(self, client: Connection) -> None:
        client.is_busy = False
        self._free.append(client)

    def _count(self, trouble: Trouble) -> None:
        self._tally.troubles[trouble] = self._tally.troubles.get(trouble, 0) + 1

    def _drop(self, client: Connection) -> None:
        if client.socket is not None:
            self._by_fileno.pop(client.fileno, None)
        client.close()

    def _give_up(self, now: float) -> None:
        """Give up requests that have waited too long, with or without a connection."""
        patience = now - self._load.timeout
        for client in list(self._by_fileno.values()):
            if client.is_busy and client.due < patience:
                self._fail(client, "timeout")
        while self._due and self._due[0] < patience:
            if self._due.popleft() >= self._measured:
                self._count("unsent")

    def _cut(self, now: float) -> None:
        assert self._stop is not None
        os.read(self._stop, 4096)
        self._tally.is_cut = True
        self._end = min(self._end, now)

    def _leave(self) -> None:
        for client in self._clients:
            self._drop(client)
        self._poller.close()


def _arrivals(load: Load, start: float) -> Iterator[float]:
    """When requests of an open loop are due; never, of a closed one."""
    if not load.is_open:
        yield float("inf")
    random, due = Random(load.seed), start  # noqa: S311 - gaps, no secrets
    while True:
        due += random.expovariate(load.rate)
        yield due
