"""EventLoop: the event loop of the supervisor: file descriptors, signals and timers."""

import heapq
import os
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from itertools import count
from types import TracebackType
from typing import Any, Self


class EventLoop:
    """An event loop without threads: `wait` calls the handlers of events, and returns signals."""

    def __init__(self, signals: Sequence[int]) -> None:
        self._numbers = tuple(signals)
        self._caught: list[int] = []
        self._selector = selectors.DefaultSelector()
        self._flushes: dict[int, Callable[[], bool]] = {}  # by descriptor
        self._times: list[tuple[float, int, Callable[[], None]]] = []  # a heap
        self._tie = count()
        self._wake = (-1, -1)
        self._before: tuple[int, dict[int, Any]] = (-1, {})

    def __enter__(self) -> Self:
        self._wake = wake, woken = os.pipe()
        for end in self._wake:
            os.set_blocking(end, False)
        before = signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, self._catch) for number in self._numbers}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _, __: None)
        self._before = before, handlers
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)
        self.register(wake, lambda: bool(os.read(wake, 1 << 12)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wakeup, handlers = self._before
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        self.close()

    def close(self) -> None:
        """Close its descriptors, at the end or in a forked child."""
        self._selector.close()
        for end in self._wake:
            os.close(end)

    def _catch(self, number: int, _: object) -> None:
        self.add_signal(number)

    def add_signal(self, number: int) -> None:
        """Let `wait` return this signal."""
        self._caught.append(number)

    def register(self, descriptor: int, on_readable: Callable[[], bool]) -> None:
        """Call `on_readable` whenever the descriptor is readable, until it returns False."""
        self._selector.register(descriptor, selectors.EVENT_READ, on_readable)

    def write(self, descriptor: int, flush: Callable[[], bool]) -> None:
        """Call `flush` whenever the descriptor is writable, until it returns True.

        Ignored if the descriptor is not registered for reading: the other end is gone.
        """
        key = self._selector.get_map().get(descriptor)
        if key is not None:
            self._flushes[descriptor] = flush
            self._selector.modify(
                descriptor, selectors.EVENT_READ | selectors.EVENT_WRITE, key.data
            )

    def unregister(self, descriptor: int) -> None:
        """Stop watching a descriptor, before it is closed; ignored if it is not watched.

        epoll keeps reporting a closed descriptor as long as a fork holds a duplicate of it.
        """
        if descriptor >= 0 and descriptor in self._selector.get_map():
            self._flushes.pop(descriptor, None)
            self._selector.unregister(descriptor)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call `call` once, after this many seconds."""
        heapq.heappush(self._times, (time.monotonic() + seconds, next(self._tie), call))

    def wait(self) -> list[int]:
        """Wait for an event, and handle it; returns the signals that arrived, in order."""
        for key, events in self._selector.select(self._timeout()):
            if events & selectors.EVENT_READ:
                self._read(key)
            if events & selectors.EVENT_WRITE:
                self._flush(key)
        now = time.monotonic()
        while self._times and self._times[0][0] <= now:
            heapq.heappop(self._times)[2]()
        caught, self._caught = self._caught, []
        return caught

    def _read(self, key: selectors.SelectorKey) -> None:
        if self._is_there(key) and not key.data() and self._is_there(key):
            self.unregister(key.fd)

    def _flush(self, key: selectors.SelectorKey) -> None:
        flush = self._flushes.get(key.fd) if self._is_there(key) else None
        if flush is not None and flush() and self._is_there(key):
            del self._flushes[key.fd]
            self._selector.modify(key.fd, selectors.EVENT_READ, key.data)

    def _is_there(self, key: selectors.SelectorKey) -> bool:
        """Whether the descriptor is still registered: an earlier handler may have closed it."""
        return self._selector.get_map().get(key.fd) is key

    def _timeout(self) -> float | None:
        if self._caught:
            return 0.0
        return max(0.0, self._times[0][0] - time.monotonic()) if self._times else None
