"""PipelineFlow: stops reading from a connection on which many requests wait for their answers."""

import asyncio
from collections import deque

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

MOST_WAITING = 32  # requests of one connection; then it is not read from until they are answered
_END = b"\r\n\r\n"

Waiting = deque[tuple[RequestResponseCycle, ASGI3Application]]


class PipelineFlow(FlowControl):
    """uvicorn's flow control, with a limit on the requests that wait on a connection.

    uvicorn resumes reading whenever an application asks for a body. With pipelined requests, the
    body has arrived before, and each time another buffer full of requests would be read.
    """

    def __init__(self, transport: asyncio.Transport, waiting: Waiting) -> None:
        super().__init__(transport)
        self._waiting = waiting
        self.kept = b""  # received data that is not parsed while too many requests wait

    @property
    def is_full(self) -> bool:
        """Whether as many requests wait as may, or their bodies are large."""
        waiting = self._waiting
        return bool(waiting) and (len(waiting) >= MOST_WAITING or self._bytes() > HIGH_WATER_LIMIT)

    def _bytes(self) -> int:
        return sum(len(cycle.body) for cycle, _ in self._waiting)

    def keep(self, data: bytes) -> None:
        """Keep `data` unparsed, and pause reading."""
        self.kept = data
        self.pause_reading()

    def give(self) -> bytes:
        """Return the kept data."""
        data, self.kept = self.kept, b""
        return data

    def resume_reading(self) -> None:
        """Resume reading, unless data is kept."""
        if not (self.kept or self.is_full):
            super().resume_reading()


def end_of_heads(data: bytes, start: int) -> int:
    """Where, from `start`, as many heads of requests end as may wait; else the end of `data`."""
    end = start
    for _ in range(MOST_WAITING):
        found = data.find(_END, end)
        if found < 0:
            return len(data)
        end = found + len(_END)
    return end
