"""TransferPool: transfers files in a few threads; the first error, or Ctrl-C, ends all."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")
SIZE = 4
_LOOK = 0.5  # seconds after which a signal is noticed at the latest
_GRACE = 1.0  # seconds for a thread to end after its connection was cut


class TransferPool(Generic[T]):
    """Does one kind of work.

    Its threads are daemons: one that hangs in the system does not keep the process from ending.
    """

    def __init__(self, work: Callable[[T], None], cut: Callable[[], None]) -> None:
        self._work = work
        self._cut = cut
        self._things: deque[T] = deque()
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._busy = 0
        self._lock = threading.Lock()

    def run(self, things: Iterable[T]) -> None:
        """Transfer all, `SIZE` at a time; raises the first error."""
        self._things.extend(things)
        self._busy = min(SIZE, len(self._things))
        threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(self._busy)]
        try:
            for thread in threads:
                thread.start()
            # A signal wakes no thread that waits for ever, if it comes just before, or in another.
            while threads and not self._ready.wait(_LOOK):
                continue
        except BaseException:
            self._end(threads)
            raise
        if self._failure is not None:
            self._end(threads)
            raise self._failure

    def _end(self, threads: list[threading.Thread]) -> None:
        self._things.clear()
        self._cut()
        for thread in threads:
            if thread.ident is not None:
                thread.join(_GRACE)

    def _serve(self) -> None:
        failure = None
        try:
            while self._failure is None and (waiting := self._next()):
                self._work(waiting[0])
        except BaseException as error:  # noqa: BLE001 - raised again where `run` waits
            failure = error
        self._leave(failure)

    def _next(self) -> tuple[T] | None:
        try:
            return (self._things.popleft(),)
        except IndexError:
            return None

    def _leave(self, error: BaseException | None) -> None:
        with self._lock:
            self._busy -= 1
            self._failure = self._failure or error
            if self._failure is not None or not self._busy:
                self._ready.set()
