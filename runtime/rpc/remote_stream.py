"""RemoteStream: a streaming answer of a service process, as the front reads it."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any

from ..errors import DeadlineExceeded, RequestError
from ..services.contract.stream import ending
from .window import Taken

SLACK = 0.1  # seconds after its deadline in which the process may report a late part itself


class RemoteStream(AsyncGenerator[bytes, None]):
    """The parts of a streamed answer, as `Stream.parts`.

    A class and not a generator, because closing it before the first part must be reported, too.

    seconds   that each part may take
    on_taken  called when the process may send more: with the parts and bytes that were taken
    on_left   called when the client does not want the remaining parts
    """

    def __init__(
        self,
        content_type: str,
        seconds: float,
        on_taken: Callable[[int, int], None],
        on_left: Callable[[], None],
    ) -> None:
        self._content_type = content_type
        self._seconds = seconds
        self._on_taken = on_taken
        self._on_left = on_left
        self._taken = Taken()
        self._parts: deque[bytes] = deque()
        self._is_over = False
        self._error: RequestError | None = None
        self._waiter: asyncio.Future[None] | None = None

    # --- for the link ---

    def put(self, part: bytes) -> None:
        """Add a received part."""
        self._parts.append(part)
        self._wake()

    def end(self, error: RequestError | None = None) -> None:
        """End the stream; `error` if it did not end as it should."""
        if not self._is_over:
            self._is_over, self._error = True, error
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- for whoever answers the client ---

    async def asend(self, value: None) -> bytes:  # noqa: ARG002
        """The next part."""
        while not self._parts:
            if self._is_over:
                return self._last()
            await self._wait()
        part = self._parts.popleft()
        if self._taken.add(len(part)):
            self._on_taken(*self._taken.take_counts())
        return part

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,  # noqa: ARG002
        tb: TracebackType | None = None,  # noqa: ARG002
    ) -> Any:
        """Stop the stream."""
        self._parts.clear()
        self._leave()
        raise typ

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._seconds + SLACK):
                await self._waiter
        except TimeoutError:
            self._leave(DeadlineExceeded("The deadline passed before the answer came."))

    def _leave(self, error: RequestError | None = None) -> None:
        if not self._is_over:
            self.end(error)
            self._on_left()

    def _last(self) -> bytes:
        """What ends it: an error is a part of its own, where the client can tell it from others."""
        error, self._error = self._error, None
        if error is None:
            raise StopAsyncIteration
        part = ending(self._content_type, error.detail)
        if part is None:
            raise error
        return part
