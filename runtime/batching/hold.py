"""Hold: a batch that is held back for clients on their way back."""

import asyncio
from collections.abc import Callable

from .lane import Lane


class Hold:
    """One timer, while a batch is held back. When it rings, the batch goes."""

    __slots__ = ("_end", "_handle")

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._handle: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        """Whether a batch is held back."""
        return self._handle is not None

    def holds(self, loop: asyncio.AbstractEventLoop, lane: Lane, now: float) -> bool:
        """Whether the next batch of `lane` is to wait; `Window.hold` says for how long."""
        head = lane.head
        if head is None:
            return False
        wait = lane.window.hold(now, lane.rows, now - head.arrived, head.deadline - now)
        if wait > 0.0 and self._handle is None:
            self._handle = loop.call_later(wait, self._ring)
        return wait > 0.0

    def cancel(self) -> None:
        """The batch goes, or nothing is left of it."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring(self) -> None:
        self._handle = None
        self._end()
