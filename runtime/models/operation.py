"""Operation: a prediction route from bytes to bytes, without a connection."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ..batching.request import FutureRequest
from ..data import formats, media
from ..data.payload import Codec, Payload, answers
from ..data.rows import bulk, table
from ..errors import DeadlineExceeded
from ..telemetry.trace_context import TraceContext
from .presence import Presence
from .runner import Queue, Runner

Done = TypeVar("Done")

_MEDIUM = 1 << 13  # bytes; of such bodies one is read in a turn of the loop


@dataclass(slots=True)
class Call:
    """One request, as an operation needs it.

    deadline   seconds on the monotonic clock
    priority   0 is the most urgent
    client     whose share of the queue it counts against
    id         of the request, for the log
    trace      of which its own requests to other servers are part
    headers    by name, for an author's method that takes them
    rows       set by the operation as soon as it knows, for the access log
    queued     the request in the batcher, set by the operation; it knows how long it waited
    """

    body: bytes
    content_type: str
    accept: str
    deadline: float
    priority: int = 1
    client: Hashable = None
    id: bytes = b""
    trace: TraceContext | None = None
    headers: Mapping[bytes, bytes] | None = None
    rows: int = 0
    queued: FutureRequest | None = None

    def queue(self, batch: Any, rows: int) -> FutureRequest:
        """What waits for a batch on behalf of this call."""
        self.rows = rows
        self.queued = FutureRequest(
            batch, rows, len(self.body), self.deadline, self.priority, self.client
        )
        return self.queued


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer in parts."""

    parts: AsyncGenerator[bytes, None]
    content_type: str


async def in_time(work: Awaitable[Done], deadline: float, meanwhile: str) -> Done:
    """What `work` gives; `deadline` is on the monotonic clock.

    Raises:
        DeadlineExceeded: when it takes longer; `meanwhile` says in the message at what.
    """
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await work
    except TimeoutError:
        raise DeadlineExceeded(f"The deadline passed {meanwhile}.") from None


class Operation(Protocol):
    """Answers calls.

    Raises:
        RequestError: for every error that the client may see; all others are only logged.
    """

    async def __call__(self, call: Call) -> Payload | Stream:
        """Answer `call`."""


class LargeBodyReader(Protocol):
    """Decodes large bodies in another process."""

    def takes(self, size: int, content_type: str) -> bool:
        """Whether it pays for a body of `size` bytes."""

    async def decode(self, route: str, body: bytes, content_type: str) -> Any:
        """As `Codec.decode`."""

    async def encode(self, route: str, output: Any, accept: str) -> Payload:
        """As `Codec.encode`."""


class ModelOperation:
    """A method of a model: decodes, waits for a batch, encodes."""

    def __init__(
        self,
        codec: Codec,
        runner: Runner,
        method: str,
        *,
        route: str = "",
        reader: LargeBodyReader | None = None,
    ) -> None:
        self.codec = codec
        self._runner = runner
        self._method = method
        self._route = route
        self._reader = reader
        self._turn = asyncio.Lock()

    def is_large(self, size: int, content_type: str) -> bool:
        """Whether another process decodes a body of `size` bytes."""
        return self._reader is not None and self._reader.takes(size, content_type)

    async def decode(self, body: bytes, content_type: str, deadline: float) -> Any:
        """The batch in a body, of any size; `deadline` is on the monotonic clock.

        Raises:
            RequestError: see `Codec.decode`; DeadlineExceeded where others' bodies took too long.
        """
        if self._reader is not None and self._reader.takes(len(body), content_type):
            reading = self._reader.decode(self._route, body, content_type)
            return await in_time(reading, deadline, "while the body was read")
        if len(body) < _MEDIUM:
            return self.codec.decode(body, content_type)
        async with self._turn:
            await asyncio.sleep(0)  # other requests are served between two of them
            return self.codec.decode(body, content_type)

    async def encode(self, output: Any, accept: str, deadline: float) -> Payload:
        """The body of an answer, of any size; `deadline` is on the monotonic clock.

        Raises:
            RequestError: see `Codec.encode`; DeadlineExceeded where others' answers took too long.
        """
        if self._reader is None or not bulk.is_large(output):
            return self.codec.encode(output, accept)
        writing = self._reader.encode(self._route, output, accept)
        return await in_time(writing, deadline, "while the answer was written")

    async def _prepare(self, call: Call) -> None:
        """Import the codecs of the body and the answer, which takes a while at first."""
        kinds = [media.essence(call.content_type)] if self._reader is None else []
        kinds += media.ranked(call.accept, answers(self.codec.formats))[:1] if call.accept else []
        await formats.prepare(kinds)

    @property
    def queue(self) -> Queue:
        """Where its requests wait."""
        return self._runner.queue(self._method)

    @property
    def presence(self) -> Presence:
        """Whether the model is here."""
        return self._runner.presence

    async def __call__(self, call: Call) -> Payload:
        """Answer `call`."""
        self.codec.check(call.accept)
        await self._prepare(call)
        if not self.presence.is_here:
            await self.presence.arrival(call.deadline)
        batch = await self.decode(call.body, call.content_type, call.deadline)
        call.rows = rows = table.rows(batch)
        if not rows:
            return self.codec.encode([])
        output = await self._runner.answer(call.queue(batch, rows), self._method)
        return await self.encode(output, call.accept, call.deadline)
