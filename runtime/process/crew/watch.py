"""Watch: the supervisor's event loop: file descriptors, signals and timers."""

import heapq
import os
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from itertools import count
from types import TracebackType
from typing import Any, Self


class Watch:
    """A loop without threads: `wait` calls the handlers of what is due, and returns signals."""

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
        self.let_go()

    def let_go(self) -> None:
        """Close what it holds: at the end, or in a child."""
        self._selector.close()
        for end in self._wake:
            os.close(end)

    def _catch(self, number: int, _: object) -> None:
        self.note(number)

    def note(self, number: int) -> None:
        """Have `wait` tell of a signal."""
        self._caught.append(number)

    def register(self, descriptor: int, hear: Callable[[], bool]) -> None:
        """Call `hear` whenever something can be read, until it says that nothing more can."""
        self._selector.register(descriptor, selectors.EVENT_READ, hear)

    def write(self, descriptor: int, flush: Callable[[], bool]) -> None:
        """Call `flush` whenever something can be written there, until it says that all is.

        Harmless where nothing is heard any more: nobody is at the other end.
        """
        key = self._selector.get_map().get(descriptor)
        if key is not None:
            self._flushes[descriptor] = flush
            self._selector.modify(
                descriptor, selectors.EVENT_READ | selectors.EVENT_WRITE, key.data
            )

    def unregister(self, descriptor: int) -> None:
        """Hear nothing more from there, before it is closed; harmless where nothing was heard.

        Of one that was closed too early the kernel goes on to tell as long as a fork has it, too.
        """
        if descriptor >= 0 and descriptor in self._selector.get_map():
            self._flushes.pop(descriptor, None)
            self._selector.unregister(descriptor)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call once, some seconds from now."""
        heapq.heappush(self._times, (time.monotonic() + seconds, next(self._tie), call))

    def wait(self) -> list[int]:
        """Wait until something has happened; the signals that came, in their order."""
        for key, events in self._selector.select(self._timeout()):
            if events & selectors.EVENT_READ:
                self._hear(key)
            if events & selectors.EVENT_WRITE:
                self._flush(key)
        now = time.monotonic()
        while self._times and self._times[0][0] <= now:
            heapq.heappop(self._times)[2]()
        caught, self._caught = self._caught, []
        return caught

    def _hear(self, key: selectors.SelectorKey) -> None:
        if self._is_there(key) and not key.data() and self._is_there(key):
            self.unregister(key.fd)

    def _flush(self, key: selectors.SelectorKey) -> None:
        flush = self._flushes.get(key.fd) if self._is_there(key) else None
        if flush is not None and flush() and self._is_there(key):
            del self._flushes[key.fd]
            self._selector.modify(key.fd, selectors.EVENT_READ, key.data)

    def _is_there(self, key: selectors.SelectorKey) -> bool:
        """Whether no earlier handler has closed the descriptor, which may be reused by now."""
        return self._selector.get_map().get(key.fd) is key

    def _timeout(self) -> float | None:
        if self._caught:
            return 0.0
        return max(0.0, self._times[0][0] - time.monotonic()) if self._times else None
