"""AccessLog: one line of JSON per request on stdout, health probes excepted."""

import asyncio
import select
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import orjson

from ..printable import printable
from ..telemetry.traced import TracedRequest
from .request.exchange import Exchange

FLUSH_AFTER = 0.1  # seconds that a line may wait for others: one write for many requests
FLUSH_AT = select.PIPE_BUF  # bytes that a pipe writes atomically: lines of workers never mix
OK = 200
PROBES = frozenset({"/livez", "/readyz", "/metrics"})
"""Requests of monitoring, every few seconds; the metrics count them."""

MAX_PATH = 1024  # characters

# Written by hand: of all this only a path can hold what JSON must escape. Most of it is the same in
# many lines. So the pieces are kept, and joined: a quarter of the time of formatting each line.
_KIND = b'","method":"%b","path":%b,"status":%d,"ms":'
_SIZES = b',"rows":%d,"in":%d,"out":%d'
_TRACE = b',"trace":"%b"'
_END = b"}\n"


class Access(Protocol):
    """Records exchanges."""

    def write(self, exchange: Exchange) -> None:
        """Note one exchange that has ended."""

    def write_all(self, exchanges: Sequence[TracedRequest], ended: float) -> None:
        """Note exchanges that have ended just now, on the monotonic clock."""

    def flush(self) -> None:
        """Write the buffered lines."""


class NoAccessLog:
    """An access log that is off."""

    def write(self, exchange: Exchange) -> None:
        """Do nothing."""

    def write_all(self, exchanges: Sequence[TracedRequest], ended: float) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""


class LogStream(Protocol):
    """The stream that lines are written to."""

    def write(self, data: bytes, /) -> object:
        """Write whole lines."""

    def flush(self) -> object:
        """Write all buffered lines."""


class AccessLog:
    """Writes exchanges as lines of JSON, at most some tenths of a second late.

    Probes that went well are left out unless `with_probes`.
    """

    def __init__(self, stream: LogStream, *, with_probes: bool = False) -> None:
        self._stream = stream
        self._with_probes = with_probes
        self._lines: list[bytes] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    def write(self, exchange: Exchange) -> None:
        """Note one exchange that has ended."""
        if exchange.path in PROBES and exchange.status == OK and not self._with_probes:
            return
        self.write_all((exchange,), time.monotonic())

    def write_all(self, exchanges: Sequence[TracedRequest], ended: float) -> None:
        """Note exchanges that have ended just now, on the monotonic clock."""
        begin = b'{"ts":%b,"id":"' % orjson.dumps(round(time.time(), 3))
        times = orjson.dumps([int(1e6 * (ended - each.began)) / 1e3 for each in exchanges])
        for each, ms in zip(exchanges, times[1:-1].split(b","), strict=True):
            kind = _kind(each.method, each.path, each.status)
            sizes = _sizes(each.rows, each.received, each.sent)
            end = _END if each.trace is None else _TRACE % each.trace.trace_id + _END
            line = b"".join((begin, each.id, kind, ms, sizes, end))
            self._size += len(line)
            if self._size > FLUSH_AT:
                self.flush()
                self._size = len(line)
            self._lines.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)

    def flush(self) -> None:
        """Write the buffered lines."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines, self._size = self._lines, [], 0
        try:
            self._stream.write(b"".join(lines))
            self._stream.flush()
        except (OSError, ValueError):
            # A closed pipe or a full disk must not stop the answers.
            return


@lru_cache(256)
def _kind(method: str, path: str, status: int) -> bytes:
    return _KIND % (method.encode(), orjson.dumps(printable(path[:MAX_PATH])), status)


@lru_cache(1024)
def _sizes(rows: int, received: int, sent: int) -> bytes:
    return _SIZES % (rows, received, sent)
